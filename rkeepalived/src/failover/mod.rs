//! The failover thread: VRRP with its sockets and timers, and nothing else to wait for.
//!
//! What this is: [`driver`] performs what the pure router decides, through the [`Network`](crate::kernel::Network)
//! door, [`neighbours`] what the BFD sessions decide; `thread` is the loop that feeds it packets, link changes, timers and
//! commands, which come through [`handle`]; [`outlet`] tells the main loop what changed. What it takes to perform that is decided in pure files: `devices`
//! (links of our own), `debounce` (changes that must last), `announcer` (the pace of gratuitous ARPs), `groups` (rules for
//! reports of multicast groups), `raise` (the priority of a thread that is late).
//!
//! What it must not know: checkers, IPVS, scripts, files. It never waits for disk, DNS or the log.
//!
//! Tests: beside [`driver`], on the fake network; the wire and the addresses in the lab's stories.

mod announcer;
pub(crate) mod assignment;
mod debounce;
mod devices;
pub mod driver;
pub mod firewall;
mod groups;
pub mod handle;
pub mod lateness;
pub mod neighbours;
mod numbers;
pub mod outlet;
mod packets;
mod place;
mod raise;
mod routing;
mod rules;
mod seldom;
mod thread;

use std::time::Duration;

/// How long a stop waits for rules of nftables.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(5);
