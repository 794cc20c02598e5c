//! What can change in a virtual server, for the log.

use std::sync::Arc;

use super::wanted::{ServerName, ServiceName};

/// Something that changed, for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A real server is checked from now on.
    Activating {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
    },
    /// A real server joins the pool (or is given its weight back).
    ServerUp {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stayed in the table with weight 0 until now.
        inhibited: bool,
    },
    /// A real server leaves the pool (or is set to weight 0).
    ServerDown {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stays in the table with weight 0.
        inhibited: bool,
    },
    /// The weight of a real server follows its check.
    Weight {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// The weight until now.
        from: u32,
        /// The weight from now on.
        to: u32,
        /// Whether it is alive.
        active: bool,
    },
    /// A group has a place more or less than before the reload.
    Place {
        /// The place, by the name that it would have alone.
        place: ServiceName,
        /// So many others as well.
        more: usize,
        /// The group.
        group: Arc<str>,
        /// Whether it is new.
        added: bool,
    },
    /// Enough weight is alive again.
    QuorumGained {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// On top of it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// Too little weight is alive.
    QuorumLost {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The service starts without a quorum.
    QuorumDownAtStart {
        /// Where.
        service: ServiceName,
    },
    /// The sorry server takes over, or steps back.
    Sorry {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// Whether it serves now.
        serves: bool,
        /// Whether only its weight changes.
        inhibited: bool,
    },
}
