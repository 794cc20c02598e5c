//! What is watched on the host besides links: files whose number counts (`track_file`).
//!
//! What it must not know: what follows from a number. The virtual servers add it to a weight, VRRP to a priority.
//!
//! Enter at [`file::FileWatch::start`]; pure: [`number`]. Tests: beside each; with the daemons in the stories `alive/..`.

mod file;
mod folder;
pub mod number;

pub use file::{FileWatch, Reading, initialise, read};
