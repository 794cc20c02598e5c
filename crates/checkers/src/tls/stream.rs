//! A TLS connection over tokio's TCP.

use std::io::{self, Read, Write};
use std::task::{Context, Poll, ready};

use openssl::ssl::{Error, ErrorCode, ShutdownState, Ssl, SslRef, SslStream};
use tokio::net::TcpStream;

/// The connection. What is read and written blocks nobody: it waits for the socket in `poll`.
pub struct TlsStream(SslStream<Wire>);

/// The socket as OpenSSL wants it.
struct Wire(TcpStream);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TlsStream {
    /// Not yet a connection: [`TlsStream::poll_connect`] makes it one.
    pub fn new(session: Ssl, stream: TcpStream) -> Result<TlsStream, openssl::error::ErrorStack> {
        SslStream::new(session, Wire(stream)).map(TlsStream)
    }

    /// Goes on with the handshake.
    pub fn poll_connect(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(context, SslStream::connect)
    }

    /// Reads some bytes; 0 at the end, whether that was announced or not.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        let read = ready!(self.poll(context, |stream| stream.ssl_read(buffer)));
        Poll::Ready(match read {
            Err(error) if is_end(&error) => Ok(0),
            read => read,
        })
    }

    /// Writes some of the bytes.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.poll(context, |stream| stream.ssl_write(bytes))
    }

    /// Whether the peer has said that it has no more to say.
    pub fn said_goodbye(&mut self) -> bool {
        self.0.get_shutdown().contains(ShutdownState::RECEIVED)
    }

    /// The session.
    pub fn session(&self) -> &SslRef {
        self.0.ssl()
    }

    fn poll<T>(
        &mut self,
        context: &mut Context<'_>,
        mut act: impl FnMut(&mut SslStream<Wire>) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        loop {
            let error = match act(&mut self.0) {
                Err(error) => error,
                done @ Ok(_) => return Poll::Ready(done),
            };
            let socket = &self.0.get_ref().0;
            let waited = match error.code() {
                ErrorCode::WANT_READ => ready!(socket.poll_read_ready(context)),
                ErrorCode::WANT_WRITE => ready!(socket.poll_write_ready(context)),
                _ => return Poll::Ready(Err(error)),
            };
            if waited.is_err() {
                return Poll::Ready(Err(error));
            }
        }
    }
}

/// The end of the connection, with `close_notify` or without.
fn is_end(error: &Error) -> bool {
    match error.code() {
        ErrorCode::ZERO_RETURN => true,
        ErrorCode::SYSCALL => error.io_error().is_none(),
        // OpenSSL 3's word for it.
        ErrorCode::SSL => error.ssl_error().is_some_and(|stack| {
            let reason = stack
                .errors()
                .first()
                .and_then(openssl::error::Error::reason);
            reason == Some("unexpected eof while reading")
        }),
        _ => false,
    }
}
