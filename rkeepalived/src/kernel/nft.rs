//! The rules of nftables, by its own program: the kernel's interface to them is netlink too, but the only libraries
//! for it are under the GPL.

use std::fs::File;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

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
    // A thread of its own: whoever enters a namespace stays.
    std::thread::Builder::new()
        .name("nft".into())
        .spawn(move || {
            // Whoever asked may have given up.
            let _ = done.send(run(&script, namespace));
        })
        .map_err(|error| error.to_string())?;
    let ended = wait.await;
    ended.unwrap_or_else(|_| Err("the thread that ran it ended".to_owned()))
}

/// The same in the calling thread, which runs nothing asynchronous, waits for it, stays in the namespace, and keeps nothing of the
/// urgency of the one that started it. A program that takes too long is killed: it must not come up with old rules after newer ones.
///
/// # Errors
/// What `nft` said, or why it could not be run, for the log.
pub fn run(script: &str, namespace: Option<File>) -> Result<(), String> {
    run_within(PROGRAM, script, namespace, PATIENCE)
}

fn run_within(
    program: &str,
    script: &str,
    namespace: Option<File>,
    patience: Duration,
) -> Result<(), String> {
    let run = || -> io::Result<_> {
        schedule::ordinary()?;
        if let Some(namespace) = namespace {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            // With what it starts itself, it can be killed as a group.
            let mut child = Command::new(program)
                .args(["-f", "-"])
                .process_group(0)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()?;
            match timeout(patience, converse(&mut child, script)).await {
                Ok(said) => Ok(Some((child.wait().await?, said?))),
                Err(_) => {
                    let id = child.id().and_then(|id| i32::try_from(id).ok());
                    if let Some(id) = id {
                        // It may have ended by now.
                        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
                    }
                    child.wait().await?;
                    Ok(None)
                }
            }
        })
    };
    let ended = run().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let Some((status, said)) = ended else {
        let seconds = patience.as_secs();
        return Err(format!(
            "`{program}` did not end within {seconds} s, and was killed"
        ));
    };
    if status.success() {
        return Ok(());
    }
    let first = said.lines().next().unwrap_or_default();
    Err(format!("`{program}` ended with {status}: {first}"))
}

/// Gives it the script, until it ends: what it says meanwhile.
async fn converse(child: &mut Child, script: &str) -> io::Result<String> {
    let (input, output) = (child.stdin.take(), child.stderr.take());
    let give = async {
        if let Some(mut input) = input {
            // Should it end before it has read all, its words tell more than ours.
            let _ = input.write_all(script.as_bytes()).await;
        }
    };
    let mut said = Vec::new();
    let hear = async {
        if let Some(mut output) = output {
            output.read_to_end(&mut said).await?;
        }
        Ok::<_, io::Error>(())
    };
    let ((), heard) = tokio::join!(give, hear);
    heard?;
    child.wait().await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use nix::sched::unshare;

    use super::*;

    // It does not read its input, which is more than a pipe holds.
    #[test]
    fn one_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nft");
        std::fs::write(
            &program,
            "#!/bin/sh\nsleep 1000 &\necho $! >\"$0.pid\"\nwait\n",
        )
        .unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        let program = program.to_str().unwrap();
        let begun = Instant::now();
        let script = "x".repeat(1 << 20);
        let refused = run_within(program, &script, None, Duration::from_secs(1)).unwrap_err();
        assert_eq!(
            refused,
            format!("`{program}` did not end within 1 s, and was killed")
        );
        assert!(begun.elapsed() < Duration::from_secs(500));
        // What it had started itself is gone too; it may be a zombie until its new parent has looked.
        let pid = std::fs::read_to_string(format!("{program}.pid")).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let ended = || match std::fs::read_to_string(&stat) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let limit = Instant::now() + Duration::from_secs(60);
        while !ended() {
            assert!(Instant::now() < limit, "it lives");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

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
