//! The rules of nftables, by its own program: the kernel's interface to them is netlink too, but the only libraries
//! for it are under the GPL.

use std::fs::File;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

use super::schedule;

/// The program, of version 0.9.4 or later; the kernel is to have maps of ranges of addresses with ports (5.6).
pub const PROGRAM: &str = "nft";

/// A transaction takes milliseconds; of thousands of ranges, less than a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Performs a script, in one transaction, in another network namespace than ours if one is given.
///
/// # Errors
/// What `nft` said, or why it could not be run, for the log.
pub async fn perform(script: String, namespace: Option<&File>) -> Result<(), String> {
    let namespace = namespace.map(File::try_clone).transpose();
    let namespace = namespace.map_err(|error| error.to_string())?;
    let (done, wait) = oneshot::channel();
    // A thread of its own: whoever enters a namespace stays, and nobody should wait for a program that hangs.
    std::thread::Builder::new()
        .name("nft".into())
        .spawn(move || {
            // Whoever asked may have given up.
            let _ = done.send(run(&script, namespace));
        })
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the thread that ran it ended".to_owned()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// The same at once, in the calling thread, which stays in the namespace, and keeps nothing of the urgency of the one that
/// started it.
///
/// # Errors
/// What `nft` said, or why it could not be run, for the log.
pub fn run(script: &str, namespace: Option<File>) -> Result<(), String> {
    let run = || -> io::Result<_> {
        schedule::ordinary()?;
        if let Some(namespace) = namespace {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
        }
        let mut child = Command::new(PROGRAM)
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // It reads all before it says anything; should it end before, its words tell more than ours.
            let _ = input.write_all(script.as_bytes());
        }
        child.wait_with_output()
    };
    let ended = run().map_err(|error| format!("cannot run `{PROGRAM}`: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let first = said.lines().next().unwrap_or_default();
    Err(format!("`{PROGRAM}` ended with {}: {first}", ended.status))
}

#[cfg(test)]
mod tests {
    use nix::sched::unshare;

    use super::*;

    // On the machine's own kernel, in a network namespace of its own. Without root or nftables it is not run.
    #[test]
    fn a_script_is_performed_where_it_is_told() {
        let namespace = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).ok()?;
            File::open("/proc/thread-self/ns/net").ok()
        });
        let Some(namespace) = namespace.join().unwrap() else {
            eprintln!("not run: no network namespace can be made");
            return;
        };
        let list = |namespace: File| {
            let list = move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                Command::new(PROGRAM).args(["list", "tables"]).output()
            };
            std::thread::spawn(list).join().unwrap()
        };
        match list(namespace.try_clone().unwrap()) {
            Ok(listed) if listed.status.success() => {}
            other => {
                eprintln!("not run: no nftables ({other:?})");
                return;
            }
        }
        let perform = |script: &str| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            let script = script.to_owned();
            runtime.unwrap().block_on(perform(script, Some(&namespace)))
        };
        perform("add table ip keepalived_ipvs\n").unwrap();
        let listed = list(namespace.try_clone().unwrap()).unwrap();
        assert_eq!(listed.stdout, b"table ip keepalived_ipvs\n");
        let refused = perform("add table ip one\nno such thing\n").unwrap_err();
        assert!(
            refused.starts_with("`nft` ended with exit status: 1: "),
            "{refused}"
        );
        // All or nothing.
        let listed = list(namespace.try_clone().unwrap()).unwrap();
        assert_eq!(listed.stdout, b"table ip keepalived_ipvs\n");
    }
}
