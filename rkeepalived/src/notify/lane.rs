//! One lane at work: its scripts, one after the other.

use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio::sync::watch;

use super::{Phase, Script, Shared};
use crate::journal::{Line, write};

/// Runs what waits in a lane until nothing does.
pub(super) async fn run(name: String, shared: Arc<Shared>, mut phase: watch::Receiver<Phase>) {
    while let Some(script) = shared.next(&name) {
        // Closed only with the whole process.
        let Ok(_place) = shared.places.acquire().await else {
            break;
        };
        if *phase.borrow() == Phase::Run {
            execute(&name, script, &mut phase).await;
        }
    }
    shared.working.send_modify(|count| *count -= 1);
}

async fn execute(lane: &str, script: Arc<Script>, phase: &mut watch::Receiver<Phase>) {
    let Some((mut child, group)) = script.start(lane) else {
        return;
    };
    loop {
        tokio::select! {
            ended = child.wait() => {
                // What it left in the background is the user's.
                group.release();
                let failed = ended.ok().filter(|status| !status.success());
                if let Some(status) = failed && *phase.borrow() == Phase::Run {
                    let lane = lane.to_owned();
                    write(&Line::ScriptFailed { lane, script, status: status.to_string() });
                }
                return;
            }
            changed = phase.changed() => {
                let signal = match *phase.borrow_and_update() {
                    _ if changed.is_err() => Signal::SIGKILL,
                    Phase::Run => continue,
                    Phase::Terminate => Signal::SIGTERM,
                    Phase::Kill => Signal::SIGKILL,
                };
                group.signal(Some(signal));
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
