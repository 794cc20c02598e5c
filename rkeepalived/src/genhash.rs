//! The digest of a page, for `digest` in HTTP_GET and SSL_GET: `genhash`, and `keepalived -T`.
//!
//! All of it is in the `checkers` crate; here is the process around it.

use std::ffi::OsString;
use std::io::{stderr, stdout};

/// Runs genhash with these arguments, the program's name first; answers the exit status.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let words = arguments
        .into_iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    let run = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| {
            runtime.block_on(checkers::genhash::run(words, &mut stdout(), &mut stderr()))
        });
    run.unwrap_or_else(|error| {
        eprintln!("genhash: {error}");
        1
    })
}
