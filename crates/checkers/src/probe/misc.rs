//! `MISC_CHECK`: a command of the user's, whose exit status is the answer.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tokio::time::timeout_at;

use crate::command;
use crate::dial::{deadline, reason};
use crate::outcome::{Evidence, Failure};
use crate::spec::MiscProbe;

pub(super) async fn probe(misc: &MiscProbe) -> Result<Evidence, Failure> {
    let deadline = deadline(misc.timeout);
    let (mut child, group) =
        command::start(&misc.command, misc.user).map_err(|error| not_started(misc, &error))?;
    match timeout_at(deadline, child.wait()).await {
        Ok(ended) => {
            // What it left in the background is the user's.
            group.release();
            judge(misc, ended)
        }
        Err(_) => {
            group.end(&mut child).await;
            Err(Failure::CommandTimedOut {
                after: misc.timeout,
            })
        }
    }
}

fn not_started(misc: &MiscProbe, error: &std::io::Error) -> Failure {
    Failure::NotStarted {
        program: misc.command.first().cloned().unwrap_or_default(),
        reason: reason(error),
    }
}

fn judge(misc: &MiscProbe, ended: std::io::Result<ExitStatus>) -> Result<Evidence, Failure> {
    let status = ended.map_err(|error| not_started(misc, &error))?;
    if let Some(signal) = status.signal() {
        return Err(Failure::Signalled { signal });
    }
    let status = status.code().unwrap_or_default();
    match u8::try_from(status) {
        Ok(0) => Ok(Evidence::Exited { status: 0 }),
        Ok(status @ 2..) if misc.dynamic => Ok(Evidence::Exited { status }),
        _ => Err(Failure::Exited { status }),
    }
}
