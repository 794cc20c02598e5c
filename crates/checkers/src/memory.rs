//! What a check saw last, for people to look at. Pure: times come in.

use std::time::Duration;

use crate::agenda::Time;
use crate::outcome::{Evidence, Failure, Outcome};

/// So many attempts are remembered by whether they were a success.
const REMEMBERED: u32 = u32::BITS;

/// The last attempts of a check. There may be very many checks, so the successes are bits.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The newest in the lowest bit.
    successes: u32,
    count: u32,
    last: Option<(Time, Duration)>,
    /// Of the last attempt, where it was a success; else its failure is the last one.
    success: Option<Evidence>,
    failure: Option<(Time, Box<Failure>)>,
    changed: Option<Time>,
}

/// The last attempts of a check, and the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Up to 32 of them, by whether they were a success: `++-+`, the newest last.
    pub shown: String,
    /// The last one: how long ago it ended, how long it took, what it saw.
    pub last: Option<(Duration, Duration, Outcome)>,
    /// The last failure, and how long ago it was.
    pub failure: Option<(Duration, Failure)>,
    /// How long ago the verdict changed, or was given for the first time.
    pub changed: Option<Duration>,
    /// How long until the next attempt, zero where it is overdue. None while one is under way, and while the check rests.
    pub due: Option<Duration>,
}

impl Memory {
    /// An attempt that took `elapsed` ended `now`.
    pub(crate) fn take(&mut self, outcome: &Outcome, elapsed: Duration, changed: bool, now: Time) {
        self.successes = self.successes << 1 | u32::from(outcome.is_success());
        self.count = self.count.saturating_add(1).min(REMEMBERED);
        self.last = Some((now, elapsed));
        match outcome {
            Outcome::Success(evidence) => self.success = Some(evidence.clone()),
            Outcome::Failure(failure) => {
                self.success = None;
                self.failure = Some((now, Box::new(failure.clone())));
            }
        }
        if changed {
            self.changed = Some(now);
        }
    }

    /// As it stands `now`; the next attempt is `due` then.
    pub(crate) fn seen(&self, now: Time, due: Option<Time>) -> Seen {
        let ago = |then: &Time| now.saturating_sub(*then);
        let bits = (0..self.count).rev();
        let failure = self.failure.as_ref();
        let outcome = match (&self.success, failure) {
            (Some(evidence), _) => Some(Outcome::Success(evidence.clone())),
            (None, Some((_, failure))) => Some(Outcome::Failure(failure.as_ref().clone())),
            (None, None) => None,
        };
        let last = self.last.as_ref().zip(outcome);
        Seen {
            shown: bits
                .map(|bit| match self.successes >> bit & 1 {
                    1 => '+',
                    _ => '-',
                })
                .collect(),
            last: last.map(|((then, took), outcome)| (ago(then), *took, outcome)),
            failure: failure.map(|(then, failure)| (ago(then), failure.as_ref().clone())),
            changed: self.changed.as_ref().map(ago),
            due: due.map(|due| due.saturating_sub(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_last_and_the_last_failure_stays() {
        let second = Duration::from_secs;
        let mut memory = Memory::default();
        assert_eq!(memory.seen(second(1), None).last, None);
        let good = Outcome::Success(Evidence::Connected);
        let took = Duration::from_micros(1500);
        memory.take(&good, took, true, second(10));
        let refused = Outcome::Failure(Failure::Refused);
        memory.take(&refused, took, true, second(20));
        let last = memory.seen(second(21), None).last;
        assert_eq!(last, Some((second(1), took, refused)));
        memory.take(&good, took, false, second(30));
        let seen = memory.seen(second(34), Some(second(40)));
        assert_eq!(seen.shown, "+-+");
        assert_eq!(seen.last, Some((second(4), took, good.clone())));
        assert_eq!(seen.failure, Some((second(14), Failure::Refused)));
        assert_eq!(seen.changed, Some(second(14)));
        assert_eq!(seen.due, Some(second(6)));
        assert_eq!(
            memory.seen(second(50), Some(second(40))).due,
            Some(Duration::ZERO)
        );
        for at in 0..100 {
            memory.take(&good, took, false, second(40 + at));
        }
        assert_eq!(memory.seen(second(200), None).shown, "+".repeat(32));
    }
}
