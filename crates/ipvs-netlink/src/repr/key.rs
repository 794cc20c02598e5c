//! What names a virtual service in the kernel.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use crate::uapi;

/// Address family of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// The family of a socket address.
    pub fn of(address: &SocketAddr) -> Family {
        if address.is_ipv4() {
            Family::Inet
        } else {
            Family::Inet6
        }
    }

    pub(crate) fn number(self) -> u16 {
        match self {
            Family::Inet => uapi::AF_INET,
            Family::Inet6 => uapi::AF_INET6,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Family> {
        match number {
            uapi::AF_INET => Some(Family::Inet),
            uapi::AF_INET6 => Some(Family::Inet6),
            _ => None,
        }
    }
}

/// Transport protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    pub(crate) fn number(self) -> u16 {
        match self {
            Protocol::Tcp => uapi::IPPROTO_TCP,
            Protocol::Udp => uapi::IPPROTO_UDP,
            Protocol::Sctp => uapi::IPPROTO_SCTP,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Protocol> {
        match number {
            uapi::IPPROTO_TCP => Some(Protocol::Tcp),
            uapi::IPPROTO_UDP => Some(Protocol::Udp),
            uapi::IPPROTO_SCTP => Some(Protocol::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        })
    }
}

/// The identity of a virtual service.
///
/// An IPv6 address is without scope and flow label: IPVS has neither, so a key
/// that carries one never equals what the kernel reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKey {
    /// A protocol, address and port. Port 0 means every port (the kernel wants
    /// persistence then).
    Socket(Protocol, SocketAddr),
    /// A firewall mark. The same mark may serve both families: those are two services.
    Fwmark(Family, NonZeroU32),
}

impl ServiceKey {
    /// The address family of the service.
    pub fn family(&self) -> Family {
        match self {
            ServiceKey::Socket(_, address) => Family::of(address),
            ServiceKey::Fwmark(family, _) => *family,
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceKey::Socket(protocol, address) => write!(f, "{protocol} {address}"),
            ServiceKey::Fwmark(Family::Inet, mark) => write!(f, "FWM {mark}"),
            ServiceKey::Fwmark(Family::Inet6, mark) => write!(f, "FWM {mark} IPv6"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    // The left columns of `ipvsadm -Ln`.
    #[test]
    fn prints_in_the_manner_of_ipvsadm() {
        let v4 = ServiceKey::Socket(Protocol::Tcp, socket("10.0.0.1:80"));
        assert_eq!(v4.to_string(), "TCP 10.0.0.1:80");
        let v6 = ServiceKey::Socket(Protocol::Sctp, socket("[2001:db8::1]:80"));
        assert_eq!(v6.to_string(), "SCTP [2001:db8::1]:80");
        let mark = NonZeroU32::new(1).unwrap();
        assert_eq!(ServiceKey::Fwmark(Family::Inet, mark).to_string(), "FWM 1");
        assert_eq!(
            ServiceKey::Fwmark(Family::Inet6, mark).to_string(),
            "FWM 1 IPv6"
        );
    }

    #[test]
    fn family_follows_the_address() {
        let v6 = ServiceKey::Socket(Protocol::Udp, socket("[::1]:53"));
        assert_eq!(v6.family(), Family::Inet6);
    }
}
