//! `cargo xtask test`: every test there is, wherever it can run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use crate::guest::{Job, to_stdout};
use crate::interrupt::Interrupt;
use crate::lab::{Place, Programs, is_root};
use crate::libtest::Libtest;
use crate::machine::{self, Need};
use crate::stories::Stories;
use crate::tally::{Tally, Verdict};
use crate::workspace::{Profile, Workspace, cargo};
use crate::{edges, tree};

/// For cargo's tests with the building of them: a cold build on two slow processors included.
const CARGO_LIMIT: Duration = Duration::from_secs(20 * 60);
/// For all stories in the lab kernel.
const LAB_LIMIT: Duration = Duration::from_secs(25 * 60);
/// For all live tests of ipvs-netlink.
const LIVE_LIMIT: Duration = Duration::from_secs(3 * 60);

/// Runs everything, names what failed and what was skipped, and gives 1 when anything failed.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt) -> Result<u8> {
    machine::prepare(Need::BuildOnly)?;
    let suite = Suite {
        workspace,
        interrupt,
    };
    let mut tally = Tally::default();
    tally.extend(suite.own_checks());
    // One build of everything, tests and programs, so that no feature set is built twice.
    title("building");
    match workspace.build(Profile::Debug, &["--workspace", "--all-targets"]) {
        Ok(built) => {
            tally.extend(suite.cargo_test()?);
            match Programs::of(&built) {
                Ok(programs) => {
                    tally.extend(suite.labs(&programs)?);
                    tally.extend(suite.host(&programs)?);
                }
                Err(error) => tally.add("xtask", "lab", Verdict::Failed(format!("{error:#}"))),
            }
        }
        Err(error) => tally.add("xtask", "build", Verdict::Failed(format!("{error:#}"))),
    }
    interrupt.check()?;
    tally.settle();
    title("all");
    println!("{tally}");
    Ok(u8::from(tally.sums().failed > 0))
}

/// With the seconds since the first one, for whoever asks where the time goes.
fn title(text: &str) {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed().as_secs();
    to_stdout(format!("\n== {text} (after {since} s)\n").as_bytes());
}

struct Suite<'a> {
    workspace: &'a Workspace,
    interrupt: &'a Interrupt,
}

impl Suite<'_> {
    /// The rules about the repository itself.
    fn own_checks(&self) -> Tally {
        title("the repository itself");
        let mut tally = Tally::default();
        let found = self.graph().and_then(|graph| edges::breaches(&graph));
        let verdict = judge(found, Verdict::Failed);
        println!("crate edges: {verdict}");
        tally.add("xtask", "crate edges", verdict);
        let verdict = judge(tree::offences(&self.workspace.root), Verdict::Skipped);
        println!("no path of this machine: {verdict}");
        tally.add("xtask", "no path of this machine", verdict);
        tally
    }

    /// The whole dependency graph, for Linux: what other systems would need is not even fetched.
    fn graph(&self) -> Result<Value> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--filter-platform"])
            .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
            .current_dir(&self.workspace.root)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            bail!("cargo metadata ended with {}", output.status);
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Unit, property, snapshot, simulation and documentation tests.
    fn cargo_test(&self) -> Result<Tally> {
        title("cargo test");
        let job = Job::new(Path::new(cargo().get_program()), &self.workspace.root)
            .args([
                "test",
                "--workspace",
                "--no-fail-fast",
                "--",
                "--show-output",
            ])
            .env("CARGO_TERM_COLOR", "never");
        let mut reader = Libtest::new("cargo");
        let mut lines = Lines::default();
        let status = job.run_here(CARGO_LIMIT, self.interrupt, &mut |bytes| {
            lines.push(bytes, &mut |line| show_if(line, reader.line(line)));
        });
        lines.finish(&mut |line| show_if(line, reader.line(line)));
        Ok(self.closed(reader.finish(), "cargo test", status))
    }

    /// All that runs in lab kernels. User-mode-linux has one processor, so where there is a second one another kernel tells the
    /// stories that need nftables, and then a share of the others.
    fn labs(&self, programs: &Programs) -> Result<Tally> {
        let room =
            std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
        let shares = if room && Place::choose() == Place::Uml {
            Some(["1-3/5", "4-5/5"])
        } else {
            None
        };
        std::thread::scope(|scope| {
            let beside = room.then(|| {
                scope.spawn(move || {
                    let (mut told, mut tally) = self.second_lab(programs);
                    if let Some([_, share]) = shares {
                        told.extend(b"\n== stories in a kernel with IPVS, the others\n");
                        tally.extend(self.lab(programs, share, &mut |bytes| {
                            told.extend_from_slice(bytes);
                        }));
                    }
                    (told, tally)
                })
            });
            title("stories in a kernel with IPVS");
            let [share, _] = shares.unwrap_or(["1-1/1"; 2]);
            let lab = self.lab(programs, share, &mut to_stdout);
            let live = self.live(programs);
            let (told, mut tally) = match beside {
                Some(beside) => beside
                    .join()
                    .map_err(|_| anyhow!("running the second lab panicked"))?,
                None => self.second_lab(programs),
            };
            title("stories in a kernel with IPVS and nftables");
            to_stdout(&told);
            tally.extend(lab);
            tally.extend(live);
            Ok(tally)
        })
    }

    /// A share of the stories, where IPVS is.
    fn lab(&self, programs: &Programs, share: &str, show: &mut dyn FnMut(&[u8])) -> Tally {
        let place = Place::choose();
        if let Err(reason) = place.prepare(self.workspace) {
            let reason = format!("{reason:#}");
            show(format!("not run: {reason}\n").as_bytes());
            return self.unable(programs, &reason, &[]);
        }
        let job = programs.job(self.workspace, ["run", "--part", share]);
        self.stories("lab run", show, |sink| {
            place.run(self.workspace, &job, LAB_LIMIT, self.interrupt, sink)
        })
    }

    /// The stories that need nftables too, where both are, and what they printed; nothing where the first lab has both.
    fn second_lab(&self, programs: &Programs) -> (Vec<u8>, Tally) {
        let place = Place::with_nftables();
        if place == Place::Here {
            return (b"told above\n".to_vec(), Tally::default());
        }
        if let Err(reason) = place.prepare(self.workspace) {
            let reason = format!("{reason:#}");
            let tally = self.unable(programs, &reason, &["--nftables"]);
            return (format!("not run: {reason}\n").into_bytes(), tally);
        }
        let job = programs.job(self.workspace, ["run", "--nftables"]);
        let mut told = Vec::new();
        let mut show = |bytes: &[u8]| told.extend_from_slice(bytes);
        let tally = self.stories("lab run --nftables", &mut show, |sink| {
            place.run(self.workspace, &job, LAB_LIMIT, self.interrupt, sink)
        });
        (told, tally)
    }

    /// The stories that the machine's own kernel can tell, in network namespaces of their own.
    fn host(&self, programs: &Programs) -> Result<Tally> {
        title("stories on this kernel");
        if let Some(reason) = no_namespaces() {
            println!("not run: {reason}");
            return Ok(self.unable(programs, &reason, &["--host"]));
        }
        let job = programs.job(self.workspace, ["run", "--host", "--jobs", "10"]);
        Ok(self.stories("lab run --host", &mut to_stdout, |sink| {
            job.run_here(LAB_LIMIT, self.interrupt, sink)
        }))
    }

    /// The tests of ipvs-netlink against a real kernel. Where this kernel is one, cargo has run them.
    fn live(&self, programs: &Programs) -> Tally {
        let place = Place::choose();
        let Some(live) = programs.live.as_ref().filter(|_| place == Place::Uml) else {
            return Tally::default();
        };
        title("ipvs-netlink against the lab kernel");
        if let Err(reason) = place.prepare(self.workspace) {
            println!("not run: {reason:#}");
            return Tally::default();
        }
        let job = Job::new(live, &self.workspace.root).args(["--show-output"]);
        let mut reader = Libtest::new("live");
        let mut lines = Lines::default();
        let status = place.run(
            self.workspace,
            &job,
            LIVE_LIMIT,
            self.interrupt,
            &mut |bytes| {
                lines.push(bytes, &mut |line| show_if(line, reader.line(line)));
            },
        );
        lines.finish(&mut |line| show_if(line, reader.line(line)));
        let tally = reader.finish();
        if tally.cases().is_empty() {
            let mut tally = tally;
            tally.add("live", "all", Verdict::Failed("no test ran".to_owned()));
            return tally;
        }
        self.closed(tally, "the live tests", status)
    }

    /// Reads one `lab run`, and shows what it prints as it comes.
    fn stories(
        &self,
        run: &str,
        show: &mut dyn FnMut(&[u8]),
        start: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<u8>,
    ) -> Tally {
        let mut reader = Stories::default();
        let mut lines = Lines::default();
        let status = start(&mut |bytes| {
            show(bytes);
            lines.push(bytes, &mut |line| reader.line(line));
        });
        lines.finish(&mut |line| reader.line(line));
        self.closed(reader.finish(run), run, status)
    }

    /// The stories of `lab list WHICH` by name, skipped.
    fn unable(&self, programs: &Programs, reason: &str, which: &[&str]) -> Tally {
        let mut tally = Tally::default();
        let names = Command::new(&programs.lab)
            .arg("list")
            .args(which)
            .stdin(Stdio::null())
            .output();
        let names = names.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for name in names
            .unwrap_or_default()
            .lines()
            .filter(|name| !name.is_empty())
        {
            tally.add(Stories::SUITE, name, Verdict::Skipped(reason.to_owned()));
        }
        if tally.cases().is_empty() {
            tally.add(Stories::SUITE, "all", Verdict::Skipped(reason.to_owned()));
        }
        tally
    }

    /// A run that ended badly although no test in it failed is a failure of its own.
    fn closed(&self, mut tally: Tally, run: &str, status: Result<u8>) -> Tally {
        let why = match status {
            Ok(0) => return tally,
            Ok(_) if tally.sums().failed > 0 => return tally,
            Ok(status) => format!("it ended with status {status}, though no test failed"),
            Err(error) => format!("{error:#}"),
        };
        tally.add("xtask", run, Verdict::Failed(why));
        tally
    }
}

/// Passed when nothing was found; what it means when the check could not be made is the caller's.
fn judge(found: Result<Vec<String>>, unable: fn(String) -> Verdict) -> Verdict {
    match found {
        Ok(found) if found.is_empty() => Verdict::Passed,
        Ok(found) => Verdict::Failed(found.join("; ")),
        Err(error) => unable(format!("{error:#}")),
    }
}

fn show_if(line: &str, worth: bool) {
    if worth {
        to_stdout(format!("{line}\n").as_bytes());
    }
}

/// Why no network namespace can be made here.
fn no_namespaces() -> Option<String> {
    if !is_root() {
        return Some("this user is not root".to_owned());
    }
    let made = Command::new("unshare")
        .args(["--net", "--mount", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    (!made.is_ok_and(|status| status.success()))
        .then(|| "network namespaces cannot be made here".to_owned())
}

/// Whole lines out of chunks of bytes.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            if self.0.ends_with(b"\n") {
                self.finish(sink);
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&str)) {
        if !self.0.is_empty() {
            sink(String::from_utf8_lossy(&self.0).trim_end_matches(['\n', '\r']));
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let text = b"one\n\ntwo \xff\r\nlast";
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut seen = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(chunk, &mut |line| seen.push(line.to_owned()));
            }
            lines.finish(&mut |line| seen.push(line.to_owned()));
            assert_eq!(seen, ["one", "", "two \u{fffd}", "last"]);
        }
    }
}
