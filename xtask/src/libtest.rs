//! Reads what `cargo test -- --show-output` prints (both streams in one), a line at a time.
//!
//! The convention for a test that cannot run on this machine: it prints a line `not run: NAME: REASON` and
//! returns. libtest then says `ok`, we say skipped. `--show-output` puts each passed test's own output in a
//! section under the test's name, so that the line is matched with its test whatever ran beside it.

use crate::tally::{Tally, Verdict};

/// What starts the line of a test that could not run.
const NOT_RUN: &str = "not run: ";

/// A reader of one or many test executables' output.
#[derive(Debug)]
pub(crate) struct Libtest {
    suite: String,
    place: Place,
    /// Tests of the executable that is being read: name, how it ended.
    open: Vec<(String, Verdict)>,
    /// Whether it said how many tests it has, and has not ended.
    announced: bool,
    /// How many executables deep we are in what a test started and did not keep for itself: a test may run
    /// its own executable again.
    nested: usize,
    tally: Tally,
}

/// Where in an executable's output we are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Between executables, or among the `test NAME ... ok` lines.
    List,
    /// Among the outputs of passed tests; of which test.
    Successes(Option<String>),
    /// Among the outputs of failed tests; of which test.
    Failures(Option<String>),
}

impl Libtest {
    /// A reader for cargo's output, or for one executable's, which names no suite itself.
    pub(crate) fn new(suite: &str) -> Libtest {
        Libtest {
            suite: suite.to_owned(),
            place: Place::List,
            open: Vec::new(),
            announced: false,
            nested: 0,
            tally: Tally::default(),
        }
    }

    /// Takes one line, and says whether it is worth showing: outputs of passed tests are not.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        let line = line.trim_end();
        if let Some(suite) = suite(line) {
            self.end("it ended without a result");
            self.suite = suite;
            return true;
        }
        if let Some(rest) = line.strip_prefix("test result: ") {
            match self.nested.checked_sub(1) {
                Some(outer) => self.nested = outer,
                None => self.result(rest),
            }
            return true;
        }
        if let Some(count) = announced(line)
            && self.place == Place::List
        {
            if self.announced {
                self.nested += 1;
            }
            self.announced = true;
            return count > 0;
        }
        if self.nested > 0 {
            return true;
        }
        match line {
            "successes:" => {
                self.place = Place::Successes(None);
                return false;
            }
            "failures:" => {
                self.place = Place::Failures(None);
                return true;
            }
            _ => {}
        }
        match &mut self.place {
            Place::List => self.listed(line),
            Place::Successes(current) => {
                if let Some(name) = section(line) {
                    *current = Some(name.to_owned());
                } else if let Some(reason) = not_run(line)
                    && let Some(current) = current
                    && let Some((_, verdict)) =
                        self.open.iter_mut().find(|(name, _)| name == current)
                    && *verdict == Verdict::Passed
                {
                    *verdict = Verdict::Skipped(reason.to_owned());
                    return true;
                }
                false
            }
            Place::Failures(current) => {
                if let Some(name) = section(line) {
                    *current = Some(name.to_owned());
                } else if !line.is_empty()
                    && let Some(current) = current
                    && let Some((_, Verdict::Failed(why))) =
                        self.open.iter_mut().find(|(name, _)| name == current)
                {
                    note(why, line);
                }
                true
            }
        }
    }

    /// All that was read. What began and did not end counts as failed.
    pub(crate) fn finish(mut self) -> Tally {
        self.end("it ended without a result");
        self.tally
    }

    /// A line among `test NAME ... ok`.
    fn listed(&mut self, line: &str) -> bool {
        let outcome = line
            .strip_prefix("test ")
            .filter(|_| self.announced)
            .and_then(|rest| rest.rsplit_once(" ... "));
        if let Some((name, how)) = outcome {
            let verdict = match how {
                "ok" => Verdict::Passed,
                "FAILED" => Verdict::Failed(String::new()),
                _ => match how.strip_prefix("ignored") {
                    Some(reason) => Verdict::Skipped(format!("ignored{reason}")),
                    None => return true,
                },
            };
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            self.open.push((name.to_owned(), verdict));
        } else if let Some(rest) = line.strip_prefix(NOT_RUN) {
            // A test executable with a harness of its own.
            let (name, reason) = rest.split_once(": ").unwrap_or((rest, "no reason given"));
            let verdict = Verdict::Skipped(reason.to_owned());
            self.tally.add(&self.suite, name, verdict);
        }
        true
    }

    /// The line that ends an executable: its counts must be those that we read.
    fn result(&mut self, rest: &str) {
        let said: usize = ["passed", "failed", "ignored"]
            .iter()
            .filter_map(|word| count(rest, word))
            .sum();
        let read = self.open.len();
        if said != read {
            let why = format!("its last line counts {said} tests, its output lists {read}");
            self.open.push(("all".to_owned(), Verdict::Failed(why)));
        }
        self.announced = false;
        self.end("");
    }

    /// Closes the executable that is being read.
    fn end(&mut self, unfinished: &str) {
        self.nested = 0;
        if std::mem::take(&mut self.announced) {
            let verdict = Verdict::Failed(unfinished.to_owned());
            self.open.push(("all".to_owned(), verdict));
        }
        for (name, verdict) in self.open.drain(..) {
            self.tally.add(&self.suite, &name, verdict);
        }
        self.place = Place::List;
    }
}

/// Keeps the first lines that say something of a failure; the whole of it was printed where it happened.
fn note(why: &mut String, line: &str) {
    let noise = ["not run: ", "thread '", "stack backtrace", "note: ", "   "];
    if why.len() < 200 && !noise.iter().any(|start| line.starts_with(start)) {
        if !why.is_empty() {
            why.push_str("; ");
        }
        why.push_str(line.trim_start());
    }
}

/// `     Running unittests src/lib.rs (target/debug/deps/vrrp-0123456789abcdef)`, `   Doc-tests vrrp`: the suite's
/// name, made of the package or test executable and the file.
fn suite(line: &str) -> Option<String> {
    if let Some(name) = line.strip_prefix("   Doc-tests ") {
        return Some(format!("{name} (doc)"));
    }
    let rest = line.strip_prefix("     Running ")?;
    let (file, path) = rest.strip_suffix(')')?.split_once(" (")?;
    let executable = path.rsplit('/').next()?;
    let (name, _hash) = executable.rsplit_once('-')?;
    Some(match file.strip_prefix("unittests ") {
        Some(file) => format!("{name} ({file})"),
        None => name.to_owned(),
    })
}

/// `running 7 tests`, `running 1 test`.
fn announced(line: &str) -> Option<usize> {
    let (count, word) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(word, "test" | "tests").then(|| count.parse().ok())?
}

/// `---- NAME stdout ----`.
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// The reason in `not run: NAME: REASON`.
fn not_run(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(NOT_RUN)?;
    Some(rest.split_once(": ").map_or(rest, |(_, reason)| reason))
}

/// The number before a word in `ok. 4 passed; 0 failed; 2 ignored; ...`.
fn count(text: &str, word: &str) -> Option<usize> {
    let text = text.split_once(". ").map_or(text, |(_, counts)| counts);
    text.split("; ")
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, name)| *name == word)
        .and_then(|(count, _)| count.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `cargo test --workspace --no-fail-fast -- --show-output` of cargo 1.95 printed it for a small package.
    const OUTPUT: &str = include_str!("fixtures/libtest.txt");

    fn read(text: &str) -> (Tally, String) {
        let mut reader = Libtest::new("cargo");
        let shown: Vec<&str> = text.lines().filter(|line| reader.line(line)).collect();
        (reader.finish(), shown.join("\n"))
    }

    #[test]
    fn every_test_is_counted_once() {
        let (tally, _) = read(OUTPUT);
        assert_eq!(
            tally.to_string(),
            "\
skipped lt (src/lib.rs) t::i: ignored, too slow
skipped lt (src/lib.rs) t::j: ignored
skipped lt (src/lib.rs) t::lab: this kernel has no IPVS
skipped lt (src/lib.rs) t::lab2: to stderr
skipped lt (src/lib.rs) t::p: panics
FAILED lt (src/lib.rs) t::bad: assertion `left == right` failed; left: 1; right: 2
FAILED abort all: it ended without a result
3 passed, 2 failed, 5 skipped"
        );
    }

    #[test]
    fn what_passed_tests_print_is_not_shown() {
        let (_, shown) = read(OUTPUT);
        assert!(!shown.contains("hello"));
        assert!(shown.contains("test t::good ... ok"));
        assert!(shown.contains("not run: lab: this kernel has no IPVS"));
        assert!(shown.contains("assertion `left == right` failed"));
    }

    #[test]
    fn an_executable_that_lies_about_its_counts_fails() {
        let text = "running 2 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let (tally, _) = read(text);
        assert_eq!(tally.sums().to_string(), "1 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn a_test_that_runs_its_own_executable_counts_once() {
        let inner = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n";
        let text = inner.replacen("test a", &format!("\n{inner}test a"), 1);
        let (tally, _) = read(&text);
        assert_eq!(tally.to_string(), "1 passed, 0 failed, 0 skipped");
        let unfinished = text.replacen("test result", "test", 1);
        assert_eq!(read(&unfinished).0.sums().failed, 1);
    }

    #[test]
    fn output_cut_anywhere_is_never_all_passed() {
        for (at, _) in OUTPUT.match_indices('\n') {
            let (tally, _) = read(&OUTPUT[..at]);
            let sums = tally.sums();
            let begun = OUTPUT[..at].contains("running 7 tests");
            assert!(!begun || sums.failed > 0, "cut at {at}: {sums}");
        }
    }

    #[test]
    fn a_harness_of_its_own_may_say_not_run() {
        let (tally, _) = read(
            "     Running tests/live.rs (target/debug/deps/live-00)\nnot run: dump: no IPVS\n",
        );
        assert_eq!(
            tally.to_string(),
            "skipped live dump: no IPVS\n0 passed, 0 failed, 1 skipped"
        );
    }
}
