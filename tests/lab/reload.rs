//! A reload changes what changed, and nothing else.

use std::time::Duration;

use anyhow::ensure;
use nix::sys::signal::Signal;
use support::client::OpenConnection;
use support::config::{Role, VIP};
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::table::Table;
use support::tap::{Commands, Tap};
use support::wait;
use support::watch::AddressWatch;

/// Longer than one round of checks, so that a late second command would be seen.
const AFTERMATH: Duration = Duration::from_millis(1500);

pub fn stories() -> Vec<Story> {
    [
        Story::each("reload/one-weight", one_weight),
        Story::each("reload/nothing", nothing),
        vec![Story::one("reload/refused", Daemon::Ours, refused)],
    ]
    .concat()
}

/// One weight changes: one command for it, and open connections live on.
fn one_weight(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.alone(daemon)?;
    let mut open = OpenConnection::open(&stage.client, stage.vip())?;
    let tap = Tap::open(director.host())?;
    let watch = AddressWatch::start(director.host())?;
    director.configure(
        stage
            .blog(daemon, Role::First)?
            .first_weight(7)
            .text()
            .as_bytes(),
    )?;
    director.signal(Signal::SIGHUP)?;
    wait::until("the new weight in the table", PATIENCE, || {
        Ok((Table::read(director.host())?.weight(WEB[0]) == Some(7)).then_some(()))
    })?;
    wait::throughout(AFTERMATH, || {
        Ok(open.check().err().map(|error| format!("{error:#}")))
    })?;
    ensure!(
        Table::read(director.host())?.servers() == WEB,
        "a server left the table"
    );
    ensure!(!watch.moved(VIP), "the VIP moved");
    let sent = tap.read()?;
    match daemon {
        Daemon::Ours => ensure!(sent == Commands::from([("SET_DEST", 1)]), "sent {sent:?}"),
        // It may send what it likes, but that it sent something shows that the tap hears.
        Daemon::Keepalived => ensure!(!sent.is_empty(), "the tap is deaf"),
    }
    Ok(format!("sent {sent:?}"))
}

/// A file that no daemon could start with is refused whole; what runs goes on, and takes the next good one.
fn refused(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let mut open = OpenConnection::open(&stage.client, stage.vip())?;
    let tap = Tap::open(director.host())?;
    let watch = AddressWatch::start(director.host())?;
    let good = stage.blog(daemon, Role::First)?;
    let fatal = good
        .clone()
        .with("virtual_router_id 50", "virtual_router_id 500");
    director.configure(fatal.text().as_bytes())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    let line = director.wait_log_after(mark, "Reload abandoned", PATIENCE)?;
    ensure!(line.contains("the running configuration stays"), "{line}");
    std::fs::remove_file(director.config())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload abandoned", PATIENCE)?;
    wait::throughout(AFTERMATH, || {
        Ok(open.check().err().map(|error| format!("{error:#}")))
    })?;
    ensure!(!watch.moved(VIP), "the VIP moved");
    let sent = tap.read()?;
    ensure!(sent.is_empty(), "sent {sent:?}");
    director.configure(good.first_weight(7).text().as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    wait::until("the new weight in the table", PATIENCE, || {
        Ok((Table::read(director.host())?.weight(WEB[0]) == Some(7)).then_some(()))
    })?;
    Ok(String::new())
}

/// Nothing changes: no command at all.
fn nothing(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let mut open = OpenConnection::open(&stage.client, stage.vip())?;
    let tap = Tap::open(director.host())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload", PATIENCE)?;
    wait::throughout(AFTERMATH, || {
        Ok(open.check().err().map(|error| format!("{error:#}")))
    })?;
    let sent = tap.read()?;
    if daemon == Daemon::Ours {
        ensure!(sent.is_empty(), "sent {sent:?}");
    }
    ensure!(director.ended()?.is_none(), "it ended");
    Ok(format!("sent {sent:?}"))
}
