//! Packets that came in, and the tasks that read them from their sockets.

use std::rc::Rc;

use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use crate::kernel::advert::{AdvertSocket, Place, Received};
use crate::kernel::bfd::{self as bfd_socket, Port};

/// The largest packet that is looked at: an advert with 255 addresses is under 1.1 KiB.
const PACKET: usize = 2048;
/// The largest BFD packet that is looked at; its length field has one byte.
const BFD_PACKET: usize = 512;

/// A VRRP packet.
pub(super) struct Packet {
    interface: u32,
    received: Received,
    bytes: Vec<u8>,
}

impl Packet {
    /// One over IPv4 that its socket heard somewhere.
    #[cfg(test)]
    pub(super) fn of_a_test(bytes: Vec<u8>) -> Packet {
        let length = bytes.len();
        Packet {
            interface: 0,
            received: Received::V4 { length, arrived: 0 },
            bytes,
        }
    }

    /// Number of the interface that it came in by, if its socket hears those of all.
    pub(super) fn arrived(&self) -> Option<u32> {
        let (Received::V4 { arrived, .. } | Received::V6 { arrived, .. }) = self.received;
        (self.interface == 0).then_some(arrived)
    }

    /// As the router takes it.
    pub(super) fn event(&self) -> vrrp::Event<'_> {
        let interface = self.interface;
        match self.received {
            Received::V4 { .. } => vrrp::Event::Datagram {
                interface,
                bytes: &self.bytes,
            },
            Received::V6 {
                source,
                destination,
                hop_limit,
                ..
            } => vrrp::Event::Datagram6 {
                interface,
                source,
                destination,
                hop_limit,
                payload: &self.bytes,
            },
        }
    }
}

/// A BFD packet.
pub(super) struct FromNeighbour {
    multihop: bool,
    received: bfd_socket::Received,
    bytes: Vec<u8>,
}

impl FromNeighbour {
    /// As a session takes it.
    pub(super) fn packet(&self) -> bfd::Packet<'_> {
        bfd::Packet {
            from: self.received.from,
            to: self.received.to,
            ttl: self.received.ttl,
            multihop: self.multihop,
            bytes: &self.bytes,
        }
    }
}

/// A socket that adverts come to.
pub(super) struct Listening(pub(super) Rc<AdvertSocket>);

impl std::os::fd::AsRawFd for Listening {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// Hands over what comes, for ever.
pub(super) async fn listener(
    place: Place,
    socket: AsyncFd<Listening>,
    inlet: mpsc::Sender<Packet>,
) {
    let mut buffer = [0; PACKET];
    while let Ok(mut ready) = socket.readable().await {
        let Ok(received) = ready.try_io(|socket| socket.get_ref().0.receive(&mut buffer)) else {
            continue;
        };
        match received {
            Ok(received) => {
                let (Received::V4 { length, .. } | Received::V6 { length, .. }) = received;
                let packet = Packet {
                    interface: place.interface,
                    received,
                    bytes: buffer.get(..length).unwrap_or_default().to_vec(),
                };
                if inlet.send(packet).await.is_err() {
                    return;
                }
            }
            // The interface went down (ENETDOWN) or away; the watch tells the router.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// The same with BFD packets.
pub(super) async fn bfd_listener(
    port: Port,
    socket: AsyncFd<bfd_socket::Listener>,
    inlet: mpsc::Sender<FromNeighbour>,
) {
    let mut buffer = [0; BFD_PACKET];
    while let Ok(mut ready) = socket.readable().await {
        let Ok(received) = ready.try_io(|socket| socket.get_ref().receive(&mut buffer)) else {
            continue;
        };
        match received {
            Ok(received) => {
                let packet = FromNeighbour {
                    multihop: port.multihop,
                    received,
                    bytes: buffer.get(..received.length).unwrap_or_default().to_vec(),
                };
                if inlet.send(packet).await.is_err() {
                    return;
                }
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
