//! What is watched on the host for others than VRRP's own machine: files whose number counts (`track_file`) or that
//! appoint a reload, and addresses.
//!
//! What it must not know: what follows from a number. The virtual servers add it to a weight, VRRP to a priority.
//!
//! Enter at [`FileWatch::start`] and [`AddressWatch::open`]; pure: [`number`]. Tests: beside each; with the daemons in the stories `alive/..`.

mod address;
mod appointment;
mod file;
mod folder;
pub mod number;

pub use address::AddressWatch;
pub use appointment::Diary;
pub use file::{FileWatch, Reading, initialise, read};
