//! What a page comes over: TCP, or TLS over it.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::dial::reason;
use crate::tls::{self, TlsStream};

/// What is read at a time.
const PIECE: usize = 8192;

/// A connection.
pub enum Stream {
    /// `HTTP_GET`.
    Plain(TcpStream),
    /// `SSL_GET`.
    Tls(TlsStream),
}

impl Stream {
    /// Sends all of it.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        match self {
            Stream::Plain(stream) => stream
                .write_all(bytes)
                .await
                .map_err(|error| reason(&error)),
            Stream::Tls(stream) => {
                while !bytes.is_empty() {
                    let written = poll_fn(|context| stream.poll_write(context, bytes)).await;
                    let written = written.map_err(|error| tls::own(&error))?;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Ok(())
            }
        }
    }

    /// Gives what has come to `take`: nothing at the end. The buffer lives no longer than that, since thousands wait
    /// at a time.
    ///
    /// # Errors
    /// What ended the connection, in words.
    pub fn poll_read<T>(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<Result<T, String>> {
        match self {
            Stream::Plain(stream) => {
                let mut storage = [MaybeUninit::uninit(); PIECE];
                let mut buffer = ReadBuf::uninit(&mut storage);
                let read = ready!(Pin::new(stream).poll_read(context, &mut buffer));
                Poll::Ready(match read {
                    Ok(()) => Ok(take(buffer.filled())),
                    Err(error) => Err(reason(&error)),
                })
            }
            Stream::Tls(stream) => {
                let mut buffer = [0; PIECE];
                let read = ready!(stream.poll_read(context, &mut buffer));
                Poll::Ready(match read {
                    Ok(count) => Ok(take(buffer.get(..count).unwrap_or_default())),
                    Err(error) => Err(tls::own(&error)),
                })
            }
        }
    }

    /// Whether the end that was read was announced; TCP's own always is.
    pub fn said_goodbye(&mut self) -> bool {
        match self {
            Stream::Plain(_) => true,
            Stream::Tls(stream) => stream.said_goodbye(),
        }
    }
}
