//! What the stories of the lab are made of: hosts in network namespaces, web servers, a client, the director daemons
//! (ours and Debian's keepalived), and instruments that watch the kernel from outside.
//!
//! It must not know any crate of the product: what is measured here is measured with the kernel's own words, so that
//! a mistake in the product cannot hide itself. Enter at [`stage::Stage`] (the hosts) and [`daemon::Daemon`] (the
//! program under test). Unit tests are beside the code; everything else is tested by the stories in `lab/`,
//! `compat/` and `interop/`, which use it on both daemons.

pub mod advert;
pub mod answering;
pub mod capture;
pub mod client;
pub mod config;
pub mod daemon;
pub mod echo;
pub mod farm;
pub mod flood;
pub mod frames;
pub mod frr;
pub mod identity;
pub mod netns;
pub mod process;
pub mod ruleset;
pub mod server;
pub mod stage;
pub mod stall;
pub mod story;
pub mod table;
pub mod tap;
pub mod twins;
pub mod wait;
pub mod watch;
pub mod web;
