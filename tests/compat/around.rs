//! What surrounds a run: scripts before and after it, scripts that are not safe, reloads that are checked first and told by a
//! file, pid files of an instance. Either daemon, one script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::{process, wait};

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("around/scripts", scripts),
        Story::each("around/slow-and-failing", slow_and_failing),
        // Such a keepalived 2.2.7 kills itself: it takes its parent for gone.
        vec![Story::one("around/as-somebody", Daemon::Ours, as_somebody)],
        Story::each("around/unsafe-scripts", unsafe_scripts),
        Story::each("around/reload-check", reload_check),
        // 2.2.7 removes the file, and never makes it.
        vec![Story::one("around/reload-file", Daemon::Ours, reload_file)],
        Story::each("around/pid-dir", pid_dir),
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// Appends its user and arguments to `said`, which everybody may write to.
fn say(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let said = folder.join("said");
    fs::write(&said, "")?;
    fs::set_permissions(&said, fs::Permissions::from_mode(0o666))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    let text = format!("echo \"$(id -un) $*\" >> {}", said.display());
    Ok((script(folder, "say.sh", &text)?, said))
}

fn script(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// An instance that becomes master a second after the start.
fn conf(globals: &str, lines: &str) -> String {
    format!(
        "global_defs {{\n{globals}\n}}\nvrrp_instance V {{\ninterface eth1\nvirtual_router_id 84\nversion 3\nadvert_int 0.2\n\
         {lines}\nvirtual_ipaddress {{\n172.16.1.209/24\n}}\n}}\n"
    )
}

const SECURE: &str = "enable_script_security\nscript_user root";
const MASTER: &str = "(V) Entering MASTER STATE";

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn expect(file: &Path, wanted: &[&str]) -> Result<()> {
    wait::until("what is said", PATIENCE, || {
        Ok((lines(file).len() >= wanted.len()).then_some(()))
    })
    .with_context(|| format!("said: {:#?}", lines(file)))?;
    let seen = lines(file);
    ensure!(seen == wanted, "said {seen:#?}, wanted {wanted:#?}");
    Ok(())
}

/// `startup_script` has ended before anything of VRRP begins, `shutdown_script` begins when all of it has ended; arguments as written.
fn scripts(stage: &mut Stage, daemon: Daemon) -> Told {
    let (say, said) = say(stage.folder())?;
    let say = say.display();
    let slowly = script(
        stage.folder(),
        "slowly.sh",
        &format!("sleep 0.5\nexec {say} \"$@\""),
    )?;
    let globals = format!(
        "{SECURE}\nstartup_script \"{} start 'a b'\"\nstartup_script_timeout 10\nshutdown_script \"{say} shut\"",
        slowly.display()
    );
    let notifies = format!(
        "notify_backup \"{say} backup\"\nnotify_master \"{say} master\"\nnotify_stop \"{say} stop\""
    );
    let mut director = stage.prepare(0, daemon, &conf(&globals, &notifies))?;
    director.start()?;
    director.wait_log(MASTER, PATIENCE)?;
    expect(&said, &["root start a b", "root backup", "root master"])?;
    ensure!(director.stop()?.code() == Some(0), "it did not stop well");
    expect(
        &said,
        &[
            "root start a b",
            "root backup",
            "root master",
            "root stop",
            "root shut",
        ],
    )?;
    let begins = format!("Running startup script {}", slowly.display());
    let quoted = begins.replace(
        &slowly.display().to_string(),
        &format!("'{}'", slowly.display()),
    );
    let log = director.log();
    ensure!(log.contains(&begins) || log.contains(&quoted), "{log}");
    Ok(String::new())
}

/// One that does not end is ended after its timeout, by SIGTERM; one that fails stops nothing. Either is in the log.
fn slow_and_failing(stage: &mut Stage, daemon: Daemon) -> Told {
    let folder = stage.folder();
    let said = folder.join("said");
    let at = said.display();
    let slow =
        format!("trap 'echo ended >> {at}; exit 0' TERM\necho slow >> {at}\nsleep 60 &\nwait");
    let slow = script(folder, "slow.sh", &slow)?;
    let fails = script(folder, "fails.sh", &format!("echo fails >> {at}\nexit 3"))?;
    let globals = |first: &Path, last: &Path| {
        format!(
            "{SECURE}\nstartup_script {}\nstartup_script_timeout 1\nshutdown_script {}\nshutdown_script_timeout 1",
            first.display(),
            last.display()
        )
    };
    let mut spans = Vec::new();
    for (first, last, wanted) in [
        (&slow, &fails, ["slow", "ended", "fails"]),
        (&fails, &slow, ["fails", "slow", "ended"]),
    ] {
        fs::write(&said, "")?;
        let mut director = stage.prepare(0, daemon, &conf(&globals(first, last), ""))?;
        let begun = Instant::now();
        director.start()?;
        director.wait_log(MASTER, PATIENCE)?;
        ensure!(director.stop()?.code() == Some(0), "it did not stop well");
        expect(&said, &wanted)?;
        spans.push(format!("{:.1?}", begun.elapsed()));
        let log = director.log();
        let ended = ["timed out", "is ended: it ran for 1 s"];
        let failed = ["failed, status 3", "failed: exit status: 3"];
        for words in [ended, failed] {
            ensure!(
                words.iter().any(|word| log.contains(word)),
                "{words:?}: {log}"
            );
        }
    }
    Ok(spans.join(", "))
}

/// Scripts of another user than root.
fn as_somebody(stage: &mut Stage, daemon: Daemon) -> Told {
    let (say, said) = say(stage.folder())?;
    let say = say.display();
    let globals = format!(
        "{SECURE}\nstartup_script \"{say} start\" nobody\nshutdown_script \"{say} shut\" nobody"
    );
    let mut director = stage.prepare(0, daemon, &conf(&globals, ""))?;
    director.start()?;
    director.wait_log(MASTER, PATIENCE)?;
    director.stop()?;
    expect(&said, &["nobody start", "nobody shut"])?;
    Ok(String::new())
}

/// What root would run and others could change: with `enable_script_security` it is not run, and the log names it; without, it
/// is. What another user runs is that user's.
fn unsafe_scripts(stage: &mut Stage, daemon: Daemon) -> Told {
    let (safe, said) = say(stage.folder())?;
    let wide = stage.folder().join("wide.sh");
    let open = stage.folder().join("open");
    let inner = open.join("say.sh");
    fs::create_dir(&open)?;
    for copy in [&wide, &inner] {
        fs::copy(&safe, copy)?;
    }
    for path in [&wide, &open] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    }
    let notifies = |user: &str| {
        format!(
            "notify_backup \"{} wide\"{user}\nnotify_master \"{} inner\"{user}\nnotify \"{} safe\"",
            wide.display(),
            inner.display(),
            safe.display()
        )
    };
    let run = |globals: &str, user: &str, wanted: &[&str]| -> Result<String> {
        fs::write(&said, "")?;
        let mut director = stage.prepare(0, daemon, &conf(globals, &notifies(user)))?;
        director.start()?;
        director.wait_log(MASTER, PATIENCE)?;
        wait::until("the scripts", PATIENCE, || {
            Ok((lines(&said).len() >= wanted.len()).then_some(()))
        })?;
        // Those of keepalived run beside each other.
        let mut seen = lines(&said);
        seen.sort_unstable();
        ensure!(seen == wanted, "{globals:?}: said {seen:#?}");
        let log = director.log();
        director.stop()?;
        Ok(log)
    };
    let any = [
        "root safe INSTANCE V BACKUP 100",
        "root safe INSTANCE V MASTER 100",
    ];
    let log = run(SECURE, "", &any)?;
    for path in [&wide, &inner] {
        let words = format!(
            "Unsafe permissions found for script '{}' - disabling",
            path.display()
        );
        ensure!(log.contains(&words), "`{words}` is not in {log}");
    }
    if daemon == Daemon::Ours {
        for path in [&wide, &open] {
            let words = format!(
                "{} (user 0, group 0, mode 0777) can be changed by others: `chmod go-w` it",
                path.display()
            );
            ensure!(log.contains(&words), "`{words}` is not in {log}");
        }
    }
    let all = ["root inner", any[0], any[1], "root wide"];
    let log = run("script_user root", "", &all)?;
    ensure!(log.contains("SECURITY VIOLATION"), "{log}");
    let theirs = ["nobody inner", "nobody wide", any[0], any[1]];
    run(SECURE, " nobody", &theirs)?;
    Ok(String::new())
}

fn listed(director: &Director, address: &str) -> Result<bool> {
    let addresses = director.host().addresses()?;
    Ok(addresses.iter().any(|one| one == address))
}

/// With `reload_check_config` a file with any complaint is not taken, and the complaints are in the file that it names.
fn reload_check(stage: &mut Stage, daemon: Daemon) -> Told {
    let findings = stage.folder().join("findings");
    let globals = format!("{SECURE}\nreload_check_config {}", findings.display());
    let good = conf(&globals, "");
    let mut director = stage.prepare(0, daemon, &good)?;
    director.start()?;
    director.wait_log(MASTER, PATIENCE)?;
    let more = good.replace("172.16.1.209/24\n", "172.16.1.209/24\n172.16.1.210/24\n");
    director.configure(format!("{more}wibble 3\n").as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    wait::until("the complaints", PATIENCE, || {
        Ok(lines(&findings)
            .iter()
            .any(|line| line.contains("Unknown keyword 'wibble'"))
            .then_some(()))
    })?;
    wait::throughout(Duration::from_secs(1), || {
        Ok(listed(&director, "eth1 172.16.1.210/24")?.then(|| "it was taken".to_owned()))
    })?;
    director.configure(more.as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    director.wait_log("Reload complete", PATIENCE)?;
    wait::until("the second address", PATIENCE, || {
        Ok(listed(&director, "eth1 172.16.1.210/24")?.then_some(()))
    })?;
    director.stop()?;
    Ok(String::new())
}

/// `reload_file` is there, empty and for everybody to read, from the beginning of a reload to its end.
fn reload_file(stage: &mut Stage, daemon: Daemon) -> Told {
    let folder = stage.folder().join("marker");
    fs::create_dir(&folder)?;
    let file = folder.join("reloading");
    let globals = format!("reload_file {}", file.display());
    let mut director = stage.prepare(0, daemon, &conf(&globals, ""))?;
    director.start()?;
    director.wait_log(MASTER, PATIENCE)?;
    ensure!(!file.exists(), "it is there after the start");
    let watch = Inotify::init(InitFlags::IN_NONBLOCK)?;
    watch.add_watch(
        &folder,
        AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ATTRIB,
    )?;
    director.signal(Signal::SIGHUP)?;
    director.wait_log("Reload complete", PATIENCE)?;
    let mut seen = AddWatchFlags::empty();
    wait::until("the file to come and go", PATIENCE, || {
        for event in watch.read_events().unwrap_or_default() {
            seen |= event.mask;
        }
        let both = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE;
        Ok(seen.contains(both).then_some(()))
    })?;
    ensure!(!file.exists(), "it is left");
    director.stop()?;
    Ok(String::new())
}

/// With `use_pid_dir` and `instance` the pid files have a folder and a name of their own.
fn pid_dir(stage: &mut Stage, daemon: Daemon) -> Told {
    // Others of this machine use the same folder.
    let name = format!("lab{}{daemon}", std::process::id());
    let folder = Path::new("/run/keepalived");
    let there = folder.exists();
    let text = format!("use_pid_dir\ninstance {name}\n{}", conf("", ""));
    let director = stage.prepare(0, daemon, &text)?;
    let config = director.config().display().to_string();
    let mut command: Command = director.host().command(&daemon.program()?);
    command.args(["-n", "-l", "-f", &config]);
    if daemon == Daemon::Ours {
        command.arg("--socket").arg(director.sockets());
    }
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let files = ["keepalived", "vrrp"].map(|file| folder.join(format!("{file}_{name}.pid")));
    let told = wait::until("the pid files", PATIENCE, || {
        let pids = files.iter().map(|file| {
            let text = fs::read_to_string(file).ok()?;
            text.strip_suffix('\n')?.parse::<u32>().ok()
        });
        Ok(pids.collect::<Option<Vec<u32>>>())
    });
    let stopped = process::signal(child.id(), Signal::SIGTERM)
        .and_then(|()| process::wait_for_end(&mut child, PATIENCE));
    if stopped.is_err() {
        process::kill_tree(child.id());
    }
    let pids = told?;
    ensure!(stopped?.code() == Some(0), "it did not stop well");
    ensure!(
        pids.first() == Some(&child.id()),
        "they hold {pids:?}, the process was {}",
        child.id()
    );
    let left: Vec<_> = files.iter().filter(|file| file.exists()).collect();
    ensure!(left.is_empty(), "left: {left:?}");
    if !there {
        // Unless somebody else has files in it by now.
        let _ = fs::remove_dir(folder);
    }
    Ok(String::new())
}
