//! Virtual servers: what the health checks' verdicts make of them.
//!
//! What this is: [`wanted`] is what the configuration asks for, [`server`] one real server as it stands (alive or not),
//! [`weight`] what it weighs, [`live`] one virtual server (quorum, sorry server) and `reload` what becomes of it with a
//! new configuration, [`pool`] all of them and the IPVS table they follow to, [`change`] what is logged and told;
//! [`settings`] is what is asked of IPVS as a whole, [`timeouts`] and [`sync`] bring the kernel to it; [`marks`]
//! stand for the addresses of groups, and [`ruleset`] gives them to packets; [`driver`] is the
//! loop's hands, [`thread`] is where the checks run.
//!
//! What it must not know (all but [`driver`] and [`thread`]): clock, sockets, the kernel, the log.
//!
//! Tests: beside [`pool`]; the kernel's view in the lab's stories.

pub mod change;
pub mod driver;
pub mod live;
pub mod marks;
pub mod operator;
pub mod pool;
mod reload;
pub mod ruleset;
pub mod server;
pub mod settings;
pub mod sync;
pub mod thread;
pub mod timeouts;
pub mod wanted;
pub mod weight;
