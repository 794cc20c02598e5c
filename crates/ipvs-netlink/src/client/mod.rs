//! The client: the one part of this crate that talks to the kernel.
//!
//! Blocking, for a thread of its own. `family` finds the kernel's number for IPVS, `wire` is the socket (or `pretend`, a pretended kernel),
//! `exchange` matches answers to questions, `batch` performs operations, `read` and `sync` ask.
//!
//! Must not know: what an errno means (that is `error`), what is worth changing (`table`).
//! Enter at [`Client`]. Tests: `tests.rs` here, and `tests/live/` on a real kernel.

mod batch;
mod exchange;
mod family;
#[cfg(any(test, feature = "pretended"))]
mod pretend;
mod read;
mod sync;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::attr::CommandAttr;
use crate::error::IpvsError;
use crate::message::{Command, IpvsMessage};
use crate::operation::Operation;
use crate::repr::codec::emit_key;
use crate::repr::{
    Daemon, DaemonState, DestinationView, Info, ServiceKey, Snapshot, Stats, Timeouts,
};
use crate::table::Table;

use exchange::{Answer, Exchange};
use wire::{NetlinkSocket, Wire};

#[cfg(test)]
pub(crate) use batch::emit_operation;
pub use batch::{Applied, Failure};

/// A blocking connection to the kernel's IPVS, in the network namespace of the thread that
/// opened it, wherever it is used later.
pub struct Client {
    exchange: Exchange<Box<dyn Wire + Send>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Connects, and makes sure that IPVS is there and may be used. Within a tokio runtime with
    /// I/O; all else is blocking.
    ///
    /// # Errors
    /// [`IpvsError::NoIpvs`], [`IpvsError::NotPermitted`], or no netlink socket.
    pub async fn connect() -> Result<Client, IpvsError> {
        let family = family::resolve().await?;
        let wire = NetlinkSocket::open()?;
        let mut client = Client {
            exchange: Exchange::new(Box::new(wire), family),
        };
        match client.info() {
            Ok(_) => Ok(client),
            Err(error) if error.is_permission() => Err(IpvsError::NotPermitted),
            Err(error) => Err(error),
        }
    }

    /// A connection to a table in this process's memory, which all clients made so share: whole daemons can be
    /// measured with it on a kernel without IPVS. Connections, counters and synchronisation daemons it has none.
    #[cfg(feature = "pretended")]
    #[must_use]
    pub fn pretended() -> Client {
        use std::sync::{Arc, LazyLock, Mutex};
        static HELD: LazyLock<Arc<Mutex<pretend::Held>>> = LazyLock::new(Default::default);
        Client {
            exchange: Exchange::new(Box::new(pretend::Kernel::sharing(&HELD)), pretend::FAMILY),
        }
    }

    /// The version of IPVS.
    ///
    /// # Errors
    /// The kernel refuses, or the socket fails.
    pub fn info(&mut self) -> Result<Info, IpvsError> {
        read::info(&mut self.exchange)
    }

    /// The kernel's table, for [`crate::diff`].
    ///
    /// # Errors
    /// The kernel refuses, the socket fails, or the table kept changing.
    pub fn dump(&mut self) -> Result<Table, IpvsError> {
        self.dump_services().map(Snapshot::into_table)
    }

    /// The kernel's table with its counters and connections.
    ///
    /// # Errors
    /// As for [`Client::dump`].
    pub fn dump_services(&mut self) -> Result<Snapshot, IpvsError> {
        read::snapshot(&mut self.exchange)
    }

    /// The services alone, each with its counters. With [`Client::destinations`] a large table can be had piece by piece.
    ///
    /// # Errors
    /// As for [`Client::dump`].
    pub fn services(&mut self) -> Result<BTreeMap<ServiceKey, Stats>, IpvsError> {
        let services = read::services(&mut self.exchange)?;
        Ok(services
            .into_iter()
            .map(|(key, _, stats)| (key, stats))
            .collect())
    }

    /// The destinations of one service with their counters and connections; none where there is no such service.
    ///
    /// # Errors
    /// As for [`Client::dump`].
    pub fn destinations(
        &mut self,
        key: &ServiceKey,
    ) -> Result<BTreeMap<SocketAddr, DestinationView>, IpvsError> {
        read::destinations(&mut self.exchange, key)
    }

    /// Performs operations in order, 200 to one system call. A failure does not stop the rest.
    ///
    /// Where the kernel is not as expected but the end can be reached in another way, it is (see
    /// [`Applied::adopted`]): what is to be added and there already is changed, what is to be
    /// changed and missing is added, what is to be deleted and missing is done.
    pub fn apply(&mut self, operations: &[Operation]) -> Applied {
        batch::apply(&mut self.exchange, operations)
    }

    /// Idle timeouts of connections.
    ///
    /// # Errors
    /// The kernel refuses, or the socket fails.
    pub fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        read::timeouts(&mut self.exchange)
    }

    /// Sets idle timeouts of connections; 0 leaves one as it is.
    ///
    /// # Errors
    /// The kernel refuses (a timeout above 2^31/HZ seconds), or the socket fails.
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), IpvsError> {
        let attributes = vec![
            CommandAttr::TimeoutTcp(timeouts.tcp),
            CommandAttr::TimeoutTcpFin(timeouts.tcp_fin),
            CommandAttr::TimeoutUdp(timeouts.udp),
        ];
        self.tell(
            "set the timeouts of IPVS",
            IpvsMessage::Command(Command::SetConfig, attributes),
        )
    }

    /// Sets the counters of one service, or of all, to zero.
    ///
    /// # Errors
    /// The kernel refuses (no such service), or the socket fails.
    pub fn zero(&mut self, key: Option<&ServiceKey>) -> Result<(), IpvsError> {
        let attributes = key.map(|key| CommandAttr::Service(emit_key(key)));
        self.tell(
            "zero the counters of IPVS",
            IpvsMessage::Command(Command::Zero, attributes.into_iter().collect()),
        )
    }

    /// Running synchronisation daemons: none, one, or one of each state.
    ///
    /// # Errors
    /// The kernel refuses, or the socket fails.
    pub fn daemons(&mut self) -> Result<Vec<Daemon>, IpvsError> {
        sync::daemons(&mut self.exchange)
    }

    /// Starts a synchronisation daemon.
    ///
    /// # Errors
    /// The kernel refuses (one of this state runs, no such interface), or the socket fails.
    pub fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), IpvsError> {
        self.tell("start a synchronisation daemon", sync::start(daemon))
    }

    /// Stops the synchronisation daemon of this state.
    ///
    /// # Errors
    /// The kernel refuses (none runs), or the socket fails.
    pub fn stop_daemon(&mut self, state: DaemonState) -> Result<(), IpvsError> {
        let stopped = self.tell("stop a synchronisation daemon", sync::stop(state));
        match stopped {
            // A daemon that is stopped before it ever ran ends with EINTR, of which netlink is
            // silent.
            Err(IpvsError::Unanswered { .. })
                if self.daemons()?.iter().all(|daemon| daemon.state != state) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Sends one message that is acknowledged.
    fn tell(&mut self, act: &'static str, message: IpvsMessage) -> Result<(), IpvsError> {
        let answers = self.exchange.batch(act, vec![message])?;
        match answers.into_iter().next() {
            Some(Answer::Refused(errno, _)) => Err(IpvsError::Failed { act, errno }),
            Some(Answer::Lost) => Err(IpvsError::Unanswered { act }),
            Some(Answer::Done) | None => Ok(()),
        }
    }
}
