//! Clients marked by iptables, shared out by the hash of their addresses, masqueraded (monit and ipvsadm).

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result, ensure};
use support::client::requests_from;
use support::config::VIP;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::table;

use super::{SOON, behind_the_director, wait_for_table, web_server};

/// What Debian calls iptables by default needs nf_tables, which the lab's kernel has not.
const IPTABLES: &str = "/usr/sbin/iptables-legacy";
const CONFIG: &str = include_str!("../../config/marks.conf");
/// The published script.
const SCRIPT: &str = include_str!("../../config/marks.sh");
const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 1, 11), Ipv4Addr::new(10, 0, 1, 12)];
/// As many clients, so that each server has some whatever the hash.
const CLIENTS: u8 = 12;

pub fn stories() -> Vec<Story> {
    Story::each("seeds/marks", marks)
        .into_iter()
        .map(|story| story.with(&[IPTABLES]))
        .collect()
}

/// What the script does at `start`.
fn start() -> Result<&'static str> {
    let (_, after) = SCRIPT
        .split_once("start)")
        .context("the script has no start)")?;
    let (start, _) = after.split_once(";;").context("start) has no end")?;
    Ok(start)
}

/// Every client's server: each must have one.
fn servers(stage: &Stage, clients: &[Ipv4Addr]) -> Result<Vec<String>> {
    let url = format!("http://{VIP}/index.html");
    let mut found = Vec::new();
    for client in clients {
        let seen = requests_from(&stage.client, *client, &url, 2)?;
        let [first, second] = seen.as_slice() else {
            continue;
        };
        ensure!(first == second && first != "-", "{client} got {seen:?}");
        found.push(first.clone());
    }
    Ok(found)
}

fn marks(stage: &mut Stage, daemon: Daemon) -> Told {
    behind_the_director(
        stage,
        Some("10.0.1.1/24"),
        [&["10.0.1.11/24"], &["10.0.1.12/24"]],
        "10.0.1.1",
    )?;
    let [director, other] = &stage.director;
    director.ip_batch(&format!("address add {VIP}/32 dev eth1\n"))?;
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|last| Ipv4Addr::new(172, 16, 1, 100 + last))
        .collect();
    let lines: String = clients
        .iter()
        .map(|client| format!("address add {client}/24 dev eth1\n"))
        .collect();
    stage.client.ip_batch(&lines)?;
    let mut web = Vec::new();
    for ((host, address), name) in stage.web.iter().zip(SERVERS).zip(["a", "b"]) {
        let address = SocketAddrV4::new(address, 80);
        web.push(web_server(
            stage.folder(),
            host,
            address,
            name,
            Some(("/index.html", "")),
        )?);
    }

    // The published script on the other director gives the table to be like.
    let [one, two] = SERVERS;
    let script = format!(
        "set -e; PATH=/usr/sbin:/usr/bin; IP_WEB={VIP}; IP_SERVER1={one}; IP_SERVER2={two}
        iptables() {{ {IPTABLES} \"$@\"; }}\n{}",
        start()?
    );
    other.output("sh", &["-c", &script])?;
    let published = table::saved(other)?;
    ensure!(published.len() == 7, "the script made {published:?}");
    let rule = script
        .lines()
        .find(|line| line.starts_with("iptables -A"))
        .context("the script has no rule")?
        .replace("$IP_WEB", &VIP.to_string());
    let rule: Vec<_> = rule.split_whitespace().skip(1).collect();
    director.output(IPTABLES, &rule)?;

    let mut director = stage.prepare(0, daemon, CONFIG)?;
    director.start()?;
    wait_for_table(&director, &published, PATIENCE)?;
    let before = servers(stage, &clients)?;
    let both: BTreeSet<_> = before.iter().collect();
    ensure!(both.len() == 2, "all clients go to one server: {before:?}");

    let [a, _] = web.as_mut_slice() else {
        return Ok(String::new());
    };
    a.kill();
    let without: Vec<_> = published
        .iter()
        .filter(|line| !line.starts_with(&format!("-a -f 1 -r {one}")))
        .cloned()
        .collect();
    wait_for_table(&director, &without, SOON).context("server 1 was stopped")?;
    let during = servers(stage, &clients)?;
    ensure!(during.iter().all(|server| server == "b"), "{during:?}");

    let [web_1, _] = &stage.web;
    a.start(web_1)?;
    wait_for_table(&director, &published, SOON).context("server 1 was started")?;
    let after = servers(stage, &clients)?;
    let both: BTreeSet<_> = after.iter().collect();
    ensure!(both.len() == 2, "nobody comes back: {after:?}");
    let count = |seen: &[String]| seen.iter().filter(|server| *server == "a").count();
    Ok(format!(
        "of {CLIENTS} clients {} had server 1, then {}, then {}",
        count(&before),
        count(&during),
        count(&after)
    ))
}
