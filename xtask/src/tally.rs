//! How each test ended, and the sums that the last line says.

use std::collections::HashSet;
use std::fmt;

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ran and held.
    Passed,
    /// It ran and did not hold; what was seen.
    Failed(String),
    /// It could not run here; why.
    Skipped(String),
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Tests of the same suite and name are the same test, run in different places.
    pub(crate) suite: String,
    /// The test's name within its suite.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) verdict: Verdict,
}

/// Every test of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Vec<Case>);

/// Display is the last line of `cargo xtask test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// Adds one test.
    pub(crate) fn add(&mut self, suite: &str, name: &str, verdict: Verdict) {
        self.0.push(Case {
            suite: suite.to_owned(),
            name: name.to_owned(),
            verdict,
        });
    }

    /// Adds all of another tally.
    pub(crate) fn extend(&mut self, other: Tally) {
        self.0.extend(other.0);
    }

    /// Forgets a skip where the same test ran in another place, and the second of two skips of the same test.
    pub(crate) fn settle(&mut self) {
        let mut known: HashSet<(String, String)> = self
            .0
            .iter()
            .filter(|case| !matches!(case.verdict, Verdict::Skipped(_)))
            .map(|case| (case.suite.clone(), case.name.clone()))
            .collect();
        self.0.retain(|case| {
            !matches!(case.verdict, Verdict::Skipped(_))
                || known.insert((case.suite.clone(), case.name.clone()))
        });
    }

    /// The sums.
    pub(crate) fn sums(&self) -> Sums {
        let count = |wanted: fn(&Verdict) -> bool| {
            self.0.iter().filter(|case| wanted(&case.verdict)).count()
        };
        Sums {
            passed: count(|verdict| matches!(verdict, Verdict::Passed)),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
            skipped: count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        }
    }

    /// All tests, in the order they were added.
    pub(crate) fn cases(&self) -> &[Case] {
        &self.0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Passed => write!(f, "ok"),
            Verdict::Failed(why) => write!(f, "FAILED: {why}"),
            Verdict::Skipped(why) => write!(f, "not run: {why}"),
        }
    }
}

/// Names every skipped and failed test with its reason, and says the sums in the last line.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.0 {
            if let Verdict::Skipped(reason) = &case.verdict {
                writeln!(f, "skipped {} {}: {reason}", case.suite, case.name)?;
            }
        }
        for case in &self.0 {
            if let Verdict::Failed(reason) = &case.verdict {
                writeln!(f, "FAILED {} {}: {reason}", case.suite, case.name)?;
            }
        }
        write!(f, "{}", self.sums())
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sums {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(reason: &str) -> Verdict {
        Verdict::Skipped(reason.to_owned())
    }

    #[test]
    fn a_skip_gives_way_to_a_run_elsewhere() {
        let mut tally = Tally::default();
        tally.add("live", "dump", skipped("no IPVS"));
        tally.add("live", "flush", skipped("no IPVS"));
        tally.add("live", "dump", Verdict::Passed);
        tally.add("stories", "dump", skipped("not root"));
        tally.add("live", "flush", skipped("no kernel"));
        tally.settle();
        assert_eq!(
            tally.to_string(),
            "skipped live flush: no IPVS\nskipped stories dump: not root\n1 passed, 0 failed, 2 skipped"
        );
    }

    #[test]
    fn a_failure_in_one_place_is_not_hidden_by_a_pass_in_another() {
        let mut tally = Tally::default();
        tally.add("stories", "boot", Verdict::Failed("no VIP".to_owned()));
        tally.add("stories", "boot", Verdict::Passed);
        tally.settle();
        assert_eq!(
            tally.to_string(),
            "FAILED stories boot: no VIP\n1 passed, 1 failed, 0 skipped"
        );
    }
}
