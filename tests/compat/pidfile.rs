//! Pid files, the process's name, and signals through them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use nix::sys::signal::Signal;
use support::config::Role;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::{process, wait};

pub fn stories() -> Vec<Story> {
    [
        Story::each("pidfile/three", three),
        Story::each("pidfile/blocked-signals", blocked_signals),
        vec![Story::one("pidfile/hangup", Daemon::Ours, hangup)],
    ]
    .concat()
}

/// All three are there, name live processes, and `killall -0 keepalived` would find the first.
fn three(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    ensure!(
        director.pid_files().len() == 3,
        "only {:?}",
        director.pid_files()
    );
    let mut pids = BTreeSet::new();
    for file in director.pid_files() {
        let pid = director.pid_in(file)?;
        process::signal(pid, Signal::SIGCONT)?;
        pids.insert(pid);
    }
    let main = director.pid_in("keepalived.pid")?;
    ensure!(
        main == director.pid()?,
        "keepalived.pid holds {main}, the process is {}",
        director.pid()?
    );
    ensure!(
        process::comm(main)? == "keepalived",
        "it calls itself {}",
        process::comm(main)?
    );
    let expected = if daemon == Daemon::Ours { 1 } else { 3 };
    ensure!(pids.len() == expected, "the pid files hold {pids:?}");
    ensure!(
        director.stop()?.code() == Some(0),
        "it did not stop cleanly"
    );
    ensure!(
        director.pid_files().is_empty(),
        "it left {:?}",
        director.pid_files()
    );
    Ok(String::new())
}

/// A parent's signal mask is no reason not to stop.
fn blocked_signals(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = stage.blog(daemon, Role::First)?;
    let mut director = stage.prepare(0, daemon, text.text())?;
    director.start_with_signals_blocked()?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    ensure!(
        director.stop()?.code() == Some(0),
        "it did not stop cleanly"
    );
    Ok(String::new())
}

/// A hang-up sent to whichever pid file reloads once.
fn hangup(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    for file in director.pid_files() {
        let mark = director.mark();
        process::signal(director.pid_in(file)?, Signal::SIGHUP)?;
        director.wait_log_after(mark, "Reload complete", PATIENCE)?;
        let reloads = || {
            director
                .log()
                .get(mark..)
                .unwrap_or_default()
                .matches("Reload complete")
                .count()
        };
        wait::throughout(Duration::from_millis(700), || {
            Ok((reloads() != 1).then(|| format!("{} reloads", reloads())))
        })?;
    }
    Ok(String::new())
}
