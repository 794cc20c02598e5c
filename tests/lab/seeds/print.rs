//! Print, DNS and LDAP services with persistence, by direct routing, DNS checked with a script (Piranha).

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use support::client::requests;
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::server::{Port, Server};
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::{table, wait};

use super::{web_server, with};

const KNOT: &str = "/usr/sbin/knotd";
const DIG: &str = "/usr/bin/dig";
const CONFIG: &str = include_str!("../../config/print.conf");
/// What `ipvsadm -L -n` printed where it ran.
const PUBLISHED: &str = include_str!("../../config/print.txt");
/// The published check.
const CHECK: &str = include_str!("../../config/checkdns.sh");
/// Where it was.
const CHECK_PATH: &str = "/root/scripts/checkdns";
const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 3), Ipv4Addr::new(10, 0, 0, 4)];
/// The services over TCP that a web server can stand for.
const PORTS: [(&str, u16); 3] = [("10.0.0.5", 515), ("10.0.0.5", 631), ("10.0.0.6", 389)];

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![Story::two("seeds/print", ours, theirs, print).with(&[KNOT, DIG])]
}

/// The table without its counters: each real server behind its service, in
/// one order, since the kernel's hash decides that of the services.
fn rows(text: &str) -> Vec<String> {
    let mut services: Vec<String> = Vec::new();
    for line in text
        .lines()
        .skip_while(|line| !line.contains("RemoteAddress"))
        .skip(1)
    {
        let words: Vec<_> = line.split_whitespace().collect();
        match (words.as_slice(), services.last_mut()) {
            (["->", server, forward, weight, _, _], Some(service)) => {
                service.push_str(&format!("\n  -> {server} {forward} {weight}"));
            }
            _ => services.push(words.join(" ")),
        }
    }
    services.sort_unstable();
    services
}

/// Waits until both directors have the table.
fn settle(directors: &[Director; 2], wanted: &[String]) -> Result<()> {
    let show = |host: &Netns| {
        host.output("ipvsadm", &["-L", "-n"])
            .map(|text| rows(&text))
    };
    directors.iter().try_for_each(|director| {
        table::wait_for(director.host(), show, wanted, PATIENCE)
            .with_context(|| director.daemon().to_string())
    })
}

/// The table without one real server's row in the services that `hit`.
fn without(rows: &[String], server: &str, hit: impl Fn(&str) -> bool) -> Vec<String> {
    let gone = |row: &str| row.contains(&format!("-> {server}:"));
    rows.iter()
        .map(|service| {
            let kept: Vec<_> = service
                .lines()
                .filter(|row| !(hit(service) && gone(row)))
                .collect();
            kept.join("\n")
        })
        .collect()
}

fn print(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    addresses(stage)?;
    let mut printers = Vec::new();
    let mut names = Vec::new();
    for ((host, address), name) in stage.web.iter().zip(SERVERS).zip(["real1", "real2"]) {
        for (_, port) in PORTS {
            let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
            let server = web_server(stage.folder(), host, any, name, Some(("/job", "done\n")))?;
            printers.push((host, port, server));
        }
        let mut knot = knot(stage, name, address)?;
        knot.start(host)?;
        names.push(knot);
    }
    let check = stage.folder().join("checkdns");
    fs::write(&check, CHECK)?;
    fs::set_permissions(&check, fs::Permissions::from_mode(0o755))?;

    // Faster than it was: the story does not wait for 18 s of silence. The script stays at its pace, since starting dig
    // is dear on the test kernel.
    let primary = with(
        CONFIG,
        &[
            ("eth0", "eth1"),
            ("advert_int 6", "advert_int 1"),
            ("delay_loop 6", "delay_loop 1"),
            ("misc_timeout 6", "misc_timeout 6\n delay_loop 6"),
            (CHECK_PATH, &check.display().to_string()),
        ],
    )?;
    let backup = with(
        &primary,
        &[
            ("state MASTER", "state BACKUP"),
            ("priority 100", "priority 90"),
        ],
    )?;
    let mut directors = [
        stage.prepare(0, a, &primary)?,
        stage.prepare(1, b, &backup)?,
    ];
    for director in &mut directors {
        director.start()?;
    }
    let published = rows(PUBLISHED);
    ensure!(published.len() == 5, "the published table is {published:?}");
    settle(&directors, &published).context("at start")?;
    let addresses = ["10.0.0.5/24", "10.0.0.6/24", "10.0.0.7/24"];
    // A director that starts late may find the other one master.
    wait::until(
        "the virtual addresses, on the primary only",
        PATIENCE,
        || {
            let [first, second] = directors.each_ref().map(|one| one.host().addresses());
            let (first, second) = (first?, second?);
            let has = |there: &[String], one: &str| there.iter().any(|it| it.ends_with(one));
            let settled = addresses
                .iter()
                .all(|one| has(&first, one) && !has(&second, one));
            Ok(settled.then_some(()))
        },
    )?;
    // syncdaemon = 1: the primary sends its connections, the backup takes them.
    for (director, state) in directors.iter().zip(["master", "backup"]) {
        let wanted = format!("{state} sync daemon (mcast=eth1");
        wait::until(&wanted, PATIENCE, || {
            let shown = director.host().output("ipvsadm", &["-L", "--daemon"])?;
            let alone = shown.matches("sync daemon").count() == 1;
            Ok((alone && shown.contains(&wanted)).then_some(()))
        })
        .with_context(|| director.daemon().to_string())?;
    }
    for (vip, port) in PORTS {
        let seen = requests(&stage.client, &format!("http://{vip}:{port}/job"), 2)?;
        let same = seen.windows(2).all(|pair| pair.first() == pair.last());
        let answered = !seen.iter().any(|server| server == "-");
        ensure!(same && answered, "{vip}:{port}: {seen:?}");
    }
    let soa = |more: &str| {
        let words = format!("+short +time=1 -t soa google.com @10.0.0.7 {more}");
        let words: Vec<_> = words.split_whitespace().collect();
        // A check that was late may have taken the one server out for a moment.
        wait::until("an answer through the director", PATIENCE, || {
            let answer = stage.client.output(DIG, &words).unwrap_or_default();
            Ok(answer.starts_with("ns1.google.com.").then_some(()))
        })
        .with_context(|| more.to_owned())
    };
    soa("+tcp")?;

    let (real1, real2) = ("10.0.0.3", "10.0.0.4");
    for (_, port, server) in &mut printers {
        if *port == 631 && server.name() == "real1" {
            server.kill();
        }
    }
    let [_, knot] = names.as_mut_slice() else {
        return Ok(String::new());
    };
    knot.kill();
    let half = without(&published, real1, |service| service.contains(":631 "));
    let half = without(&half, real2, |service| service.contains(":53 "));
    settle(&directors, &half).context("one printer and one DNS server are stopped")?;
    soa("+notcp")?;

    for (host, port, server) in &mut printers {
        if *port == 631 && server.name() == "real1" {
            server.start(host)?;
        }
    }
    let [_, host] = &stage.web;
    knot.start(host)?;
    settle(&directors, &published).context("both are started again")?;
    Ok(String::new())
}

/// The network of the published file beside the stage's own. The servers have the virtual addresses too, silently.
fn addresses(stage: &Stage) -> Result<()> {
    let own = |last: u8| format!("address add 10.0.0.{last}/24 dev eth1\n");
    for (host, last) in stage.director.iter().zip([1, 2]) {
        host.ip_batch(&own(last))?;
    }
    for (host, last) in stage.web.iter().zip([3, 4]) {
        let mut lines = own(last);
        for vip in [5, 6, 7] {
            lines.push_str(&format!("address add 10.0.0.{vip}/32 dev lo\n"));
        }
        host.ip_batch(&lines)?;
    }
    stage.client.ip_batch(&own(100))
}

/// A DNS server that knows the name which the published check asks for.
fn knot(stage: &Stage, name: &str, address: Ipv4Addr) -> Result<Server> {
    let folder = stage.folder().join(format!("knot-{name}"));
    let knot = Server::new(KNOT, &folder, &[Port::Udp(53), Port::Tcp(53)])?;
    let here = folder.display();
    fs::create_dir_all(folder.join("db")).context("make a folder")?;
    let config = format!(
        "server:
    listen: [{address}@53, 10.0.0.7@53]
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
zone:
  - domain: google.com
    storage: {here}
    file: zone
    zonefile-sync: -1
"
    );
    fs::write(folder.join("knot.conf"), config)?;
    fs::write(
        folder.join("zone"),
        "$TTL 60\n@ SOA ns1 dns-admin 1 900 900 1800 60\n@ NS ns1\nns1 A 10.0.0.7\n",
    )?;
    Ok(knot.args(["-c", "knot.conf"]))
}
