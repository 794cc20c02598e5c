//! How each kind of server answers.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use openssl::ssl::Ssl;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::shelf::Shelf;
use super::{Kind, Shelves, tls};

/// How often a mute server looks whether it may speak.
const AGAIN: Duration = Duration::from_millis(20);

/// A copy of what the server at `address` answers now.
pub(super) fn shelf(shelves: &Shelves, address: SocketAddr) -> Shelf {
    let shelves = shelves.lock().unwrap_or_else(PoisonError::into_inner);
    shelves.get(&address).cloned().unwrap_or_default()
}

/// One connection, to its end.
pub(super) async fn connection(
    kind: Kind,
    mut stream: TcpStream,
    address: SocketAddr,
    shelves: &Shelves,
) -> Result<()> {
    if kind == Kind::Tcp {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        return Ok(());
    }
    let shelf = loop {
        let shelf = shelf(shelves, address);
        if !shelf.mute {
            break shelf;
        }
        tokio::time::sleep(AGAIN).await;
    };
    match kind {
        Kind::Https => {
            let ssl = Ssl::new(tls::acceptor()?.context())?;
            let mut stream = SslStream::new(ssl, stream)?;
            Pin::new(&mut stream).accept().await?;
            http(stream, &shelf).await
        }
        Kind::Smtp => smtp(stream, &shelf).await,
        _ => http(stream, &shelf).await,
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin, shelf: &Shelf) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut host = String::new();
    loop {
        let mut header = String::new();
        if stream.read_line(&mut header).await? <= 2 {
            break;
        }
        if let Some(value) = header.strip_prefix("Host: ") {
            value.trim_end().clone_into(&mut host);
        }
    }
    let page = shelf.look(&host, request.split_whitespace().nth(1).unwrap_or("/"));
    let answer = format!(
        "HTTP/1.1 {} As asked\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        page.status,
        page.body.len(),
        page.body
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn smtp(stream: TcpStream, shelf: &Shelf) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let greeting = format!("{} mail.example.org\r\n", shelf.code.unwrap_or(220));
    stream.write_all(greeting.as_bytes()).await?;
    let mut command = String::new();
    while stream.read_line(&mut command).await? > 0 {
        let last = command.starts_with("QUIT");
        let answer: &[u8] = if last {
            b"221 bye\r\n"
        } else {
            b"250 as you wish\r\n"
        };
        stream.write_all(answer).await?;
        if last {
            break;
        }
        command.clear();
    }
    stream.shutdown().await?;
    Ok(())
}

/// The answer to one datagram, if there is one.
pub(super) fn datagram(kind: Kind, asked: &[u8], shelf: &Shelf) -> Option<Vec<u8>> {
    match kind {
        Kind::Udp if !shelf.mute => Some(asked.to_vec()),
        Kind::Dns if !shelf.mute => dns(asked, shelf.code.unwrap_or(0)),
        _ => None,
    }
}

/// RFC 1035 4.1: the question back, marked as an answer; without an error one record, the address 192.0.2.1.
fn dns(asked: &[u8], rcode: u16) -> Option<Vec<u8>> {
    let (&[id_high, id_low, flags, ..], question) = asked.split_first_chunk::<12>()?;
    let rcode = u8::try_from(rcode & 0xf).ok()?;
    let answers = u8::from(rcode == 0);
    let mut said = vec![id_high, id_low, flags | 0x80, 0x80 | rcode];
    said.extend([0, 1, 0, answers, 0, 0, 0, 0]);
    // The name ends with an empty label; type and class follow. What comes after the question (EDNS) is not repeated.
    let mut end = 0;
    while let Some(&length) = question.get(end).filter(|&&length| length != 0) {
        end += 1 + usize::from(length);
    }
    said.extend(question.get(..end + 5)?);
    if answers == 1 {
        let kind = question.get(end + 1..end + 3)?;
        said.extend([0xc0, 12]);
        said.extend(kind);
        said.extend([0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `dig example.org A` asks, without EDNS.
    const QUESTION: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01";

    #[test]
    fn a_question_is_answered_with_an_address() {
        let said = dns(QUESTION, 0).unwrap();
        assert_eq!(&said[..8], b"\x12\x34\x81\x80\x00\x01\x00\x01");
        assert!(said.ends_with(&[0, 4, 192, 0, 2, 1]));
    }

    #[test]
    fn an_error_has_no_record() {
        let said = dns(QUESTION, 3).unwrap();
        assert_eq!(&said[..8], b"\x12\x34\x81\x83\x00\x01\x00\x00");
        assert_eq!(said.len(), QUESTION.len());
        assert_eq!(dns(b"\x12\x34", 0), None);
    }
}
