//! The master goes, the other takes over, in the time that RFC 3768 gives.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::client::requests;
use support::config::VIP;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage, holds_vip};
use support::stall::Meter;
use support::story::{Story, Told};
use support::table::Table;
use support::wait;
use support::watch::AddressWatch;

/// RFC 3768 6.1 for the second director's priority 90: (256 - 90) / 256 s.
const SKEW: Duration = Duration::from_micros(648_438);
/// RFC 3768 6.1: three advertisement intervals of 1 s and the skew time.
const MASTER_DOWN: Duration = Duration::from_micros(3_648_438);
/// What is allowed on top for what we do.
const OURS: Duration = Duration::from_millis(100);
/// And where keepalived's own pace on the test kernel comes in, which is not for us to judge.
const THEIRS: Duration = Duration::from_millis(400);

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    [
        (ours, ours),
        (ours, theirs),
        (theirs, ours),
        (theirs, theirs),
    ]
    .into_iter()
    .flat_map(|(a, b)| {
        [
            Story::two("failover/killed", a, b, killed).timed(),
            Story::two("failover/stopped", a, b, stopped).timed(),
        ]
    })
    .collect()
}

/// What is allowed on top where these daemons have something to do.
fn slack(acting: &[Daemon]) -> Duration {
    if acting.contains(&Daemon::Keepalived) {
        THEIRS
    } else {
        OURS
    }
}

/// How long after `moment` the VIP came, which must be within `bound` and what the machine itself was late.
fn taken_over(
    watch: &AddressWatch,
    meter: &Meter,
    moment: Instant,
    bound: Duration,
) -> Result<String> {
    let took = watch
        .wait(VIP, true, PATIENCE)?
        .saturating_duration_since(moment);
    let late = meter.worst();
    let text = format!(
        "VIP on the other after {} ms, allowed {} ms (the machine was up to {} ms late)",
        took.as_millis(),
        bound.as_millis(),
        late.as_millis()
    );
    ensure!(took <= bound + late, "{text}");
    Ok(text)
}

fn killed(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let bound = MASTER_DOWN + slack(&[b]);
    let [mut a, b] = stage.pair(a, b)?;
    let (watch, meter) = (AddressWatch::start(b.host())?, Meter::start());
    let moment = a.kill()?;
    let told = taken_over(&watch, &meter, moment, bound)?;
    ensure!(
        holds_vip(a.host())?,
        "the killed director has no VIP any more: who removed it?"
    );
    // As it would be with a dead host. From now on the client must use the other, which it learned by gratuitous ARP.
    stage.unplug("director-a")?;
    serves(stage)?;
    Ok(told)
}

fn stopped(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let bound = SKEW + slack(&[a, b]);
    let [mut a, b] = stage.pair(a, b)?;
    let (watch, meter) = (AddressWatch::start(b.host())?, Meter::start());
    let moment = Instant::now();
    let status = a.stop()?;
    let stop_took = moment.elapsed();
    ensure!(status.code() == Some(0), "a clean stop ended with {status}");
    left_nothing(&a)?;
    let told = taken_over(&watch, &meter, moment, bound)?;
    serves(stage)?;
    Ok(format!(
        "{told}, stopped after {} ms",
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
