//! Web servers that reset, stall, drip, talk garbage and never end.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result, ensure};
use support::config::PAGE;
use support::daemon::Daemon;
use support::stage::{Stage, WEB};
use support::story::{Story, Told};
use support::web::{Mood, WebServer};

use super::case::{Case, Watched};

/// How a server misbehaves, what our log says then, and whether keepalived is asked too.
const FAULTS: [(&str, Mood, &str, bool); 6] = [
    ("resets", Mood::Reset, "connection lost after 0 bytes", true),
    ("stalls", Mood::Stall, "no answer within 3.0 s (", true),
    ("garbage", Mood::Garbage, "the answer is not HTTP", true),
    // keepalived waits anew after every byte.
    ("drips", Mood::Drip, "no answer within 3.0 s (", false),
    (
        "no end of header",
        Mood::Header,
        "header longer than",
        false,
    ),
    ("mute", Mood::Mute, "no answer within 3.0 s", true),
];

/// The page of 1 GiB.
const HUGE: &str = "1 GiB";
/// What reading any amount of it may cost. A page is hashed while it comes, so this is room for the noise.
const GROWTH_KIB: u64 = 8 * 1024;

pub fn stories() -> Vec<Story> {
    vec![Story::two(
        "real/misbehaving",
        Daemon::Ours,
        Daemon::Keepalived,
        misbehaving,
    )]
}

fn misbehaving(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let [host, _] = WEB;
    let mut servers = Vec::new();
    let mut cases = Vec::new();
    let moods = FAULTS
        .into_iter()
        .chain([(HUGE, Mood::Huge, "no answer within 3.0 s (", false)]);
    for ((name, mood, evidence, both), port) in moods.zip(8001..) {
        let (server, address) = start(stage, host, port)?;
        servers.push((name, mood, server));
        let check = format!("HTTP_GET {{ url {{ path {PAGE}\n status_code 200\n }}\n }}");
        let case = Case::new(name, address, check, evidence);
        cases.push(if both { case } else { case.only_ours() });
    }
    let watched = Watched::start(stage, [ours, theirs], cases, "")?;
    let (huge, faulty): (Vec<_>, Vec<_>) = servers.iter().partition(|(name, _, _)| *name == HUGE);
    let set = |servers: &[&(&str, Mood, WebServer)], well: bool| {
        servers
            .iter()
            .try_for_each(|(_, mood, server)| server.mood(if well { Mood::Serve } else { *mood }))
    };
    let names: Vec<_> = faulty.iter().map(|(name, _, _)| *name).collect();
    let left = watched.leave(&names, || set(&faulty, false))?;
    let back = watched.come_back(|| set(&faulty, true))?;
    // By itself, since it takes all that the kernel's one processor has.
    let before = peak(&watched)?;
    watched.leave(&[HUGE], || set(&huge, false))?;
    watched.come_back(|| set(&huge, true))?;
    let after = peak(&watched)?;
    ensure!(
        after <= before + GROWTH_KIB,
        "a page of 1 GiB took the daemon from {before} to {after} KiB"
    );
    Ok(format!(
        "left after {left}, back after {back}; 1 GiB: from {before} to {after} KiB"
    ))
}

fn start(stage: &Stage, host: Ipv4Addr, port: u16) -> Result<(WebServer, SocketAddrV4)> {
    let address = SocketAddrV4::new(host, port);
    let root = stage.folder().join(format!("web-{port}"));
    let mut server = WebServer::new("web", &root)?.at(address);
    server.page(PAGE, &Stage::page_of("web"))?;
    let [web, _] = &stage.web;
    server.start(web)?;
    Ok((server, address))
}

/// The most memory that the daemon on the first director ever had, in KiB.
fn peak(watched: &Watched) -> Result<u64> {
    let pid = watched.first().pid()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .context("no VmHWM in /proc/PID/status")
}
