//! `MISC_CHECK`: a command of the user's, run without a shell in its own process group.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::dial::{deadline, reason};
use crate::outcome::{Evidence, Failure};
use crate::spec::MiscProbe;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// keepalived behaviour: these do not reach scripts, the rest of our environment does.
const HIDDEN: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

pub(super) async fn probe(misc: &MiscProbe) -> Result<Evidence, Failure> {
    let deadline = deadline(misc.timeout);
    let mut child = start(misc)?;
    let group = Group::of(&child);
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

fn start(misc: &MiscProbe) -> Result<Child, Failure> {
    let Some((program, arguments)) = misc.command.split_first() else {
        return Err(Failure::NotStarted {
            program: String::new(),
            reason: "no command".into(),
        });
    };
    let mut child = command(misc, program).args(arguments).spawn();
    if matches!(&child, Err(error) if error.raw_os_error() == Some(nix::libc::ENOEXEC)) {
        // keepalived behaviour: a script without #! is the shell's.
        child = command(misc, "/bin/sh").args(&misc.command).spawn();
    }
    child.map_err(|error| Failure::NotStarted {
        program: program.clone(),
        reason: reason(&error),
    })
}

fn command(misc: &MiscProbe, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    for name in HIDDEN {
        command.env_remove(name);
    }
    if let Some((user, group)) = misc.user {
        // std gives up the supplementary groups together with the user.
        command.gid(group).uid(user);
    }
    command
}

fn judge(misc: &MiscProbe, ended: std::io::Result<ExitStatus>) -> Result<Evidence, Failure> {
    let status = ended.map_err(|error| Failure::NotStarted {
        program: misc.command.first().cloned().unwrap_or_default(),
        reason: reason(&error),
    })?;
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

/// The command's process group; dropped without [`Group::release`] it is killed, so that an aborted check
/// leaves nothing behind.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(Pid::from_raw),
        )
    }

    fn release(mut self) {
        self.0 = None;
    }

    /// Whether the group took the signal: one without members does not.
    fn signal(&self, signal: Option<Signal>) -> bool {
        self.0.is_some_and(|group| killpg(group, signal).is_ok())
    }

    /// keepalived behaviour: SIGTERM, 2 s, SIGKILL; for all of the group.
    async fn end(self, child: &mut Child) {
        let killed_at = Instant::now() + GRACE;
        self.signal(Some(Signal::SIGTERM));
        let ended = timeout_at(killed_at, child.wait()).await.is_ok();
        if ended && !self.signal(None) {
            self.release();
            return;
        }
        sleep_until(killed_at).await;
        self.signal(Some(Signal::SIGKILL));
        // Only collects the status of a process that has been killed.
        let _ = child.wait().await;
        self.release();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Some(Signal::SIGKILL));
    }
}
