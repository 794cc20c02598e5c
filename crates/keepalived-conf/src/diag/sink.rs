//! Where complaints gather.

use std::collections::HashSet;

use super::{Code, Diagnostic, Passes, Severity, Weight};
use crate::source::{ReadingOrder, Sources};
use crate::span::{SourceId, Span};

/// So many complaints are kept; a binary file would make millions.
const KEPT: usize = 10_000;
/// So many notes besides: a large table of servers may have one each, and they must not crowd out what is wrong.
const NOTES_KEPT: usize = 1000;

/// What was met, however many complaints were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Faults {
    pub fatal: bool,
    pub general: bool,
    pub security: bool,
    pub stop: bool,
    pub start_status: Option<u8>,
    pub worst: Option<Severity>,
}

/// Collects complaints.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    kept: Vec<Diagnostic>,
    /// How many of those are notes.
    notes: usize,
    /// What comes now is found after the whole text was read.
    late: bool,
    left_out: usize,
    /// The worst of those.
    worst_left_out: Option<Severity>,
    end: Span,
    faults: Faults,
}

impl Sink {
    /// Whether what comes now is found only after the whole text was read (keepalived names no line then); gives what held
    /// before. keepalived stops at a missing word, so it never comes to those.
    pub(crate) fn set_late(&mut self, late: bool) -> bool {
        std::mem::replace(&mut self.late, late)
    }

    pub(crate) fn push(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.late |= self.late;
        match diagnostic.code.weight() {
            _ if diagnostic.severity == Severity::Note => {}
            Weight::None => {}
            Weight::Fatal => self.faults.fatal = true,
            Weight::General => self.faults.general = true,
            Weight::Security => self.faults.security = true,
            Weight::Stop => self.faults.stop = true,
        }
        let status = diagnostic.code.start_status();
        self.faults.start_status = self.faults.start_status.or(status);
        // What forbids a start is always shown.
        let complaints = self.kept.len() - self.notes;
        let note = diagnostic.severity == Severity::Note;
        let room = match note {
            true => self.notes < NOTES_KEPT,
            false => complaints < KEPT || status.is_some() && complaints < 2 * KEPT,
        };
        if room {
            self.notes += usize::from(note);
            self.kept.push(diagnostic);
        } else {
            self.leave_out(diagnostic.severity, diagnostic.span);
        }
    }

    /// The same for complaints that a broken file has by the million: one that would not be kept is not even made.
    pub(crate) fn push_with(&mut self, code: Code, span: Span, make: impl FnOnce() -> Diagnostic) {
        if self.is_full() && code.weight() == Weight::General && code.start_status().is_none() {
            self.faults.general = true;
            self.leave_out(Severity::Error, span);
        } else {
            self.push(make());
        }
    }

    /// Takes over what another found, as notes: keepalived does not come to it.
    pub(crate) fn push_as_notes(&mut self, other: Self) {
        for mut diagnostic in other.kept {
            diagnostic.severity = Severity::Note;
            self.push(diagnostic);
        }
    }

    fn leave_out(&mut self, severity: Severity, span: Span) {
        self.left_out += 1;
        self.worst_left_out = self.worst_left_out.max(Some(severity));
        self.end = span;
    }

    /// Whether a further complaint would not be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() - self.notes >= KEPT
    }

    /// The complaints in the order of reading, each with its place in a file, and what they amount to.
    pub(crate) fn finish(
        mut self,
        sources: &Sources,
        passes: &Passes,
    ) -> (Vec<Diagnostic>, Faults) {
        let order = sources.reading_order();
        self.kept.sort_by_cached_key(|d| order.of(d.span));
        if self.faults.stop {
            self.stop(&order, passes);
        }
        for diagnostic in &mut self.kept {
            if diagnostic.span.source == SourceId::EXPANSION {
                diagnostic.expanded = Some(diagnostic.span);
                diagnostic.span = sources.origin(diagnostic.span);
            }
        }
        let kept = self.kept.iter().map(|diagnostic| diagnostic.severity).max();
        self.faults.worst = kept.max(self.worst_left_out);
        // A sequence says the same of one word many times.
        let mut said = HashSet::new();
        self.kept
            .retain(|d| said.insert((d.span, d.code, d.message.clone())));
        if self.left_out > 0 {
            let message = format!("{} more complaints are not shown", self.left_out);
            let end = sources.origin(self.end);
            self.kept
                .push(Diagnostic::note(Code::TooMany, end, message));
        }
        (self.kept, self.faults)
    }

    /// keepalived stops at the first missing word; what it would come to later is still worth knowing.
    fn stop(&mut self, order: &ReadingOrder, passes: &Passes) {
        let passes = passes.ordered(order);
        let stops =
            |d: &&Diagnostic| d.code.weight() == Weight::Stop && d.severity > Severity::Note;
        let moment = |d: &Diagnostic| passes.moment(order.of(d.span));
        let Some(first) = self.kept.iter().filter(stops).map(moment).min() else {
            return;
        };
        for diagnostic in &mut self.kept {
            let (pass, place) = passes.moment(order.of(diagnostic.span));
            let reached = match diagnostic.late {
                true => pass < first.0,
                false => (pass, place) <= first,
            };
            if !reached {
                diagnostic.severity = Severity::Note;
            }
        }
    }
}
