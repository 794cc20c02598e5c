//! BFD without I/O: packets, instants and a random number go in, packets to send and changes of state come out.
//!
//! Asynchronous mode of RFC 5880 over IPv4 and IPv6, one hop (RFC 5881) or several (RFC 5883), active or passive; what a
//! neighbour in demand mode is owed. Not offered, as in keepalived: authentication, the echo function, our own demand mode.
//!
//! It must not know sockets, clocks, logs, random sources, or what hangs on a session. Enter at [`Sessions`]: tell it what
//! to run with [`Sessions::configure`], hand it every packet, and [`Sessions::timer`] when [`Sessions::deadline`] has come.
//!
//! Tests: in each file, with literals from the RFCs and from captures; `tests/properties.rs` (any bytes, any events);
//! `tests/simulation.rs` (two systems on a lossy path on virtual time).

mod config;
mod diagnostic;
mod notice;
mod reject;
mod session;
mod sessions;
mod state;
mod time;
mod timing;
mod view;
pub mod wire;

pub use config::{Config, Discriminator, Name};
pub use diagnostic::Diagnostic;
pub use notice::{Notice, Parameters};
pub use reject::Reject;
pub use sessions::{Action, Packet, Sessions};
pub use state::State;
pub use time::{Micros, Time};
pub use timing::Chance;
pub use view::SessionView;
