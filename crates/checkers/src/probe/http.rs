//! `HTTP_GET` and `SSL_GET`: one request, one answer, read until the peer closes. No redirect, no proxy.

use std::future::{pending, poll_fn};

use pattern::{Search, Step};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::page::{self, Seen};
use super::request;
use super::response::{Answer, Response};
use super::stream::Stream;
use crate::dial::{deadline, open};
use crate::outcome::{Evidence, Failure};
use crate::spec::{Dial, HttpProbe, HttpVersion};
use crate::tls::{TlsClient, Wish};

/// One page to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Fetch<'a> {
    /// Where; its timeout bounds everything together.
    pub dial: &'a Dial,
    /// Over TLS: as whom, and what for.
    pub tls: Option<(&'a TlsClient, Wish<'a>)>,
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

/// Reads after which others have a turn.
const TURN: u32 = 32;

/// Where an attempt is, for whom the time runs out.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Connecting,
    Greeting,
    Sending,
    Reading { received: u64 },
}

pub(super) async fn probe(http: &HttpProbe, url: usize) -> Result<Evidence, Failure> {
    let url = http.urls.get(url).ok_or(Failure::NoUrl)?;
    let fetch = Fetch {
        dial: &http.dial,
        tls: http.tls.as_deref().map(|tls| (tls, page::wish(http, url))),
        version: http.version,
        path: &url.path,
        virtualhost: url.virtualhost.as_deref(),
    };
    let search = url
        .pattern
        .as_ref()
        .map(|wanted| Search::new(&wanted.pattern, wanted.range));
    let response = Response::new(url.digest.is_some());
    let seen = fetch.run(response, search, &mut ()).await?;
    page::judge(url, &seen)
}

impl Fetch<'_> {
    /// Fetches the page, with its digest.
    ///
    /// # Errors
    /// The failure that was seen. Any status, and none, is an answer.
    pub async fn answer(&self, watch: &mut (dyn Watch + Send)) -> Result<Answer, Failure> {
        let seen = self.run(Response::new(true), None, watch).await?;
        Ok(seen.answer)
    }

    async fn run(
        &self,
        response: Response,
        search: Option<Search<'_>>,
        watch: &mut (dyn Watch + Send),
    ) -> Result<Seen, Failure> {
        let mut phase = Phase::Connecting;
        let deadline = deadline(self.dial.timeout);
        let reader = Reader {
            deadline,
            pieces: 0,
            response,
            search,
            watch,
        };
        // One timer for all of it.
        match timeout_at(deadline, self.attempt(reader, &mut phase)).await {
            Ok(result) => result,
            Err(_) => Err(self.late(phase)),
        }
    }

    fn late(&self, phase: Phase) -> Failure {
        let after = self.dial.timeout;
        match phase {
            Phase::Connecting => Failure::ConnectTimedOut { after },
            Phase::Greeting => Failure::TlsTimedOut { after },
            Phase::Sending => Failure::SendTimedOut { after },
            Phase::Reading { received } => Failure::NoAnswer { after, received },
        }
    }

    async fn attempt(&self, mut reader: Reader<'_>, phase: &mut Phase) -> Result<Seen, Failure> {
        let stream = open(self.dial).await?;
        let mut stream = match self.tls {
            None => Stream::Plain(stream),
            Some((client, wish)) => {
                *phase = Phase::Greeting;
                Stream::Tls(client.handshake(stream, wish).await?)
            }
        };
        *phase = Phase::Sending;
        let request = request::emit(self.version, self.path, self.virtualhost, self.dial.target);
        let sent = stream.write_all(&request).await;
        sent.map_err(|reason| reader.lost(reason))?;
        loop {
            *phase = Phase::Reading {
                received: reader.response.received(),
            };
            let read = poll_fn(|context| stream.poll_read(context, |piece| reader.take(piece)));
            let more = read.await.map_err(|reason| reader.lost(reason))??;
            reader.search(!more).await?;
            if !more {
                break;
            }
            reader.pieces = reader.pieces.wrapping_add(1);
            if reader.pieces.is_multiple_of(TURN) {
                turn(reader.deadline).await;
            }
        }
        let compliant = self.tls.is_some_and(|(_, wish)| wish.compliant);
        if compliant && !stream.said_goodbye() {
            return Err(Failure::NoGoodbye {
                received: reader.response.received(),
            });
        }
        reader.end()
    }
}

/// Takes an answer apart while it comes.
struct Reader<'a> {
    deadline: Instant,
    pieces: u32,
    response: Response,
    search: Option<Search<'a>>,
    watch: &'a mut (dyn Watch + Send),
}

impl Reader<'_> {
    /// Takes what has come; `false` for nothing, which is the end.
    fn take(&mut self, piece: &[u8]) -> Result<bool, Failure> {
        if piece.is_empty() {
            return Ok(false);
        }
        let had_header = self.response.header().is_some();
        if !had_header {
            self.watch.read();
        }
        let body = self.response.handle(piece)?;
        if let Some(header) = self.response.header() {
            if !had_header {
                self.watch.header(header);
            }
            self.watch.body(body);
            if let Some(search) = &mut self.search {
                search.take(body);
            }
        }
        Ok(true)
    }

    /// Searches what has come, a moment at a time.
    async fn search(&mut self, last: bool) -> Result<(), Failure> {
        let Some(search) = &mut self.search else {
            return Ok(());
        };
        while search
            .step(last)
            .map_err(|costly| page::costly(search, costly))?
            == Step::More
        {
            turn(self.deadline).await;
        }
        Ok(())
    }

    fn end(self) -> Result<Seen, Failure> {
        Ok(Seen {
            answer: self.response.end()?,
            found: self.search.as_ref().and_then(Search::found),
        })
    }

    /// What ended the connection.
    fn lost(&self, reason: String) -> Failure {
        Failure::Lost {
            reason,
            received: self.response.received(),
        }
    }
}

/// Gives others a turn. What never waits, since bytes come faster than they are looked at, would never look at its timer
/// either: when time is up, this waits for it.
async fn turn(deadline: Instant) {
    if Instant::now() >= deadline {
        pending::<()>().await;
    }
    yield_now().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // 10 000 of them may wait at the same time.
    #[test]
    fn a_probe_that_waits_is_small() {
        let http = HttpProbe {
            dial: Dial {
                target: ([192, 0, 2, 1], 80).into(),
                bind: None,
                bind_interface: None,
                fwmark: None,
                timeout: Duration::ZERO,
            },
            tls: None,
            sni: false,
            fast_recovery: false,
            version: HttpVersion::V1_0,
            urls: Vec::new(),
        };
        let size = size_of_val(&probe(&http, 0));
        assert!(size < 3072, "{size}");
    }
}
