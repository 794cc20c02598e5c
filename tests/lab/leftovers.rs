//! What a killed run left behind: the VIP must go before anything else, the table may stay as it is.

use std::time::Duration;

use anyhow::{Context, ensure};
use support::client::OpenConnection;
use support::config::VIP;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage, WEB, holds_vip};
use support::story::{Story, Told};
use support::table::{Table, wait_for_servers};
use support::tap::Tap;
use support::watch::AddressWatch;

pub fn stories() -> Vec<Story> {
    [
        Story::each("leftovers/vip", stale_vip),
        Story::each("leftovers/table", stale_table),
    ]
    .concat()
}

/// Another router may own the VIP by now, so it goes before the first state is entered.
fn stale_vip(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    director.kill()?;
    ensure!(
        holds_vip(director.host())?,
        "the kill removed the VIP; nothing is left over"
    );
    let watch = AddressWatch::start(director.host())?;
    director.start()?;
    director.wait_log("Entering BACKUP STATE (init)", PATIENCE)?;
    // Already gone when the line is there: no waiting, except for the watch's own thread to be heard.
    ensure!(
        !holds_vip(director.host())?,
        "the old VIP is still there at `Entering BACKUP STATE (init)`"
    );
    watch
        .wait(VIP, false, Duration::from_millis(200))
        .context("at `Entering BACKUP STATE (init)`")?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    watch.wait(VIP, true, PATIENCE)?;
    Ok(String::new())
}

/// Entries that are right already stay, with the connections that go through them.
fn stale_table(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let mut open = OpenConnection::open(&stage.client, stage.vip())?;
    director.kill()?;
    ensure!(
        Table::read(director.host())?.servers() == WEB,
        "the kill emptied the table; nothing is left over"
    );
    let tap = Tap::open(director.host())?;
    director.start()?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    wait_for_servers(director.host(), &WEB, PATIENCE)?;
    let sent = tap.read()?;
    if daemon == Daemon::Ours {
        ensure!(sent.is_empty(), "adopting the table took {sent:?}");
    } else {
        ensure!(!sent.is_empty(), "the tap is deaf");
    }
    open.check().context("a connection from before the kill")?;
    Ok(format!("sent {sent:?}"))
}
