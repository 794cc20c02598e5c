//! Mail (postfix), names (Knot DNS, with a signed zone), UDP and ICMP.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::{User, chown};
use support::daemon::Daemon;
use support::echo::{Echo, Manner};
use support::netns::Netns;
use support::server::{Port, Server};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};

use super::case::{Case, Watched};

const POSTFIX: &str = "/usr/lib/postfix/sbin/master";
const KNOT: &str = "/usr/sbin/knotd";
const SMTP: u16 = 25;
/// Greets with 554.
const UNFRIENDLY: u16 = 2525;
const DNS: u16 = 53;
const ECHO: u16 = 7;
const DISCARD: u16 = 9;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![Story::two("real/services", ours, theirs, services).with(&[POSTFIX, KNOT])]
}

/// Each type that a DNS_CHECK knows, with a name that has it.
const TYPES: [(&str, &str); 9] = [
    ("A", "www.example.org"),
    ("NS", "example.org"),
    ("CNAME", "alias.example.org"),
    ("SOA", "example.org"),
    ("MX", "example.org"),
    ("TXT", "example.org"),
    ("AAAA", "www.example.org"),
    ("RRSIG", "www.example.org"),
    ("DNSKEY", "example.org"),
];

const ZONE: &str = "
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ MX 10 mail
@ TXT \"v=spf1 -all\"
ns1 A 192.0.2.53
mail A 192.0.2.25
www A 192.0.2.80
www AAAA 2001:db8::80
alias CNAME www
";

fn services(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let [address, other] = WEB;
    let [web, pinged] = &stage.web;
    let mut postfix = postfix(&stage.folder().join("postfix"))?;
    let mut knot = knot(&stage.folder().join("knot"), address)?;
    // Otherwise a host says of a few datagrams a second only that nobody has their port.
    web.sysctl(&[("ipv4/icmp_ratelimit", "0")])?;
    postfix.launch(web)?;
    knot.launch(web)?;
    let at = |port| SocketAddr::from((address, port));
    let echoes = [Echo::start(web, at(ECHO))?, Echo::start(web, at(DISCARD))?];
    postfix.ready(web)?;
    knot.ready(web)?;
    greeted(web, at(SMTP), "220 ")?;
    greeted(web, at(UNFRIENDLY), "554 ")?;
    let watched = Watched::start(stage, [ours, theirs], cases(address, other), "")?;

    let [echo, discard] = &echoes;
    let changes = ["ping", "echo", "discard"]
        .into_iter()
        .chain(TYPES.iter().map(|(kind, _)| *kind));
    let changed = watched.leave(&changes.collect::<Vec<_>>(), || {
        echo.manner(Manner::Turned);
        discard.manner(Manner::Mute);
        zones(knot.folder(), address, false)?;
        knot.signal(Signal::SIGHUP)?;
        answer_pings(pinged, false)
    })?;
    let back = watched.come_back(|| {
        echo.manner(Manner::Echo);
        discard.manner(Manner::Echo);
        zones(knot.folder(), address, true)?;
        knot.signal(Signal::SIGHUP)?;
        answer_pings(pinged, true)
    })?;

    let mut stops = watched.names();
    stops.retain(|name| *name != "ping");
    // What had arrived when the server went gets no reply instead; only without `require_reply` that is none to wait for.
    let refused = |case: &Case| match case.name {
        // The kill may come in the middle of a talk.
        "mail" => "connection refused|before the greeting|before the reply to",
        "any datagram" => "ICMP port unreachable",
        _ => "",
    };
    let stopped = watched.leave_with(&stops, refused, || {
        postfix.kill();
        knot.kill();
        drop(echoes);
        Ok(())
    })?;
    postfix.launch(web)?;
    knot.launch(web)?;
    let _echoes = [Echo::start(web, at(ECHO))?, Echo::start(web, at(DISCARD))?];
    let started = watched.come_back(|| Ok(()))?;
    Ok(format!(
        "changed: left after {changed}, back after {back}; stopped: {stopped}, {started}"
    ))
}

fn cases(address: Ipv4Addr, pinged: Ipv4Addr) -> Vec<Case> {
    let at = |port| SocketAddrV4::new(address, port);
    let mut cases = vec![
        Case::new(
            "mail",
            at(SMTP),
            "SMTP_CHECK { helo_name director.example.org\n }",
            "refused",
        ),
        Case::new(
            "unfriendly mail",
            at(UNFRIENDLY),
            "SMTP_CHECK { }",
            "greeting 554",
        )
        .never(),
        Case::new(
            "echo",
            at(ECHO),
            "UDP_CHECK { payload 0123456789\n require_reply 01234XX789\n min_reply_length 5\n max_reply_length 5\n }",
            "byte 1 of the reply is fe, wanted 01",
        ),
        Case::new(
            "discard",
            at(DISCARD),
            "UDP_CHECK { require_reply\n }",
            "no reply within 3.0 s",
        ),
        Case::new(
            "any datagram",
            at(ECHO),
            "UDP_CHECK { payload 00\n }",
            "ICMP port unreachable",
        ),
        Case::new(
            "ping",
            SocketAddrV4::new(pinged, 80),
            "PING_CHECK { }",
            "no reply within 3.0 s",
        ),
        Case::new(
            "no such name",
            at(DNS),
            "DNS_CHECK { type A\n name nobody.example.org\n }",
            "rcode 3 (NXDOMAIN), wanted 0",
        )
        .never(),
        Case::new(
            "not its zone",
            at(DNS),
            "DNS_CHECK { type A\n name www.example.com\n }",
            "rcode 5 (REFUSED), wanted 0",
        )
        .never(),
    ];
    cases.extend(TYPES.iter().map(|(kind, name)| {
        let check = format!("DNS_CHECK {{ type {kind}\n name {name}\n }}");
        Case::new(kind, at(DNS), check, "rcode 5 (REFUSED), wanted 0")
    }));
    cases
}

/// Waits for postfix's greeting, so that no check has to wait for the process that gives it.
fn greeted(host: &Netns, address: SocketAddr, code: &str) -> Result<()> {
    let line = host.run(|| {
        let stream = TcpStream::connect(address).context("connect to postfix")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    })?;
    ensure!(line.starts_with(code), "postfix greets with {line:?}");
    Ok(())
}

fn answer_pings(host: &Netns, answer: bool) -> Result<()> {
    host.sysctl(&[("ipv4/icmp_echo_ignore_all", if answer { "0" } else { "1" })])
}

/// A mail server with all its files in `folder`.
fn postfix(folder: &Path) -> Result<Server> {
    let server = Server::new(POSTFIX, folder, &[Port::Tcp(SMTP), Port::Tcp(UNFRIENDLY)])?;
    let here = folder.display();
    fs::write(
        folder.join("main.cf"),
        format!(
            "compatibility_level = 3.6
queue_directory = {here}/queue
data_directory = {here}/data
myhostname = mail.example.org
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
"
        ),
    )?;
    fs::write(
        folder.join("master.cf"),
        "smtp inet n - n - - smtpd
2525 inet n - n - - smtpd -o smtpd_delay_reject=no -o smtpd_client_restrictions=reject
rewrite unix - - n - - trivial-rewrite
",
    )?;
    let owner = User::from_name("postfix")?.context("no user postfix")?;
    for name in [
        "data",
        "queue",
        "queue/pid",
        "queue/private",
        "queue/public",
    ] {
        fs::create_dir_all(folder.join(name)).context("make a folder")?;
    }
    for name in ["data", "queue/private", "queue/public"] {
        chown(&folder.join(name), Some(owner.uid), None).context("give a folder away")?;
    }
    Ok(server.args(["-c", &folder.display().to_string(), "-d"]))
}

/// A DNS server with all its files in `folder`, which signs its zone.
fn knot(folder: &Path, address: Ipv4Addr) -> Result<Server> {
    let server = Server::new(KNOT, folder, &[Port::Udp(DNS)])?;
    fs::create_dir_all(folder.join("db")).context("make a folder")?;
    fs::write(folder.join("zone"), ZONE)?;
    zones(folder, address, true)?;
    Ok(server.args(["-c", "knot.conf"]))
}

/// What it serves: its zone or none.
fn zones(folder: &Path, address: Ipv4Addr, serve: bool) -> Result<()> {
    let here = folder.display();
    let zone = format!(
        "zone:
  - domain: example.org
    storage: {here}
    file: zone
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    dnssec-signing: on
    dnssec-policy: one-key
"
    );
    let config = format!(
        "server:
    listen: {address}@{DNS}
    rundir: {here}
    user: root
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: {here}/db
policy:
  - id: one-key
    algorithm: ecdsap256sha256
    single-type-signing: on
{}",
        if serve { &zone } else { "" }
    );
    fs::write(folder.join("knot.conf"), config).context("write knot.conf")
}
