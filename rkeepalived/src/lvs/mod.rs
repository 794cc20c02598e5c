//! Virtual servers: what the health checks' verdicts make of them.
//!
//! What this is: [`wanted`] is what the configuration asks for, [`pool`] the pure state of every virtual
//! server (who is alive, weights, quorum) and the IPVS table it follows to, [`driver`] the loop's hands.
//!
//! What it must not know ([`pool`], [`wanted`]): clock, sockets, the kernel, the log.
//!
//! Tests: beside [`pool`]; the kernel's view in the lab's stories.

pub mod driver;
pub mod pool;
pub mod wanted;
