//! BFD sessions.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A BFD session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdView {
    /// Its name.
    pub name: String,
    /// The other end.
    pub neighbour: IpAddr,
    /// Our end, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// `AdminDown`, `Down`, `Init` or `Up` (RFC 5880 4.1).
    pub state: String,
    /// Why it was last down.
    pub diagnostic: String,
    /// The neighbour's state, as far as it is heard.
    pub remote_state: String,
    /// The neighbour's reason.
    pub remote_diagnostic: String,
    /// From one of our packets to the next, in microseconds; 0 while there are none.
    pub transmit_interval_us: u64,
    /// After this without a packet it is down, in microseconds; 0 while nothing is heard.
    pub detection_time_us: u64,
    /// When the last good packet came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at_ms: Option<u64>,
    /// Packets sent.
    pub sent: u64,
    /// Good packets received.
    pub received: u64,
    /// How often it came up.
    pub ups: u64,
    /// How often it went down from being up.
    pub downs: u64,
}

impl BfdView {
    /// Whether packets go both ways.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == "Up"
    }
}
