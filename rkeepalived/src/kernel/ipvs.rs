//! The real IPVS table, over generic netlink.

use std::fs::File;
use std::io;
use std::process::Command;

use ipvs_netlink::{Applied, Client, Daemon, DaemonState, IpvsError, Operation, Table, Timeouts};
use nix::sched::{CloneFlags, setns};

use super::Ipvs;

const NO_IPVS: &str = "IPVS: Can't initialize ipvs: the kernel has no IPVS";
const REMEDY: &str = "use a kernel with CONFIG_IP_VS, or run VRRP alone with -P";

/// Opens IPVS, in another network namespace than ours if one is given; loads its module first where the kernel has
/// none yet, as keepalived does. Within a tokio runtime of several threads.
///
/// # Errors
/// Why it cannot be had, for the log.
pub async fn open(namespace: Option<&File>) -> Result<Client, String> {
    if let Some(client) = pretended() {
        return Ok(client);
    }
    match connect(namespace).await {
        Err(IpvsError::NoIpvs) => {}
        other => return other.map_err(|error| error.to_string()),
    }
    let modprobe = || {
        Command::new("modprobe")
            .args(["-s", "--", "ip_vs"])
            .status()
    };
    match tokio::task::block_in_place(modprobe) {
        Ok(status) if status.success() => {
            let client = connect(namespace).await;
            client.map_err(|error| error.to_string())
        }
        Ok(_) => Err(format!(
            "{NO_IPVS}, and `modprobe ip_vs` did not load it: {REMEDY}"
        )),
        Err(error) => Err(format!(
            "{NO_IPVS}, and `modprobe ip_vs` cannot be run ({error}): {REMEDY}"
        )),
    }
}

/// The table in memory, of a build for measurements; otherwise there is none.
fn pretended() -> Option<Client> {
    #[cfg(feature = "pretended-ipvs")]
    {
        crate::journal::write(&crate::journal::Line::Trouble {
            part: crate::journal::Part::Checkers,
            reason:
                "IPVS is pretended by this program, which is for measurements: nothing is balanced"
                    .to_owned(),
        });
        Some(Client::pretended())
    }
    #[cfg(not(feature = "pretended-ipvs"))]
    None
}

async fn connect(namespace: Option<&File>) -> Result<Client, IpvsError> {
    let Some(namespace) = namespace else {
        return Client::connect().await;
    };
    let socket = |source: io::Error| IpvsError::Socket {
        act: "enter the network namespace of IPVS",
        source,
    };
    // A thread of its own: whoever enters stays, and the client works in the namespace where it was opened.
    let open = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| socket(errno.into()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(socket)?;
        runtime.block_on(Client::connect())
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let opened = scope.spawn(open).join();
            opened.unwrap_or_else(|_| Err(socket(io::Error::other("the thread that tried ended"))))
        })
    })
}

impl Ipvs for Client {
    fn dump(&mut self) -> Result<Table, IpvsError> {
        Client::dump(self)
    }

    fn apply(&mut self, operations: &[Operation]) -> Applied {
        Client::apply(self, operations)
    }

    fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        Client::timeouts(self)
    }

    fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), IpvsError> {
        Client::set_timeouts(self, timeouts)
    }

    fn daemons(&mut self) -> Result<Vec<Daemon>, IpvsError> {
        Client::daemons(self)
    }

    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), IpvsError> {
        Client::start_daemon(self, daemon)
    }

    fn stop_daemon(&mut self, state: DaemonState) -> Result<(), IpvsError> {
        Client::stop_daemon(self, state)
    }
}
