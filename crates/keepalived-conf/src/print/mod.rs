//! A configuration written out again: as it stands, laid out ([`layout`]).
//!
//! Must not know: what a keyword means. Tests: beside the code, and `tests/printed.rs` (what is printed means the same).

mod layout;

pub use layout::layout;
