//! The addresses of this host, in the daemon's network namespace.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use keepalived_conf::ReceiveBuffer;
use tokio::io::unix::AsyncFd;

use crate::kernel::readable::readable;
use crate::kernel::route::RouteSocket;
use crate::kernel::watch::{Heard, Watch};

/// Hears when addresses change, and looks them up.
pub struct AddressWatch {
    notices: AsyncFd<Watch>,
    route: RouteSocket,
}

impl AddressWatch {
    /// Opens the sockets, in the calling thread's network namespace. What changes from now on is heard of. Within a tokio
    /// runtime with I/O.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<AddressWatch> {
        Ok(AddressWatch {
            notices: readable(Watch::open()?)?,
            route: RouteSocket::open()?,
        })
    }

    /// Gives room to the socket that hears.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room_to_hear(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        self.notices.get_ref().make_room(buffer)
    }

    /// Gives room to the socket that looks up.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room_to_look(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        self.route.make_room(buffer)
    }

    /// All addresses that there are now.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn addresses(&mut self) -> io::Result<BTreeSet<IpAddr>> {
        let links = self.route.links()?.into_iter();
        let addresses = links.flat_map(|link| link.addresses);
        Ok(addresses.map(|(address, _)| address).collect())
    }

    /// Waits until links or addresses may have changed. Nothing is lost when the future is dropped.
    pub async fn changed(&self) {
        // A socket that is broken tells nothing any more; looking again and again would not mend it.
        let Ok(mut ready) = self.notices.readable().await else {
            return std::future::pending().await;
        };
        // All is looked at anew, whatever was lost.
        match self.notices.get_ref().drain(&mut Heard::All) {
            // The rest is still there.
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
            Err(_) => std::future::pending().await,
        }
    }
}
