//! Whether enough processes run, and not too many. Pure.

use std::time::Duration;

use crate::plan::TrackedProcess;

/// What is held of one tracked process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    up: bool,
    count: usize,
    /// When it turns, unless it changes its mind before.
    turns_at: Option<Duration>,
}

impl Quorum {
    /// At the beginning there is no delay.
    #[must_use]
    pub fn new(wanted: &TrackedProcess, count: usize) -> Quorum {
        Quorum {
            up: fits(wanted, count),
            count,
            turns_at: None,
        }
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// When [`Quorum::settle`] is to be asked again.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.turns_at
    }

    /// So many run at `now`. Answers whether it is there, if that is new.
    pub fn settle(&mut self, now: Duration, wanted: &TrackedProcess, count: usize) -> Option<bool> {
        let rises = count > self.count;
        self.count = count;
        let up = fits(wanted, count);
        if up == self.up {
            self.turns_at = None;
            return None;
        }
        let delay = match rises {
            true => wanted.fork_delay,
            false => wanted.terminate_delay,
        };
        let at = *self.turns_at.get_or_insert(now.saturating_add(delay));
        if now < at {
            return None;
        }
        self.turns_at = None;
        self.up = up;
        Some(up)
    }
}

fn fits(wanted: &TrackedProcess, count: usize) -> bool {
    let most = wanted.quorum_max.map_or(usize::MAX, usize::from);
    (usize::from(wanted.quorum)..=most).contains(&count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn wanted(quorum: u16, quorum_max: Option<u16>) -> TrackedProcess {
        TrackedProcess {
            name: "p".into(),
            argv: vec!["p".into()],
            parameters: None,
            full_command: false,
            quorum,
            quorum_max,
            terminate_delay: S(2),
            fork_delay: S(5),
        }
    }

    #[test]
    fn enough_and_not_too_many() {
        let range = wanted(2, Some(3));
        let ups = [1, 2, 3, 4].map(|count| Quorum::new(&range, count).is_up());
        assert_eq!(ups, [false, true, true, false]);
        // `quorum_max 0`: none may run.
        let none = wanted(0, Some(0));
        assert!(Quorum::new(&none, 0).is_up() && !Quorum::new(&none, 1).is_up());
    }

    #[test]
    fn what_begins_and_what_ends_has_a_delay_of_its_own() {
        let one = wanted(1, None);
        let mut quorum = Quorum::new(&one, 0);
        assert_eq!(quorum.settle(S(10), &one, 1), None);
        assert_eq!(quorum.deadline(), Some(S(15)));
        assert_eq!(quorum.settle(S(15), &one, 1), Some(true));
        assert_eq!(quorum.settle(S(20), &one, 0), None);
        assert_eq!(quorum.deadline(), Some(S(22)));
        // It is back in time.
        assert_eq!(quorum.settle(S(21), &one, 1), None);
        assert_eq!(quorum.deadline(), None);
        assert_eq!(quorum.settle(S(30), &one, 0), None);
        assert_eq!(quorum.settle(S(32), &one, 0), Some(false));
    }
}
