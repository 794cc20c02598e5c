//! VRRP without I/O: bytes, events and instants go in, ordered actions come out.
//!
//! It must not know sockets, clocks, logs, files, random numbers, or who performs its actions. Enter at [`Router`]: tell
//! it what to run with [`Router::configure`], then hand it every [`Event`], and [`Event::Timer`] when [`Router::deadline`]
//! has come. The driver should turn off multicast loopback on its sockets: an advert from our own address is taken for
//! another host's that has our address.
//!
//! Version 2 over IPv4 (RFC 3768) and version 3 over IPv4 and IPv6 (RFC 9568), by multicast or to peers, with keepalived's
//! habits where they differ from the RFCs. Tests: in each file, with
//! literals from captures; `tests/router.rs`, `groups.rs` and `rejects.rs` (stories), `properties.rs` (any bytes, any events); `tests/simulation.rs` (several
//! routers on a lossy segment on virtual time).

mod action;
mod config;
mod event;
mod group;
mod id;
mod machine;
mod notice;
mod reject;
mod restraint;
mod router;
mod stats;
mod sync;
mod time;
mod track;
mod view;
pub mod wire;

pub use action::{Action, Actions, NotifyState, Subject};
pub use config::{
    Announcing, AntiReplay, Auth, AuthHmac, Config, GroupConfig, HmacKey, HmacMode, InitialState,
    InstanceConfig, MULTICAST_GROUP, Peer, Transport, Unicast, UnicastChecksum, Version,
};
pub use event::{Event, Interface};
pub use id::{Name, Priority, Vrid};
pub use machine::handover::HandoverRefusal;
pub use machine::timing::{master_down, skew};
pub use notice::{GroupState, Level, Notice};
pub use reject::{Reject, RejectKind};
pub use router::{Clocks, Router};
pub use stats::{MAX_PEERS, PeerSeen, Stats};
pub use time::{Centis, Micros, Time};
pub use track::{Standing, Tracked, TrackerId};
pub use view::{InstanceView, StateView};
pub use wire::v3::Family;
