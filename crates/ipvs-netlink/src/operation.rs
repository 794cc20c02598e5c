//! One change to the kernel's table.

use std::fmt;
use std::net::SocketAddr;

use crate::repr::{DestinationSpec, Persistence, ServiceFlags, ServiceKey, ServiceSpec};

/// One change to the kernel's table. Prints as one line for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make a virtual service without destinations.
    AddService(ServiceKey, ServiceSpec),
    /// Change a virtual service; its connections and destinations live on.
    SetService(ServiceKey, ServiceSpec),
    /// Remove a virtual service and with it its destinations.
    DeleteService(ServiceKey),
    /// Give a service a destination.
    AddDestination(ServiceKey, SocketAddr, DestinationSpec),
    /// Change a destination; its connections live on.
    SetDestination(ServiceKey, SocketAddr, DestinationSpec),
    /// Take a destination from a service.
    DeleteDestination(ServiceKey, SocketAddr),
    /// Remove every service.
    Flush,
}

struct ServiceLine<'a>(&'a ServiceSpec);

impl fmt::Display for ServiceLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceSpec {
            scheduler,
            flags,
            persistence,
        } = self.0;
        write!(f, "scheduler {scheduler}")?;
        let ServiceFlags {
            one_packet,
            sched_1,
            sched_2,
            sched_3,
        } = *flags;
        for (on, text) in [
            (one_packet, "one-packet"),
            (sched_1, "flag-1"),
            (sched_2, "flag-2"),
            (sched_3, "flag-3"),
        ] {
            if on {
                write!(f, " {text}")?;
            }
        }
        if let Some(Persistence {
            timeout,
            netmask,
            engine,
        }) = persistence
        {
            write!(f, " persistent {timeout} s netmask {netmask}")?;
            if let Some(engine) = engine {
                write!(f, " engine {engine}")?;
            }
        }
        Ok(())
    }
}

struct DestinationLine<'a>(&'a DestinationSpec);

impl fmt::Display for DestinationLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DestinationSpec {
            forwarding,
            weight,
            upper_threshold,
            lower_threshold,
        } = self.0;
        write!(f, "{forwarding} weight {weight}")?;
        if *upper_threshold != 0 || *lower_threshold != 0 {
            write!(f, " thresholds {upper_threshold}/{lower_threshold}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::AddService(key, spec) => {
                write!(f, "add service {key}: {}", ServiceLine(spec))
            }
            Operation::SetService(key, spec) => {
                write!(f, "change service {key}: {}", ServiceLine(spec))
            }
            Operation::DeleteService(key) => {
                write!(f, "delete service {key} and its destinations")
            }
            Operation::AddDestination(key, address, spec) => {
                let line = DestinationLine(spec);
                write!(f, "add destination {address} to {key}: {line}")
            }
            Operation::SetDestination(key, address, spec) => {
                let line = DestinationLine(spec);
                write!(f, "change destination {address} of {key}: {line}")
            }
            Operation::DeleteDestination(key, address) => {
                write!(f, "delete destination {address} of {key}")
            }
            Operation::Flush => f.write_str("delete every service"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repr::{Forwarding, Netmask, PersistenceEngine, Protocol, Scheduler};
    use std::net::Ipv4Addr;

    #[test]
    fn prints_one_line() {
        let key = ServiceKey::Socket(Protocol::Udp, "10.0.0.1:5060".parse().unwrap());
        let spec = ServiceSpec {
            scheduler: Scheduler::RR,
            flags: ServiceFlags {
                one_packet: true,
                ..ServiceFlags::default()
            },
            persistence: Some(Persistence {
                timeout: 30,
                netmask: Netmask::V4(Ipv4Addr::new(255, 255, 255, 0)),
                engine: Some(PersistenceEngine::SIP),
            }),
        };
        assert_eq!(
            Operation::AddService(key, spec).to_string(),
            "add service UDP 10.0.0.1:5060: scheduler rr one-packet persistent 30 s netmask \
             255.255.255.0 engine sip"
        );
        let destination = DestinationSpec {
            upper_threshold: 9,
            ..DestinationSpec::new(Forwarding::DirectRoute, 3)
        };
        let address = "10.0.0.9:5060".parse().unwrap();
        assert_eq!(
            Operation::SetDestination(key, address, destination).to_string(),
            "change destination 10.0.0.9:5060 of UDP 10.0.0.1:5060: Route weight 3 thresholds 9/0"
        );
    }
}
