//! A configuration written out again: one file as it stands, laid out ([`layout`]), or all files resolved
//! ([`crate::effective`]).
//!
//! Must not know: what a keyword means. Tests: beside the code, and `tests/printed.rs` (what is printed means the same).

mod effective;
mod layout;

pub use effective::Show;
pub(crate) use effective::effective;
pub use layout::layout;
