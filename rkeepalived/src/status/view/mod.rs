//! What people and programs see of the daemon: one document of plain values.
//!
//! What this is: the types of `rkeepalived status --json`, of the page and of the metrics. What it must not know: how any
//! of it is found out ([`super::gather`]), where it is shown. A field may be added; one that is there keeps its
//! name and meaning, or [`Status::version`] counts up. Times are milliseconds since 1970, UTC; spans are milliseconds.
//!
//! Tests: in [`super::gather`] and [`super::table`].

mod bfd;
mod daemon;
mod lvs;
mod vrrp;

use serde::{Deserialize, Serialize};

pub use self::bfd::BfdView;
pub use self::daemon::{DaemonView, ReloadView};
pub use self::lvs::{
    AttemptView, CheckKind, CheckView, Counters, FailureView, FileView, OperatorView, ServerView,
    SorryView, VirtualServerView,
};
pub use self::vrrp::{
    AddressView, BucketView, InstanceState, InstanceView, LatenessView, PeerView, RejectView,
    StandingView, SyncGroupView, TrackView, VrrpCounters, VrrpView,
};

/// The version of this document.
pub const VERSION: u32 = 1;

/// The daemon and all that it looks after, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// When this was seen.
    pub at_ms: u64,
    /// The process.
    pub daemon: DaemonView,
    /// VRRP.
    pub vrrp: VrrpView,
    /// BFD sessions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bfd: Vec<BfdView>,
    /// The virtual servers, in the order of the file.
    pub virtual_servers: Vec<VirtualServerView>,
    /// Why connections, counters and rates are missing, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_error: Option<String>,
}
