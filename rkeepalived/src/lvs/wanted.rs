//! What the configuration asks of the virtual servers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use checkers::{Probe, Timing};
use ipvs_netlink::{
    DestinationSpec, Family, Forwarding, Netmask, Protocol, ServiceKey, ServiceSpec,
};

use super::weight::FileWeight;
use crate::notify::Script;

/// A virtual server as configured: one list of real servers with one state, in one or many places of the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedService {
    /// What it is known by, in the log and from one configuration to the next.
    pub name: ServiceName,
    /// Its places in the kernel: one, or as many as its group has. No two services have the same. Where `marked` has
    /// something, they are that mark's, once it is given.
    pub places: Vec<ServiceKey>,
    /// Addresses that one mark stands for (`nftables_ipvs`); none but for a group of addresses only.
    pub marked: Vec<AddressRange>,
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
    /// `quorum_up` and `quorum_down`.
    pub scripts: Scripts,
    /// A stop tells that all is down (`omega`).
    pub omega: bool,
    /// Real servers that are up from the start are told as up (`rs_init_notifies`).
    pub init_notifies: bool,
    /// Its checks rest while none of its addresses is on this host (`ha_suspend`).
    pub ha_suspend: bool,
}

/// Addresses of one family with one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
    /// The port; 0 is every port.
    pub port: u16,
}

impl AddressRange {
    /// Its family.
    #[must_use]
    pub fn family(&self) -> Family {
        match self.first {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        }
    }
}

/// What is told when something is up, and when it is down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scripts {
    /// Now it is up.
    pub up: Option<Arc<Script>>,
    /// Now it is down.
    pub down: Option<Arc<Script>>,
    /// A mail is sent as well (`smtp_alert`).
    pub mail: bool,
}

/// The server that answers while the quorum is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct SorryServer {
    /// Its address; as of [`WantedServer`].
    pub address: SocketAddr,
    /// How it is reached; weight 1.
    pub spec: DestinationSpec,
    /// Whether it stays in the table with weight 0 while it is not needed.
    pub inhibit: bool,
}

/// A real server as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedServer {
    /// Its address. Where the port is the client's (direct routing, tunnels), that of each place counts.
    pub address: SocketAddr,
    /// How it is reached, and its weight.
    pub spec: DestinationSpec,
    /// Whether a dead one stays in the table with weight 0.
    pub inhibit: bool,
    /// Its checks. Without any, and without files and sessions, it is always alive.
    pub checks: Vec<WantedCheck>,
    /// The files whose numbers are added to its weight.
    pub files: Vec<WantedFile>,
    /// The BFD sessions that must be up.
    pub sessions: Vec<WantedSession>,
    /// `notify_up` and `notify_down`.
    pub scripts: Scripts,
}

/// A file whose number counts, as configured: `FILE_CHECK`.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedFile {
    /// The name of its `track_file`.
    pub name: Arc<str>,
    /// Where it is.
    pub path: Arc<Path>,
    /// What its number does.
    pub weight: FileWeight,
}

/// A BFD session that a real server depends on, as configured: `BFD_CHECK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedSession {
    /// The name of its `bfd_instance`.
    pub name: Arc<str>,
    /// It counts as down until it is known.
    pub alpha: bool,
}

/// A health check as configured. What is asked of it is shared with whoever runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedCheck {
    /// One attempt.
    pub probe: Arc<Probe>,
    /// When, and how many failures count.
    pub timing: Arc<Timing>,
    /// Each failure is logged, not only the one that decides.
    pub log_all: bool,
}

impl WantedCheck {
    /// Whether what the one finds is what the other would find: the same is asked, however often.
    #[must_use]
    pub fn is_alike(&self, other: &WantedCheck) -> bool {
        self.probe == other.probe
    }
}

/// A real server's name in the log, `[172.16.1.10]:tcp:80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerName(pub Option<Protocol>, pub SocketAddr);

/// A virtual server's name in the log: `[172.16.1.1]:tcp:80`, `FWM 1`, or `[web]:0` for the first one of a group.
///
/// It is also what a service is known by from one configuration to the next. The protocol belongs to it: a group may
/// serve both TCP and UDP.
#[derive(Clone, Debug)]
pub enum ServiceName {
    /// One address.
    Socket(Protocol, SocketAddr),
    /// One firewall mark.
    Fwmark(Family, NonZeroU32),
    /// A group.
    Group {
        /// The group's name.
        name: Arc<str>,
        /// So many virtual servers before this one use it.
        nth: usize,
        /// The protocol of its addresses; none where it has marks only.
        protocol: Option<Protocol>,
    },
}

impl From<ServiceKey> for ServiceName {
    fn from(place: ServiceKey) -> ServiceName {
        match place {
            ServiceKey::Socket(protocol, address) => ServiceName::Socket(protocol, address),
            ServiceKey::Fwmark(family, mark) => ServiceName::Fwmark(family, mark),
        }
    }
}

impl ServiceName {
    /// The name of one of its real servers.
    #[must_use]
    pub fn server(&self, address: SocketAddr) -> ServerName {
        match self {
            ServiceName::Socket(protocol, _) => ServerName(Some(*protocol), address),
            ServiceName::Group { protocol, .. } => ServerName(*protocol, address),
            ServiceName::Fwmark(..) => ServerName(None, address),
        }
    }

    fn identity(&self) -> Identity<'_> {
        match self {
            ServiceName::Socket(protocol, address) => Identity::Socket(*protocol, *address),
            ServiceName::Fwmark(family, mark) => Identity::Fwmark(*family, *mark),
            ServiceName::Group { name, protocol, .. } => Identity::Group(name, *protocol),
        }
    }
}

/// What makes a service the same. Not how many others of its group come before it: that changes with them.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    Socket(Protocol, SocketAddr),
    Fwmark(Family, NonZeroU32),
    Group(&'a str, Option<Protocol>),
}

impl PartialEq for ServiceName {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ServiceName {}

impl Hash for ServiceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

/// What makes one place of a service differ from another: all places of one kind have the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlaceKind {
    family: Family,
    /// 0 for a mark, as for every port of an address.
    port: u16,
}

impl PlaceKind {
    pub fn of(place: &ServiceKey) -> PlaceKind {
        PlaceKind {
            family: place.family(),
            port: match place {
                ServiceKey::Socket(_, address) => address.port(),
                ServiceKey::Fwmark(..) => 0,
            },
        }
    }

    /// Where a real server is in such a place. The port of one that is masqueraded is its own, 0 being the client's;
    /// all others get the packet as it was.
    pub fn address(&self, address: SocketAddr, forwarding: Forwarding) -> SocketAddr {
        match forwarding {
            Forwarding::Masquerade => address,
            _ => SocketAddr::new(address.ip(), self.port),
        }
    }

    /// What is asked of a service in such a place. A netmask of the other family means nothing there.
    pub fn spec(&self, spec: &ServiceSpec) -> ServiceSpec {
        let mut spec = spec.clone();
        if let Some(persistence) = &mut spec.persistence
            && persistence.netmask.family() != self.family
        {
            persistence.netmask = Netmask::host(self.family);
        }
        spec
    }
}

/// Where a real server is in a place of its service in the kernel.
#[must_use]
pub fn placed(place: &ServiceKey, address: SocketAddr, forwarding: Forwarding) -> SocketAddr {
    PlaceKind::of(place).address(address, forwarding)
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
        let protocol = protocol.map_or("none", protocol_name);
        write!(f, "[{}]:{protocol}:{}", address.ip(), address.port())
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceName::Socket(protocol, address) => ServerName(Some(*protocol), *address).fmt(f),
            ServiceName::Fwmark(_, mark) => write!(f, "FWM {mark}"),
            ServiceName::Group { name, nth, .. } => write!(f, "[{name}]:{nth}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ipvs_netlink::Scheduler;

    use super::*;

    /// A service of a group without servers and places.
    pub(crate) fn service(group: &str) -> WantedService {
        WantedService {
            name: ServiceName::Group {
                name: group.into(),
                nth: 0,
                protocol: Some(Protocol::Tcp),
            },
            places: Vec::new(),
            marked: Vec::new(),
            spec: ServiceSpec::new(Scheduler::RR),
            servers: Vec::new(),
            quorum: 1,
            hysteresis: 0,
            sorry: None,
            scripts: Scripts::default(),
            omega: false,
            init_notifies: false,
            ha_suspend: false,
        }
    }

    // As keepalived 2.2.7 logs them.
    #[test]
    fn services_are_named_as_in_keepalived() {
        let address = "10.0.0.1:80".parse().unwrap();
        let web = ServiceName::Socket(Protocol::Tcp, address);
        assert_eq!(web.to_string(), "[10.0.0.1]:tcp:80");
        let mark = ServiceName::Fwmark(Family::Inet6, NonZeroU32::MIN);
        assert_eq!(mark.to_string(), "FWM 1");
        assert_eq!(mark.server(address).to_string(), "[10.0.0.1]:none:80");
        let group = ServiceName::Group {
            name: "web".into(),
            nth: 1,
            protocol: Some(Protocol::Udp),
        };
        assert_eq!(group.to_string(), "[web]:1");
        assert_eq!(group.server(address).to_string(), "[10.0.0.1]:udp:80");
    }
}
