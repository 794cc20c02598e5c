//! `reload`, `plan`, `drain`, `disable`, `enable`, `weight`, `handover` and `log`: what an operator asks of the daemon.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

use super::print;
use super::remote::{DONE, FAILED, NOTABLE, Where, failed};
use crate::control::client::{Connection, Failure};
use crate::control::protocol::{Connections, Planned, Reloaded, Request, SteeredView};
use crate::status::view::{InstanceState, InstanceView, Status};

/// Between two looks at connections or states.
const LOOK: Duration = Duration::from_millis(200);
/// So many looks in a row have to find no connection: one that is being set up is in none of the states that count.
const QUIET: u32 = 3;

/// `reload`.
#[derive(Args)]
pub(super) struct Reload {
    #[command(flatten)]
    at: Where,
}

impl Reload {
    pub fn run(self) -> u8 {
        let asked = self
            .at
            .steer()
            .and_then(|mut daemon| daemon.get(Request::Reload));
        let reloaded: Reloaded = match asked {
            Ok(reloaded) => reloaded,
            Err(failure) => return failed(&failure),
        };
        for finding in &reloaded.findings {
            eprintln!("{finding}");
        }
        if let Some(reason) = reloaded.reason {
            eprintln!("rkeepalived: reload abandoned, the running configuration stays: {reason}");
            return FAILED;
        }
        listed(&reloaded.changes);
        if reloaded.refused > 0 {
            eprintln!(
                "rkeepalived: the kernel refused {} changes of IPVS; `rkeepalived events` says which",
                reloaded.refused
            );
            return FAILED;
        }
        DONE
    }
}

/// Before what somebody did by hand.
const DRIFT: &str = "! the kernel's table was changed behind the daemon's back, and a reload does not mend that. For a server, `rkeepalived \
disable IP:PORT` and then `enable` do; for a VS, a restart. This puts it right:\n";

/// Prints changes, or that there are none.
fn listed(changes: &[String]) {
    let text = match changes {
        [] => "nothing changes\n".to_owned(),
        changes => changes.iter().map(|line| format!("{line}\n")).collect(),
    };
    print(text.as_bytes());
}

/// `plan`.
#[derive(Args)]
pub(super) struct Plan {
    /// The file [default: the one that the daemon runs with]
    file: Option<PathBuf>,
    #[command(flatten)]
    at: Where,
}

impl Plan {
    pub fn run(self) -> u8 {
        // The daemon is in another folder.
        let file = match self.file.map(std::fs::canonicalize).transpose() {
            Ok(file) => file,
            Err(error) => {
                eprintln!("rkeepalived: the file cannot be read: {error}");
                return FAILED;
            }
        };
        let request = Request::Plan { file };
        let asked = self.at.steer().and_then(|mut daemon| daemon.get(request));
        let planned: Planned = match asked {
            Ok(planned) => planned,
            Err(failure) => {
                failed(&failure);
                return FAILED;
            }
        };
        for finding in &planned.findings {
            eprintln!("{finding}");
        }
        listed(&planned.changes);
        if !planned.drift.is_empty() {
            let mut text = DRIFT.to_owned();
            for line in &planned.drift {
                text.push_str(&format!("!   {line}\n"));
            }
            print(text.as_bytes());
        }
        if planned.changes.is_empty() && planned.drift.is_empty() {
            DONE
        } else {
            NOTABLE
        }
    }
}

/// `drain`.
#[derive(Args)]
pub(super) struct Drain {
    /// IP:PORT, [IP6]:PORT, or VS/IP:PORT for one virtual server only
    server: String,
    /// Wait until it has no established connection any more
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this many seconds
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    timeout: Option<u64>,
    #[command(flatten)]
    at: Where,
}

impl Drain {
    pub fn run(self) -> u8 {
        let begun = Instant::now();
        let server = self.server.clone();
        let drained = self.at.steer().and_then(|mut daemon| {
            let steered = daemon.get(Request::Drain { server })?;
            told(steered);
            match self.wait {
                true => self.wait_for_the_last(&mut daemon, begun),
                false => Ok(None),
            }
        });
        match drained {
            Ok(None) => DONE,
            Ok(Some(left)) => {
                eprintln!(
                    "rkeepalived: time is up, {left} connections of {} are left; it stays drained (`rkeepalived enable` ends that)",
                    self.server
                );
                NOTABLE
            }
            Err(failure) => failed(&failure),
        }
    }

    /// Answers how many are left where time is up.
    fn wait_for_the_last(
        &self,
        daemon: &mut Connection,
        begun: Instant,
    ) -> Result<Option<u64>, Failure> {
        let mut quiet = 0;
        loop {
            let server = self.server.clone();
            let connections: Connections = daemon.get(Request::Connections { server })?;
            quiet = match connections.active {
                0 => quiet + 1,
                _ => 0,
            };
            if quiet >= QUIET {
                print(format!("{} has no connection any more\n", self.server).as_bytes());
                return Ok(None);
            }
            let timeout = self.timeout.map(Duration::from_secs);
            if timeout.is_some_and(|timeout| begun.elapsed() >= timeout) {
                return Ok(Some(connections.active));
            }
            sleep(LOOK);
        }
    }
}

/// Says what became of each server.
fn told(steered: Vec<SteeredView>) {
    for one in steered {
        let SteeredView {
            server,
            service,
            from,
            to,
            up,
            note,
        } = one;
        let state = if up { "" } else { " (it is not in the pool)" };
        print(format!("{server} of VS {service}: weight {from} -> {to}{state}\n").as_bytes());
        if let Some(note) = note {
            eprintln!("note: {note}");
        }
    }
}

/// `disable` and `enable`.
#[derive(Args)]
pub(super) struct Server {
    /// IP:PORT, [IP6]:PORT, or VS/IP:PORT for one virtual server only
    server: String,
    #[command(flatten)]
    at: Where,
}

impl Server {
    pub fn disable(self) -> u8 {
        let server = self.server;
        steer(&self.at, Request::Disable { server })
    }

    pub fn enable(self) -> u8 {
        let server = self.server;
        steer(&self.at, Request::Enable { server })
    }
}

/// `weight`.
#[derive(Args)]
pub(super) struct Weight {
    /// IP:PORT, [IP6]:PORT, or VS/IP:PORT for one virtual server only
    server: String,
    /// 0 to 65535; 0 is as drain
    #[arg(value_parser = clap::value_parser!(u32).range(0..=65_535))]
    weight: u32,
    #[command(flatten)]
    at: Where,
}

impl Weight {
    pub fn run(self) -> u8 {
        let (server, weight) = (self.server, self.weight);
        steer(&self.at, Request::Weight { server, weight })
    }
}

fn steer(at: &Where, request: Request) -> u8 {
    match at.steer().and_then(|mut daemon| daemon.get(request)) {
        Ok(steered) => {
            told(steered);
            DONE
        }
        Err(failure) => failed(&failure),
    }
}

/// `handover`.
#[derive(Args)]
pub(super) struct Handover {
    /// The VRRP instance; its sync group goes with it
    instance: String,
    /// Take mastership back
    #[arg(long)]
    back: bool,
    /// Wait no longer than this many seconds for the other router, or for ourselves
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    timeout: u64,
    #[command(flatten)]
    at: Where,
}

impl Handover {
    pub fn run(self) -> u8 {
        match self
            .at
            .steer()
            .and_then(|mut daemon| self.hand_over(&mut daemon))
        {
            Ok(status) => status,
            Err(failure) => failed(&failure),
        }
    }

    fn hand_over(&self, daemon: &mut Connection) -> Result<u8, Failure> {
        let (instance, back) = (self.instance.clone(), self.back);
        let () = daemon.get(Request::Handover { instance, back })?;
        let until = Instant::now() + Duration::from_secs(self.timeout);
        while Instant::now() < until {
            let status: Status = daemon.get(Request::Status { vrrp_only: true })?;
            let mut instances = status.vrrp.instances.into_iter();
            let Some(one) = instances.find(|one| one.name == self.instance) else {
                eprintln!("rkeepalived: {} is there no more", self.instance);
                return Ok(FAILED);
            };
            if let Some(status) = self.settled(&one) {
                return Ok(status);
            }
            sleep(LOOK);
        }
        eprintln!(
            "rkeepalived: time is up, and no other master of {} was heard; `rkeepalived status` shows how it stands",
            self.instance
        );
        Ok(NOTABLE)
    }

    /// How it ended, if it has.
    fn settled(&self, one: &InstanceView) -> Option<u8> {
        let name = &self.instance;
        match (self.back, one.state, one.master) {
            (true, InstanceState::Master, _) => {
                print(format!("{name} is MASTER again\n").as_bytes());
                Some(DONE)
            }
            (false, InstanceState::Backup, Some(master)) => {
                let line = format!(
                    "{master} is master of {name} now; `rkeepalived handover --back {name}` takes it back\n"
                );
                print(line.as_bytes());
                Some(DONE)
            }
            (false, InstanceState::Master, _) => {
                eprintln!("rkeepalived: nobody took over, so {name} is MASTER again");
                Some(FAILED)
            }
            _ => None,
        }
    }
}

/// `log`.
#[derive(Args)]
pub(super) struct Log {
    /// error, warning, info, or detail (as with -D)
    level: String,
    #[command(flatten)]
    at: Where,
}

impl Log {
    pub fn run(self) -> u8 {
        let request = Request::Log { level: self.level };
        match self.at.steer().and_then(|mut daemon| daemon.get(request)) {
            Ok(()) => DONE,
            Err(failure) => failed(&failure),
        }
    }
}
