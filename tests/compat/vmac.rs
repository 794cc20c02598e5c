//! `use_vmac`: the macvlan, its settings, what is said through it, and what is left after the stop. Either daemon, one
//! script; what is expected was seen of keepalived 2.2.7.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::frames::{Frame, Frames, Said};
use support::netns::Netns;
use support::ruleset;
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

/// The hardware address of virtual router 61, over IPv4 and over IPv6 (RFC 9568 section 7.3).
const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 61];
const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 61];
const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 202);

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("vmac/there-and-gone", there_and_gone),
        Story::each("vmac/ipv6", ipv6),
        Story::each("vmac/names", names),
        Story::each("vmac/transmit-base", transmit_base),
        Story::each("vmac/killed", killed),
        Story::each("vmac/reload", reload),
        Story::each("vmac/removed-by-hand", removed_by_hand),
        Story::each("vmac/strict-reverse-path", strict_reverse_path),
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// One instance with id 61 that becomes master a good second after the start.
fn conf(lines: &str, addresses: &str) -> String {
    format!(
        "global_defs {{\nvrrp_garp_master_repeat 2\nvrrp_garp_master_delay 0\n}}\n\
         vrrp_instance V {{\ninterface eth1\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\n{lines}\n\
         virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
    )
}

fn until_master(director: &mut Director) -> Result<()> {
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    Ok(())
}

/// Waits until a host's addresses are these and no others but its own, as `INTERFACE ADDRESS/PREFIX`.
fn holds(host: &Netns, wanted: &[&str]) -> Result<()> {
    let wanted: BTreeSet<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
    let mut seen = BTreeSet::new();
    wait::until("the addresses", PATIENCE, || {
        let all = host.addresses()?.into_iter();
        seen = all
            .filter(|address| !address.ends_with(" 172.16.1.2/24") && !address.contains(" 127."))
            .filter(|address| !address.contains(" fe80:") && !address.contains(" ::1"))
            .collect();
        Ok((seen == wanted).then_some(()))
    })
    .with_context(|| format!("wanted {wanted:?}, there are {seen:?}"))
}

/// The names of a host's links.
fn links(host: &Netns) -> Result<BTreeSet<String>> {
    let text = host.output("ip", &["-o", "link"])?;
    let names = text.lines().filter_map(|line| line.split(": ").nth(1));
    let name = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    Ok(names.map(name).collect())
}

fn setting(host: &Netns, name: &str) -> Result<String> {
    let path = format!("/proc/sys/net/{name}");
    Ok(host.output("cat", &[&path])?.trim().to_owned())
}

fn stopped(director: &mut Director) -> Result<()> {
    let status = director.stop()?;
    ensure!(status.code() == Some(0), "a clean stop ended with {status}");
    let left = links(director.host())?;
    let own: BTreeSet<String> = ["lo", "eth1"].map(str::to_owned).into();
    ensure!(left == own, "after the stop there are {left:?}");
    let rules = ruleset::read(director.host())?;
    ensure!(rules.is_empty(), "after the stop there is {rules:?}");
    holds(director.host(), &[])
}

/// From which hardware addresses the frames came that `of` picks.
fn sources(frames: &[Frame], of: impl Fn(&Said) -> bool) -> BTreeSet<[u8; 6]> {
    let picked = frames.iter().filter(|frame| of(&frame.said));
    picked.map(|frame| frame.source).collect()
}

fn is_advert(said: &Said) -> bool {
    matches!(said, Said::Advert(61, _))
}

fn there_and_gone(stage: &mut Stage, daemon: Daemon) -> Told {
    let frames = Frames::start(&stage.client)?;
    let mut director = stage.prepare(0, daemon, &conf("use_vmac", "172.16.1.202/24"))?;
    director.start()?;
    director.wait_log("Success creating VMAC interface vrrp.61", PATIENCE)?;
    until_master(&mut director)?;
    let host = director.host();
    holds(host, &["vrrp.61 172.16.1.202/24"])?;
    let link = host.output("ip", &["-d", "-o", "link", "show", "vrrp.61"])?;
    for part in [
        "vrrp.61@eth1: <BROADCAST,MULTICAST,UP,LOWER_UP>",
        "link/ether 00:00:5e:00:01:3d ",
        "macvlan mode private ",
    ] {
        ensure!(link.contains(part), "no {part:?} in {link}");
    }
    for (name, value) in [
        ("ipv4/conf/vrrp.61/arp_ignore", "1"),
        ("ipv4/conf/vrrp.61/arp_filter", "0"),
        ("ipv4/conf/vrrp.61/accept_local", "1"),
        ("ipv4/conf/vrrp.61/rp_filter", "0"),
        ("ipv4/conf/vrrp.61/promote_secondaries", "1"),
        ("ipv4/conf/eth1/arp_ignore", "1"),
        ("ipv4/conf/eth1/arp_filter", "1"),
        ("ipv6/conf/vrrp.61/addr_gen_mode", "1"),
        ("ipv6/conf/vrrp.61/disable_ipv6", "1"),
    ] {
        let seen = setting(host, name)?;
        ensure!(seen == value, "{name} is {seen}, not {value}");
    }
    // A report of the group is repeated within a second (RFC 3376 section 8.11).
    let heard = frames.during(Duration::from_millis(1200));
    let from = sources(&heard, |said| {
        matches!(said, Said::Advert(..) | Said::Arp(_))
    });
    ensure!(from == BTreeSet::from([MAC]), "heard from {from:02x?}");
    let reports = sources(&heard, |said| *said == Said::Report);
    ensure!(!reports.contains(&MAC), "a report of groups from the VMAC");
    stopped(&mut director)?;
    if daemon == Daemon::Ours {
        // As 2.4 does; 2.2.7 leaves them.
        for name in ["arp_ignore", "arp_filter"] {
            let seen = setting(director.host(), &format!("ipv4/conf/eth1/{name}"))?;
            ensure!(seen == "0", "{name} of eth1 is {seen} after the stop");
        }
    }
    let goodbye = frames.during(Duration::from_millis(300));
    let last = goodbye.iter().rfind(|frame| is_advert(&frame.said));
    let last = last.map(|frame| (frame.source, frame.said));
    ensure!(
        last == Some((MAC, Said::Advert(61, 0))),
        "the last advert is {last:?}"
    );
    Ok(String::new())
}

fn ipv6(stage: &mut Stage, daemon: Daemon) -> Told {
    let frames = Frames::start(&stage.client)?;
    let mut director = stage.prepare(0, daemon, &conf("use_vmac", "fe80::64\n2001:db8::64/64"))?;
    let own = director
        .host()
        .output("ip", &["-6", "-o", "address", "show", "dev", "eth1"])?;
    director.start()?;
    until_master(&mut director)?;
    let vip: std::net::Ipv6Addr = "2001:db8::64".parse()?;
    let mut heard = Vec::new();
    wait::until("the neighbour advertisements", PATIENCE, || {
        heard.extend(frames.heard());
        let of_it = |frame: &&Frame| frame.said == Said::Neighbour(vip);
        Ok((heard.iter().filter(of_it).count() >= 2).then_some(()))
    })?;
    let from = sources(&heard, |said| {
        is_advert(said) || matches!(said, Said::Neighbour(address) if *address == vip)
    });
    ensure!(from == BTreeSet::from([MAC6]), "heard from {from:02x?}");
    let reports = sources(&heard, |said| *said == Said::Report);
    ensure!(!reports.contains(&MAC6), "a report of groups from the VMAC");
    let host = director.host();
    let there = host.output("ip", &["-6", "-o", "address", "show", "dev", "vrrp.61"])?;
    let lent: Vec<&str> = own
        .split_whitespace()
        .filter(|word| word.starts_with("fe80:"))
        .collect();
    for address in ["fe80::64/128", "2001:db8::64/64"].iter().chain(&lent) {
        ensure!(there.contains(address), "no {address} in {there}");
    }
    for (name, value) in [("addr_gen_mode", "1"), ("disable_ipv6", "0")] {
        let seen = setting(host, &format!("ipv6/conf/vrrp.61/{name}"))?;
        ensure!(seen == value, "{name} is {seen}, not {value}");
    }
    let arp = setting(host, "ipv4/conf/eth1/arp_ignore")?;
    ensure!(arp == "0", "arp_ignore of eth1 is {arp}");
    stopped(&mut director)?;
    Ok(String::new())
}

/// A second interface, which two instances have addresses on.
fn names(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    host.ip_batch(
        "link add eth2 type veth peer name eth3\naddress add 10.9.1.1/24 dev eth2\n\
         link set eth2 up\nlink set eth3 up\n",
    )?;
    let text = "global_defs {\nvmac_prefix vm\nvmac_addr_prefix va\n}\n\
        vrrp_instance V {\ninterface eth1\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\nuse_vmac\nvirtual_ipaddress {\n\
        10.9.0.100/24\n10.9.0.101/24 dev eth1\n10.9.0.102/24 dev eth1 use_vmac\n10.9.1.102/24 dev eth2 use_vmac\n}\n}\n\
        vrrp_instance W {\ninterface eth2\nvirtual_router_id 62\nversion 3\nadvert_int 0.2\nvirtual_ipaddress {\n\
        10.9.1.100/24\n10.9.1.103/24 dev eth2 use_vmac\n10.9.0.103/24 dev eth1 use_vmac\n}\n}\n\
        vrrp_instance X {\ninterface eth1\nvirtual_router_id 63\nversion 3\nadvert_int 0.2\nuse_vmac mine 02:0:0:0:0:63 group 7\n\
        use_vmac_addr\nvirtual_ipaddress {\n10.9.0.130/24\n10.9.1.132/24 dev eth2\n}\nvirtual_ipaddress_excluded {\n\
        2001:db8::1/64\n}\n}\n";
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    holds(
        director.host(),
        &[
            "vm.61 10.9.0.100/24",
            "vm.61 10.9.0.101/24",
            "vm.61 10.9.0.102/24",
            "va.61 10.9.1.102/24",
            "eth2 10.9.1.1/24",
            "eth2 10.9.1.100/24",
            "va.62 10.9.1.103/24",
            "va1.62 10.9.0.103/24",
            "mine 10.9.0.130/24",
            "va.63 10.9.1.132/24",
            "mine 2001:db8::1/64",
        ],
    )?;
    for (name, parts) in [
        ("va.61", ["va.61@eth2:", "00:00:5e:00:01:3d"]),
        ("mine", ["mine@eth1:", "02:00:00:00:00:63"]),
        ("va.63", ["va.63@eth2:", "02:00:00:00:00:63"]),
    ] {
        let link = host.output("ip", &["-o", "link", "show", name])?;
        for part in parts {
            ensure!(link.contains(part), "no {part:?} in {link}");
        }
    }
    if daemon == Daemon::Ours {
        // 2.2.7 does not know the word.
        let link = host.output("ip", &["-o", "link", "show", "mine"])?;
        ensure!(link.contains("group 7"), "no group 7 in {link}");
    }
    director.stop()?;
    let left = links(&host)?;
    let own: BTreeSet<String> = ["lo", "eth1", "eth2", "eth3"].map(str::to_owned).into();
    ensure!(left == own, "after the stop there are {left:?}");
    Ok(String::new())
}

fn transmit_base(stage: &mut Stage, daemon: Daemon) -> Told {
    let frames = Frames::start(&stage.client)?;
    let text = conf("use_vmac\nvmac_xmit_base", "172.16.1.202/24");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    until_master(&mut director)?;
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    let heard = frames.during(Duration::from_millis(500));
    let arp = sources(&heard, |said| *said == Said::Arp(VIP));
    ensure!(arp == BTreeSet::from([MAC]), "ARP from {arp:02x?}");
    let adverts = sources(&heard, is_advert);
    ensure!(
        adverts.len() == 1 && !adverts.contains(&MAC),
        "adverts from {adverts:02x?}"
    );
    stopped(&mut director)?;
    Ok(String::new())
}

/// What a killed run left is taken over, without the VIP.
fn killed(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.prepare(0, daemon, &conf("use_vmac", "172.16.1.202/24"))?;
    director.start()?;
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    director.kill()?;
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    if daemon == Daemon::Keepalived {
        // Its child, which the lab may not have buried yet, would keep it from starting.
        std::fs::remove_file(director.folder().join("vrrp.pid"))?;
    }
    director.start()?;
    director.wait_log("Found matching interface vrrp.61", PATIENCE)?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    stopped(&mut director)?;
    Ok(String::new())
}

/// One stays, one comes, one goes.
fn reload(stage: &mut Stage, daemon: Daemon) -> Told {
    let other = |id: u8, last: u8| {
        format!(
            "vrrp_instance W{id} {{\ninterface eth1\nvirtual_router_id {id}\nversion 3\nadvert_int 0.2\nuse_vmac\n\
             virtual_ipaddress {{\n172.16.1.{last}/24\n}}\n}}\n"
        )
    };
    let first = conf("use_vmac mine", "172.16.1.202/24");
    let mut director = stage.prepare(0, daemon, &format!("{first}{}", other(62, 210)))?;
    director.start()?;
    let kept = "mine 172.16.1.202/24";
    holds(director.host(), &[kept, "vrrp.62 172.16.1.210/24"])?;
    let number = |director: &Director| {
        let path = "/sys/class/net/mine/ifindex";
        let text = director
            .host()
            .output("ip", &["-o", "link", "show", "mine"])?;
        let number = text.split(':').next().map(str::to_owned);
        number.with_context(|| format!("no number in {text} ({path})"))
    };
    let before = number(&director)?;
    let frames = Frames::start(&stage.client)?;
    director.configure(format!("{first}{}", other(63, 211)).as_bytes())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Success removing VMAC interface vrrp.62", PATIENCE)?;
    holds(director.host(), &[kept, "vrrp.63 172.16.1.211/24"])?;
    ensure!(number(&director)? == before, "`mine` was made anew");
    let heard = frames.heard();
    ensure!(
        heard.iter().any(|frame| frame.said == Said::Advert(62, 0)),
        "no goodbye of the instance that went"
    );
    ensure!(
        !heard.iter().any(|frame| frame.said == Said::Advert(61, 0)),
        "a goodbye of the instance that stays"
    );
    director.configure(conf("", "172.16.1.202/24").as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    holds(director.host(), &["eth1 172.16.1.202/24"])?;
    if daemon == Daemon::Ours {
        // 2.2.7 forgets its rules where the last VMAC goes at a reload.
        stopped(&mut director)?;
    }
    Ok(String::new())
}

fn removed_by_hand(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.prepare(0, daemon, &conf("use_vmac", "172.16.1.202/24"))?;
    director.start()?;
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    let mark = director.mark();
    director.host().ip_batch("link delete vrrp.61\n")?;
    for line in [
        "(V) Entering FAULT STATE",
        "Success creating VMAC interface vrrp.61",
        "(V) Entering BACKUP STATE",
        "(V) Entering MASTER STATE",
    ] {
        director.wait_log_after(mark, line, PATIENCE)?;
    }
    holds(director.host(), &["vrrp.61 172.16.1.202/24"])?;
    stopped(&mut director)?;
    Ok(String::new())
}

/// With `rp_filter` of all interfaces set, the VMAC would take nothing; it holds for each of the others instead.
fn strict_reverse_path(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    host.sysctl(&[("ipv4/conf/all/rp_filter", "1")])?;
    let mut director = stage.prepare(0, daemon, &conf("use_vmac", "172.16.1.202/24"))?;
    director.start()?;
    holds(&host, &["vrrp.61 172.16.1.202/24"])?;
    for (name, value) in [
        ("all", "0"),
        ("default", "1"),
        ("eth1", "1"),
        ("vrrp.61", "0"),
    ] {
        let seen = setting(&host, &format!("ipv4/conf/{name}/rp_filter"))?;
        ensure!(seen == value, "rp_filter of {name} is {seen}");
    }
    // A connection to a port that nobody has is refused by the host that has the address.
    let port = SocketAddr::from((VIP, 9));
    let refused = stage.client.run(|| {
        let tried = TcpStream::connect_timeout(&port, Duration::from_secs(2));
        Ok(tried.map_err(|error| error.kind()).err())
    })?;
    ensure!(
        refused == Some(ErrorKind::ConnectionRefused),
        "no answer from the VIP: {refused:?}"
    );
    stopped(&mut director)?;
    for (name, value) in [("all", "1"), ("default", "0")] {
        let seen = setting(&host, &format!("ipv4/conf/{name}/rp_filter"))?;
        ensure!(
            seen == value,
            "rp_filter of {name} is {seen} after the stop"
        );
    }
    Ok(String::new())
}
