//! How much an instance says of what others send: packets are cheap, and a log that is full of them tells nothing.

use crate::time::{Micros, Time};

/// Lines that may come at once.
const BURST: u32 = 10;
/// After that there is one in so long a time.
const PACE: Micros = Micros::from_secs(10);

/// What may still be said, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restraint {
    left: u32,
    /// Since when there has been less than all.
    since: Time,
    withheld: u64,
}

impl Default for Restraint {
    fn default() -> Restraint {
        Restraint {
            left: BURST,
            since: Time::default(),
            withheld: 0,
        }
    }
}

impl Restraint {
    /// Whether a line may be written now; if so, how many were not since the last that was.
    pub(crate) fn allows(&mut self, now: Time) -> Option<u64> {
        while self.left < BURST && self.since + PACE <= now {
            self.left += 1;
            self.since = self.since + PACE;
        }
        if self.left == BURST {
            self.since = now;
        }
        if self.left == 0 {
            self.withheld = self.withheld.saturating_add(1);
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::new(seconds * 1_000_000)
    }

    #[test]
    fn ten_at_once_then_one_in_ten_seconds() {
        let mut restraint = Restraint::default();
        let said = (0..40).filter_map(|_| restraint.allows(at(5))).count();
        assert_eq!(said, 10);
        assert_eq!(restraint.allows(at(14)), None);
        assert_eq!(restraint.allows(at(15)), Some(31), "30 of then, and one");
        assert_eq!(restraint.allows(at(15)), None);
        assert_eq!(restraint.allows(at(25)), Some(1));
    }

    #[test]
    fn after_a_long_silence_all_is_forgiven() {
        let mut restraint = Restraint::default();
        for _ in 0..11 {
            let _ = restraint.allows(at(0));
        }
        let said = (0..40).filter_map(|_| restraint.allows(at(5000)));
        assert_eq!(said.collect::<Vec<_>>(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
