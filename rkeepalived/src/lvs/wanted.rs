//! What the configuration asks of the virtual servers.

use std::fmt;
use std::net::SocketAddr;

use checkers::{Probe, Timing};
use ipvs_netlink::{DestinationSpec, Protocol, ServiceKey, ServiceSpec};

/// A virtual server as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedService {
    /// Its identity in the kernel.
    pub key: ServiceKey,
    /// Scheduler, flags, persistence.
    pub spec: ServiceSpec,
    /// Real servers, in the order of the file.
    pub servers: Vec<WantedServer>,
    /// Sum of the weights of living servers from which on the service is up.
    pub quorum: u32,
    /// Distance from the quorum at which its state changes.
    pub hysteresis: u32,
    /// Takes over while the quorum is lost.
    pub sorry: Option<SorryServer>,
}

/// The server that answers while the quorum is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct SorryServer {
    /// Its address.
    pub address: SocketAddr,
    /// How it is reached; weight 1.
    pub spec: DestinationSpec,
    /// Whether it stays in the table with weight 0 while it is not needed.
    pub inhibit: bool,
}

/// A real server as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedServer {
    /// Its address.
    pub address: SocketAddr,
    /// How it is reached, and its weight.
    pub spec: DestinationSpec,
    /// Whether a dead one stays in the table with weight 0.
    pub inhibit: bool,
    /// Its checks. Without any it is always alive.
    pub checks: Vec<WantedCheck>,
}

/// A health check as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedCheck {
    /// One attempt.
    pub probe: Probe,
    /// When, and how many failures count.
    pub timing: Timing,
}

/// A real server's name in the log, `[172.16.1.10]:tcp:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerName(pub Option<Protocol>, pub SocketAddr);

/// A virtual server's name in the log, `[172.16.1.1]:tcp:80` or `FWM 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceName(pub ServiceKey);

impl WantedService {
    /// The name of one of its real servers.
    #[must_use]
    pub fn server_name(&self, address: SocketAddr) -> ServerName {
        match self.key {
            ServiceKey::Socket(protocol, _) => ServerName(Some(protocol), address),
            ServiceKey::Fwmark(..) => ServerName(None, address),
        }
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServerName(protocol, address) = self;
        // A firewall mark has no protocol; keepalived shows such servers as tcp.
        let protocol = protocol.map_or("tcp", protocol_name);
        write!(f, "[{}]:{protocol}:{}", address.ip(), address.port())
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceKey::Socket(protocol, address) => ServerName(Some(protocol), address).fmt(f),
            ServiceKey::Fwmark(_, mark) => write!(f, "FWM {mark}"),
        }
    }
}
