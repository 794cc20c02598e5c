//! One check of one real server, and both daemons that watch a row of them.
//!
//! Each check has a virtual server of its own, so that the kernel's table tells its verdict.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::table::View;
use support::wait;

/// The `connect_timeout` of the checks here.
pub const TIMEOUT: Duration = Duration::from_secs(3);
/// Their `delay_loop`.
const LOOP: Duration = Duration::from_secs(1);
/// What the test kernel's slowness may add while other stories run beside this one.
const SLACK: Duration = Duration::from_secs(4);

/// Which daemons are to have a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Both.
    Both,
    /// Ours only: `docs/deviations.md` says why.
    Ours,
}

/// One check.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about.
    pub name: &'static str,
    /// The real server.
    pub server: SocketAddrV4,
    /// The check's block, without the times.
    pub check: String,
    /// Pages of the check, of which one is asked for in each `delay_loop`.
    pub pages: u32,
    /// Who has it.
    pub who: For,
    /// Whether it is well at first; otherwise it never is.
    pub well: bool,
    /// What our log says when it is broken.
    pub evidence: &'static str,
}

impl Case {
    /// A check of one page for both.
    pub fn new(
        name: &'static str,
        server: SocketAddrV4,
        check: impl Into<String>,
        evidence: &'static str,
    ) -> Self {
        Self {
            name,
            server,
            check: check.into(),
            pages: 1,
            who: For::Both,
            well: true,
            evidence,
        }
    }

    /// With several pages.
    #[must_use]
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// For ours only.
    #[must_use]
    pub fn only_ours(mut self) -> Self {
        self.who = For::Ours;
        self
    }

    /// One that never is well.
    #[must_use]
    pub fn never(mut self) -> Self {
        self.well = false;
        self
    }

    fn is_for(&self, daemon: Daemon) -> bool {
        daemon == Daemon::Ours || self.who == For::Both
    }
}

/// Whether a line of the log has this evidence; `|` stands between words of which one is enough.
fn says(line: &str, evidence: &str) -> bool {
    evidence.split('|').any(|words| line.contains(words))
}

/// The virtual address of a case.
fn service(index: usize) -> Ipv4Addr {
    let last = u8::try_from(index + 1).unwrap_or(u8::MAX);
    Ipv4Addr::new(10, 99, 0, last)
}

/// The configuration for one daemon. With `alpha`, what is in the table has answered well.
fn text(cases: &[Case], more: &str, daemon: Daemon) -> String {
    let mut text = format!("{more}\n");
    for (index, case) in cases.iter().enumerate() {
        if !case.is_for(daemon) {
            continue;
        }
        let (kind, block) = case.check.split_once('{').unwrap_or((&case.check, "}"));
        let _infallible = write!(
            text,
            "virtual_server {} 80 {{
                delay_loop {}
                lb_algo rr
                lb_kind NAT
                protocol TCP
                alpha
                real_server {} {} {{
                    {kind} {{
                        connect_timeout {}
                        retry 0
                        delay_before_retry 1
                        {block}
                }}
            }}\n",
            service(index),
            LOOP.as_secs(),
            case.server.ip(),
            case.server.port(),
            TIMEOUT.as_secs()
        );
    }
    text
}

/// Both daemons, watching the same servers.
#[derive(Debug)]
pub struct Watched {
    cases: Vec<Case>,
    directors: [Director; 2],
}

impl Watched {
    /// Starts both with these cases and `more` at the top of their files, and waits until all are in both tables.
    pub fn start(stage: &Stage, [a, b]: [Daemon; 2], cases: Vec<Case>, more: &str) -> Result<Self> {
        let mut directors = [
            stage.prepare(0, a, &text(&cases, more, a))?,
            stage.prepare(1, b, &text(&cases, more, b))?,
        ];
        for director in &mut directors {
            director.start()?;
        }
        let mut watched = Self { cases, directors };
        watched.settle(|_| true, PATIENCE).context("at start")?;
        for case in watched.cases.iter().filter(|case| !case.well) {
            for director in &mut watched.directors {
                if director.daemon() == Daemon::Ours {
                    director
                        .wait_log(case.evidence, PATIENCE)
                        .context(case.name)?;
                }
            }
        }
        Ok(watched)
    }

    /// The daemon on the first director.
    pub fn first(&self) -> &Director {
        let [first, _] = &self.directors;
        first
    }

    /// Does `act` and waits until those whose names are not in `names` are in the tables as before, and those that
    /// are have left; with the evidence in our log.
    pub fn leave(&self, names: &[&str], act: impl FnOnce() -> Result<()>) -> Result<String> {
        self.leave_with(names, |case| case.evidence, act)
    }

    /// The same with other evidence than the case's own.
    pub fn leave_with(
        &self,
        names: &[&str],
        evidence: impl Fn(&Case) -> &'static str,
        act: impl FnOnce() -> Result<()>,
    ) -> Result<String> {
        let marks = self.directors.each_ref().map(Director::mark);
        act()?;
        let hit = |case: &Case| names.contains(&case.name);
        let took = self
            .settle(|case| !hit(case), self.bound(hit))
            .context("a broken server stays")?;
        for (director, mark) in self.directors.iter().zip(marks) {
            if director.daemon() != Daemon::Ours {
                continue;
            }
            let log = director.log();
            let log = log.get(mark..).unwrap_or_default();
            for case in self.cases.iter().filter(|case| hit(case)) {
                let server = format!("[{}]:tcp:{}", case.server.ip(), case.server.port());
                ensure!(
                    log.lines()
                        .any(|line| line.contains(&server) && says(line, evidence(case))),
                    "{}: no line of {server} says `{}`:\n{log}",
                    case.name,
                    evidence(case)
                );
            }
        }
        Ok(took)
    }

    /// Does `act` and waits until all are in the tables.
    pub fn come_back(&self, act: impl FnOnce() -> Result<()>) -> Result<String> {
        act()?;
        self.settle(|_| true, self.bound(|_| true))
            .context("a repaired server stays away")
    }

    /// The names of all cases that are well.
    pub fn names(&self) -> Vec<&'static str> {
        let well = self.cases.iter().filter(|case| case.well);
        well.map(|case| case.name).collect()
    }

    /// How long these may take: the page that changed is asked for at last, and then the attempt ends at its limit.
    fn bound(&self, hit: impl Fn(&Case) -> bool) -> Duration {
        let pages = self
            .cases
            .iter()
            .filter(|case| hit(case))
            .map(|case| case.pages);
        LOOP * pages.max().unwrap_or(1) + TIMEOUT + SLACK
    }

    /// Waits until exactly those are in the tables that are wanted, and says how long it took for each daemon.
    fn settle(&self, wanted: impl Fn(&Case) -> bool, limit: Duration) -> Result<String> {
        let start = Instant::now();
        let mut views = self
            .directors
            .each_ref()
            .map(|director| View::open(director.host()));
        let mut took = [None, None];
        let mut wrong = Vec::new();
        let done = wait::until("the tables", limit, || {
            wrong.clear();
            for ((view, director), took) in views.iter_mut().zip(&self.directors).zip(&mut took) {
                let view = view
                    .as_mut()
                    .map_err(|error| anyhow::anyhow!("{error:#}"))?;
                let table = view.read()?;
                let before = wrong.len();
                for (index, case) in self.cases.iter().enumerate() {
                    let daemon = director.daemon();
                    let there = table
                        .0
                        .iter()
                        .find(|one| *one.address.ip() == service(index))
                        .is_some_and(|one| !one.destinations.is_empty());
                    if there != (case.well && wanted(case) && case.is_for(daemon)) {
                        let is = if there { "is in" } else { "is not in" };
                        wrong.push(format!("{} {is} the table of {daemon}", case.name));
                    }
                }
                if wrong.len() == before {
                    took.get_or_insert(start.elapsed());
                } else {
                    *took = None;
                }
            }
            Ok(wrong.is_empty().then_some(()))
        });
        done.with_context(|| {
            let tables = self.directors.each_ref().map(|director| {
                let text = director.host().output("cat", &["/proc/net/ip_vs"]);
                text.unwrap_or_else(|error| format!("{error:#}"))
            });
            format!("{}\n{}", wrong.join(", "), tables.join("\n"))
        })?;
        let [a, b] = took.map(|took| took.unwrap_or_default().as_secs_f64());
        Ok(format!("{a:.1}/{b:.1} s"))
    }
}
