//! In which order keepalived comes to a place. It reads a configuration several times: once for what stands in no block and
//! for `global_defs`, then for the virtual servers, then for VRRP.

use crate::ast::Tree;
use crate::source::ReadingOrder;
use crate::span::Span;

/// A place in the order of reading.
type Place = (usize, usize);

/// Which statement is read when.
#[derive(Debug, Default)]
pub(crate) struct Passes(Vec<(Span, Span, u8)>);

impl Passes {
    pub(crate) fn new(trees: &[Tree]) -> Self {
        let pass = |name: &str| match name {
            "virtual_server" | "virtual_server_group" | "SSL" => 1,
            "global_defs" => 0,
            name if name.starts_with("vrrp_") || name.starts_with("static_") => 2,
            "track_file" | "track_process" | "garp_group" => 2,
            _ => 0,
        };
        let statements = trees.iter().filter_map(|tree| {
            let (start, end) = tree.extent()?;
            Some((start, end, pass(tree.name())))
        });
        Self(statements.filter(|(_, _, pass)| *pass > 0).collect())
    }

    /// The same by places in the order of reading.
    pub(super) fn ordered(&self, order: &ReadingOrder) -> Ordered {
        let places = self.0.iter();
        let mut places: Vec<_> = places
            .map(|(start, end, pass)| (order.of(*start), order.of(*end), *pass))
            .collect();
        places.sort_unstable();
        Ordered(places)
    }
}

/// Which stretch of the text is read when.
pub(super) struct Ordered(Vec<(Place, Place, u8)>);

impl Ordered {
    /// When keepalived comes to a place.
    pub(super) fn moment(&self, place: Place) -> (u8, Place) {
        let after = self.0.partition_point(|(start, _, _)| *start <= place);
        let statement = after.checked_sub(1).and_then(|at| self.0.get(at));
        let pass = statement
            .filter(|(_, end, _)| place <= *end)
            .map_or(0, |(_, _, pass)| *pass);
        (pass, place)
    }
}
