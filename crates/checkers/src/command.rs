//! Commands of the user's: run without a shell, each in a process group of its own. Checks use it, and whoever has
//! something else to run as keepalived does.
//!
//! keepalived behaviour: standard input and outputs lead nowhere, our environment is theirs but for [`HIDDEN`], and a
//! script without `#!` is the shell's.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout_at};

/// Between SIGTERM and SIGKILL.
pub const GRACE: Duration = Duration::from_secs(2);

/// These do not reach commands, the rest of our environment does.
pub const HIDDEN: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// Starts a program with its arguments as a user and group, or as ourselves. The child is killed when it is dropped,
/// the rest of its group by [`Group`]. Within a tokio runtime with I/O.
///
/// # Errors
/// When it cannot be executed, with the kernel's reason.
pub fn start(argv: &[String], user: Option<(u32, u32)>) -> io::Result<(Child, Group)> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    let mut child = command(program, user).args(arguments).spawn();
    if matches!(&child, Err(error) if error.raw_os_error() == Some(nix::libc::ENOEXEC)) {
        child = command("/bin/sh", user).args(argv).spawn();
    }
    let child = child?;
    let group = Group::of(&child);
    Ok((child, group))
}

fn command(program: &str, user: Option<(u32, u32)>) -> Command {
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
    if let Some((user, group)) = user {
        // std gives up the supplementary groups together with the user.
        command.gid(group).uid(user);
    }
    command
}

/// A command's process group; dropped without [`Group::release`] it is killed, so that whatever is given up leaves
/// nothing behind.
#[derive(Debug)]
pub struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.map(Pid::from_raw))
    }

    /// Leaves it alone: what the command left in the background is the user's.
    pub fn release(mut self) {
        self.0 = None;
    }

    /// Whether the group took the signal: one without members does not.
    pub fn signal(&self, signal: Option<Signal>) -> bool {
        self.0.is_some_and(|group| killpg(group, signal).is_ok())
    }

    /// keepalived behaviour: SIGTERM, 2 s, SIGKILL; for all of the group. It is over when the command itself has
    /// ended: whatever is left of its group by then has the rest of the 2 s without anybody waiting for it.
    pub async fn end(self, child: &mut Child) {
        let killed_at = Instant::now() + GRACE;
        self.signal(Some(Signal::SIGTERM));
        if timeout_at(killed_at, child.wait()).await.is_err() {
            self.signal(Some(Signal::SIGKILL));
            // Only collects the status of a process that has been killed.
            let _ = child.wait().await;
        }
        if self.signal(None) {
            tokio::spawn(async move {
                sleep_until(killed_at).await;
                drop(self);
            });
        } else {
            self.release();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Some(Signal::SIGKILL));
    }
}
