//! `lab`: the stories that need several hosts and a real kernel.
//!
//! Here are the command line and the list of stories; a story's text is in the file of its subject: `lab/` needs IPVS,
//! `compat/` compares the two daemons, `interop/` mixes them on one wire. What they are made of is in `support/`.
//! Everything runs as root, in network namespaces only.

mod adverts;
mod alive;
mod balance;
#[path = "../compat/mod.rs"]
mod compat;
mod control;
mod demo;
mod failover;
mod health;
#[path = "../interop/mod.rs"]
mod interop;
mod leftovers;
mod nftables;
mod part;
mod probes;
mod real;
mod reload;
mod report;
mod seeds;
mod urgency;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use support::daemon::Daemon;
use support::story::{Kernel, Story};

use self::part::Part;

/// Runs the stories of the lab.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the stories' names.
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Runs stories; the last line is `N passed, N failed, N skipped`.
    Run {
        /// Only those whose name contains this.
        #[arg(long, default_value = "")]
        filter: String,
        /// Only those told with these daemons alone.
        #[arg(long, value_enum, default_value = "all")]
        daemon: Choice,
        #[command(flatten)]
        which: Which,
        /// How many at the same time, or three times as many of those that mostly wait; those that measure times run alone.
        #[arg(long, default_value_t = 5)]
        jobs: usize,
        /// Only a part of them, as `1-3/5`: of each five, the first three. Those that measure times are of the first part.
        #[arg(long, default_value = "1-1/1")]
        part: Part,
    },
    /// Writes down in the cases of `config/parity/` what keepalived does after their events.
    Record {
        /// Only those whose name contains one of these.
        filters: Vec<String>,
    },
    /// The main job as a narrated timeline.
    Demo {
        /// With this daemon on both directors.
        #[arg(long, value_enum, default_value = "ours")]
        daemon: Choice,
    },
    /// A web server of the lab.
    #[command(hide = true)]
    Web {
        /// Where to listen.
        #[arg(long)]
        address: SocketAddr,
        /// The name in its answers.
        #[arg(long)]
        name: String,
        /// The folder of its pages.
        #[arg(long)]
        root: PathBuf,
    },
}

/// Which kernel's stories.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
struct Which {
    /// Only those that the machine's ordinary kernel can run.
    #[arg(long)]
    host: bool,
    /// Only those that need nftables beside IPVS.
    #[arg(long)]
    nftables: bool,
}

impl Which {
    /// Whether it is asked for: all are unless told otherwise.
    fn lists(self, story: &Story) -> bool {
        !(self.host || self.nftables) || self.allows(story)
    }

    /// Whether the run of this kernel tells it.
    fn allows(self, story: &Story) -> bool {
        match story.kernel {
            Kernel::Ipvs => !self.host && !self.nftables,
            Kernel::Nftables => !self.host,
            Kernel::NoIpvs | Kernel::Machine => self.host,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    Ours,
    Keepalived,
    All,
}

impl Choice {
    fn allows(self, story: &Story) -> bool {
        story.daemons().into_iter().all(|daemon| match self {
            Self::Ours => daemon == Daemon::Ours,
            Self::Keepalived => daemon == Daemon::Keepalived,
            Self::All => true,
        })
    }
}

fn stories() -> Vec<Story> {
    [
        balance::stories(),
        alive::stories(),
        health::stories(),
        urgency::stories(),
        probes::stories(),
        reload::stories(),
        control::stories(),
        leftovers::stories(),
        nftables::stories(),
        adverts::stories(),
        real::stories(),
        seeds::stories(),
        compat::stories(),
        interop::stories(),
        failover::stories(),
    ]
    .concat()
}

fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::List { which } => {
            for story in stories().iter().filter(|story| which.lists(story)) {
                println!("{}", story.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run {
            filter,
            daemon,
            which,
            jobs,
            part,
        } => {
            let chosen = stories()
                .into_iter()
                .filter(|story| story.name.contains(&filter) && daemon.allows(story))
                .filter(|story| which.allows(story))
                .enumerate()
                .filter(|(place, story)| part.has(*place, story.timed))
                .map(|(_, story)| story)
                .collect();
            report::run(chosen, jobs.max(1))
        }
        Command::Record { filters } => compat::record(&filters).map(|()| ExitCode::SUCCESS),
        Command::Demo {
            daemon: Choice::Keepalived,
        } => demo::run(Daemon::Keepalived),
        Command::Demo { .. } => demo::run(Daemon::Ours),
        Command::Web {
            address,
            name,
            root,
        } => support::web::serve(address, &name, &root).map(|()| ExitCode::SUCCESS),
    }
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("lab: {error:#}");
        ExitCode::from(2)
    })
}
