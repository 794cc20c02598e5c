//! Virtual servers, their real servers and the checks.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a service or a server did and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections so far.
    pub connections: u64,
    /// Packets from clients so far.
    pub packets_in: u64,
    /// Packets to clients so far (seen with NAT only).
    pub packets_out: u64,
    /// Bytes from clients so far.
    pub bytes_in: u64,
    /// Bytes to clients so far (seen with NAT only).
    pub bytes_out: u64,
    /// Connections a second.
    pub cps: u64,
    /// Packets from clients a second.
    pub pps_in: u64,
    /// Packets to clients a second.
    pub pps_out: u64,
    /// Bytes from clients a second.
    pub bps_in: u64,
    /// Bytes to clients a second.
    pub bps_out: u64,
}

/// A virtual server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VirtualServerView {
    /// Its name in the log: `[172.16.1.1]:tcp:80`, `FWM 1`, `[web]:0`.
    pub name: String,
    /// Where it is in the kernel: `TCP 172.16.1.1:80`, `FWM 1`; of a group each place.
    pub places: Vec<String>,
    /// `tcp`, `udp` or `sctp`; none of a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// How clients are spread.
    pub scheduler: String,
    /// Seconds that a client stays with its server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence_s: Option<u32>,
    /// What has to live, as a sum of weights.
    pub quorum: u32,
    /// Around it.
    pub hysteresis: u32,
    /// Whether enough lives.
    pub has_quorum: bool,
    /// What lives, as a sum of weights.
    pub living_weight: u64,
    /// Its checks rest, since none of its addresses is on this host.
    pub suspended: bool,
    /// Who answers while the quorum is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sorry: Option<SorryView>,
    /// What it did, in all its places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Its real servers, in the order of the file.
    pub servers: Vec<ServerView>,
}

/// A sorry server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SorryView {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it answers now.
    pub serves: bool,
}

/// A real server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerView {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it may have clients.
    pub up: bool,
    /// Its weight in the kernel; none while it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The configured weight.
    pub configured_weight: u32,
    /// The weight that configuration and checkers give.
    pub effective_weight: u32,
    /// `NAT`, `DR` or `TUN`.
    pub forwarding: String,
    /// What an operator asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorView>,
    /// How often it came up.
    pub ups: u64,
    /// How often it went down.
    pub downs: u64,
    /// Connections now established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_connections: Option<u64>,
    /// Connections now in other states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactive_connections: Option<u64>,
    /// Clients now bound to it by persistence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_connections: Option<u64>,
    /// What it did, in all places of its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Its checks, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// The files that count for its weight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileView>,
}

/// What an operator asked for, until `enable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorView {
    /// No new clients; those that it has stay.
    Drained,
    /// Out of the pool.
    Disabled,
    /// This weight.
    Weight(u32),
}

/// A file whose number counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// Its `track_file`.
    pub name: String,
    /// The number.
    pub number: i32,
}

/// What kind of check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "they are the configuration's words")]
pub enum CheckKind {
    TcpCheck,
    HttpGet,
    SslGet,
    MiscCheck,
    SmtpCheck,
    DnsCheck,
    UdpCheck,
    PingCheck,
}

impl CheckKind {
    /// As in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CheckKind::TcpCheck => "TCP_CHECK",
            CheckKind::HttpGet => "HTTP_GET",
            CheckKind::SslGet => "SSL_GET",
            CheckKind::MiscCheck => "MISC_CHECK",
            CheckKind::SmtpCheck => "SMTP_CHECK",
            CheckKind::DnsCheck => "DNS_CHECK",
            CheckKind::UdpCheck => "UDP_CHECK",
            CheckKind::PingCheck => "PING_CHECK",
        }
    }
}

/// A check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// What kind.
    pub kind: CheckKind,
    /// What it holds of its server.
    pub up: bool,
    /// Since when; the start where it has not changed its mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// How often it came to hold its server for up.
    pub ups: u64,
    /// How often for down.
    pub downs: u64,
    /// The weight that it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic_weight: Option<u8>,
    /// Its last attempts, the newest last: `+` for a success, `-` for a failure; 32 at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recent: String,
    /// Its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AttemptView>,
    /// Its last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureView>,
    /// How long until the next attempt; none while one is under way, or the check rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_in_ms: Option<u64>,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// When it was over.
    pub at_ms: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Whether all was as wanted.
    pub ok: bool,
    /// What was seen: `connected`, `status 503, wanted 200-299`.
    pub seen: String,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// When it was seen.
    pub at_ms: u64,
    /// What was seen.
    pub seen: String,
}
