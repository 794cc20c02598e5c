//! What people may look at: one document of views, and dumps in keepalived's places and forms.
//!
//! Must not know: how to change anything ([`desk`] only carries what is asked of the main loop). Enter at [`desk`] for the views, and at [`dump`], [`instances`], [`stats`] and [`topology`].
//! Tests: beside each; the files that the signals write in the lab's stories.

pub mod data;
pub mod desk;
pub mod document;
pub mod dump;
pub mod flow;
pub mod gather;
pub mod history;
pub mod http;
pub mod json;
pub mod round;
mod scripts;
pub mod sessions;
pub mod stats;
pub mod table;
pub mod topology;
pub mod view;

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
