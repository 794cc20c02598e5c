//! The client of the lab: a loop of requests, one connection each, and a connection that is held open.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::netns::Netns;

/// What came back from a row of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers by the name of the server that gave them.
    pub answers: BTreeMap<String, u32>,
    /// Requests without an answer.
    pub lost: u32,
}

impl Tally {
    fn count(&mut self, answer: Option<String>) {
        match answer {
            Some(server) => *self.answers.entry(server).or_default() += 1,
            None => self.lost += 1,
        }
    }

    /// Adds what another row of requests gave.
    pub fn add(&mut self, more: &Self) {
        for (server, answers) in &more.answers {
            *self.answers.entry(server.clone()).or_default() += answers;
        }
        self.lost += more.lost;
    }

    /// How many requests were made.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.answers.values().sum::<u32>() + self.lost
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} requests:", self.requests())?;
        for (server, answers) in &self.answers {
            write!(out, " {server} {answers},")?;
        }
        write!(out, " lost {}", self.lost)
    }
}

/// `source` is the address to ask from, if not the kernel's choice.
fn http(
    limit: Duration,
    source: Option<IpAddr>,
) -> Result<(tokio::runtime::Runtime, reqwest::Client)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("make a runtime")?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(limit)
        .local_address(source)
        .build()
        .context("make a client")?;
    Ok((runtime, client))
}

/// One request: the name of the server that answered with success, or nothing.
async fn ask(client: &reqwest::Client, url: &str) -> Option<String> {
    let answer = client
        .get(url)
        .header("connection", "close")
        .send()
        .await
        .ok()?
        .error_for_status()
        .ok()?;
    let server = answer.headers().get("server")?.to_str().ok()?.to_owned();
    answer.bytes().await.ok()?;
    Some(server)
}

/// Makes `count` requests one after the other and gives the answering server's name of each, `-` for a lost one.
///
/// # Errors
/// When the client cannot be set up.
pub fn requests(host: &Netns, url: &str, count: u32) -> Result<Vec<String>> {
    ask_from(host, None, url, count)
}

/// The same from one of the host's addresses.
///
/// # Errors
/// When the client cannot be set up.
pub fn requests_from(
    host: &Netns,
    source: impl Into<IpAddr>,
    url: &str,
    count: u32,
) -> Result<Vec<String>> {
    ask_from(host, Some(source.into()), url, count)
}

fn ask_from(host: &Netns, source: Option<IpAddr>, url: &str, count: u32) -> Result<Vec<String>> {
    host.run(|| {
        let (runtime, client) = http(Duration::from_secs(2), source)?;
        Ok(runtime.block_on(async {
            let mut seen = Vec::new();
            for _ in 0..count {
                seen.push(ask(&client, url).await.unwrap_or_else(|| "-".to_owned()));
            }
            seen
        }))
    })
}

/// Requests made steadily in the background until this is dropped.
#[derive(Debug)]
pub struct Loop {
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Loop {
    /// Starts one request every `pace`, each given up after `limit`.
    #[must_use]
    pub fn start(host: &Netns, url: &str, pace: Duration, limit: Duration) -> Self {
        let (tally, stop) = (
            Arc::new(Mutex::new(Tally::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let (door, url, shared, ended) = (
            host.door(),
            url.to_owned(),
            Arc::clone(&tally),
            Arc::clone(&stop),
        );
        let thread = std::thread::spawn(move || {
            door.enter()?;
            let (runtime, client) = http(limit, None)?;
            runtime.block_on(async {
                let mut beat = tokio::time::interval(pace);
                beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while !ended.load(Ordering::Relaxed) {
                    beat.tick().await;
                    let answer = ask(&client, &url).await;
                    shared
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .count(answer);
                }
            });
            Ok(())
        });
        Self {
            tally,
            stop,
            thread: Some(thread),
        }
    }

    /// What came back since the last call.
    #[must_use]
    pub fn take(&self) -> Tally {
        std::mem::take(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _told_by_the_tally = thread.join();
        }
    }
}

/// A connection that stays open, to see whether it lives on.
#[derive(Debug)]
pub struct OpenConnection {
    stream: BufReader<TcpStream>,
    server: String,
    said: u32,
}

impl OpenConnection {
    /// Connects from `host` and learns which server is at the other end.
    ///
    /// # Errors
    /// When no server answers within 3 s.
    pub fn open(host: &Netns, address: SocketAddr) -> Result<Self> {
        let limit = Duration::from_secs(3);
        let stream = host.run(|| TcpStream::connect_timeout(&address, limit).context("connect"))?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(b"GET /echo HTTP/1.0\r\n\r\n")?;
        let mut server = None;
        let mut line = String::new();
        while stream.read_line(&mut line).context("read the header")? > 2 {
            if let Some(name) = line.strip_prefix("Server: ") {
                server = Some(name.trim_end().to_owned());
            }
            line.clear();
        }
        Ok(Self {
            stream,
            server: server.ok_or_else(|| anyhow!("no server answered"))?,
            said: 0,
        })
    }

    /// Opens connections until one ends at `server`.
    ///
    /// # Errors
    /// When none of ten does.
    pub fn open_to(host: &Netns, address: SocketAddr, server: &str) -> Result<Self> {
        for _ in 0..10 {
            let open = Self::open(host, address)?;
            if open.server == server {
                return Ok(open);
            }
        }
        Err(anyhow!("none of ten connections reached {server}"))
    }

    /// The server's name.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends a line and expects it back.
    ///
    /// # Errors
    /// When the connection is dead.
    pub fn check(&mut self) -> Result<()> {
        self.said += 1;
        let said = format!("line {}\n", self.said);
        self.stream
            .get_mut()
            .write_all(said.as_bytes())
            .context("write to the open connection")?;
        let mut heard = String::new();
        self.stream
            .read_line(&mut heard)
            .context("read from the open connection")?;
        ensure!(
            heard == said,
            "the open connection said {heard:?} instead of {said:?}"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_reads_well() {
        let mut tally = Tally::default();
        for answer in [Some("web-1"), Some("web-2"), None, Some("web-1")] {
            tally.count(answer.map(str::to_owned));
        }
        assert_eq!(tally.to_string(), "4 requests: web-1 2, web-2 1, lost 1");
    }
}
