//! In which order keepalived comes to a place. It reads a configuration several times: once for what stands in no block and
//! for `global_defs`, then for the virtual servers, then for VRRP.

use crate::source::ReadingOrder;
use crate::span::Span;

/// A place in the order of reading.
type Place = (usize, usize);

/// Which of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pass {
    First,
    Checkers,
    Vrrp,
}

impl Pass {
    /// The one that acts on a keyword of the outermost level.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "virtual_server" | "virtual_server_group" | "SSL" => Self::Checkers,
            "track_file" | "track_process" | "garp_group" => Self::Vrrp,
            name if name.starts_with("vrrp_") || name.starts_with("static_") => Self::Vrrp,
            _ => Self::First,
        }
    }
}

/// Which statement is read when, if not first.
#[derive(Debug, Default)]
pub(crate) struct Passes(Vec<(Pass, Span, Span)>);

impl Passes {
    /// A statement, from its heading to its end.
    pub(crate) fn push(&mut self, pass: Pass, start: Span, end: Span) {
        self.0.push((pass, start, end));
    }

    /// The same by places in the order of reading.
    pub(super) fn ordered(&self, order: &ReadingOrder) -> Ordered {
        let places = self.0.iter();
        let mut places: Vec<_> = places
            .map(|(pass, start, end)| (order.of(*start), order.of(*end), *pass))
            .collect();
        places.sort_unstable();
        Ordered(places)
    }
}

/// Which stretch of the text is read when.
pub(super) struct Ordered(Vec<(Place, Place, Pass)>);

impl Ordered {
    /// When keepalived comes to a place.
    pub(super) fn moment(&self, place: Place) -> (Pass, Place) {
        let after = self.0.partition_point(|(start, _, _)| *start <= place);
        let statement = after.checked_sub(1).and_then(|at| self.0.get(at));
        let pass = statement
            .filter(|(_, end, _)| place <= *end)
            .map_or(Pass::First, |(_, _, pass)| *pass);
        (pass, place)
    }
}
