//! The kernel's entries as values: identity (`Key`), what is asked (`Spec`) and what
//! happened (`Stats`) kept apart, so that a diff compares what is asked alone.
//!
//! Must not know: sockets, errno. Enter at [`ServiceKey`], [`ServiceSpec`],
//! [`DestinationSpec`]; `codec` turns them into attributes and back. Tests: in each file;
//! captured bytes in `tests/captured.rs`.

pub(crate) mod codec;
mod daemon;
mod key;
mod name;
mod snapshot;
mod spec;
mod stats;

pub use daemon::{Daemon, DaemonState, Info, Timeouts, Version};
pub use key::{Family, Protocol, ServiceKey};
pub use name::{InvalidName, PersistenceEngine, Scheduler};
pub use snapshot::{DestinationView, ServiceView, Snapshot};
pub use spec::{
    DestinationSpec, Forwarding, Netmask, Persistence, ServiceFlags, ServiceSpec, TunnelChecksum,
    TunnelKind,
};
pub use stats::Stats;
