//! What people may look at: dumps in keepalived's places and forms.
//!
//! Must not know: how to change anything. Enter at [`dump`], [`stats`] and [`topology`]. Tests: beside each; the files
//! that the signals write in the lab's stories.

pub mod dump;
pub mod stats;
pub mod topology;
