//! More changes of addresses than the daemon's socket can hold, while it cannot read them, and while it can.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::Daemon;
use support::frames::Frames;
use support::process;
use support::stage::{PATIENCE, Stage};
use support::stall::Meter;
use support::story::{Kernel, Story, Told};

use super::{INTERVAL, VIP, conf, gap, held, holds, lines, master, told};

/// Far more than a buffer of 8 KiB has room for.
const ADDRESSES: u32 = 3000;

pub fn stories() -> Vec<Story> {
    // 2.2.7 does not read anew what it lost: it goes on as master without the VIP.
    let ours = Daemon::Ours;
    let stories = [
        Story::one("failures/netlink-overrun", ours, overrun),
        Story::one("failures/netlink-storm", ours, storm).timed(),
    ];
    stories.map(|story| story.on(Kernel::Machine)).into()
}

/// Lines for `ip -batch`.
fn addresses(act: &str) -> Result<String> {
    let mut batch = String::new();
    for number in 0..ADDRESSES {
        let (high, low) = (number / 250, number % 250 + 1);
        writeln!(batch, "address {act} 10.77.{high}.{low}/32 dev many0")?;
    }
    Ok(batch)
}

/// Among thousands of notices that are lost is the one that the VIP was taken away: that is seen all the same.
fn overrun(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = conf("vrrp_netlink_monitor_rcv_bufs 8192", 150, "");
    let mut director = master(stage, daemon, &text)?;
    let host = stage.director[0].clone();
    host.ip_batch("link add many0 type veth peer name many1\nlink set many0 up\n")?;
    let mark = director.mark();
    process::signal_tree(director.pid()?, Signal::SIGSTOP)?;
    let batch = [
        addresses("add")?,
        format!("address delete {VIP}/24 dev eth1\n"),
        addresses("delete")?,
    ];
    host.ip_batch(&batch.concat())?;
    process::signal_tree(director.pid()?, Signal::SIGCONT)?;
    director.wait_log_after(mark, "IP 172.16.1.206 removed from eth1", PATIENCE)?;
    director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    held(&director, true)?;
    let why = [
        "notices of the kernel were lost",
        "vrrp_netlink_monitor_rcv_bufs",
    ];
    told(&director, mark, &why)?;
    let all = lines(&director, mark, "were lost");
    ensure!(all.len() <= 2, "said too often: {all:?}");
    Ok(String::new())
}

/// Thousands of addresses come and go under a running master: its adverts are in time, it stays master, and it can read on.
fn storm(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = master(stage, daemon, &conf("", 150, ""))?;
    let host = stage.director[0].clone();
    host.ip_batch("link add many0 type veth peer name many1\nlink set many0 up\n")?;
    let mark = director.mark();
    let (meter, frames) = (Meter::start(), Frames::start(&stage.client)?);
    let begun = Instant::now();
    for act in ["add", "delete", "add", "delete"] {
        host.ip_batch(&addresses(act)?)?;
    }
    let took = begun.elapsed();
    let heard = frames.during(INTERVAL * 2);
    let gap = gap(&heard, begun, Instant::now());
    ensure!(gap <= INTERVAL * 2 + meter.worst(), "no advert for {gap:?}");
    ensure!(holds(&director)?, "the VIP is gone");
    let changes = lines(&director, mark, "Entering");
    ensure!(changes.is_empty(), "{changes:?}");
    host.ip_batch(&format!("address delete {VIP}/24 dev eth1\n"))?;
    told(&director, mark, &["IP 172.16.1.206 removed from eth1"]).context("afterwards")?;
    held(&director, true)?;
    ensure!(took > Duration::from_millis(10), "there was no storm");
    Ok(format!(
        "{} changes in {took:.1?}, adverts at most {gap:.0?} apart",
        ADDRESSES * 4
    ))
}
