//! Small servers for the checks that no web server answers: of mail, of names, of datagrams. Each is well or not, as the
//! story wants.
//!
//! They are threads of the story with sockets of a host, and end with their handle.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::SockRef;

use crate::netns::Netns;

/// How often a server looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// What a client may take to say a line.
const PATIENCE: Duration = Duration::from_secs(5);

/// One server.
#[derive(Debug)]
pub struct Answering {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    well: AtomicBool,
    ended: AtomicBool,
}

impl State {
    fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Answering {
    /// A mail server; one that is not well greets with 554.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn mail(host: &Netns, address: SocketAddr) -> Result<Self> {
        let listener = host.run(|| Ok(TcpListener::bind(address)?));
        let listener = listener.with_context(|| format!("listen on {address}"))?;
        // Linux applies it to accept(2), too.
        SockRef::from(&listener).set_read_timeout(Some(LOOK))?;
        Ok(Self::serve(move |state| {
            if let Ok((stream, _)) = listener.accept() {
                // A client that goes away in the middle is that client's business.
                let _gone = talk(&stream, state.is_well());
            }
        }))
    }

    /// A name server that has every name and no record; one that is not well answers SERVFAIL.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn names(host: &Netns, address: SocketAddr) -> Result<Self> {
        Self::datagrams(host, address, |question, well| {
            // RFC 1035 4.1.1: the answer's mark, recursion as desired and available, the response code.
            let flags: [u8; 2] = if well { [0x81, 0x80] } else { [0x81, 0x82] };
            match question {
                [a, b, _, _, rest @ ..] => [&[*a, *b], &flags[..], rest].concat(),
                _ => Vec::new(),
            }
        })
    }

    /// A server that sends everything back; one that is not well sends it backwards.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn echo(host: &Netns, address: SocketAddr) -> Result<Self> {
        Self::datagrams(host, address, |datagram, well| {
            let mut answer = datagram.to_vec();
            if !well {
                answer.reverse();
            }
            answer
        })
    }

    /// Makes it well, or not.
    pub fn set_well(&self, well: bool) {
        self.state.well.store(well, Ordering::Relaxed);
    }

    fn datagrams(
        host: &Netns,
        address: SocketAddr,
        answer: impl Fn(&[u8], bool) -> Vec<u8> + Send + 'static,
    ) -> Result<Self> {
        let socket = host.run(|| Ok(UdpSocket::bind(address)?));
        let socket = socket.with_context(|| format!("listen on {address}"))?;
        socket.set_read_timeout(Some(LOOK))?;
        let mut buffer = [0; 1500];
        Ok(Self::serve(move |state| {
            if let Ok((count, peer)) = socket.recv_from(&mut buffer) {
                let datagram = buffer.get(..count).unwrap_or_default();
                let _gone = socket.send_to(&answer(datagram, state.is_well()), peer);
            }
        }))
    }

    fn serve(mut turn: impl FnMut(&State) + Send + 'static) -> Self {
        let state = Arc::new(State {
            well: AtomicBool::new(true),
            ended: AtomicBool::new(false),
        });
        let seen = Arc::clone(&state);
        std::thread::spawn(move || {
            while !seen.has_ended() {
                turn(&seen);
            }
        });
        Self { state }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

fn talk(stream: &TcpStream, well: bool) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut writer = stream;
    if !well {
        writer.write_all(b"554 no service\r\n")?;
        return Ok(());
    }
    writer.write_all(b"220 mail.example.org\r\n")?;
    for line in BufReader::new(stream).lines() {
        match line?.split_whitespace().next() {
            Some("HELO") => writer.write_all(b"250 hello\r\n")?,
            Some("QUIT") => {
                writer.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => writer.write_all(b"502 what?\r\n")?,
        }
    }
    Ok(())
}
