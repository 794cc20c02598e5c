//! VRRP: instances, groups, what they depend on, and whom they hear.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// VRRP.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VrrpView {
    /// The instances, in the order of the file.
    pub instances: Vec<InstanceView>,
    /// The sync groups, in the order of the file.
    pub sync_groups: Vec<SyncGroupView>,
    /// What is tracked, by kind and name.
    pub trackers: Vec<TrackView>,
    /// How late the failover thread's timers are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<LatenessView>,
}

/// A state, in VRRP's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InstanceState {
    /// Not taking part yet: what it tracks is not known.
    Init,
    /// Waiting.
    Backup,
    /// Holding the addresses.
    Master,
    /// Unable to take part.
    Fault,
}

impl InstanceState {
    /// As the log has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InstanceState::Init => "INIT",
            InstanceState::Backup => "BACKUP",
            InstanceState::Master => "MASTER",
            InstanceState::Fault => "FAULT",
        }
    }
}

/// A VRRP instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// Its interface, or the VRF that it has instead; none of unicast adverts from an address that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Its virtual router id.
    pub vrid: u8,
    /// The version of VRRP that it speaks.
    pub vrrp_version: u8,
    /// Its state.
    pub state: InstanceState,
    /// Since when.
    pub since_ms: u64,
    /// The configured priority.
    pub priority: u8,
    /// The priority that it competes with.
    pub effective_priority: u8,
    /// Between two adverts.
    pub advert_interval_ms: u64,
    /// It leaves mastership to others until it is told to take it back (`rkeepalived handover`).
    pub standing_back: bool,
    /// Its sync group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_group: Option<String>,
    /// What it puts on interfaces while it is master.
    pub addresses: Vec<AddressView>,
    /// The master that it believes in, while it is none itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IpAddr>,
    /// What it depends on, besides its interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<TrackView>,
    /// The routers that it heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerView>,
    /// Its counters.
    pub counters: VrrpCounters,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// The address.
    pub address: IpAddr,
    /// Its prefix.
    pub prefix_len: u8,
    /// The interface that it is put on.
    pub interface: String,
}

/// A router of the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Where its adverts come from.
    pub address: IpAddr,
    /// The priority in the last one; 0 means that it left.
    pub priority: u8,
    /// Adverts of it that were believed.
    pub adverts: u64,
    /// When the last one came.
    pub last_seen_ms: u64,
}

/// A sync group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncGroupView {
    /// Its name.
    pub name: String,
    /// The state of its members: the least able one's while they change.
    pub state: InstanceState,
    /// Its members.
    pub members: Vec<String>,
    /// What it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<TrackView>,
}

/// Something that an instance or a group depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackView {
    /// `interface`, `script`, `file`, `process` or `bfd`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub standing: StandingView,
    /// The number in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
    /// What the last run of a script came to: `exit status 1`, `timed out`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// What it does to the priority of whoever depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i16>,
    /// The other way round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverse: bool,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandingView {
    /// Nothing is known yet.
    Unknown,
    /// All is well.
    Up,
    /// It is not.
    Down,
    /// A number in a file.
    Number,
}

/// Counters of an instance, as in `keepalived.stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VrrpCounters {
    /// Adverts that were believed.
    pub adverts_received: u64,
    /// Adverts sent.
    pub adverts_sent: u64,
    /// Times it became master.
    pub became_master: u64,
    /// Times it stopped being master.
    pub released_master: u64,
    /// `Packet Errors: Length`.
    pub length_errors: u64,
    /// `Packet Errors: TTL`.
    pub ttl_errors: u64,
    /// `Packet Errors: Invalid Type`.
    pub type_errors: u64,
    /// `Packet Errors: Advertisement Interval`.
    pub interval_errors: u64,
    /// `Packet Errors: Address List`.
    pub address_list_errors: u64,
    /// `Authentication Errors: Invalid Type`.
    pub auth_type_errors: u64,
    /// `Authentication Errors: Type Mismatch`.
    pub auth_mismatch_errors: u64,
    /// `Authentication Errors: Failure`.
    pub auth_failures: u64,
    /// Adverts of priority 0 received.
    pub priority_zero_received: u64,
    /// Adverts of priority 0 sent.
    pub priority_zero_sent: u64,
    /// Packets that were dropped, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<RejectView>,
}

/// Packets that were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectView {
    /// Why.
    pub reason: String,
    /// From whom; all together without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// How many.
    pub count: u64,
}

/// How late the failover thread woke up for its timers, as a histogram since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatenessView {
    /// The buckets, each with all that was at most so late and later than the one before.
    pub buckets: Vec<BucketView>,
    /// All timers.
    pub count: u64,
    /// Their lateness together, in microseconds.
    pub sum_us: u64,
    /// The latest.
    pub worst_us: u64,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketView {
    /// The most that is in it, in microseconds; none is without bound.
    pub upto_us: Option<u64>,
    /// How many.
    pub count: u64,
}
