//! `HTTP_GET` and `SSL_GET`: one request, one answer, read until the peer closes. No redirect, no proxy.

use std::io;
use std::ops::RangeInclusive;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::request;
use super::response::{Answer, Response};
use crate::dial::{connect, deadline, reason};
use crate::outcome::{Evidence, Failure};
use crate::spec::{Dial, HttpProbe, HttpVersion, Url};
use crate::tls::handshake;

/// What is read at a time.
const PIECE: usize = 4096;

/// Status codes that are well where the configuration names none.
const WELL: RangeInclusive<u16> = 200..=299;

/// One page to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Fetch<'a> {
    /// Where; its timeout bounds everything together.
    pub dial: &'a Dial,
    /// Over TLS.
    pub tls: bool,
    /// The TLS server name to send.
    pub sni: Option<&'a str>,
    /// How to ask.
    pub version: HttpVersion,
    /// What to ask for.
    pub path: &'a str,
    /// The `Host` header.
    pub virtualhost: Option<&'a str>,
}

/// Sees an answer while it comes. All for whom the [`Answer`] is enough use `()`.
pub trait Watch {
    /// A read gave bytes, and the header was not complete before.
    fn read(&mut self) {}
    /// The header is complete.
    fn header(&mut self, _header: &[u8]) {}
    /// Bytes of the body came, or with the header none.
    fn body(&mut self, _piece: &[u8]) {}
}

impl Watch for () {}

pub(super) async fn probe(http: &HttpProbe, url: usize) -> Result<Evidence, Failure> {
    let url = http.urls.get(url).ok_or(Failure::NoUrl)?;
    let virtualhost = url.virtualhost.as_deref();
    let fetch = Fetch {
        dial: &http.dial,
        tls: http.tls,
        sni: virtualhost.filter(|_| http.sni),
        version: http.version,
        path: &url.path,
        virtualhost,
    };
    judge(url, &fetch.answer(&mut ()).await?)
}

/// keepalived behaviour: the status counts also where a digest is configured.
fn judge(url: &Url, answer: &Answer) -> Result<Evidence, Failure> {
    let Some(status) = answer.status else {
        return Err(Failure::NotHttp);
    };
    let well: &[RangeInclusive<u16>] = if url.status.is_empty() {
        &[WELL]
    } else {
        &url.status
    };
    if !well.iter().any(|range| range.contains(&status)) {
        return Err(Failure::Status {
            seen: status,
            wanted: well.to_vec(),
        });
    }
    match url.digest {
        Some(wanted) if wanted != answer.digest => Err(Failure::Digest {
            seen: answer.digest,
            wanted,
        }),
        _ => Ok(Evidence::Answered {
            status,
            digest: answer.digest,
            length: answer.length,
        }),
    }
}

impl Fetch<'_> {
    /// Fetches the page.
    ///
    /// # Errors
    /// The failure that was seen. Any status, and none, is an answer.
    pub async fn answer(&self, watch: &mut (dyn Watch + Send)) -> Result<Answer, Failure> {
        let deadline = deadline(self.dial.timeout);
        let stream = connect(self.dial, deadline).await?;
        if self.tls {
            let stream = handshake(stream, self.dial, self.sni, deadline).await?;
            self.exchange(stream, deadline, watch).await
        } else {
            self.exchange(stream, deadline, watch).await
        }
    }

    async fn exchange<S>(
        &self,
        mut stream: S,
        deadline: Instant,
        watch: &mut (dyn Watch + Send),
    ) -> Result<Answer, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let after = self.dial.timeout;
        let request = request::emit(self.version, self.path, self.virtualhost, self.dial.target);
        match timeout_at(deadline, stream.write_all(&request)).await {
            Err(_) => return Err(Failure::SendTimedOut { after }),
            Ok(Err(error)) => return Err(lost(&error, 0)),
            Ok(Ok(())) => {}
        }
        let mut response = Response::new();
        let mut buffer = [0_u8; PIECE];
        loop {
            let received = response.received();
            // A read that never has to wait never looks at its timer: bytes may come faster than they are hashed.
            if Instant::now() >= deadline {
                return Err(Failure::NoAnswer { after, received });
            }
            let count = match timeout_at(deadline, stream.read(&mut buffer)).await {
                Err(_) => return Err(Failure::NoAnswer { after, received }),
                Ok(Err(error)) => return Err(lost(&error, received)),
                Ok(Ok(0)) => return response.end(),
                Ok(Ok(count)) => count,
            };
            let had_header = response.header().is_some();
            if !had_header {
                watch.read();
            }
            let body = response.handle(buffer.get(..count).unwrap_or_default())?;
            if let Some(header) = response.header() {
                if !had_header {
                    watch.header(header);
                }
                watch.body(body);
            }
        }
    }
}

fn lost(error: &io::Error, received: u64) -> Failure {
    Failure::Lost {
        reason: reason(error),
        received,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{join, repeat, sink};

    use super::*;

    #[tokio::test]
    async fn bytes_that_are_always_there_do_not_stop_the_clock() {
        let after = Duration::from_millis(100);
        let dial = Dial {
            target: ([192, 0, 2, 1], 80).into(),
            bind: None,
            bind_interface: None,
            fwmark: None,
            timeout: after,
        };
        let fetch = Fetch {
            dial: &dial,
            tls: false,
            sni: None,
            version: HttpVersion::V1_0,
            path: "/",
            virtualhost: None,
        };
        let start = Instant::now();
        let endless = b"HTTP/1.0 200 OK\r\n\r\n".chain(repeat(b'x').take(1 << 32));
        let seen = fetch
            .exchange(join(endless, sink()), start + after, &mut ())
            .await;
        assert!(
            matches!(seen, Err(Failure::NoAnswer { received: 1.., .. })),
            "{seen:?}"
        );
        assert!(start.elapsed() < after * 20, "{:?}", start.elapsed());
    }
}
