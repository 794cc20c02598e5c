//! How the checks are scheduled, and how much room their sockets have.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    [
        Story::each("urgency/realtime", realtime),
        Story::each("urgency/nice", nice),
        Story::each("urgency/buffers", buffers),
    ]
    .concat()
}

/// Fields of /proc/PID/stat (proc(5)), which count from 1.
const NICE: usize = 19;
const REALTIME: usize = 40;
const POLICY: usize = 41;

fn field(stat: &str, number: usize) -> Result<i32> {
    let (_, after) = stat.rsplit_once(')').context("no name in it")?;
    let found = after.split_whitespace().nth(number - 3);
    Ok(found.context("too short")?.parse()?)
}

/// One real server, whose check writes down how itself is scheduled.
fn started(stage: &Stage, daemon: Daemon, global: &str, service: &str) -> Result<Director> {
    let [server, _]: [Ipv4Addr; 2] = WEB;
    let check = stage.folder().join("check");
    let text = format!(
        "#!/bin/sh\nexec /bin/cat /proc/self/stat > {}\n",
        written(stage).display()
    );
    fs::write(&check, text)?;
    fs::set_permissions(&check, fs::Permissions::from_mode(0o755))?;
    let mut director = stage.prepare(
        0,
        daemon,
        &format!(
            "global_defs {{\nscript_user root\n{global}\n}}\nvirtual_server 172.16.1.1 80 {{\ndelay_loop 1\nlb_algo rr\n\
             lb_kind DR\nprotocol TCP\n{service}\nreal_server {server} 80 {{\nMISC_CHECK {{\nmisc_path {}\n}}\n}}\n}}\n",
            check.display()
        ),
    )?;
    director.start()?;
    Ok(director)
}

fn written(stage: &Stage) -> std::path::PathBuf {
    stage.folder().join("written")
}

/// What the check wrote.
fn command(stage: &Stage) -> Result<String> {
    wait::until("a check", PATIENCE, || {
        let text = fs::read_to_string(written(stage)).unwrap_or_default();
        Ok(Some(text).filter(|text| text.ends_with('\n')))
    })
}

/// Where the kernel says how the thread is scheduled that the checks run on: keepalived has a process for them.
fn checks(director: &Director) -> Result<std::path::PathBuf> {
    let pid = director.pid_in("checkers.pid")?;
    let mut threads = fs::read_dir(format!("/proc/{pid}/task"))?;
    if director.daemon() == Daemon::Keepalived {
        return Ok(format!("/proc/{pid}").into());
    }
    let named = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "checks\n")
    };
    let found = threads.find_map(|thread| Some(thread.ok()?.path()).filter(named));
    found.context("no thread of that name")
}

/// The checks run as told; the command of one has none of the urgency.
fn realtime(stage: &mut Stage, daemon: Daemon) -> Told {
    let words = "checker_rt_priority 20\nchecker_rlimit_rttime 2000000\nchecker_cpu_affinity 0";
    let director = started(stage, daemon, words, "")?;
    let command = command(stage)?;
    let thread = checks(&director)?;
    let stat = fs::read_to_string(thread.join("stat"))?;
    let seen = [&stat, &command].map(|stat| Ok((field(stat, REALTIME)?, field(stat, POLICY)?)));
    let [checks, command]: [Result<(i32, i32)>; 2] = seen;
    // SCHED_RR is 2 (sched(7)).
    ensure!(checks? == (20, 2), "the checks: {stat}");
    ensure!(command? == (0, 0), "a command is as urgent");
    let status = fs::read_to_string(thread.join("status"))?;
    ensure!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", director.pid_in("checkers.pid")?))?;
    let limit = limits
        .lines()
        .find(|line| line.starts_with("Max realtime timeout"));
    let limit = limit.context("no such limit")?;
    ensure!(limit.contains(" 2000000 "), "{limit}");
    Ok(String::new())
}

/// The same of the nice value.
fn nice(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = started(stage, daemon, "checker_priority -5", "")?;
    let command = command(stage)?;
    let stat = fs::read_to_string(checks(&director)?.join("stat"))?;
    ensure!(field(&stat, NICE)? == -5, "the checks: {stat}");
    ensure!(field(&command, NICE)? == 0, "a command: {command}");
    Ok(String::new())
}

/// The sockets that watch and look up addresses have the room that they are given, also above the system's limit.
fn buffers(stage: &mut Stage, daemon: Daemon) -> Told {
    let words = [
        "lvs_netlink_monitor_rcv_bufs 6000000",
        "lvs_netlink_monitor_rcv_bufs_force",
        "lvs_netlink_cmd_rcv_bufs 5000000",
        "lvs_netlink_cmd_rcv_bufs_force",
    ];
    let director = started(stage, daemon, &words.join("\n"), "ha_suspend")?;
    // keepalived has no socket to look up addresses while it need not. One that is in groups is listed twice.
    let look_up = usize::from(daemon == Daemon::Ours);
    wait::until("both sockets", PATIENCE, || {
        let sockets = director.host().output("ss", &["-f", "netlink", "-m"])?;
        // socket(7): doubled, for what it costs the kernel.
        let count = |bytes: &str| sockets.matches(bytes).count();
        let found = (count("rb12000000,"), count("rb10000000,"));
        Ok((found == (2, look_up)).then_some(()))
    })?;
    Ok(String::new())
}
