//! Virtual servers: what the health checks' verdicts make of them.
//!
//! What this is: [`wanted`] is what the configuration asks for, `live` one virtual server as it stands (who is
//! alive, weights, quorum), [`pool`] all of them and the IPVS table they follow to, [`change`] what is logged;
//! [`settings`] is what is asked of IPVS as a whole, [`timeouts`] and [`sync`] bring the kernel to it; [`driver`] is the
//! loop's hands, [`thread`] is where the checks run.
//!
//! What it must not know (all but [`driver`] and [`thread`]): clock, sockets, the kernel, the log.
//!
//! Tests: beside [`pool`]; the kernel's view in the lab's stories.

pub mod change;
pub mod driver;
mod live;
pub mod pool;
pub mod settings;
pub mod sync;
pub mod thread;
pub mod timeouts;
pub mod wanted;
