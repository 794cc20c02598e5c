//! From what a script returned to whether it counts as succeeding. Pure.
//!
//! keepalived behaviour: the first result after the start decides alone; later it takes `rise` successes or `fall` failures in
//! a row. A script that ran out of time has failed.

use std::fmt;
use std::num::NonZeroU32;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By this signal, which was not ours.
    Signalled(i32),
    /// It was killed, since its time was over.
    TimedOut,
    /// It could not be run.
    NotRun,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => write!(f, "exit status {status}"),
            Ended::Signalled(signal) => write!(f, "signal {signal}"),
            Ended::TimedOut => f.write_str("timed out"),
            Ended::NotRun => f.write_str("could not be executed"),
        }
    }
}

impl Ended {
    /// Whether it is a success.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Ended::Exited(0)
    }
}

/// What is held of one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    rise: NonZeroU32,
    fall: NonZeroU32,
    up: Option<bool>,
    /// Results in a row that speak against `up`.
    against: u32,
    last: Ended,
}

/// What follows from a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// It ended otherwise than the last time.
    pub returns_otherwise: bool,
    /// Whether it counts as succeeding, if that is new.
    pub up: Option<bool>,
}

impl Verdict {
    /// Before the first result.
    #[must_use]
    pub fn new(rise: NonZeroU32, fall: NonZeroU32) -> Verdict {
        Verdict {
            rise,
            fall,
            up: None,
            against: 0,
            // keepalived behaviour: that the first run succeeds is not worth the line.
            last: Ended::Exited(0),
        }
    }

    /// Takes a result.
    pub fn handle(&mut self, ended: Ended) -> Step {
        let returns_otherwise = ended != self.last;
        self.last = ended;
        let success = ended.is_success();
        let needed = if success { self.rise } else { self.fall };
        let turned = match self.up {
            None => true,
            Some(up) if up == success => {
                self.against = 0;
                false
            }
            Some(_) => {
                self.against = self.against.saturating_add(1);
                self.against >= needed.get()
            }
        };
        if turned {
            self.up = Some(success);
            self.against = 0;
        }
        Step {
            returns_otherwise,
            up: turned.then_some(success),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ups(rise: u32, fall: u32, statuses: &[i32]) -> Vec<Option<bool>> {
        let mut verdict = Verdict::new(rise.try_into().unwrap(), fall.try_into().unwrap());
        statuses
            .iter()
            .map(|status| verdict.handle(Ended::Exited(*status)).up)
            .collect()
    }

    #[test]
    fn the_first_result_decides_alone() {
        assert_eq!(ups(3, 3, &[0]), [Some(true)]);
        assert_eq!(ups(3, 3, &[1]), [Some(false)]);
    }

    #[test]
    fn later_it_takes_rise_or_fall_in_a_row() {
        assert_eq!(
            ups(2, 3, &[0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0]),
            [
                Some(true),
                None,
                None,
                None,
                None,
                None,
                Some(false),
                None,
                None,
                None,
                Some(true)
            ]
        );
    }

    #[test]
    fn another_status_is_told_also_where_nothing_follows() {
        let one = NonZeroU32::MIN;
        let mut verdict = Verdict::new(one, one);
        assert!(!verdict.handle(Ended::Exited(0)).returns_otherwise);
        assert!(verdict.handle(Ended::Exited(1)).returns_otherwise);
        let step = verdict.handle(Ended::Exited(2));
        assert_eq!((step.returns_otherwise, step.up), (true, None));
        assert!(!verdict.handle(Ended::Exited(2)).returns_otherwise);
    }
}
