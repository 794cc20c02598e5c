//! The process.

use serde::{Deserialize, Serialize};

/// The process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaemonView {
    /// What `-v` prints first.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_ms: u64,
    /// How long it has been running.
    pub uptime_ms: u64,
    /// The configuration file.
    pub config: String,
    /// `instance` of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The network namespace that it entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Reloads that were asked for.
    pub reloads: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reload: Option<ReloadView>,
    /// The number of the last event (`rkeepalived events`).
    pub last_event: u64,
    /// What is logged: `error`, `warning`, `info` or `detail`.
    pub log_level: String,
}

/// What became of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// When it was through.
    pub at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// Whether the new configuration is in force.
    pub done: bool,
    /// IPVS entries that changed.
    pub changed: usize,
    /// Operations that the kernel refused.
    pub refused: usize,
    /// Why it was abandoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
