//! Ten thousand bad packets a second, of strangers and in the peer's name.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::daemon::{Daemon, Director};
use support::flood::{Flood, packet};
use support::frames::Frames;
use support::process;
use support::stage::{CLIENT, DIRECTOR, PATIENCE, Stage};
use support::stall::Meter;
use support::story::{Kernel, Story, Told};
use support::wait;

use super::{VIP, VRID, gap, holds, lines, master, pair, quiet, signed, told};

const RATE: u32 = 10_000;
const SPAN: Duration = Duration::from_secs(5);
/// More a second than anybody can look at.
const MOST: u32 = 400_000;
const STORM: Duration = Duration::from_secs(4);
/// Adverts come each second; so far apart is late, but nobody takes over.
const GAP: Duration = Duration::from_millis(1500);
/// What may be kept of it, in KiB.
const GROWTH: u64 = 8 * 1024;

pub fn stories() -> Vec<Story> {
    // Of two 2.2.7 the second becomes master beside the first, and each packet has a line in the log.
    let ours = Daemon::Ours;
    let stories = [
        Story::two("failures/bad-packets", ours, ours, bad_packets),
        Story::one("failures/packet-storm", ours, storm),
    ];
    stories
        .map(|story| story.on(Kernel::Machine).timed())
        .into()
}

/// All ways of being wrong, each from a stranger and in the name of the second router.
fn wrong() -> Vec<Vec<u8>> {
    let right = Advert::commanding(VRID, VIP, b"secretlo");
    let spoilt = [
        (
            255,
            Advert {
                checksum_error: 1,
                ..right.clone()
            }
            .emit(),
        ),
        (254, right.emit()),
        (
            255,
            Advert {
                password: *b"intruder",
                ..right.clone()
            }
            .emit(),
        ),
        (
            255,
            Advert {
                auth_type: 0,
                ..right.clone()
            }
            .emit(),
        ),
        (
            255,
            Advert {
                interval: 9,
                ..right.clone()
            }
            .emit(),
        ),
        (
            255,
            Advert {
                cut: 9,
                ..right.clone()
            }
            .emit(),
        ),
        (
            255,
            Advert {
                vrid: VRID + 1,
                ..right
            }
            .emit(),
        ),
        (255, (0..200_u8).map(|byte| byte.wrapping_mul(37)).collect()),
        (255, vec![0x21]),
    ];
    let from = |source| {
        spoilt
            .iter()
            .map(move |(ttl, pdu)| packet(source, *ttl, pdu))
    };
    from(CLIENT).chain(from(DIRECTOR[1])).collect()
}

/// Nobody changes his state, adverts are in time, and the cost is bounded.
fn bad_packets(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let [first, second] = pair(stage, (a, &signed(150)), (b, &signed(100)))?;
    let (mark, theirs) = (first.mark(), second.mark());
    let pid = first.pid_in("vrrp.pid")?;
    let (memory, cpu) = (process::resident_kib(pid)?, process::cpu_time(pid)?);
    let meter = Meter::start();
    let frames = Frames::start(second.host())?;
    let begun = Instant::now();
    let flood = Flood::start(&stage.client, CLIENT, wrong(), RATE)?;
    let heard = frames.during(SPAN);
    let ended = Instant::now();
    let sent = flood.end()?;
    let used = process::cpu_time(pid)?.saturating_sub(cpu);
    let grown = process::resident_kib(pid)?.saturating_sub(memory);
    let least = u64::from(RATE) * SPAN.as_secs() / 2;
    ensure!(sent >= least, "only {sent} packets were sent");
    for (director, mark) in [(&first, mark), (&second, theirs)] {
        let changes = lines(director, mark, "Entering");
        ensure!(changes.is_empty(), "{changes:?}");
    }
    ensure!(holds(&first)? && !holds(&second)?, "the VIP moved");
    let gap = gap(&heard, begun, ended);
    ensure!(gap <= GAP + meter.worst(), "no advert for {gap:?}");
    let share = used.as_secs_f64() / begun.elapsed().as_secs_f64();
    ensure!(share < 0.9, "it used {share:.2} of a processor");
    ensure!(grown < GROWTH, "{grown} KiB more");
    quiet(&first, mark, 40)?;
    quiet(&second, theirs, 40)?;
    let counted = counted(&first)?;
    ensure!(
        counted * 2 > sent,
        "{counted} of {sent} packets were counted"
    );
    Ok(format!(
        "{sent} packets, {:.0} % of a processor, {grown} KiB more, {} lines, adverts at most {gap:.2?} apart",
        share * 100.0,
        lines(&first, mark, "").len()
    ))
}

/// More than it can look at: its own adverts leave all the same, it hears of its cable, and can be asked and stopped.
fn storm(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = master(stage, daemon, &signed(150))?;
    let (meter, frames) = (Meter::start(), Frames::start(stage.director[1].as_ref())?);
    let begun = Instant::now();
    let flood = Flood::start(&stage.client, CLIENT, wrong(), MOST)?;
    let heard = frames.during(STORM);
    let gap = gap(&heard, begun, Instant::now());
    ensure!(gap <= GAP + meter.worst(), "no advert for {gap:?}");
    let _numbers = counted(&director).context("asked in the storm")?;
    let mark = director.mark();
    // Its own end, so that packets go on coming.
    let host = stage.director[0].clone();
    host.ip_batch(&format!("address delete {VIP}/24 dev eth1\n"))?;
    told(&director, mark, &["IP 172.16.1.206 removed from eth1"])?;
    director.stop()?;
    let sent = flood.end()?;
    Ok(format!(
        "{sent} packets in {:.1?}, adverts at most {gap:.2?} apart",
        begun.elapsed()
    ))
}

/// All that was dropped, by the dump of the counters.
fn counted(director: &Director) -> Result<u64> {
    let file = director.folder().join("keepalived.stats");
    director.signal(Signal::SIGUSR2)?;
    let text = wait::until("keepalived.stats", PATIENCE, || {
        let text = fs::read_to_string(&file).ok();
        Ok(text.filter(|text| text.contains("Dropped Packets")))
    })?;
    let (_, after) = text.split_once("Dropped Packets").context("no section")?;
    // Of the instance and, after it, of none; by reason, not once more by sender.
    let rows = after.lines().filter_map(|row| row.trim().rsplit_once(": "));
    let counts = rows.filter(|(reason, _)| !reason.contains(' '));
    Ok(counts
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum())
}
