//! How much a socket may hold that was not read yet.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd;

use keepalived_conf::ReceiveBuffer;
use nix::sys::socket::{setsockopt, sockopt};

/// Gives a socket room for so much; nothing is changed where nothing is asked.
///
/// # Errors
/// When it may not be forced above the limit of the system: no CAP_NET_ADMIN.
pub fn make_room(socket: &impl AsFd, buffer: ReceiveBuffer) -> io::Result<()> {
    let Some(bytes) = buffer.size.map(NonZeroU32::get) else {
        return Ok(());
    };
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    match buffer.force {
        true => setsockopt(socket, sockopt::RcvBufForce, &bytes)?,
        false => setsockopt(socket, sockopt::RcvBuf, &bytes)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_twice_what_is_asked() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let size = || nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf).unwrap();
        let before = size();
        make_room(&socket, ReceiveBuffer::default()).unwrap();
        assert_eq!(size(), before);
        let small = ReceiveBuffer {
            size: NonZeroU32::new(8192),
            force: false,
        };
        make_room(&socket, small).unwrap();
        // socket(7): doubled, for what it costs the kernel.
        assert_eq!(size(), 16_384);
    }
}
