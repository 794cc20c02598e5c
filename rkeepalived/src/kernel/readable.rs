//! Waiting for a socket that tokio has no type of its own for.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket with the current runtime, to wait until it is readable.
///
/// # Errors
/// When the runtime cannot take it.
#[expect(
    deprecated,
    reason = "tokio's replacement is an unsafe fn, for types whose descriptor may change or close; the sockets \
              that are passed here own theirs for as long as they live"
)]
pub fn readable<T: AsRawFd>(socket: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, Interest::READABLE)
}
