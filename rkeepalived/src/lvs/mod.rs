//! Virtual servers: what the health checks' verdicts make of them.
//!
//! What this is: [`wanted`] is what the configuration asks for, `live` one virtual server as it stands (who is
//! alive, weights, quorum), [`pool`] all of them and the IPVS table they follow to, [`change`] what is logged,
//! [`driver`] the loop's hands, [`thread`] where the checks run.
//!
//! What it must not know (all but [`driver`] and [`thread`]): clock, sockets, the kernel, the log.
//!
//! Tests: beside [`pool`]; the kernel's view in the lab's stories.

pub mod change;
pub mod driver;
mod live;
pub mod pool;
pub mod thread;
pub mod wanted;
