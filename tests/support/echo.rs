//! A UDP server that sends back what it gets, or something else, or nothing.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::netns::Netns;

/// What it does with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Sends it back.
    Echo,
    /// Sends it back with every bit turned.
    Turned,
    /// Keeps it.
    Mute,
    /// Nothing any more: it ends.
    End,
}

impl Manner {
    fn number(self) -> u8 {
        match self {
            Self::Echo => 0,
            Self::Turned => 1,
            Self::Mute => 2,
            Self::End => 3,
        }
    }
}

/// How long it listens before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// The server, running on a thread in a host of the lab until it is dropped.
#[derive(Debug)]
pub struct Echo {
    manner: Arc<AtomicU8>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Echo {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(host: &Netns, address: SocketAddr) -> Result<Self> {
        let manner = Arc::new(AtomicU8::new(Manner::Echo.number()));
        let (door, shared) = (host.door(), Arc::clone(&manner));
        let (ready, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let listen = || {
                door.enter()?;
                let socket =
                    UdpSocket::bind(address).with_context(|| format!("listen on {address}"))?;
                socket.set_read_timeout(Some(LOOK))?;
                Ok(socket)
            };
            let socket = listen();
            let failed = socket
                .as_ref()
                .err()
                .map(|error: &anyhow::Error| format!("{error:#}"));
            let _nobody_waits = ready.send(failed);
            serve(&socket?, &shared)
        });
        match started.recv() {
            Ok(None) => Ok(Self {
                manner,
                thread: Some(thread),
            }),
            Ok(Some(reason)) => Err(anyhow!(reason)),
            Err(_) => Err(anyhow!("the echo server is gone")),
        }
    }

    /// Sets what it does from now on.
    pub fn manner(&self, manner: Manner) {
        self.manner.store(manner.number(), Ordering::SeqCst);
    }
}

fn serve(socket: &UdpSocket, manner: &AtomicU8) -> Result<()> {
    let mut buffer = [0_u8; 2048];
    loop {
        let heard = socket.recv_from(&mut buffer);
        let now = manner.load(Ordering::SeqCst);
        if now == Manner::End.number() {
            return Ok(());
        }
        let (length, from) = match heard {
            Ok(heard) => heard,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => return Err(error).context("hear a datagram"),
        };
        let datagram = buffer.get_mut(..length).unwrap_or_default();
        if now == Manner::Turned.number() {
            datagram.iter_mut().for_each(|byte| *byte = !*byte);
        }
        if now != Manner::Mute.number() {
            // Whoever asked may have closed its socket.
            let _gone_already = socket.send_to(datagram, from);
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.manner(Manner::End);
        if let Some(thread) = self.thread.take() {
            let _it_served = thread.join();
        }
    }
}
