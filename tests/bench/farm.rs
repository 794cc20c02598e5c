//! Thousands of real servers: one process in a network namespace of its own, linked to ours, that answers for them all.
//!
//! All addresses of the workload are its own (a local route), and one listener serves them: it answers a request with
//! status 200, and closes when its client does. Beside them stand a few targets, each with a listener of its own that
//! closes just after it has accepted a check: the death of a server, at a known time in the check's rhythm.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::time::{ClockId, clock_gettime};
use support::netns::Netns;
use tokio::io::AsyncBufReadExt;
use tokio::net::{TcpListener, TcpSocket};

use crate::process::Process;
use crate::subject::command;
use crate::workload::PORT;

/// Where all real servers' addresses lie.
const ADDRESSES: &str = "10.200.0.0/13";
/// As many connections as the kernel lets wait.
const BACKLOG: u32 = 4096;
/// That serve the crowd.
const THREADS: usize = 8;
/// How long a target hears of its next check.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of the targets.
pub const TARGET_PORT: u16 = 81;

/// How many targets there are.
pub const TARGETS: u8 = 10;

/// The address of a target.
pub fn target(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 207, 255, number.saturating_add(10))
}

/// The farm, while it lives.
pub struct Farm {
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Farm {
    /// Moves this thread into a new network namespace, starts the farm in another one, and links the two.
    pub fn start() -> Result<Farm> {
        unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("farm").process_group(0);
        let (process, input, output) = Process::piped(&mut child)?;
        let output = BufReader::new(output).lines();
        let mut farm = Farm {
            process,
            input,
            output,
        };
        farm.hear("alone")?;
        let pid = farm.process.id().to_string();
        for words in [
            "link set lo up",
            &format!("link add farm type veth peer name eth0 netns {pid}"),
            "address add 172.31.0.1/24 dev farm",
            "link set farm up",
            &format!("route add {ADDRESSES} via 172.31.0.2"),
        ] {
            command("ip", &words.split(' ').collect::<Vec<_>>())?;
        }
        farm.say("linked")?;
        farm.hear("listening")?;
        Ok(farm)
    }

    /// Connections that its servers have accepted so far.
    pub fn accepted(&self) -> Result<u64> {
        let path = format!("/proc/{}/net/snmp", self.process.id());
        let text = std::fs::read_to_string(path).context("reading the farm's counters")?;
        opened(&text)
    }

    /// Lets every target die just after its next check; when each did, by [`now`].
    pub fn kill_targets(&mut self) -> Result<Vec<Duration>> {
        self.say("kill")?;
        let mut times = vec![Duration::ZERO; usize::from(TARGETS)];
        for _ in 0..TARGETS {
            let line = self.line()?;
            let mut words = line.split(' ');
            let target: Option<usize> = words.next().and_then(|word| word.parse().ok());
            let nanos: Option<u64> = words.next().and_then(|word| word.parse().ok());
            match (target.and_then(|target| times.get_mut(target)), nanos) {
                (Some(time), Some(nanos)) => *time = Duration::from_nanos(nanos),
                _ => bail!("the farm said `{line}`"),
            }
        }
        Ok(times)
    }

    /// Brings the targets to life again.
    pub fn raise_targets(&mut self) -> Result<()> {
        self.say("raise")?;
        self.hear("raised")
    }

    fn say(&mut self, word: &str) -> Result<()> {
        writeln!(self.input, "{word}").context("telling the farm")
    }

    fn line(&mut self) -> Result<String> {
        self.output
            .next()
            .context("the farm is gone")?
            .context("hearing the farm")
    }

    fn hear(&mut self, word: &str) -> Result<()> {
        let line = self.line()?;
        if line != word {
            bail!("the farm said `{line}` instead of `{word}`");
        }
        Ok(())
    }
}

/// Connections that the servers of this host have accepted so far.
pub fn passive_opens(host: &Netns) -> Result<u64> {
    opened(&host.output("cat", &["/proc/net/snmp"])?)
}

/// `PassiveOpens` of TCP, from /proc/net/snmp.
fn opened(text: &str) -> Result<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next(), lines.next());
    names
        .zip(values)
        .and_then(|(names, values)| {
            let mut pairs = names.split(' ').zip(values.split(' '));
            pairs.find(|(name, _)| *name == "PassiveOpens")
        })
        .and_then(|(_, value)| value.parse().ok())
        .context("no PassiveOpens among the counters")
}

/// The same servers on the host of the daemon, without targets.
pub struct Crowd {
    _process: Process,
    /// It ends when this is closed.
    _input: ChildStdin,
}

impl Crowd {
    /// Starts them.
    pub fn start(host: &Netns) -> Result<Crowd> {
        host.ip_batch(&format!("route add local {ADDRESSES} dev lo\n"))?;
        let mut child = host.command(&std::env::current_exe()?.display().to_string());
        child.arg("crowd").process_group(0);
        let (process, input, output) = Process::piped(&mut child)?;
        match BufReader::new(output).lines().next() {
            Some(Ok(line)) if line == "listening" => Ok(Crowd {
                _process: process,
                _input: input,
            }),
            said => bail!("the servers said {said:?} instead of `listening`"),
        }
    }
}

/// Their process: `bench crowd`. Ends when its input does.
pub fn crowd() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(async { listener(Ipv4Addr::UNSPECIFIED, PORT) })?;
    serve_all(listener)?;
    println!("listening");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(ExitCode::SUCCESS)
}

/// Serves every client of this listener from now on.
fn serve_all(listener: TcpListener) -> Result<()> {
    let crowd = listener.into_std()?;
    crowd.set_nonblocking(false)?;
    let crowd = Arc::new(crowd);
    for _ in 0..THREADS {
        let crowd = crowd.clone();
        std::thread::spawn(move || serve_crowd(&crowd));
    }
    Ok(())
}

/// The monotonic clock, which all processes share.
pub fn now() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).context("reading the clock")?;
    Ok(Duration::from(time))
}

/// The farm's own process: `bench farm`.
pub fn serve() -> Result<ExitCode> {
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
    println!("alone");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut orders = tokio::io::BufReader::new(tokio::io::stdin()).lines();
        // "linked"
        orders.next_line().await?;
        for words in [
            "link set lo up",
            "address add 172.31.0.2/24 dev eth0",
            "link set eth0 up",
            &format!("route add local {ADDRESSES} dev lo"),
        ] {
            command("ip", &words.split(' ').collect::<Vec<_>>())?;
        }
        serve_all(listener(Ipv4Addr::UNSPECIFIED, PORT)?)?;
        let mut targets = targets()?;
        println!("listening");
        loop {
            let order = tokio::select! {
                order = orders.next_line() => order?,
                // Checks of the targets, while nothing is asked.
                () = entertain(&targets) => None,
            };
            match order.as_deref() {
                Some("kill") => {
                    let dying = targets
                        .drain(..)
                        .enumerate()
                        .map(|(at, listener)| die(at, listener));
                    let dying: Vec<_> = dying.map(tokio::spawn).collect();
                    for death in dying {
                        death.await??;
                    }
                }
                Some("raise") => {
                    targets = self::targets()?;
                    println!("raised");
                }
                _ => return Ok(ExitCode::SUCCESS),
            }
        }
    })
}

fn listener(address: Ipv4Addr, port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket
        .bind(SocketAddrV4::new(address, port).into())
        .with_context(|| format!("binding {address}:{port}"))?;
    Ok(socket.listen(BACKLOG)?)
}

fn targets() -> Result<Vec<TcpListener>> {
    (0..TARGETS)
        .map(|number| listener(target(number), TARGET_PORT))
        .collect()
}

/// Serves one client after the other, for ever. A few threads do with the fewest system calls: what the servers take of
/// the lab kernel's one processor is not there for the daemon.
fn serve_crowd(listener: &std::net::TcpListener) {
    let mut request = [0; 1024];
    for mut client in listener.incoming().flatten() {
        // A client that goes away in the middle is that client's business.
        if client.read(&mut request).is_ok_and(|count| count > 0) {
            let _ = client.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
        }
    }
}

/// Accepts for ever on all of them.
async fn entertain(targets: &[TcpListener]) {
    std::future::poll_fn(|context| {
        for target in targets {
            while target.poll_accept(context).is_ready() {}
        }
        std::task::Poll::<()>::Pending
    })
    .await;
}

/// Accepts the next check, closes for good, and says when.
async fn die(number: usize, listener: TcpListener) -> Result<()> {
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
    accepted.context("no check came")??;
    drop(listener);
    println!("{number} {}", now()?.as_nanos());
    Ok(())
}
