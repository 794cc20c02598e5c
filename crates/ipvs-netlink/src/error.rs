//! What can go wrong, and what to make of it. No other file knows what an errno means.

use std::io;

use netlink_packet_core::DecodeError;
use nix::errno::Errno;

use crate::operation::Operation;
use crate::repr::Family;

/// Why talking to the kernel's IPVS failed.
#[derive(Debug, thiserror::Error)]
pub enum IpvsError {
    /// The kernel has no IPVS.
    #[error("the kernel has no IPVS (load it: modprobe ip_vs)")]
    NoIpvs,
    /// The process may not change IPVS.
    #[error("not permitted to use IPVS (it needs CAP_NET_ADMIN in this network namespace)")]
    NotPermitted,
    /// The kernel refused one operation.
    #[error("cannot {operation}: {}", explain(operation, *errno, message.as_deref()))]
    Refused {
        /// What was refused.
        operation: Box<Operation>,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's reason in words, where it gives one.
        message: Option<String>,
    },
    /// The kernel refused a question or a setting that is no table operation.
    #[error("cannot {act}: {errno}")]
    Failed {
        /// What was asked.
        act: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The kernel did not say whether it did what was asked.
    #[error("cannot tell whether the kernel did this: {act}")]
    Unanswered {
        /// What was asked.
        act: &'static str,
    },
    /// The operation contradicts itself; it was not sent.
    #[error("cannot {operation}: {reason}")]
    Invalid {
        /// What was asked.
        operation: Box<Operation>,
        /// What is wrong.
        reason: &'static str,
    },
    /// The netlink socket failed.
    #[error("cannot {act}: {source}")]
    Socket {
        /// What was being done.
        act: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel sent something that cannot be understood.
    #[error("cannot understand the kernel's answer to `{act}`: {source}")]
    Malformed {
        /// What was asked.
        act: &'static str,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// The table kept changing while it was read.
    #[error("the IPVS table kept changing while it was read, {attempts} times")]
    DumpInterrupted {
        /// How often it was tried.
        attempts: u32,
    },
}

impl IpvsError {
    /// Whether the process lacks the right to do this.
    pub fn is_permission(&self) -> bool {
        match self {
            IpvsError::NotPermitted => true,
            IpvsError::Refused { errno, .. } | IpvsError::Failed { errno, .. } => {
                matches!(errno, Errno::EPERM | Errno::EACCES)
            }
            _ => false,
        }
    }
}

/// What to make of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The kernel is already as asked.
    Done,
    /// The same end by this operation.
    Retry(Operation),
    /// Nothing to be done here.
    Report,
}

/// The one table from (operation, errno) to what to make of it. The errnos are those of a
/// 6.1 kernel, seen in `tests/live/`.
pub(crate) fn verdict(operation: &Operation, errno: Errno) -> Verdict {
    use Operation::*;
    match (operation, errno) {
        (AddService(key, spec), Errno::EEXIST) => Verdict::Retry(SetService(*key, spec.clone())),
        (SetService(key, spec), Errno::ESRCH) => Verdict::Retry(AddService(*key, spec.clone())),
        (DeleteService(_), Errno::ESRCH | Errno::ENOENT) => Verdict::Done,
        (AddDestination(key, address, spec), Errno::EEXIST) => {
            Verdict::Retry(SetDestination(*key, *address, spec.clone()))
        }
        (SetDestination(key, address, spec), Errno::ENOENT) => {
            Verdict::Retry(AddDestination(*key, *address, spec.clone()))
        }
        // No such service: it may be about to be made by a retry of the same batch.
        (AddDestination(key, address, spec) | SetDestination(key, address, spec), Errno::ESRCH) => {
            Verdict::Retry(AddDestination(*key, *address, spec.clone()))
        }
        (DeleteDestination(..), Errno::ESRCH | Errno::ENOENT) => Verdict::Done,
        _ => Verdict::Report,
    }
}

fn explain(operation: &Operation, errno: Errno, message: Option<&str>) -> String {
    use Operation::*;
    let remedy = match (operation, errno) {
        (AddService(_, spec) | SetService(_, spec), Errno::ENOENT) => {
            let scheduler = &spec.scheduler;
            let engine = spec.persistence.as_ref().and_then(|p| p.engine.as_ref());
            Some(match engine {
                None => format!(
                    "the kernel has no scheduler `{scheduler}` (load it: modprobe ip_vs_{scheduler})"
                ),
                Some(engine) => format!(
                    "the kernel has no scheduler `{scheduler}` or no persistence engine `{engine}` \
                     (load them: modprobe -a ip_vs_{scheduler} ip_vs_pe_{engine})"
                ),
            })
        }
        (AddDestination(key, ..) | SetDestination(key, ..), Errno::ESRCH) => {
            Some(format!("there is no service {key}"))
        }
        (AddDestination(..) | SetDestination(..), Errno::ERANGE) => Some(
            "the lower threshold is above the upper one, or the weight above 2147483647".to_owned(),
        ),
        (AddDestination(key, address, _) | SetDestination(key, address, _), Errno::EINVAL) => {
            Some(if key.family() == Family::of(address) {
                // Seen: without any address in the namespace nothing is unicast.
                "its address is not unicast, or this network namespace has no address yet (is \
                 `lo` up?)"
                    .to_owned()
            } else {
                "an address of another family than the service's needs forwarding by tunnel, and \
                 no running synchronisation daemon"
                    .to_owned()
            })
        }
        (_, Errno::EPERM) => Some("not permitted (it needs CAP_NET_ADMIN)".to_owned()),
        _ => None,
    };
    let base = remedy.unwrap_or_else(|| errno.to_string());
    match message {
        None => base,
        Some(message) => format!("{base}: {message}"),
    }
}
