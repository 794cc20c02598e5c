//! Probes: one file for each kind of check, one function each that makes one attempt.
//!
//! Must not know: verdicts, retries, the schedule.
//!
//! Enter at [`attempt`]. Tests: beside `request`, `response`, `reply`, `query` and `echo`; the rest against small servers in `tests/`.

pub mod http;
pub mod query;
pub mod reply;
pub mod request;
pub mod response;

mod dns;
mod echo;
mod misc;
mod page;
mod ping;
mod smtp;
mod stream;
mod tcp;
mod udp;

use crate::outcome::Outcome;
use crate::spec::Probe;

/// Makes one attempt of `probe`; `url` says which page, for one that has several. Ends by the probe's timeout,
/// a command's 2 s later at most. Dropping the future ends the attempt, and the command with its group.
pub async fn attempt(probe: &Probe, url: usize) -> Outcome {
    // Boxed, so that the many TCP checks do not carry the room that the others need.
    let result = match probe {
        Probe::Tcp(dial) => tcp::probe(dial).await,
        Probe::Http(http) => Box::pin(http::probe(http, url)).await,
        Probe::Misc(misc) => Box::pin(misc::probe(misc)).await,
        Probe::Smtp(smtp) => Box::pin(smtp::probe(smtp)).await,
        Probe::Dns(dns) => Box::pin(dns::probe(dns)).await,
        Probe::Udp(udp) => Box::pin(udp::probe(udp)).await,
        Probe::Ping(dial) => Box::pin(ping::probe(dial)).await,
    };
    match result {
        Ok(evidence) => Outcome::Success(evidence),
        Err(failure) => Outcome::Failure(failure),
    }
}
