//! The transitions of VRRP, one by one: adverts made by hand meet either daemon, which says the same and does the same.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{CLIENT, DIRECTOR, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

const VRID: u8 = 80;
const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 204);
/// As `ip address` lists it.
const LISTED: &str = "eth1 172.16.1.204/24";
/// An address of the client that is lower than the directors'.
const LOW: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 1);
/// Between two adverts by hand: less than the second that is agreed on.
const PACE: Duration = Duration::from_millis(500);

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let each = [
        Story::each("machine/master", master),
        Story::each("machine/backup", backup),
        Story::each("machine/nopreempt", nopreempt),
        Story::each("machine/preempt", preempt),
        Story::each("machine/preempt-delay", preempt_delay),
        Story::each("machine/startup-delay", startup_delay),
        Story::each("machine/owner", owner),
        Story::each("machine/no-accept", no_accept)
            .into_iter()
            .map(|story| story.with(&["/usr/sbin/nft"]))
            .collect(),
        // Younger than 2.2.7.
        vec![Story::one("machine/timer-expired", ours, timer_expired)],
    ];
    let owners = [(ours, theirs), (theirs, ours), (ours, ours)]
        .map(|(a, b)| Story::two("machine/two-owners", a, b, two_owners));
    let stories = each.into_iter().flatten().chain(owners);
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

fn conf(global: &str, priority: u8, lines: &str) -> String {
    format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id {VRID}\n\
         priority {priority}\nadvert_int 1\n{lines}\nvirtual_ipaddress {{\n{VIP}/24\n}}\n}}\n"
    )
}

fn advert(priority: u8) -> Advert {
    Advert {
        priority,
        auth_type: 0,
        ..Advert::commanding(VRID, VIP, &[0; 8])
    }
}

fn holds(director: &Director) -> Result<bool> {
    let addresses = director.host().addresses()?;
    Ok(addresses.iter().any(|address| address == LISTED))
}

fn held(director: &Director, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        Ok((holds(director)? == wanted).then_some(()))
    })
}

fn started(stage: &Stage, daemon: Daemon, text: &str) -> Result<Director> {
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    Ok(director)
}

/// Sends adverts of a master for so long. Answers whether the VIP was held at some time.
fn reign(stage: &Stage, director: &Director, priority: u8, span: Duration) -> Result<bool> {
    let end = Instant::now() + span;
    let mut seen = false;
    while Instant::now() < end {
        advert(priority).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
        seen |= holds(director)?;
        thread::sleep(PACE);
    }
    Ok(seen)
}

/// A master hears lower, equal and higher priorities.
fn master(stage: &mut Stage, daemon: Daemon) -> Told {
    stage
        .client
        .ip_batch(&format!("address add {LOW}/24 dev eth1\n"))?;
    let mut director = started(stage, daemon, &conf("", 100, ""))?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    let stays = [
        (
            CLIENT,
            50,
            "with lower priority 50, ours 100, forcing new election",
        ),
        (
            LOW,
            100,
            "with lower priority 100, ours 100, forcing new election",
        ),
        (CLIENT, 0, "(V) Master received priority 0 message"),
    ];
    for (source, priority, words) in stays {
        let mark = director.mark();
        advert(priority).send(&stage.client, source, 1, Duration::ZERO)?;
        director.wait_log_after(mark, words, PATIENCE)?;
        ensure!(holds(&director)?, "{words}: it yields");
    }
    let yields = [
        (
            100,
            "(V) Master received advert from 172.16.1.100 with same priority 100 but higher IP address than ours",
        ),
        (
            150,
            "(V) Master received advert from 172.16.1.100 with higher priority 150, ours 100",
        ),
    ];
    for (priority, words) in yields {
        held(&director, true)?;
        let mark = director.mark();
        advert(priority).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
        director.wait_log_after(mark, words, PATIENCE)?;
        director.wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)?;
        held(&director, false)?;
        director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    }
    Ok(String::new())
}

/// A backup bears with a better master, and takes over in its skew time when that one leaves.
fn backup(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, &conf("", 100, ""))?;
    ensure!(
        !reign(stage, &director, 150, Duration::from_secs(5))?,
        "it took over from a better master"
    );
    let mark = director.mark();
    let start = Instant::now();
    advert(0).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
    director.wait_log_after(
        mark,
        "(V) Backup received priority 0 advertisement",
        PATIENCE,
    )?;
    director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    let took = start.elapsed();
    // The skew time is 0.61 s, the whole wait 3.61 s.
    ensure!(took < Duration::from_secs(3), "it took {took:?}");
    held(&director, true)?;
    Ok(format!("{took:.1?}"))
}

fn nopreempt(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, &conf("", 100, "nopreempt"))?;
    ensure!(
        !reign(stage, &director, 50, Duration::from_secs(6))?,
        "it took over from a master that lives"
    );
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    held(&director, true)?;
    Ok(String::new())
}

fn preempt(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = started(stage, daemon, &conf("", 100, ""))?;
    ensure!(
        reign(stage, &director, 50, Duration::from_secs(6))?,
        "it did not take over from a worse master"
    );
    let words = "(V) received lower priority (50) advert from 172.16.1.100 - discarding";
    ensure!(director.log().contains(words), "it said nothing");
    Ok(String::new())
}

/// With a worse master all the time, it takes over after the delay and its own wait: 3 s and at most 3.6 s.
fn preempt_delay(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, &conf("", 100, "preempt_delay 3"))?;
    let early = reign(stage, &director, 50, Duration::from_secs(3))?;
    ensure!(!early, "it took over before the delay was over");
    director.wait_log("(V) start preempt delay (3.000000)", PATIENCE)?;
    ensure!(
        reign(stage, &director, 50, Duration::from_secs(6))?,
        "it did not take over after the delay"
    );
    Ok(String::new())
}

fn startup_delay(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = conf("vrrp_startup_delay 2.5", 200, "");
    let mut director = started(stage, daemon, &text)?;
    let start = Instant::now();
    ensure!(
        director.log().contains("Delaying startup for 2.5 seconds"),
        "it does not say so"
    );
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    let took = start.elapsed();
    // Its own wait is 3.22 s; the log was looked at a moment after the line was there.
    ensure!(took > Duration::from_secs(5), "it took only {took:?}");
    Ok(format!("{took:.1?}"))
}

/// The owner is master at once; another owner with a higher address makes it yield.
fn owner(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = conf("", 255, "").replace("state BACKUP", "state MASTER");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    ensure!(
        !director.log().contains("Entering BACKUP STATE"),
        "it waited"
    );
    let mark = director.mark();
    advert(254).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
    director.wait_log_after(mark, "with lower priority 254, ours 255", PATIENCE)?;
    advert(255).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
    for words in [
        "(V) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, please fix - \
         reducing local priority",
        "(V) Master received advert from 172.16.1.100 with higher priority 255, ours 254",
        "(V) Entering BACKUP STATE",
        "(V) Entering MASTER STATE",
    ] {
        director.wait_log_after(mark, words, PATIENCE)?;
    }
    held(&director, true)?;
    Ok(String::new())
}

fn two_owners(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let text = conf("", 255, "").replace("state BACKUP", "state MASTER");
    let mut first = stage.prepare(0, a, &text)?;
    let mut second = stage.prepare(1, b, &text)?;
    first.start()?;
    second.start()?;
    first.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    second.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    let one = |first: &Director, second: &Director| -> Result<bool> {
        Ok(holds(first)? != holds(second)?)
    };
    // The log is ahead of the addresses: for a moment the first one may look alone.
    wait::until("one master that stays it", PATIENCE, || {
        let stays = wait::throughout(Duration::from_secs(5), || {
            Ok((!one(&first, &second)?).then(|| "two masters, or none".to_owned()))
        });
        Ok(stays.ok())
    })?;
    let both = [&first, &second].map(|one| one.log());
    ensure!(
        both.iter().any(|log| log.contains("CONFIGURATION ERROR")),
        "nobody complains"
    );
    Ok(String::new())
}

/// What `nft list ruleset` shows of keepalived 2.2.7, one line each.
const RULES: &str = "table ip keepalived {
set vips {
type ipv4_addr
elements = { 172.16.1.204 }
chain out {
type filter hook output priority filter - 1; policy accept;
ip saddr @vips drop
chain in {
type filter hook input priority filter - 1; policy accept;
ip daddr @vips drop
table ip6 keepalived {
type ipv6_addr
elements = { 2001:db8:16::204 }
set neighbor-discovery {
type icmpv6_type
flags constant
elements = { nd-neighbor-solicit,
nd-neighbor-advert }
set vips_link_local {
type ipv6_addr . iface_index
elements = { fe80::204 . \"eth1\" }
icmpv6 type @neighbor-discovery accept
ip6 saddr fe80::/10 goto out_link_local
ip6 saddr @vips drop
ip6 daddr fe80::/10 goto in_link_local
ip6 daddr @vips drop
chain in_link_local {
ip6 daddr . iif @vips_link_local drop
chain out_link_local {
ip6 saddr . oif @vips_link_local drop";

fn no_accept(stage: &mut Stage, daemon: Daemon) -> Told {
    let six = "vrrp_instance W {\nstate BACKUP\ninterface eth1\nvirtual_router_id 81\npriority 100\nadvert_int 1\nno_accept\n\
               virtual_ipaddress {\nfe80::204\n2001:db8:16::204/64\n}\n}\n";
    let text = format!("{}{six}", conf("nftables_ifindex", 100, "no_accept"));
    let mut director = started(stage, daemon, &text)?;
    for words in [
        "(V) setting firewall drop rule",
        "(W) Entering MASTER STATE",
    ] {
        director.wait_log(words, PATIENCE)?;
    }
    held(&director, true)?;
    let wanted = sorted(RULES);
    wait::until("the rules of nftables", PATIENCE, || {
        let listed = director.host().output("nft", &["list", "ruleset"])?;
        Ok((sorted(&listed) == wanted).then_some(()))
    })
    .with_context(|| {
        let listed = director.host().output("nft", &["list", "ruleset"]);
        format!("{listed:?}")
    })?;
    // Nobody listens on either: a refusal shows that the packet was taken.
    let to = |address: Ipv4Addr| knock(&stage.client, address);
    ensure!(
        to(DIRECTOR[0])? == io::ErrorKind::ConnectionRefused,
        "its own address is deaf, too"
    );
    ensure!(
        to(VIP)? == io::ErrorKind::TimedOut,
        "packets to the VIP are taken"
    );
    let mark = director.mark();
    advert(150).send(&stage.client, CLIENT, 1, Duration::ZERO)?;
    director.wait_log_after(mark, "(V) removing firewall drop rule", PATIENCE)?;
    director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    director.stop()?;
    let listed = director.host().output("nft", &["list", "ruleset"])?;
    ensure!(listed.is_empty(), "left behind: {listed}");
    Ok(String::new())
}

fn sorted(listed: &str) -> Vec<String> {
    let lines = listed.lines().map(str::trim);
    let mut lines: Vec<String> = lines
        .filter(|line| !line.is_empty() && *line != "}")
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

fn knock(host: &Netns, address: Ipv4Addr) -> Result<io::ErrorKind> {
    host.run(|| {
        let to = SocketAddr::from((address, 9));
        match TcpStream::connect_timeout(&to, Duration::from_millis(800)) {
            Ok(_) => anyhow::bail!("somebody listens at {to}"),
            Err(error) => Ok(error.kind()),
        }
    })
}

/// Stopped for longer than any backup waits, it does not send as if nothing had been.
fn timer_expired(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = conf("", 100, "nopreempt\ntimer_expired_backup 200");
    let mut director = started(stage, daemon, &text)?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    let mark = director.mark();
    director.signal(Signal::SIGSTOP)?;
    thread::sleep(Duration::from_secs(5));
    director.signal(Signal::SIGCONT)?;
    director.wait_log_after(mark, "(V) VRRP thread timer expired", PATIENCE)?;
    director.wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)?;
    director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    held(&director, true)?;
    Ok(String::new())
}
