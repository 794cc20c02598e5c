//! A session, to look at.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Name;
use crate::diagnostic::Diagnostic;
use crate::state::State;
use crate::time::Time;

/// How a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its name.
    pub name: Name,
    /// The other end.
    pub neighbour: IpAddr,
    /// Our end, where it was said.
    pub source: Option<IpAddr>,
    /// Ours, and why it was last down.
    pub local: (State, Diagnostic),
    /// The neighbour's; while nothing is heard, as at the beginning.
    pub remote: (State, Diagnostic),
    /// Our discriminator.
    pub discriminator: u32,
    /// The neighbour's; 0 while it is not known.
    pub remote_discriminator: u32,
    /// From one of our packets to the next, without jitter; zero while there are none.
    pub transmit_interval: Duration,
    /// After this without a packet it is down; zero while nothing is heard.
    pub detection_time: Duration,
    /// When the last good packet came.
    pub heard_at: Option<Time>,
    /// Packets sent.
    pub sent: u64,
    /// Good packets received.
    pub received: u64,
    /// How often it came up.
    pub ups: u64,
    /// How often it went down from being up.
    pub downs: u64,
}
