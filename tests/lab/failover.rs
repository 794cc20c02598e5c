//! The master goes, the other takes over, in the time that RFC 3768 gives.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::client::requests;
use support::config::VIP;
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::table::Table;
use support::wait;
use support::watch::AddressWatch;

/// RFC 3768 6.1 for the second director's priority 90: (256 - 90) / 256 s.
const SKEW: Duration = Duration::from_micros(648_438);
/// RFC 3768 6.1: three advertisement intervals of 1 s and the skew time.
const MASTER_DOWN: Duration = Duration::from_micros(3_648_438);
/// What is allowed on top.
const SLACK: Duration = Duration::from_millis(100);

pub fn stories() -> Vec<Story> {
    [Daemon::Ours, Daemon::Keepalived]
        .into_iter()
        .flat_map(|daemon| {
            [
                Story::two("failover/killed", daemon, daemon, killed).timed(),
                Story::two("failover/stopped", daemon, daemon, stopped).timed(),
            ]
        })
        .collect()
}

/// Whether a host holds the VIP.
pub fn holds_vip(host: &Netns) -> Result<bool> {
    let vip = format!("eth1 {VIP}/24");
    Ok(host.addresses()?.contains(&vip))
}

/// Waits until the VIP comes and says how long after `moment` that was, which must be within `bound`.
pub fn taken_over(watch: &AddressWatch, moment: Instant, bound: Duration) -> Result<Duration> {
    let address: Ipv4Addr = VIP;
    let took = watch
        .wait(address, true, PATIENCE)?
        .saturating_duration_since(moment);
    ensure!(
        took <= bound,
        "the VIP came after {} ms, allowed are {} ms",
        took.as_millis(),
        bound.as_millis()
    );
    Ok(took)
}

fn killed(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let [mut a, b] = stage.pair(a, b)?;
    let watch = AddressWatch::start(b.host())?;
    let moment = a.kill()?;
    let took = taken_over(&watch, moment, MASTER_DOWN + SLACK)?;
    // Nobody removed it from the dead one, so the client must have heard the gratuitous ARP.
    ensure!(
        holds_vip(a.host())?,
        "the killed director has no VIP any more: who removed it?"
    );
    stage.unplug("director-a")?;
    serves(stage)?;
    Ok(format!(
        "VIP on the other after {} ms of {}",
        took.as_millis(),
        (MASTER_DOWN + SLACK).as_millis()
    ))
}

fn stopped(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let [mut a, b] = stage.pair(a, b)?;
    let watch = AddressWatch::start(b.host())?;
    let moment = Instant::now();
    let status = a.stop()?;
    let stop_took = moment.elapsed();
    ensure!(status.code() == Some(0), "a clean stop ended with {status}");
    left_nothing(&a)?;
    let took = taken_over(&watch, moment, SKEW + SLACK)?;
    serves(stage)?;
    Ok(format!(
        "VIP on the other after {} ms of {}, stopped after {} ms",
        took.as_millis(),
        (SKEW + SLACK).as_millis(),
        stop_took.as_millis()
    ))
}

/// After a clean stop nothing of the daemon is left.
pub fn left_nothing(director: &Director) -> Result<()> {
    ensure!(
        !holds_vip(director.host())?,
        "the stopped director still holds the VIP"
    );
    let table = Table::read(director.host())?;
    ensure!(
        table == Table::default(),
        "the stopped director's table holds {table}"
    );
    ensure!(
        director.pid_files().is_empty(),
        "the stopped director left {:?}",
        director.pid_files()
    );
    Ok(())
}

/// The client gets pages from both servers, soon.
pub fn serves(stage: &Stage) -> Result<()> {
    let mut seen = Vec::new();
    wait::until("answers from both servers", Duration::from_secs(5), || {
        seen = requests(&stage.client, &stage.url(), 2)?;
        seen.sort_unstable();
        Ok((seen == ["web-1", "web-2"]).then_some(()))
    })
    .with_context(|| format!("the last answers: {seen:?}"))
}
