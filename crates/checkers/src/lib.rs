//! Health checks of real servers: what to try, what was seen, and what follows from it.
//!
//! A [`Check`] says what to try and when; a probe makes one attempt and gives an [`Outcome`] with its
//! evidence; a [`Verdict`] turns outcomes into "up" and "down"; the [`Runner`] does all that over tokio and
//! sends a [`Report`] for each attempt that tells something new.
//!
//! Must not know: the configuration's language, IPVS, weights, quorums, VRRP, the log. `agenda`,
//! `verdict` and `schedule` know no clock, socket or random source either.
//!
//! Enter at [`Runner::configure`]; for one attempt at [`probe::attempt`]; for the digest of a page at [`genhash::run`].
//!
//! Tests: beside `verdict`, `schedule`, `memory`, `genhash`, `probe::response`, `probe::reply` and `probe::query`; probes against small servers in `tests/`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions
    )
)]

pub mod command;
pub mod genhash;
pub mod outcome;
pub mod probe;
pub mod runner;
pub mod schedule;
pub mod spec;
pub mod verdict;

mod agenda;
mod alarm;
mod datagrams;
mod descriptors;
mod dial;
mod ephemeral;
mod memory;
mod tls;

pub use alarm::{Alarm, RuntimeTimer};
pub use memory::Seen;
pub use outcome::{
    DatagramFailure, Evidence, Failure, Health, Outcome, Report, SmtpFailure, SmtpFault, SmtpStep,
    Stray,
};
pub use runner::{Runner, Sight};
pub use spec::{
    Check, CheckId, Dial, Digest, DnsProbe, HttpProbe, HttpVersion, MiscProbe, PagePattern, Probe,
    ReplyByte, SmtpProbe, Timing, UdpProbe, UdpReply, Url,
};
pub use tls::{TlsClient, TlsFiles};
pub use verdict::{Next, Step, Verdict};
