//! A story: one thing that must hold, told on one choice of daemons.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::daemon::Daemon;
use crate::stage::{Stage, log_tails};
use crate::twins::Twins;

/// Lines of each log that are shown after a failure.
const TAIL: usize = 25;

/// What a story gives: a remark worth printing, such as a measured time, or nothing.
pub type Told = Result<String>;

/// Which kernel a story needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// One with IPVS.
    Ipvs,
    /// One with IPVS and nftables.
    Nftables,
    /// One without IPVS.
    NoIpvs,
    /// The machine's own, whatever it has: too many programs are started for the lab's.
    Machine,
}

/// What the running kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// IPVS.
    pub ipvs: bool,
    /// Chains of nftables.
    pub nftables: bool,
}

/// A story on [`Twins`].
#[derive(Clone)]
pub struct Tale(Arc<dyn Fn(&mut Twins) -> Told + Send + Sync>);

impl fmt::Debug for Tale {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tale")
    }
}

/// How a story is told.
#[derive(Debug, Clone)]
pub enum Telling {
    /// With one daemon.
    One(Daemon, fn(&mut Stage, Daemon) -> Told),
    /// With a daemon on each director, director-a first.
    Two(Daemon, Daemon, fn(&mut Stage, Daemon, Daemon) -> Told),
    /// With ours and keepalived on the same servers.
    Beside(Tale),
}

/// One story.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its name, `room/subject/daemons`.
    pub name: String,
    /// The kernel it needs.
    pub kernel: Kernel,
    /// Whether it measures times and so must run alone.
    pub timed: bool,
    /// The paths of the programs that it starts, besides the daemons.
    pub programs: &'static [&'static str],
    /// How it is told.
    pub telling: Telling,
}

impl Story {
    /// The story on one daemon.
    #[must_use]
    pub fn one(name: &str, daemon: Daemon, tell: fn(&mut Stage, Daemon) -> Told) -> Self {
        Self {
            name: format!("{name}/{daemon}"),
            kernel: Kernel::Ipvs,
            timed: false,
            programs: &[],
            telling: Telling::One(daemon, tell),
        }
    }

    /// The story once on each daemon.
    #[must_use]
    pub fn each(name: &str, tell: fn(&mut Stage, Daemon) -> Told) -> Vec<Self> {
        [Daemon::Ours, Daemon::Keepalived]
            .map(|daemon| Self::one(name, daemon, tell))
            .into()
    }

    /// The story with a daemon on each director.
    #[must_use]
    pub fn two(
        name: &str,
        a: Daemon,
        b: Daemon,
        tell: fn(&mut Stage, Daemon, Daemon) -> Told,
    ) -> Self {
        Self {
            name: format!("{name}/{a}+{b}"),
            kernel: Kernel::Ipvs,
            timed: false,
            programs: &[],
            telling: Telling::Two(a, b, tell),
        }
    }

    /// The story with ours and keepalived on the same servers; it mostly waits, so that many can be told at a time.
    #[must_use]
    pub fn beside(name: &str, tell: impl Fn(&mut Twins) -> Told + Send + Sync + 'static) -> Self {
        Self {
            name: format!("{name}/{}+{}", Daemon::Ours, Daemon::Keepalived),
            kernel: Kernel::Ipvs,
            timed: false,
            programs: &[],
            telling: Telling::Beside(Tale(Arc::new(tell))),
        }
    }

    /// Whether it mostly waits.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self.telling, Telling::Beside(_))
    }

    /// Marks it as one that measures times.
    #[must_use]
    pub fn timed(mut self) -> Self {
        self.timed = true;
        self
    }

    /// Sets the programs it needs, each with its path.
    #[must_use]
    pub fn with(mut self, programs: &'static [&'static str]) -> Self {
        self.programs = programs;
        self
    }

    /// Sets the kernel it needs.
    #[must_use]
    pub fn on(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// The daemons in it.
    #[must_use]
    pub fn daemons(&self) -> Vec<Daemon> {
        match self.telling {
            Telling::One(daemon, _) => vec![daemon],
            Telling::Two(a, b, _) => vec![a, b],
            Telling::Beside(_) => vec![Daemon::Ours, Daemon::Keepalived],
        }
    }

    /// Why it cannot be told here, if so.
    #[must_use]
    pub fn hindrance(&self, has: Abilities) -> Option<String> {
        let kernel = match self.kernel {
            Kernel::Ipvs | Kernel::Nftables if !has.ipvs => Some("the running kernel has no IPVS"),
            Kernel::Nftables if !has.nftables => Some("the running kernel has no nftables"),
            Kernel::NoIpvs if has.ipvs => Some("the running kernel has IPVS"),
            _ => None,
        };
        if let Some(reason) = kernel {
            return Some(reason.to_owned());
        }
        let mut programs = self.programs.iter();
        if let Some(missing) = programs.find(|path| !Path::new(path).exists()) {
            return Some(format!("{missing} is not there"));
        }
        self.daemons()
            .into_iter()
            .flat_map(|daemon| [daemon.program(), daemon.genhash_program()])
            .find_map(|program| program.err().map(|reason| reason.to_string()))
    }

    /// Tells it on a stage of its own, number `number`.
    #[must_use]
    pub fn tell(&self, number: usize) -> Outcome {
        let start = Instant::now();
        let mut tails = String::new();
        let name = number.to_string();
        let told = match &self.telling {
            Telling::One(daemon, tell) => on_stage(&name, &mut tails, |stage| tell(stage, *daemon)),
            Telling::Two(a, b, tell) => on_stage(&name, &mut tails, |stage| tell(stage, *a, *b)),
            Telling::Beside(Tale(tell)) => Twins::take(&name).and_then(|mut twins| {
                let told = caught(|| tell(&mut twins));
                if told.is_err() {
                    tails = log_tails(twins.folder(), TAIL);
                    return told;
                }
                twins.give_back().and(told)
            }),
        };
        Outcome {
            told,
            took: start.elapsed(),
            tails,
        }
    }
}

fn on_stage(name: &str, tails: &mut String, tell: impl FnOnce(&mut Stage) -> Told) -> Told {
    let mut stage = Stage::build(name)?;
    let told = caught(|| tell(&mut stage));
    if told.is_err() {
        *tails = log_tails(stage.folder(), TAIL);
    }
    told
}

/// A panic is a story's failure.
fn caught(tell: impl FnOnce() -> Told) -> Told {
    catch_unwind(AssertUnwindSafe(tell))
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the story panicked")))
}

/// How a story ended.
#[derive(Debug)]
pub struct Outcome {
    /// The remark, or why it failed.
    pub told: Told,
    /// How long it took, building its stage included.
    pub took: Duration,
    /// After a failure, the ends of the daemons' logs.
    pub tails: String,
}
