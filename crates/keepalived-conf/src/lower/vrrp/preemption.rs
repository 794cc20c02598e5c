//! Who may take over from whom: `nopreempt`, `preempt_delay`, `timer_expired_backup`.

use std::num::NonZeroU8;
use std::time::Duration;

use super::Draft;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::lower::Lower;
use crate::model::InitialState;

/// What a bare `timer_expired_backup` means.
const HIGHEST_BACKUP: NonZeroU8 = NonZeroU8::MIN.saturating_add(253);

/// What it comes to.
pub(super) struct Preemption {
    pub nopreempt: bool,
    pub delay: Duration,
    pub timer_expired_backup: Option<NonZeroU8>,
}

impl Lower<'_> {
    pub(super) fn preemption_line(&mut self, node: Node<'_>, draft: &mut Draft) {
        let owner = &draft.name;
        match node.name() {
            "nopreempt" => draft.nopreempt = Some(node.span()),
            "preempt" => draft.nopreempt = None,
            "preempt_delay" => {
                let also =
                    |_: &str| format!("({owner}) Preempt_delay not valid! must be between 0-1000");
                let delay = self.seconds(node, 0..=1_000_000_000, also);
                draft.preempt_delay = delay
                    .map(|delay| (delay, node.span()))
                    .or(draft.preempt_delay);
            }
            keyword => {
                if keyword == "thread_timer_expired" {
                    let message = "Keyword \"thread_timer_expired\" is deprecated - please use \"timer_expired_backup\"";
                    let help = "the meaning is the same";
                    self.error_help(Code::Deprecated, node.span(), message, help);
                }
                let priority = match node.argument(0) {
                    None => Some(HIGHEST_BACKUP),
                    Some(_) => {
                        let also =
                            |text: &str| format!("({owner}) {keyword} '{text}' invalid - ignoring");
                        self.u8(node, 1..=254, also).and_then(NonZeroU8::new)
                    }
                };
                draft.timer_expired_backup = priority
                    .map(|priority| (priority, node.span()))
                    .or(draft.timer_expired_backup);
            }
        }
    }

    /// Settings that cannot be together are cleared, with a complaint.
    pub(super) fn preemption(
        &mut self,
        draft: &Draft,
        state: InitialState,
        priority: u8,
        strict: bool,
    ) -> Preemption {
        let name = &draft.name;
        let master = state == InitialState::Master;
        let mut nopreempt = draft.nopreempt;
        let mut delay = draft.preempt_delay.filter(|(delay, _)| !delay.is_zero());
        if let Some((_, span)) = delay.filter(|_| strict) {
            let message =
                format!("({name}) preempt_delay is incompatible with strict mode - resetting");
            self.error(Code::Conflict, span, message);
            delay = None;
        }
        if let Some(span) = nopreempt.filter(|_| priority == 255) {
            let message = format!(
                "({name}) nopreempt is incompatible with priority 255. resetting nopreempt"
            );
            self.error(Code::Conflict, span, message);
            nopreempt = None;
        }
        if let Some(span) = nopreempt.filter(|_| master) {
            let message = format!(
                "({name}) Warning - nopreempt will not work with initial state MASTER - clearing"
            );
            let help = "use `state BACKUP` with nopreempt";
            self.warning(Code::Conflict, span, message, help);
            nopreempt = None;
        }
        if let Some((_, span)) = delay.filter(|_| nopreempt.is_some()) {
            let message =
                format!("({name}) preempt_delay is incompatible with nopreempt mode - resetting");
            self.error(Code::Conflict, span, message);
            delay = None;
        }
        if let Some((_, span)) = delay.filter(|_| master) {
            let message = format!(
                "({name}) Warning - preempt delay will not work with initial state MASTER - clearing"
            );
            let help = "use `state BACKUP` with preempt_delay";
            self.warning(Code::Conflict, span, message, help);
            delay = None;
        }
        let expired = draft.timer_expired_backup;
        if let Some((_, span)) = expired.filter(|_| nopreempt.is_none()) {
            let message = format!("({name}) timer_expired_backup has no effect without nopreempt");
            let help = "with preemption the better router takes over in any case";
            self.sink
                .push(Diagnostic::note(Code::Conflict, span, message).help(help));
        }
        Preemption {
            nopreempt: nopreempt.is_some(),
            delay: delay.map_or(Duration::ZERO, |(delay, _)| delay),
            timer_expired_backup: expired.map(|(priority, _)| priority),
        }
    }
}
