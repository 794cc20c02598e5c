//! One lane at work: its scripts, one after the other; beside one that does not end.

use std::sync::Arc;
use std::time::Duration;

use checkers::command::Group;
use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at};

use super::{PATIENCE, Phase, Script, Shared};
use crate::journal::{Line, write};

/// How often one looks whether somebody waits for a script that takes long.
const LOOK: Duration = Duration::from_millis(500);

/// Runs what waits in a lane until nothing does.
pub(super) async fn run(name: String, shared: Arc<Shared>, mut phase: watch::Receiver<Phase>) {
    while let Some(script) = shared.next(&name) {
        // Closed only with the whole process.
        let Ok(_place) = shared.places.acquire().await else {
            break;
        };
        if *phase.borrow() == Phase::Run {
            execute(&name, script, &shared, &mut phase).await;
        }
    }
    shared.working.send_modify(|count| *count -= 1);
}

/// A script that runs.
struct Work {
    lane: String,
    script: Arc<Script>,
    child: Child,
    group: Group,
}

async fn execute(
    lane: &str,
    script: Arc<Script>,
    shared: &Arc<Shared>,
    phase: &mut watch::Receiver<Phase>,
) {
    let Some((child, group)) = script.start(lane) else {
        return;
    };
    let work = Work {
        lane: lane.to_owned(),
        script,
        child,
        group,
    };
    let Some(mut work) = wait(work, phase, |lane| shared.waits(lane)).await else {
        return;
    };
    let goes_on = shared.let_go(lane);
    write(&Line::ScriptEndless {
        lane: lane.to_owned(),
        script: work.script.clone(),
        patience: PATIENCE,
        goes_on,
    });
    if !goes_on {
        work.group.end(&mut work.child).await;
        return;
    }
    let (shared, mut phase) = (shared.clone(), phase.clone());
    tokio::spawn(async move {
        let lane = work.lane.clone();
        let _none = wait(work, &mut phase, |_| false).await;
        shared.gone(&lane);
    });
}

/// Waits for a script's end, or until it has run for long and `wanted` says that its lane is wanted: then it is handed back.
async fn wait(
    mut work: Work,
    phase: &mut watch::Receiver<Phase>,
    wanted: impl Fn(&str) -> bool,
) -> Option<Work> {
    let mut look = interval_at(Instant::now() + PATIENCE, LOOK);
    loop {
        tokio::select! {
            ended = work.child.wait() => {
                // What it left in the background is the user's.
                work.group.release();
                let failed = ended.ok().filter(|status| !status.success());
                if let Some(status) = failed && *phase.borrow() == Phase::Run {
                    let Work { lane, script, .. } = work;
                    write(&Line::ScriptFailed { lane, script, status: status.to_string() });
                }
                return None;
            }
            changed = phase.changed() => {
                let signal = match *phase.borrow_and_update() {
                    _ if changed.is_err() => Signal::SIGKILL,
                    Phase::Run => continue,
                    Phase::Terminate => Signal::SIGTERM,
                    Phase::Kill => Signal::SIGKILL,
                };
                work.group.signal(Some(signal));
                if changed.is_err() {
                    return None;
                }
            }
            _ = look.tick() => {
                if *phase.borrow() == Phase::Run && wanted(&work.lane) {
                    return Some(work);
                }
            }
        }
    }
}
