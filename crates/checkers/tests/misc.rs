//! `MISC_CHECK` with real commands.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use checkers::{Evidence, Failure, MiscProbe, Outcome, Probe};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use servers::attempt;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn misc(command: &[&str], timeout: Duration) -> MiscProbe {
    MiscProbe {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        timeout,
        dynamic: false,
        user: None,
    }
}

fn shell(text: &str, timeout: Duration) -> MiscProbe {
    misc(&["/bin/sh", "-c", text], timeout)
}

async fn run(probe: MiscProbe) -> Outcome {
    attempt(Probe::Misc(probe)).await
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failure(failure)
}

/// Whether the process runs; one that only waits to be collected does not.
fn alive(process: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    state.is_ok_and(|stat| !stat.contains(") Z")) && kill(Pid::from_raw(process), None).is_ok()
}

async fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn process_in(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file)
        .ok()?
        .strip_suffix('\n')?
        .parse()
        .ok()
}

#[tokio::test]
async fn the_exit_status_decides() {
    assert_eq!(
        run(shell("exit 0", LONG)).await,
        Outcome::Success(Evidence::Exited { status: 0 })
    );
    for status in [1, 2, 255] {
        let outcome = run(shell(&format!("exit {status}"), LONG)).await;
        assert_eq!(outcome, failed(Failure::Exited { status }));
    }
    assert_eq!(
        run(shell("kill -9 $$", LONG)).await,
        failed(Failure::Signalled { signal: 9 })
    );
}

#[tokio::test]
async fn with_misc_dynamic_only_1_is_a_failure() {
    for (status, expected) in [
        (0, Outcome::Success(Evidence::Exited { status: 0 })),
        (1, failed(Failure::Exited { status: 1 })),
        (2, Outcome::Success(Evidence::Exited { status: 2 })),
        (255, Outcome::Success(Evidence::Exited { status: 255 })),
    ] {
        let mut probe = shell(&format!("exit {status}"), LONG);
        probe.dynamic = true;
        assert_eq!(run(probe).await, expected);
    }
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told() {
    let Outcome::Failure(failure) = run(misc(&["/nosuch/check", "80"], LONG)).await else {
        unreachable!("there is no such file")
    };
    assert_eq!(
        failure.to_string(),
        "cannot run /nosuch/check: No such file or directory"
    );
    let Outcome::Failure(failure) = run(misc(&[], LONG)).await else {
        unreachable!("there is no command")
    };
    assert_eq!(failure.to_string(), "cannot run : no command");
}

#[tokio::test]
async fn a_script_without_a_first_line_is_the_shells() {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("check");
    std::fs::write(&script, "exit $1\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = run(misc(&[script.to_str().unwrap(), "3"], LONG)).await;
    assert_eq!(outcome, failed(Failure::Exited { status: 3 }));
}

#[tokio::test]
async fn arguments_go_through_no_shell() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("arguments");
    let script = format!("printf '%s|' \"$@\" > {}", file.display());
    let probe = misc(
        &["/bin/sh", "-c", &script, "check", "a b", "$HOME", "*"],
        LONG,
    );
    assert!(run(probe).await.is_success());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a b|$HOME|*|");
}

#[tokio::test]
async fn it_has_no_terminal_and_its_own_group() {
    // Field 5 of /proc/PID/stat is the process group (proc(5)).
    let script = "set -- $(cat /proc/$$/stat); [ \"$5\" = $$ ] || exit 3; \
                  for n in 0 1 2; do [ \"$(readlink /proc/$$/fd/$n)\" = /dev/null ] || exit 4; done";
    // Reads the links of the shell itself, hence no pipe of its own on standard output.
    let outcome = run(shell(script, LONG)).await;
    assert_eq!(outcome, Outcome::Success(Evidence::Exited { status: 0 }));
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_gets_a_term() {
    let folder = TempDir::new().unwrap();
    let (child, told): (PathBuf, PathBuf) =
        (folder.path().join("child"), folder.path().join("told"));
    let script = format!(
        "sleep 600 & echo $! > {}; trap 'echo TERM > {}; exit 0' TERM; wait",
        child.display(),
        told.display()
    );
    assert_eq!(
        run(shell(&script, SHORT)).await,
        failed(Failure::CommandTimedOut { after: SHORT })
    );
    assert_eq!(std::fs::read_to_string(told).unwrap(), "TERM\n");
    let child = process_in(&child).unwrap();
    until(|| !alive(child)).await;
}

/// The verdict does not wait for what the command leaves, which goes 2 s later all the same.
#[tokio::test]
async fn the_rest_of_a_group_that_does_not_heed_a_term_does_not_delay_the_verdict() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("child");
    let script = format!(
        "(trap '' TERM; exec sleep 600) & echo $! > {}; exec sleep 600",
        file.display()
    );
    let started = Instant::now();
    assert_eq!(
        run(shell(&script, SHORT)).await,
        failed(Failure::CommandTimedOut { after: SHORT })
    );
    let took = started.elapsed();
    assert!(took < SHORT + Duration::from_millis(1500), "{took:?}");
    let child = process_in(&file).unwrap();
    assert!(alive(child));
    until(|| !alive(child)).await;
    assert!(started.elapsed() >= SHORT + Duration::from_secs(2));
}

#[tokio::test]
async fn what_does_not_heed_a_term_is_killed_2_s_later() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("child");
    // Ignored signals stay ignored in the child.
    let script = format!(
        "trap '' TERM; sleep 600 & echo $! > {}; wait",
        file.display()
    );
    let started = Instant::now();
    assert_eq!(
        run(shell(&script, SHORT)).await,
        failed(Failure::CommandTimedOut { after: SHORT })
    );
    assert!(started.elapsed() >= SHORT + Duration::from_secs(2));
    assert!(started.elapsed() < LONG);
    let child = process_in(&file).unwrap();
    until(|| !alive(child)).await;
}

#[tokio::test]
async fn an_aborted_attempt_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("child");
    let script = format!(
        "trap '' TERM; sleep 600 & echo $! > {}; wait",
        file.display()
    );
    let task = tokio::spawn(run(shell(&script, LONG)));
    until(|| process_in(&file).is_some()).await;
    let child = process_in(&file).unwrap();
    assert!(alive(child));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    until(|| !alive(child)).await;
}

#[tokio::test]
async fn it_runs_as_the_user_configured() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("not run: it_runs_as_the_user_configured (only root may change the user)");
        return;
    }
    let folder = TempDir::new().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.path().join("id");
    let mut probe = shell(
        &format!("echo $(id -u) $(id -g) $(id -G) > {}", file.display()),
        LONG,
    );
    probe.user = Some((65534, 65533));
    assert!(run(probe).await.is_success());
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "65534 65533 65533\n"
    );
}
