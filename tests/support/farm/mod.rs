//! Many small servers of one host of the lab, on one thread: what real servers are to a health check.
//!
//! They live in the lab's own process, since programs are dear to start on the lab's kernel. Each address has a [`Shelf`] of
//! what it answers, which a story changes while the server runs. Must not know who asks. Enter at [`Farm::start`]. Tests: here,
//! over loopback.

mod answer;
mod shelf;
mod tls;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::mpsc as reply;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

pub use self::shelf::{Page, Shelf};
use crate::netns::Netns;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Accepts connections and waits for the client to go.
    Tcp,
    /// Pages, status codes: see [`Shelf`].
    Http,
    /// The same over TLS, with a certificate signed by itself.
    Https,
    /// A greeting and a polite answer to every command.
    Smtp,
    /// Sends every datagram back.
    Udp,
    /// Takes every datagram and says nothing.
    Mute,
    /// Answers every question with one address.
    Dns,
}

impl Kind {
    /// By the word that a case of the parity stories has for it.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "tcp" => Self::Tcp,
            "http" => Self::Http,
            "https" => Self::Https,
            "smtp" => Self::Smtp,
            "udp" => Self::Udp,
            "mute" => Self::Mute,
            "dns" => Self::Dns,
            _ => return None,
        })
    }

    fn datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::Mute | Self::Dns)
    }
}

/// Long enough for a program to be started, after which a closed address is free.
const FREED: Duration = Duration::from_secs(5);

/// Where a server listens: UDP and TCP have ports of their own.
type Place = (bool, SocketAddr);
type Shelves = Arc<Mutex<BTreeMap<SocketAddr, Shelf>>>;

enum Order {
    Open(Kind, SocketAddr),
    Close(SocketAddr),
    CloseAll,
}

/// The servers of one host. All end when this is dropped.
#[derive(Debug)]
pub struct Farm {
    orders: UnboundedSender<(Order, reply::Sender<Result<()>>)>,
    shelves: Shelves,
}

impl Farm {
    /// A farm without servers on `host`.
    ///
    /// # Errors
    /// When the host cannot be entered.
    pub fn start(host: &Netns) -> Result<Self> {
        let door = host.door();
        Self::behind(move || door.enter())
    }

    /// A farm whose thread first goes through `enter`.
    fn behind(enter: impl FnOnce() -> Result<()> + Send + 'static) -> Result<Self> {
        let (orders, incoming) = unbounded_channel();
        let shelves = Shelves::default();
        let (ready, started) = reply::channel();
        let theirs = Arc::clone(&shelves);
        std::thread::Builder::new()
            .name("farm".to_owned())
            .spawn(move || {
                let runtime = enter().and_then(|()| {
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .context("make a runtime")
                });
                match runtime {
                    Ok(runtime) => {
                        let _they_wait = ready.send(Ok(()));
                        runtime.block_on(work(incoming, theirs));
                    }
                    Err(error) => {
                        let _they_wait = ready.send(Err(error));
                    }
                }
            })
            .context("start the farm's thread")?;
        started.recv().context("the farm's thread")??;
        Ok(Self { orders, shelves })
    }

    /// Opens a server at `address`; it listens when this returns.
    ///
    /// # Errors
    /// When the address is taken or not this host's.
    pub fn open(&self, kind: Kind, address: SocketAddr) -> Result<()> {
        self.order(Order::Open(kind, address))
            .with_context(|| format!("open {kind:?} at {address}"))
    }

    /// Closes what listens at `address`, TCP and UDP; it refuses when this returns.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn close(&self, address: SocketAddr) -> Result<()> {
        self.order(Order::Close(address))
            .with_context(|| format!("close {address}"))
    }

    /// Closes every server, and forgets what they answered.
    ///
    /// # Errors
    /// When the farm's thread has ended.
    pub fn clear(&self) -> Result<()> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.clear();
        drop(shelves);
        self.order(Order::CloseAll)
    }

    /// Changes what the server at `address` answers from now on; it need not be open.
    pub fn shelf(&self, address: SocketAddr, change: impl FnOnce(&mut Shelf)) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        change(shelves.entry(address).or_default());
    }

    fn order(&self, order: Order) -> Result<()> {
        let (sender, answer) = reply::channel();
        self.orders
            .send((order, sender))
            .map_err(|_| anyhow!("the farm has ended"))?;
        answer.recv().context("the farm has ended")?
    }
}

async fn work(mut orders: UnboundedReceiver<(Order, reply::Sender<Result<()>>)>, shelves: Shelves) {
    let mut open: BTreeMap<Place, JoinHandle<()>> = BTreeMap::new();
    while let Some((order, answer)) = orders.recv().await {
        let done = match order {
            Order::Open(kind, address) => listen(kind, address, &shelves).await.map(|server| {
                open.insert((kind.datagrams(), address), server);
            }),
            Order::Close(address) => close(&mut open, |place| place == address).await,
            Order::CloseAll => close(&mut open, |_| true).await.or(Ok(())),
        };
        let _they_wait = answer.send(done);
    }
}

async fn close(
    open: &mut BTreeMap<Place, JoinHandle<()>>,
    which: impl Fn(SocketAddr) -> bool,
) -> Result<()> {
    let chosen = open.extract_if(.., |&(_, address), _| which(address));
    let closed: Vec<_> = chosen.map(|(_, server)| server).collect();
    if closed.is_empty() {
        bail!("nothing listens there");
    }
    for server in closed {
        server.abort();
        // Its end, after which the socket is closed.
        let _aborted = server.await;
    }
    Ok(())
}

/// Binds, again and again while the address is taken: a program that is being started elsewhere in this process has, between fork
/// and exec, a copy of every socket, also of one that was closed here since.
async fn bound<T, B: Future<Output = std::io::Result<T>>>(bind: impl Fn() -> B) -> Result<T> {
    let start = Instant::now();
    loop {
        match bind().await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < FREED => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            bound => return Ok(bound?),
        }
    }
}

async fn listen(kind: Kind, address: SocketAddr, shelves: &Shelves) -> Result<JoinHandle<()>> {
    let shelves = Arc::clone(shelves);
    if kind.datagrams() {
        let socket = bound(|| UdpSocket::bind(address)).await?;
        return Ok(tokio::spawn(async move {
            let mut datagram = vec![0; 65_536];
            // An ICMP error of an earlier answer is not the end.
            loop {
                if let Ok((length, from)) = socket.recv_from(&mut datagram).await {
                    let asked = datagram.get(..length).unwrap_or_default();
                    let shelf = answer::shelf(&shelves, address);
                    if let Some(said) = answer::datagram(kind, asked, &shelf) {
                        let _gone_already = socket.send_to(&said, from).await;
                    }
                }
            }
        }));
    }
    if kind == Kind::Https {
        // Now, since to make the certificate takes longer than some clients wait.
        tls::acceptor()?;
    }
    let listener = bound(|| TcpListener::bind(address)).await?;
    Ok(tokio::spawn(async move {
        loop {
            if let Ok((connection, _)) = listener.accept().await {
                let shelves = Arc::clone(&shelves);
                // A client that goes away in the middle is that client's business.
                tokio::spawn(async move {
                    let _theirs = answer::connection(kind, connection, address, &shelves).await;
                });
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn farm() -> Farm {
        Farm::behind(|| Ok(())).unwrap()
    }

    fn free() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        all
    }

    #[test]
    fn a_closed_server_refuses_and_opens_again() {
        let (farm, address) = (farm(), free());
        farm.open(Kind::Tcp, address).unwrap();
        assert!(TcpStream::connect(address).is_ok());
        farm.close(address).unwrap();
        assert!(TcpStream::connect(address).is_err());
        assert!(farm.close(address).is_err());
        farm.open(Kind::Tcp, address).unwrap();
        assert!(TcpStream::connect(address).is_ok());
    }

    #[test]
    fn pages_are_by_host_then_by_path_and_have_a_status() {
        let (farm, address) = (farm(), free());
        farm.open(Kind::Http, address).unwrap();
        farm.shelf(address, |shelf| {
            shelf.page("/a").body = "plain".to_owned();
            shelf.page("www.example.org/a").body = "named".to_owned();
            shelf.page("/a").status = 503;
        });
        let plain = ask(address, "GET /a HTTP/1.0\r\nHost: other\r\n\r\n");
        assert!(plain.starts_with("HTTP/1.1 503 "), "{plain}");
        assert!(plain.ends_with("\r\n\r\nplain"), "{plain}");
        let named = ask(address, "GET /a HTTP/1.0\r\nHost: www.example.org\r\n\r\n");
        assert!(named.starts_with("HTTP/1.1 200 "), "{named}");
        assert!(named.ends_with("\r\n\r\nnamed"), "{named}");
        let missing = ask(address, "GET /b HTTP/1.0\r\n\r\n");
        assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    }

    #[test]
    fn a_mail_server_is_polite_to_the_end() {
        let (farm, address) = (farm(), free());
        farm.open(Kind::Smtp, address).unwrap();
        let said = ask(address, "HELO me\r\nQUIT\r\n");
        let codes: Vec<_> = said.lines().filter_map(|line| line.get(..3)).collect();
        assert_eq!(codes, ["220", "250", "221"]);
    }

    #[test]
    fn datagrams_come_back_or_do_not() {
        let (farm, address) = (farm(), free());
        farm.open(Kind::Udp, address).unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"hello", address).unwrap();
        let mut said = [0; 16];
        let length = socket.recv(&mut said).unwrap();
        assert_eq!(&said[..length], b"hello");
        assert_eq!(
            answer::datagram(Kind::Mute, b"hello", &Shelf::default()),
            None
        );
    }
}
