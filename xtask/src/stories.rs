//! Reads what `lab run` prints: a line a story, and the sums at the end.

use crate::tally::{Sums, Tally, Verdict};

/// A reader of one `lab run`.
#[derive(Debug, Default)]
pub(crate) struct Stories {
    tally: Tally,
    said: Option<String>,
}

impl Stories {
    /// The suite of every story, wherever it ran.
    pub(crate) const SUITE: &str = "story";

    /// Takes one line.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if sums(line).is_some() {
            self.said = Some(line.to_owned());
            return;
        }
        let Some((word, rest)) = line.split_once(' ') else {
            return;
        };
        // `ok NAME (1.2 s): remark`, `FAILED NAME (1.2 s): why`, `skipped NAME: reason`.
        let (head, text) = rest.split_once(": ").unwrap_or((rest, ""));
        let name = head.split(' ').next().unwrap_or(head);
        let verdict = match word {
            "ok" => Verdict::Passed,
            "FAILED" => Verdict::Failed(text.to_owned()),
            "skipped" => Verdict::Skipped(text.to_owned()),
            _ => return,
        };
        self.tally.add(Self::SUITE, name, verdict);
    }

    /// All that was read. A run whose last line does not say the same sums counts as one failure more.
    pub(crate) fn finish(mut self, run: &str) -> Tally {
        let read = self.tally.sums().to_string();
        let why = match self.said {
            None => Some("it ended without its sums".to_owned()),
            Some(said) if said != read => Some(format!("it says `{said}`, its lines are {read}")),
            Some(_) => None,
        };
        if let Some(why) = why {
            self.tally.add(Self::SUITE, run, Verdict::Failed(why));
        }
        self.tally
    }
}

/// `N passed, N failed, N skipped`.
fn sums(line: &str) -> Option<Sums> {
    let mut parts = line.split(", ");
    let mut next =
        |word: &str| -> Option<usize> { parts.next()?.strip_suffix(word)?.trim_end().parse().ok() };
    Some(Sums {
        passed: next("passed")?,
        failed: next("failed")?,
        skipped: next("skipped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tally {
        let mut stories = Stories::default();
        text.lines().for_each(|line| stories.line(line));
        stories.finish("lab run")
    }

    const RUN: &str = "\
ok compat/table/ours+keepalived (3.2 s)
skipped bad-input/no-ipvs/ours: the running kernel has IPVS
FAILED balance/turns/ours (20.0 s): only web-1 answered: 40 of 40
  director-a: Fri Nov 20 12:15:00 2026: Startup complete
ok failover/killed/ours (9.1 s): 3.71 s, bound 3.71 s
2 passed, 1 failed, 1 skipped
";

    #[test]
    fn every_story_is_counted() {
        assert_eq!(
            read(RUN).to_string(),
            "\
skipped story bad-input/no-ipvs/ours: the running kernel has IPVS
FAILED story balance/turns/ours: only web-1 answered: 40 of 40
2 passed, 1 failed, 1 skipped"
        );
    }

    #[test]
    fn a_run_that_was_cut_off_fails() {
        for (at, _) in RUN.match_indices('\n').filter(|(at, _)| at + 1 < RUN.len()) {
            assert!(
                read(&RUN[..at]).sums().failed > 0 || RUN[..at].ends_with("skipped"),
                "cut at {at}"
            );
        }
        assert_eq!(
            read("ok a (1.0 s)\n").sums().to_string(),
            "1 passed, 1 failed, 0 skipped"
        );
    }

    #[test]
    fn sums_that_differ_from_the_lines_fail() {
        assert_eq!(
            read("ok a (1.0 s)\n2 passed, 0 failed, 0 skipped\n")
                .sums()
                .to_string(),
            "1 passed, 1 failed, 0 skipped"
        );
    }
}
