//! What is tracked: scripts, files and interfaces move priorities, put instances into FAULT and let them out again. Either
//! daemon, one script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

/// As `ip address` lists it.
const VIP: &str = "eth1 172.16.1.202/24";

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("track/script-fault", script_fault),
        Story::each("track/script-weight", script_weight),
        Story::each("track/rise-and-fall", rise_and_fall),
        Story::each("track/timeout", timeout),
        Story::each("track/file", file),
        Story::each("track/interface", interface),
        Story::each("track/group", group),
    ];
    // keepalived tracks none from within a namespace: the kernel does not tell it there.
    let process = vec![Story::one("track/process", Daemon::Ours, process)];
    let stories = stories.into_iter().chain([process]).flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// One instance that becomes master a good second after the start, with these blocks before and in it.
fn conf(blocks: &str, lines: &str) -> String {
    format!(
        "global_defs {{\nenable_script_security\nscript_user root\n}}\n{blocks}\n\
         vrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id 78\npriority 100\nversion 3\nadvert_int 0.2\n\
         {lines}\nvirtual_ipaddress {{\n172.16.1.202/24\n}}\n}}\n"
    )
}

/// A script that exits with what a file says; 0 without it.
fn status_script(folder: &Path) -> Result<String> {
    let script = folder.join("status.sh");
    let status = folder.join("status");
    fs::write(
        &script,
        format!(
            "#!/bin/sh\n[ -e {status} ] || exit 0\nread status < {status}\nexit $status\n",
            status = status.display()
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(format!(
        "vrrp_script S {{\nscript \"{}\"\ninterval 0.3\n%\n}}\n",
        script.display()
    ))
}

fn holds(director: &Director) -> Result<bool> {
    let addresses = director.host().addresses()?;
    Ok(addresses.iter().any(|address| address == VIP))
}

fn held(director: &Director, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        Ok((holds(director)? == wanted).then_some(()))
    })
}

fn script_fault(stage: &mut Stage, daemon: Daemon) -> Told {
    let status = stage.folder().join("status");
    let blocks = status_script(stage.folder())?.replace('%', "");
    fs::write(&status, "1\n")?;
    let text = conf(&blocks, "track_script {\nS\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("VRRP_Script(S) failed (exited with status 1)", PATIENCE)?;
    // keepalived is silent about a FAULT that it never left.
    wait::throughout(Duration::from_secs(2), || {
        Ok(holds(&director)?.then(|| "it holds the VIP in FAULT".to_owned()))
    })?;
    fs::remove_file(&status)?;
    director.wait_log("Script `S` now returning 0", PATIENCE)?;
    director.wait_log("(V) Entering BACKUP STATE", PATIENCE)?;
    held(&director, true).context("after the script succeeded")?;
    fs::write(&status, "2\n")?;
    director.wait_log("Script `S` now returning 2", PATIENCE)?;
    held(&director, false).context("after the script failed")?;
    Ok(String::new())
}

fn script_weight(stage: &mut Stage, daemon: Daemon) -> Told {
    let status = stage.folder().join("status");
    let blocks = status_script(stage.folder())?.replace('%', "weight 20");
    let text = conf(&blocks, "track_script {\nS\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("Changing effective priority from 100 to 120", PATIENCE)?;
    held(&director, true)?;
    fs::write(&status, "1\n")?;
    director.wait_log("Changing effective priority from 120 to 100", PATIENCE)?;
    ensure!(
        holds(&director)?,
        "a weight took the VIP away where nobody else wants it"
    );
    Ok(String::new())
}

fn rise_and_fall(stage: &mut Stage, daemon: Daemon) -> Told {
    let status = stage.folder().join("status");
    let blocks = status_script(stage.folder())?.replace('%', "rise 3\nfall 3");
    let text = conf(&blocks, "track_script {\nS\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    held(&director, true)?;
    let mark = director.mark();
    fs::write(&status, "7\n")?;
    director.wait_log_after(mark, "Script `S` now returning 7", PATIENCE)?;
    ensure!(holds(&director)?, "one failure of three was enough");
    director.wait_log_after(
        mark,
        "VRRP_Script(S) failed (exited with status 7)",
        PATIENCE,
    )?;
    held(&director, false)?;
    let mark = director.mark();
    fs::remove_file(&status)?;
    director.wait_log_after(mark, "Script `S` now returning 0", PATIENCE)?;
    ensure!(
        !director
            .log()
            .get(mark..)
            .unwrap_or_default()
            .contains("VRRP_Script(S) succeeded"),
        "one success of three was enough"
    );
    director.wait_log_after(mark, "VRRP_Script(S) succeeded", PATIENCE)?;
    held(&director, true)?;
    Ok(String::new())
}

fn timeout(stage: &mut Stage, daemon: Daemon) -> Told {
    let script = stage.folder().join("sleep.sh");
    let gate = stage.folder().join("slow");
    fs::write(
        &script,
        format!("#!/bin/sh\n[ ! -e {} ] || sleep 30\n", gate.display()),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let blocks = format!(
        "vrrp_script S {{\nscript \"{}\"\ninterval 1\ntimeout 1\n}}\n",
        script.display()
    );
    let text = conf(&blocks, "track_script {\nS\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    held(&director, true)?;
    fs::write(&gate, "")?;
    director.wait_log("VRRP_Script(S) timed_out", PATIENCE)?;
    held(&director, false)?;
    fs::remove_file(&gate)?;
    held(&director, true)?;
    Ok(String::new())
}

fn file(stage: &mut Stage, daemon: Daemon) -> Told {
    let file = stage.folder().join("number");
    fs::write(&file, "5\n")?;
    let blocks = format!("track_file F {{\nfile {}\nweight 2\n}}\n", file.display());
    let text = conf(&blocks, "track_file {\nF\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("Changing effective priority from 100 to 110", PATIENCE)?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    held(&director, true)?;
    fs::write(&file, "-20\n")?;
    director.wait_log("Changing effective priority from 110 to 60", PATIENCE)?;
    // Below -253 it is a fault.
    fs::write(&file, "-127\n")?;
    director.wait_log("(V) Entering FAULT STATE", PATIENCE)?;
    held(&director, false)?;
    fs::remove_file(&file)?;
    held(&director, true).context("after the file has gone")?;
    Ok(String::new())
}

fn interface(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage
        .director
        .first()
        .context("there is no director")?
        .clone();
    host.ip_batch("link add t0 type veth peer name t1\nlink set t0 up\nlink set t1 up\n")?;
    host.ip_batch("link add u0 type veth peer name u1\nlink set u0 up\nlink set u1 up\n")?;
    let text = conf("", "track_interface {\nt0\nu0 weight -30\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    held(&director, true)?;
    host.ip_batch("link set u1 down\n")?;
    director.wait_log("Changing effective priority from 100 to 70", PATIENCE)?;
    host.ip_batch("link set u1 up\n")?;
    director.wait_log("Changing effective priority from 70 to 100", PATIENCE)?;
    host.ip_batch("link set t1 down\n")?;
    director.wait_log("(V) Entering FAULT STATE", PATIENCE)?;
    held(&director, false)?;
    host.ip_batch("link set t1 up\n")?;
    held(&director, true)?;
    Ok(String::new())
}

/// A script of the group keeps both of its instances out.
fn group(stage: &mut Stage, daemon: Daemon) -> Told {
    let status = stage.folder().join("status");
    let blocks = status_script(stage.folder())?.replace('%', "");
    let second = "vrrp_instance W {\nstate BACKUP\ninterface eth1\nvirtual_router_id 79\npriority 100\nversion 3\n\
                  advert_int 0.2\nvirtual_ipaddress {\n172.16.1.203/24\n}\n}\n";
    let group =
        format!("vrrp_sync_group G {{\ngroup {{\nV\nW\n}}\ntrack_script {{\nS\n}}\n}}\n{second}");
    let text = format!("{}{group}", conf(&blocks, ""));
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    held(&director, true)?;
    director.wait_log("(W) Entering MASTER STATE", PATIENCE)?;
    fs::write(&status, "1\n")?;
    director.wait_log("(V) Entering FAULT STATE", PATIENCE)?;
    director.wait_log("(W) Entering FAULT STATE", PATIENCE)?;
    held(&director, false)?;
    let mark = director.mark();
    fs::remove_file(&status)?;
    for instance in ["V", "W"] {
        director.wait_log_after(
            mark,
            &format!("({instance}) Entering MASTER STATE"),
            PATIENCE,
        )?;
    }
    Ok(String::new())
}

/// A process that ends when this does.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start(seconds: &str) -> Result<Self> {
        let sleeper = std::process::Command::new("sleep").arg(seconds).spawn();
        Ok(Self(sleeper.context("start sleep")?))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn process(stage: &mut Stage, daemon: Daemon) -> Told {
    // Processes are seen in every network namespace; nobody else sleeps as long.
    let seconds = format!("86399.{}", std::process::id());
    let witness = format!("86398.{}", std::process::id());
    let blocks = format!(
        "vrrp_track_process one {{\nprocess sleep {seconds}\nweight 20\n}}\n\
         vrrp_track_process two {{\nprocess sleep 86399.\nparam_match partial\nquorum 1\nquorum_max 1\n}}\n\
         vrrp_track_process three {{\nprocess sleep {witness}\nweight 5\n}}\n"
    );
    let text = conf(&blocks, "track_process {\none\n}");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("The kernel does not tell of processes", PATIENCE)?;
    held(&director, true)?;
    let sleeper = Sleeper::start(&seconds)?;
    director.wait_log("Quorum gained for tracked process one", PATIENCE)?;
    director.wait_log("(V) Changing effective priority from 100 to 120", PATIENCE)?;
    // One that is tracked from a reload on stands as it stands.
    let mark = director.mark();
    director.configure(conf(&blocks, "track_process {\none\ntwo\nthree\n}").as_bytes())?;
    director.signal(nix::sys::signal::Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    // Who sees this one has looked at all processes since the reload.
    let _witness = Sleeper::start(&witness)?;
    director.wait_log_after(mark, "Quorum gained for tracked process three", PATIENCE)?;
    drop(sleeper);
    for line in [
        "Quorum lost for tracked process one",
        "Quorum lost for tracked process two",
        "(V) Entering FAULT STATE",
    ] {
        director.wait_log_after(mark, line, PATIENCE)?;
    }
    held(&director, false)?;
    Ok(String::new())
}
