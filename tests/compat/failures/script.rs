//! Scripts that never end: those that tell, and those that are asked; and an `nft` that does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::frames::Frames;
use support::process;
use support::stage::{PATIENCE, Stage};
use support::stall::Meter;
use support::story::{Kernel, Story, Told};
use support::wait;

use super::{INTERVAL, conf, gap, held, lines, master, told};

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("failures/endless-notify", notify),
        Story::each("failures/endless-check", check),
    ];
    let nft = Story::one("failures/endless-nft", Daemon::Ours, nft).with(&["/usr/sbin/nft"]);
    let stories = stories.into_iter().flatten().chain([nft]);
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

const SECURE: &str = "enable_script_security\nscript_user root";

/// A script that is deaf to SIGTERM and never ends, after this line.
fn endless(folder: &Path, first: &str) -> Result<PathBuf> {
    let path = folder.join("endless.sh");
    executable(
        &path,
        &format!("{first}\ntrap '' TERM\nwhile :; do sleep 1; done"),
    )?;
    Ok(path)
}

fn executable(path: &Path, text: &str) -> Result<String> {
    fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(path.display().to_string())
}

/// How many processes of that script there are.
fn running(director: &Director, script: &Path) -> Result<usize> {
    let name = script.to_string_lossy().into_owned();
    let all = process::descendants(director.pid()?).into_iter();
    let of_it = all.filter(|pid| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&name)
    });
    Ok(of_it.count())
}

/// Each change is told in its order although no script that told of a master ends, and a stop does not wait for them.
fn notify(stage: &mut Stage, daemon: Daemon) -> Told {
    let said = stage.folder().join("said");
    let say = format!("echo \"$1\" >> {}", said.display());
    let script = endless(stage.folder(), &say)?;
    let quick = executable(&stage.folder().join("quick.sh"), &say)?;
    let lines = format!(
        "notify_master \"{} MASTER\"\nnotify_backup \"{quick} BACKUP\"\nnotify_fault \"{quick} FAULT\"\n",
        script.display()
    );
    let mut director = master(stage, daemon, &conf(SECURE, 150, &lines))?;
    let begun = Instant::now();
    stage.unplug("director-a")?;
    held(&director, false)?;
    stage.plug("director-a")?;
    held(&director, true)?;
    let wanted = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER"];
    let mut seen = Vec::new();
    let all = wait::until("every change to be told", PATIENCE, || {
        let text = fs::read_to_string(&said).unwrap_or_default();
        seen = text.lines().map(str::to_owned).collect();
        Ok((seen.len() >= wanted.len()).then_some(()))
    });
    let took = begun.elapsed();
    ensure!(all.is_ok(), "told of {seen:?} only, {took:?} later");
    let mut wanted = wanted;
    if daemon == Daemon::Keepalived {
        // Its scripts run at one time, and one may overtake another.
        wanted.sort_unstable();
        seen.sort_unstable();
    }
    ensure!(seen == wanted, "told of {seen:?}");
    // Each may be forking.
    let many = running(&director, &script)?;
    ensure!(many <= 4, "{many} of them run");
    let begun = Instant::now();
    director.stop()?;
    let stop = begun.elapsed();
    ensure!(stop < Duration::from_secs(8), "the stop took {stop:?}");
    if daemon == Daemon::Ours {
        told(&director, 0, &["endless.sh", "does not end", "V"])?;
        // 2.2.7 leaves those that are deaf to SIGTERM.
        wait::until("the scripts to end", PATIENCE, || {
            Ok((!runs(&script)).then_some(()))
        })?;
    }
    Ok(format!(
        "all told after {took:.1?}, stopped after {stop:.1?}"
    ))
}

fn runs(script: &Path) -> bool {
    let name = script.to_string_lossy().into_owned();
    process::all().into_iter().any(|pid| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&name)
    })
}

/// A tracked script that begins not to end: a failure at its time limit, one process at a time, and well again when it ends.
fn check(stage: &mut Stage, daemon: Daemon) -> Told {
    let gate = stage.folder().join("well");
    fs::write(&gate, "")?;
    let script = endless(
        stage.folder(),
        &format!("[ -e {} ] && exit 0", gate.display()),
    )?;
    let blocks = format!(
        "vrrp_script S {{\nscript \"{}\"\ninterval 1\ntimeout 1\n}}\n",
        script.display()
    );
    let text = conf(SECURE, 150, "track_script {\nS\n}");
    let text = text.replace("vrrp_instance", &format!("{blocks}vrrp_instance"));
    let mut director = master(stage, daemon, &text)?;
    let mark = director.mark();
    fs::remove_file(&gate)?;
    held(&director, false)?;
    if daemon == Daemon::Ours {
        // 2.2.7 may also say by which signal it then ended it.
        told(&director, mark, &["VRRP_Script(S) timed_out"])?;
    }
    told(&director, mark, &["(V) Entering FAULT STATE"])?;
    // One a second would be six; one that forks looks like two. 2.2.7 has some more.
    wait::throughout(Duration::from_secs(6), || {
        let many = running(&director, &script)?;
        Ok((daemon == Daemon::Ours && many > 4).then(|| format!("{many} of them run")))
    })?;
    fs::write(&gate, "")?;
    told(&director, mark, &["VRRP_Script(S) succeeded"])?;
    held(&director, true)?;
    director.stop()?;
    Ok(String::new())
}

/// The rules of `no_accept` change while `nft` hangs: adverts go on, it is killed, and once it works the rules are right. keepalived
/// speaks to the kernel itself.
fn nft(stage: &mut Stage, daemon: Daemon) -> Told {
    let folder = stage.folder().join("programs");
    fs::create_dir(&folder)?;
    let (hang, hung) = (stage.folder().join("hang"), stage.folder().join("hung"));
    executable(
        &folder.join("nft"),
        &format!(
            "if [ -e {} ]; then echo >> {}; sleep 1000; fi\nexec /usr/sbin/nft \"$@\"",
            hang.display(),
            hung.display()
        ),
    )?;
    let (deaf, open) = (conf("nftables mine", 150, "no_accept"), conf("", 150, ""));
    let mut director = stage.prepare(0, daemon, &deaf)?;
    director.looks_in(&folder);
    director.start()?;
    held(&director, true)?;
    let host = stage.director[0].clone();
    let tables = || -> Result<Vec<String>> {
        let listed = host.output("/usr/sbin/nft", &["list", "tables"])?;
        Ok(listed.lines().map(str::to_owned).collect())
    };
    let rules = |wanted: &[&str], patience| {
        wait::until(&format!("the tables {wanted:?}"), patience, || {
            Ok((tables()? == wanted).then_some(()))
        })
    };
    rules(&["table ip mine"], PATIENCE)?;

    fs::write(&hang, "")?;
    let mark = director.mark();
    let (meter, frames) = (Meter::start(), Frames::start(&stage.client)?);
    let begun = Instant::now();
    for text in [&open, &conf("nftables other", 150, "no_accept"), &open] {
        director.configure(text.as_bytes())?;
        let mark = director.mark();
        director.signal(Signal::SIGHUP)?;
        director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    }
    wait::until("nft to hang", PATIENCE, || Ok(hung.exists().then_some(())))?;
    let killed = told(&director, mark, &["`nft` did not end within", "killed"]);
    let heard = frames.during(INTERVAL * 2);
    let gap = gap(&heard, begun, Instant::now());
    ensure!(gap <= INTERVAL * 2 + meter.worst(), "no advert for {gap:?}");
    killed?;
    let changes = lines(&director, mark, "Entering");
    ensure!(changes.is_empty(), "{changes:?}");
    ensure!(tables()? == ["table ip mine"], "nobody took it away");

    fs::remove_file(&hang)?;
    rules(&[], Duration::from_secs(60))?;

    // A stop gives the VIP back at once, and does not wait for ever.
    director.configure(deaf.as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    rules(&["table ip mine"], PATIENCE)?;
    fs::write(&hang, "")?;
    let mark = director.mark();
    let begun = Instant::now();
    director.signal(Signal::SIGTERM)?;
    held(&director, false)?;
    let gave = begun.elapsed();
    director.wait_for_end(PATIENCE)?;
    let took = begun.elapsed();
    told(&director, mark, &["`nft` does not end within 5 s"])?;
    ensure!(
        gave < Duration::from_secs(3) + meter.worst() && took < Duration::from_secs(9),
        "the VIP went after {gave:?}, the daemon after {took:?}"
    );
    Ok(format!(
        "adverts at most {gap:.0?} apart, stopped after {took:.1?}"
    ))
}
