//! rkeepalived: an IPVS director that reads `keepalived.conf`.
//!
//! What this is: the daemon, as a library so that its rooms can be tested; `main.rs` only calls [`boot::main`].
//!
//! Rooms: [`cli`] and [`boot`] (the process), [`config`] and [`plan`] (what is wanted), [`lvs`] and
//! [`failover`] (the two drivers), [`kernel`] (the one door), [`daemon`] (the main loop), [`journal`]
//! (every log line), [`control`] (the sockets), [`status`] (what people may look at), [`command`] (`check` and `fmt`), [`genhash`] (the
//! helper).

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

pub mod boot;
pub mod cli;
pub mod command;
pub mod config;
pub mod control;
pub mod daemon;
pub mod doctor;
pub mod exit;
pub mod failover;
pub mod genhash;
pub mod home;
pub mod journal;
pub mod kernel;
pub mod lvs;
mod namespace;
pub mod notify;
pub mod pidfile;
pub mod plan;
pub mod script;
mod services;
pub mod status;
pub mod track;
pub mod watch;
mod watchdog;

/// First words of `-v`, which scripts parse: the version of keepalived that this stands in for, then ours.
pub const VERSION: &str = concat!(
    "Keepalived v2.4.3 (rkeepalived ",
    env!("CARGO_PKG_VERSION"),
    ")"
);
