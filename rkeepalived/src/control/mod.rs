//! Steering the running daemon, and looking at it, over two sockets.
//!
//! What this is: [`protocol`] (lines of JSON, described in docs/control.md), [`place`] (where the sockets are, and whose),
//! [`server`] (the daemon's end) and [`client`] (the commands' end). What it must not know: what any question means; the
//! desk ([`crate::status::desk`]) answers.
//!
//! Enter at [`place::Sockets::open`] and [`client::Connection::open`]. Tests: beside each, and the stories `control/..`.

pub mod client;
pub mod place;
pub mod protocol;
pub mod server;
mod steer;
