//! Sends IPv4 packets made by hand at a steady rate until it is told to end.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use socket2::{Domain, Protocol, Socket, Type};

use crate::advert::{GROUP, VRRP};
use crate::netns::Netns;

/// Between two looks at how many are due.
const NAP: Duration = Duration::from_millis(1);
/// More than this at once are not made up for, so that a pause does not end in a burst.
const BURST: u64 = 500;

/// A whole packet to VRRP's group: the IPv4 header (RFC 791 3.1; the kernel fills in its checksum), then `payload`.
#[must_use]
pub fn packet(source: Ipv4Addr, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0x45, 0xc0];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, 0, ttl, VRRP, 0, 0]);
    bytes.extend(source.octets());
    bytes.extend(GROUP.octets());
    bytes.extend(payload);
    bytes
}

/// A flood that goes on until [`Flood::end`], or until this is dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64>>>,
}

impl Flood {
    /// Sends the packets in turn from `host` through the interface that has `through`, `rate` of them a second.
    ///
    /// # Errors
    /// When the kernel gives no raw socket.
    pub fn start(
        host: &Netns,
        through: Ipv4Addr,
        packets: Vec<Vec<u8>>,
        rate: u32,
    ) -> Result<Self> {
        let socket = host.run(|| {
            let protocol = Some(Protocol::from(i32::from(VRRP)));
            let socket = Socket::new(Domain::IPV4, Type::RAW, protocol).context("open a socket")?;
            socket.set_header_included_v4(true)?;
            socket.set_multicast_if_v4(&through)?;
            socket.set_multicast_loop_v4(false)?;
            Ok(socket)
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let to = SocketAddrV4::new(GROUP, 0).into();
            let (mut turn, mut sent, mut skipped) = (packets.iter().cycle(), 0_u64, 0_u64);
            let start = Instant::now();
            while !ended.load(Ordering::Relaxed) {
                let elapsed = u64::try_from(start.elapsed().as_micros())?;
                let due = elapsed * u64::from(rate) / 1_000_000;
                let open = due.saturating_sub(sent + skipped);
                skipped += open.saturating_sub(BURST);
                for packet in turn.by_ref().take(usize::try_from(open.min(BURST))?) {
                    socket.send_to(packet, &to).context("send a packet")?;
                    sent += 1;
                }
                std::thread::sleep(NAP);
            }
            Ok(sent)
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends it and says how many packets went out.
    ///
    /// # Errors
    /// When one could not be sent.
    pub fn end(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("it has ended before")?;
        thread.join().map_err(|_| anyhow!("the flood panicked"))?
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_how_long_the_packet_is() {
        // As captured of keepalived (`tcpdump -xx`), but for identification and checksum.
        let mut seen = vec![0x45, 0xc0, 0, 22, 0, 0, 0, 0, 255, 112, 0, 0];
        seen.extend([172, 16, 1, 100, 224, 0, 0, 18, 0x21, 50]);
        assert_eq!(
            packet(Ipv4Addr::new(172, 16, 1, 100), 255, &[0x21, 50]),
            seen
        );
    }
}
