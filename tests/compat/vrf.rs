//! Unicast adverts in a VRF: of an instance that names it (`vrf`), and of one whose interface is in it. In the lab's kernel, since
//! others may lack VRFs. 2.2.7 ends with `Unknown interface!` where an instance has `vrf` alone, but goes by the VRF of an interface.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::capture::{Capture, PROGRAMS};
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::wait;

/// How long nothing may happen: many adverts.
const SPAN: Duration = Duration::from_secs(2);

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let pairs = [(ours, ours), (ours, theirs), (theirs, ours)];
    let stories = pairs.map(|(a, b)| Story::two("vrf/takeover", a, b, takeover));
    let alone = [
        Story::one("vrf/apart", ours, apart).with(PROGRAMS),
        Story::one("vrf/comes-and-goes", ours, comes_and_goes),
        Story::one("vrf/ipv6", ours, ipv6),
    ];
    stories.into_iter().chain(alone).collect()
}

/// Where an instance is: what its lines say, and the number of its VIP.
struct Seat {
    place: &'static str,
    vip: &'static str,
}

const NAMED: Seat = Seat {
    place: "vrf blue",
    vip: "172.16.1.202/24 dev eth1",
};
const BY_INTERFACE: Seat = Seat {
    place: "interface eth1",
    vip: "172.16.1.202/24",
};
const OUTSIDE: Seat = Seat {
    place: "interface eth2",
    vip: "172.16.1.203/24",
};

/// An instance of director 0 or 1.
fn instance(name: &str, seat: &Seat, index: usize, priority: u8) -> String {
    let (own, peer) = if index == 0 { (2, 3) } else { (3, 2) };
    let Seat { place, vip } = seat;
    format!(
        "vrrp_instance {name} {{\n{place}\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\npriority {priority}\n\
         unicast_src_ip 172.16.1.{own}\nunicast_peer {{\n172.16.1.{peer}\n}}\nvirtual_ipaddress {{\n{vip}\n}}\n}}\n"
    )
}

/// Puts `eth1` of both directors into a VRF.
fn enslave(stage: &Stage) -> Result<()> {
    stage.director.iter().try_for_each(|host| {
        host.ip_batch(
            "link add blue type vrf table 10\nlink set blue up\nlink set eth1 master blue\n",
        )
    })
}

fn until_held(host: &Netns, address: &str, held: bool) -> Result<()> {
    wait::until(address, PATIENCE, || {
        let there = host.addresses()?.iter().any(|one| one == address);
        Ok((there == held).then_some(()))
    })
}

fn steady(host: &Netns, address: &str) -> Result<()> {
    wait::throughout(SPAN, || {
        let there = host.addresses()?.iter().any(|one| one == address);
        Ok((!there).then(|| format!("{address} went")))
    })
}

fn start(stage: &Stage, index: usize, daemon: Daemon, text: &str) -> Result<Director> {
    let mut director = stage.prepare(index, daemon, text)?;
    director.start()?;
    Ok(director)
}

/// Either daemon is heard by the other, and takes over when that is killed.
fn takeover(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    enslave(stage)?;
    let seat = |daemon| match daemon {
        Daemon::Ours => &NAMED,
        Daemon::Keepalived => &BY_INTERFACE,
    };
    let text = |daemon, index, priority| instance("V", seat(daemon), index, priority);
    let mut first = start(stage, 0, a, &text(a, 0, 150))?;
    until_held(first.host(), "eth1 172.16.1.202/24", true)?;
    let mut second = start(stage, 1, b, &text(b, 1, 100))?;
    second.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    wait::throughout(SPAN, || {
        let log = second.log();
        Ok(log
            .contains("Entering MASTER")
            .then(|| "the worse one did not hear the better one".to_owned()))
    })?;
    first.kill()?;
    until_held(second.host(), "eth1 172.16.1.202/24", true)?;
    let route = second
        .host()
        .output("ip", &["route", "show", "vrf", "blue"])?;
    ensure!(route.contains("172.16.1.0/24"), "in the VRF: {route}");
    second.stop()?;
    until_held(stage.director[1].as_ref(), "eth1 172.16.1.202/24", false)?;
    Ok(String::new())
}

/// The same virtual router id, the same addresses of its own and of its peer: once in the VRF, once outside. Neither hears the other.
fn apart(stage: &mut Stage, _: Daemon) -> Told {
    enslave(stage)?;
    let [a, b] = &stage.director;
    let peer = b.name();
    a.ip_batch(&format!(
        "link add eth2 type veth peer name eth2 netns {peer}\naddress add 172.16.1.2/24 dev eth2\nlink set eth2 up\n"
    ))?;
    b.ip_batch("address add 172.16.1.3/24 dev eth2\nlink set eth2 up\n")?;
    let accepts = a.output("cat", &["/proc/sys/net/ipv4/raw_l3mdev_accept"])?;
    ensure!(accepts.trim() == "1", "unbound sockets hear no VRF here");
    let wires = [b.clone(), b.clone()];
    let [inner, outer] = ["eth1", "eth2"];
    let captures = [
        Capture::start(&wires[0], inner, stage.folder().join("inside.pcap"))?,
        Capture::start(&wires[1], outer, stage.folder().join("outside.pcap"))?,
    ];

    // Inside there is a better one; outside nobody.
    let better = instance("V", &NAMED, 1, 150);
    let mut second = start(stage, 1, Daemon::Ours, &better)?;
    until_held(second.host(), "eth1 172.16.1.202/24", true)?;
    let both = instance("V", &NAMED, 0, 100) + &instance("W", &OUTSIDE, 0, 90);
    let mut first = start(stage, 0, Daemon::Ours, &both)?;
    until_held(first.host(), "eth2 172.16.1.203/24", true).context("it heard the VRF")?;
    steady(first.host(), "eth2 172.16.1.203/24")?;
    ensure!(
        !first.log().contains("(V) Entering MASTER STATE"),
        "the one in the VRF did not hear its peer"
    );
    let [inside, outside] = captures.map(Capture::faultless);
    let (inside, outside) = (inside?, outside?);
    let priorities = |adverts: &[support::capture::Advert]| {
        let mut all: Vec<u8> = adverts.iter().map(|advert| advert.priority).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    ensure!(
        (priorities(&inside), priorities(&outside)) == (vec![150], vec![90]),
        "inside {inside:?}, outside {outside:?}"
    );

    second.kill()?;
    until_held(first.host(), "eth1 172.16.1.202/24", true)?;
    steady(first.host(), "eth2 172.16.1.203/24")?;
    first.stop()?;
    until_held(stage.director[0].as_ref(), "eth1 172.16.1.202/24", false)?;
    Ok(String::new())
}

/// A VRF that is not there, is none, comes, is renamed, goes down and is made anew.
fn comes_and_goes(stage: &mut Stage, _: Daemon) -> Told {
    let host = stage.director[0].clone();
    let global = "global_defs {\ndynamic_interfaces\n}\n";
    let text = format!("{global}{}", instance("V", &NAMED, 0, 100));
    let mut director = start(stage, 0, Daemon::Ours, &text)?;
    let vip = "eth1 172.16.1.202/24";
    director.wait_log("(V) there is no VRF blue: it stays in FAULT", PATIENCE)?;
    director.wait_log("(V) Entering FAULT STATE", PATIENCE)?;
    host.ip_batch("link add blue type bridge\nlink set blue up\n")?;
    director.wait_log("(V) blue is no VRF: it stays in FAULT", PATIENCE)?;
    host.ip_batch("link delete blue\n")?;

    let make = "link add blue type vrf table 10\nlink set blue up\nlink set eth1 master blue\n";
    host.ip_batch(make)?;
    until_held(&host, vip, true).context("it came")?;
    host.ip_batch("link set blue down\n")?;
    until_held(&host, vip, false).context("it went down")?;
    host.ip_batch("link set blue up\n")?;
    until_held(&host, vip, true).context("it went up")?;
    let mark = director.mark();
    host.ip_batch("link set blue down\nlink set blue name red\nlink set red up\n")?;
    until_held(&host, vip, false).context("it was renamed")?;
    director.wait_log_after(mark, "(V) there is no VRF blue", PATIENCE)?;
    host.ip_batch("link set red down\nlink set red name blue\nlink set blue up\n")?;
    until_held(&host, vip, true).context("it has its name again")?;
    host.ip_batch("link delete blue\n")?;
    until_held(&host, vip, false).context("it went")?;
    host.ip_batch(make)?;
    until_held(&host, vip, true).context("it was made anew")?;
    // In the new one it hears and is heard.
    let mut other = stage.prepare(1, Daemon::Ours, &instance("V", &BY_INTERFACE, 1, 150))?;
    other.host().ip_batch(make)?;
    other.start()?;
    until_held(other.host(), vip, true)?;
    until_held(&host, vip, false).context("it does not hear a better one")?;
    other.stop()?;
    until_held(&host, vip, true)?;
    director.stop()?;
    Ok(String::new())
}

/// The same over IPv6, in one: two routers in the VRF, and one outside of it with the same addresses.
fn ipv6(stage: &mut Stage, _: Daemon) -> Told {
    enslave(stage)?;
    let [a, b] = &stage.director;
    let peer = b.name();
    a.ip_batch(&format!(
        "address add fd17::2/64 dev eth1 nodad\nlink add eth2 type veth peer name eth2 netns {peer}\n\
         address add fd17::2/64 dev eth2 nodad\nlink set eth2 up\n"
    ))?;
    b.ip_batch("address add fd17::3/64 dev eth1 nodad\nlink set eth2 up\n")?;
    let text = |name: &str,
                place: &str,
                priority: u8,
                [own, peer]: [u8; 2],
                [dev, vip]: [&str; 2]| {
        format!(
            "vrrp_instance {name} {{\n{place}\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\npriority {priority}\n\
             unicast_src_ip fd17::{own}\nunicast_peer {{\nfd17::{peer}\n}}\n\
             virtual_ipaddress {{\nfe80::61/64 dev {dev}\n{vip}/64 dev {dev}\n}}\n}}\n"
        )
    };
    let inside = ["eth1", "fd17::61"];
    let better = text("V", "vrf blue", 150, [3, 2], inside);
    let worse = text("V", "vrf blue", 100, [2, 3], inside);
    let outside = text("W", "interface eth2", 90, [2, 3], ["eth2", "fd18::61"]);
    let mut second = start(stage, 1, Daemon::Ours, &better)?;
    until_held(second.host(), "eth1 fd17::61/64", true)?;
    let mut first = start(stage, 0, Daemon::Ours, &(worse + &outside))?;
    until_held(first.host(), "eth2 fd18::61/64", true).context("it heard the VRF")?;
    steady(first.host(), "eth2 fd18::61/64")?;
    ensure!(
        !first.log().contains("(V) Entering MASTER STATE"),
        "the one in the VRF did not hear its peer"
    );
    second.kill()?;
    until_held(first.host(), "eth1 fd17::61/64", true)?;
    steady(first.host(), "eth2 fd18::61/64")?;
    first.stop()?;
    Ok(String::new())
}
