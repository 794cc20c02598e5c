//! The real-time priority that late timers bring the failover thread to (`max_auto_priority`). Pure.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::kernel::schedule::Urgency;
use crate::plan::Raising;

/// What was reached so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raise {
    reached: Option<NonZeroU8>,
    refused: bool,
}

impl Raise {
    /// A timer was served so late: the priority that the thread is to be given, 1..=99, where that is a higher one.
    ///
    /// keepalived behaviour, as its manual has it: real time first, then one more at each further delay.
    pub fn late(&self, late: Duration, rules: &Raising, configured: &Urgency) -> Option<NonZeroU8> {
        let most = rules.up_to?;
        let given = configured.realtime.map(|(priority, _)| priority);
        let now = self.reached.max(given);
        let next = now.map_or(NonZeroU8::MIN, |now| now.saturating_add(1));
        let wanted = late >= rules.after && next <= most && !self.refused;
        wanted.then_some(next)
    }

    /// It was given this priority.
    pub fn reached(&mut self, priority: NonZeroU8) {
        self.reached = Some(priority);
    }

    /// The system gives no higher one: there is no sense in asking again.
    pub fn refused(&mut self) {
        self.refused = true;
    }

    /// How the thread is scheduled, which is configured so.
    #[must_use]
    pub fn over(&self, rules: &Raising, configured: &Urgency) -> Urgency {
        let raised = self.reached.map(|priority| (priority, rules.limit));
        Urgency {
            realtime: raised.or(configured.realtime),
            ..configured.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(up_to: u8) -> Raising {
        Raising {
            up_to: NonZeroU8::new(up_to),
            after: Duration::from_millis(100),
            limit: Duration::from_secs(1),
        }
    }

    #[test]
    fn each_delay_raises_by_one_up_to_the_most() {
        let (mut raise, usual) = (Raise::default(), Urgency::default());
        let rules = rules(2);
        assert_eq!(raise.late(Duration::from_millis(99), &rules, &usual), None);
        assert_eq!(raise.over(&rules, &usual), usual);
        for priority in [1, 2] {
            let next = raise.late(Duration::from_millis(100), &rules, &usual);
            assert_eq!(next, NonZeroU8::new(priority));
            raise.reached(next.unwrap());
        }
        assert_eq!(raise.late(Duration::from_secs(9), &rules, &usual), None);
        let raised = NonZeroU8::new(2).map(|priority| (priority, Duration::from_secs(1)));
        assert_eq!(raise.over(&rules, &usual).realtime, raised);
    }

    #[test]
    fn it_begins_above_what_is_configured_and_needs_to_be_allowed() {
        let configured = Urgency {
            realtime: NonZeroU8::new(50).map(|priority| (priority, Duration::from_secs(1))),
            ..Urgency::default()
        };
        let late = Duration::from_secs(9);
        let raised = |up_to| Raise::default().late(late, &rules(up_to), &configured);
        assert_eq!(raised(99), NonZeroU8::new(51));
        assert_eq!(raised(50), None);
        assert_eq!(raised(0), None);
        let mut raise = Raise::default();
        raise.refused();
        assert_eq!(raise.late(late, &rules(99), &configured), None);
    }
}
