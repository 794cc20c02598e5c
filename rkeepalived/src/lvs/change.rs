//! What can change in a virtual server, for the log and for those who are told.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::operator::Operator;
use super::wanted::{Scripts, ServerName, ServiceName};
use crate::notify::Script;

/// What follows from an event: for the log, and for whoever is told.
#[derive(Debug, Default, PartialEq)]
#[must_use]
pub struct Effects {
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// Who is told, in order.
    pub notices: Vec<Notice>,
}

/// Something comes or goes that somebody may want to know: by a script, by a FIFO.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Of which service; scripts of one never overtake each other.
    pub service: ServiceName,
    /// Which of its real servers; none if it is about the service itself.
    pub server: Option<ServerName>,
    /// Whether it comes.
    pub up: bool,
    /// What is run.
    pub script: Option<Arc<Script>>,
}

/// As FIFOs have it: `VS [172.16.1.1]:tcp:80 UP`, `RS [172.16.1.10]:tcp:80 [172.16.1.1]:tcp:80 DOWN` (keepalived behaviour).
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.up { "UP" } else { "DOWN" };
        match &self.server {
            Some(server) => write!(f, "RS {server} {} {state}", self.service),
            None => write!(f, "VS {} {state}", self.service),
        }
    }
}

impl Effects {
    /// Something changed.
    pub fn log(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Tells that a real server, or else the service itself, comes or goes.
    pub fn tell(
        &mut self,
        service: &ServiceName,
        server: Option<ServerName>,
        up: bool,
        scripts: &Scripts,
    ) {
        let script = if up { &scripts.up } else { &scripts.down };
        self.notices.push(Notice {
            service: service.clone(),
            server,
            up,
            script: script.clone(),
        });
    }
}

/// Something that changed, for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A real server is checked from now on.
    Activating {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
    },
    /// A real server joins the pool (or is given its weight back).
    ServerUp {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stayed in the table with weight 0 until now.
        inhibited: bool,
    },
    /// A real server leaves the pool (or is set to weight 0).
    ServerDown {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stays in the table with weight 0.
        inhibited: bool,
    },
    /// The weight of a real server follows its check.
    Weight {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// The weight until now.
        from: u32,
        /// The weight from now on.
        to: u32,
        /// Whether it is alive.
        active: bool,
    },
    /// A group has a place more or less than before the reload.
    Place {
        /// The place, by the name that it would have alone.
        place: ServiceName,
        /// So many others as well.
        more: usize,
        /// The group.
        group: Arc<str>,
        /// Whether it is new.
        added: bool,
    },
    /// Enough weight is alive again.
    QuorumGained {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// On top of it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// Too little weight is alive.
    QuorumLost {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The service begins without a quorum: at start, or since a reload changed what is required.
    QuorumDown {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The living servers make room for the sorry server, or come back.
    Alive {
        /// Where.
        service: ServiceName,
        /// Whether they come back.
        joins: bool,
    },
    /// An operator steers a real server.
    Operator {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// What is asked for; nothing gives it back to configuration and checks.
        operator: Option<Operator>,
    },
    /// The number in a file takes a real server out, or lets it in again.
    File {
        /// Which server.
        server: ServerName,
        /// The `track_file`.
        file: Arc<str>,
        /// Whether it takes it out.
        fails: bool,
    },
    /// A BFD session takes a real server out, or lets it in again.
    Session {
        /// Which server.
        server: ServerName,
        /// The `bfd_instance`.
        session: Arc<str>,
        /// Whether it is up.
        up: bool,
    },
    /// A reload has a real server no more.
    ServerGone {
        /// Which one.
        server: ServerName,
    },
    /// A reload has a virtual server no more.
    ServiceGone {
        /// Which one.
        service: ServiceName,
    },
    /// A real server's checks rest, since no address of the service is on this host.
    Suspending {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It has been so from the start.
        start: bool,
    },
    /// An address of a service that may be suspended came to this host, or left it.
    Address {
        /// Which one.
        address: IpAddr,
        /// Whether it came.
        added: bool,
    },
    /// The sorry server takes over, or steps back.
    Sorry {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// Whether it serves now.
        serves: bool,
        /// Whether only its weight changes.
        inhibited: bool,
    },
}
