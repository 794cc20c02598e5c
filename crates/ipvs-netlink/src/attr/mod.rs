//! Netlink attributes of IPVS, one enum a level, as the kernel nests them.
//!
//! Must not know: what the numbers mean together (that is `repr`). What we do not know survives
//! as `Other`. Enter at [`CommandAttr`] and [`InfoAttr`], the two top levels. Tests: properties
//! (emit then parse is identity; no bytes panic) in `message.rs`, captured bytes in
//! `tests/captured.rs`.

mod command;
mod daemon;
mod destination;
mod info;
mod service;
mod stats;
mod value;

pub use command::CommandAttr;
pub use daemon::DaemonAttr;
pub use destination::DestinationAttr;
pub use info::InfoAttr;
pub use service::{Flags, ServiceAttr};
pub use stats::{StatsAttr, StatsField};

pub(crate) use value::parse_list;
