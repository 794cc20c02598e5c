//! IPVS, the kernel's layer 4 balancer, over generic netlink.
//!
//! A [`Table`] is what the kernel has ([`Client::dump`]) or what it shall have; [`diff`] gives
//! the operations that lead from one to the other; [`Client::apply`] performs them, many to
//! one system call.
//!
//! Must not know: keepalived's configuration, checkers, logging, async. Everything but
//! `client` is free of I/O. Only `uapi` spells the kernel's numbers, only `error` knows what
//! an errno means.
//!
//! Enter at [`Client`] and [`diff`]. Tests: in each file, `captured.rs` here and in `tests/`
//! (bytes that ipvsadm and a kernel exchanged), and `tests/live/` (a real kernel).

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod attr;
#[cfg(all(test, target_endian = "little"))]
mod captured;
pub mod client;
pub mod error;
pub mod message;
pub mod operation;
pub mod repr;
#[cfg(test)]
mod sample;
pub mod table;
pub mod uapi;

pub use client::{Applied, Client, Failure};
pub use error::IpvsError;
pub use operation::Operation;
pub use repr::{
    Daemon, DaemonState, DestinationSpec, DestinationView, Family, Forwarding, Info, InvalidName,
    Netmask, Persistence, PersistenceEngine, Protocol, Scheduler, ServiceFlags, ServiceKey,
    ServiceSpec, ServiceView, Snapshot, Stats, Timeouts, TunnelChecksum, TunnelKind, Version,
};
pub use table::{Destinations, Service, Table, diff, differences};
