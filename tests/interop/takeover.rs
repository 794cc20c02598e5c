//! A pair agrees on one master: at the start, after the master dies, after it returns, after it stops.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::config::VIP;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage, holds_vip};
use support::story::{Story, Told};
use support::wait;
use support::watch::AddressWatch;

use crate::failover::{left_nothing, serves};

/// Three advertisement intervals: a disagreement would show.
const SETTLED: Duration = Duration::from_secs(3);

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    [
        (ours, theirs),
        (theirs, ours),
        (ours, ours),
        (theirs, theirs),
    ]
    .into_iter()
    .map(|(a, b)| Story::two("takeover/there-and-back", a, b, there_and_back))
    .collect()
}

fn there_and_back(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let [mut a, mut b] = stage.pair(a, b)?;
    agreed(&a, &b).context("after the start")?;
    serves(stage)?;

    let watch = AddressWatch::start(b.host())?;
    a.kill()?;
    b.wait_log("Entering MASTER STATE", PATIENCE)?;
    watch.wait(VIP, true, PATIENCE)?;

    // Back with the higher priority: it removes its old VIP, waits, and takes over.
    let mark = b.mark();
    a.start()?;
    a.wait_log("Entering BACKUP STATE (init)", PATIENCE)?;
    a.wait_log("Entering MASTER STATE", PATIENCE)?;
    b.wait_log_after(mark, "Entering BACKUP STATE", PATIENCE)?;
    watch.wait(VIP, false, PATIENCE)?;
    agreed(&a, &b).context("after the return")?;
    serves(stage)?;

    let mark = b.mark();
    ensure!(
        a.stop()?.code() == Some(0),
        "the master did not stop cleanly"
    );
    left_nothing(&a)?;
    b.wait_log_after(mark, "Entering MASTER STATE", PATIENCE)?;
    watch.wait(VIP, true, PATIENCE)?;
    serves(stage)?;
    for one in [&a, &b] {
        let complaint = one
            .log()
            .lines()
            .find(|line| complains(line))
            .map(str::to_owned);
        ensure!(
            complaint.is_none(),
            "{} complains: {complaint:?}",
            one.daemon()
        );
    }
    Ok(String::new())
}

/// The first holds the VIP, the second does not, and that lasts.
fn agreed(a: &Director, b: &Director) -> Result<()> {
    wait::until("the VIP on director-a alone", PATIENCE, || {
        Ok((holds_vip(a.host())? && !holds_vip(b.host())?).then_some(()))
    })?;
    let watches = [
        AddressWatch::start(a.host())?,
        AddressWatch::start(b.host())?,
    ];
    wait::throughout(SETTLED, || {
        Ok(watches
            .iter()
            .any(|watch| watch.moved(VIP))
            .then(|| "the VIP moved again".to_owned()))
    })
}

/// Lines that a daemon writes only when it dislikes its peer's packets.
pub fn complains(line: &str) -> bool {
    [
        "passwd",
        "mismatch",
        "checksum",
        "wrong VRRP version",
        "invalid TTL",
        "IPSEC",
        "expected ",
    ]
    .iter()
    .any(|words| line.contains(words))
}
