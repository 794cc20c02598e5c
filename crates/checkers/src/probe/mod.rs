//! Probes: one file for each kind of check, one function each that makes one attempt.
//!
//! Must not know: verdicts, retries, the schedule.
//!
//! Enter at [`attempt`]. Tests: beside `request` and `response`; the rest against small servers in `tests/`.

pub mod http;
pub mod request;
pub mod response;

mod misc;
mod tcp;

use crate::outcome::Outcome;
use crate::spec::Probe;

/// Makes one attempt of `probe`; `url` says which page, for one that has several. Ends by the probe's timeout,
/// a command's 2 s later at most. Dropping the future ends the attempt, and the command with its group.
pub async fn attempt(probe: &Probe, url: usize) -> Outcome {
    let result = match probe {
        Probe::Tcp(dial) => tcp::probe(dial).await,
        Probe::Http(http) => http::probe(http, url).await,
        Probe::Misc(misc) => misc::probe(misc).await,
    };
    match result {
        Ok(evidence) => Outcome::Success(evidence),
        Err(failure) => Outcome::Failure(failure),
    }
}
