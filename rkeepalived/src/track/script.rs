//! One tracked script at work: run, waited for, judged, told.

use std::os::unix::process::ExitStatusExt;

use checkers::command::{self, Group};
use keepalived_conf::TrackKind;
use tokio::process::Child;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use vrrp::Standing;

use super::results::Slate;
use super::verdict::{Ended, Verdict};
use crate::failover::handle::Tracking;
use crate::journal::{Line, write};
use crate::plan::TrackedScript;
use crate::status::now_ms;

/// Runs the script at each interval, from start to start; one that takes longer is waited for. Ends only by being aborted, and
/// the script with it.
pub(super) async fn run(script: TrackedScript, failover: Tracking, slate: Slate) {
    let mut verdict = Verdict::new(script.rise, script.fall);
    let mut due = interval(script.interval);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let started = Instant::now();
        let (ended, overdue) = execute(&script).await;
        slate.note(&script.name, ended, now_ms());
        let step = verdict.handle(ended);
        if step.returns_otherwise
            && let Ended::Exited(status) = ended
        {
            write(&Line::ScriptReturns {
                name: script.name.clone(),
                status,
            });
        }
        if let Some(up) = step.up {
            write(&Line::ScriptTurned {
                name: script.name.clone(),
                ended,
                after: started.elapsed(),
            });
            let standing = if up { Standing::Up } else { Standing::Down };
            failover
                .tell(TrackKind::Script, script.name.clone(), standing)
                .await;
        }
        // Only now: one that does not want to end must not delay the verdict.
        if let Some((mut child, group)) = overdue {
            group.end(&mut child).await;
        }
    }
}

/// Runs it once. One whose time is over is handed back, to be ended.
async fn execute(script: &TrackedScript) -> (Ended, Option<(Child, Group)>) {
    let (mut child, group) = match command::start(&script.script.argv, script.script.user) {
        Ok(started) => started,
        Err(error) => {
            write(&Line::TrackScriptNotRun {
                name: script.name.clone(),
                reason: error.to_string(),
                remedy: script.script.remedy(&error),
            });
            return (Ended::NotRun, None);
        }
    };
    match timeout(script.timeout, child.wait()).await {
        Ok(ended) => {
            group.release();
            let ended = match ended.map(|status| (status.code(), status.signal())) {
                Ok((Some(code), _)) => Ended::Exited(code),
                Ok((None, Some(signal))) => Ended::Signalled(signal),
                Ok((None, None)) | Err(_) => Ended::NotRun,
            };
            (ended, None)
        }
        Err(_) => (Ended::TimedOut, Some((child, group))),
    }
}
