//! A master that is killed, and one that is stopped and goes on.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::process;
use support::stage::{PATIENCE, Stage};
use support::stall::Meter;
use support::story::{Kernel, Story, Told};
use support::wait;
use support::watch::AddressWatch;

use super::{INTERVAL, MASTER_DOWN, VIP, conf, holds, lines, pair, settled, told};

/// What a machine that is busy elsewhere may be late.
const SLACK: Duration = Duration::from_millis(700);
/// How long a process is stopped: many times what its peer waits.
const STOPPED: Duration = Duration::from_secs(10);

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let pairs = [(ours, ours), (ours, theirs), (theirs, theirs)];
    let stories = pairs.into_iter().flat_map(|(a, b)| {
        [
            Story::two("failures/killed", a, b, killed),
            Story::two("failures/stopped", a, b, stopped),
        ]
    });
    let late = Story::each("failures/late", late);
    let stories = stories.chain(late);
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// How the kernel schedules whoever speaks VRRP: its policy and its real-time priority (proc(5)).
fn scheduled(director: &Director) -> Result<(i32, i32)> {
    let pid = director.pid_in("vrrp.pid")?;
    let threads = fs::read_dir(format!("/proc/{pid}/task"))?;
    let name = match director.daemon() {
        Daemon::Ours => "failover\n",
        // A process of its own, with one thread.
        Daemon::Keepalived => "keepalived\n",
    };
    for thread in threads {
        let thread = thread?.path();
        if fs::read_to_string(thread.join("comm"))? == name {
            let stat = fs::read_to_string(thread.join("stat"))?;
            let (_, after) = stat.rsplit_once(')').context("no name in it")?;
            let fields: Vec<&str> = after.split_whitespace().collect();
            let field = |number: usize| fields.get(number - 3).context("too short");
            return Ok((field(41)?.parse()?, field(40)?.parse()?));
        }
    }
    anyhow::bail!("no thread of that name")
}

/// Each time that it gets the processor late it is more urgent afterwards, up to what is allowed.
fn late(stage: &mut Stage, daemon: Daemon) -> Told {
    let global = "global_defs {\nmax_auto_priority 2\nmin_auto_priority_delay 500000\nvrrp_rlimit_rttime 2000000\n}\n";
    let mut director = stage.prepare(0, daemon, &(global.to_owned() + &conf("", 150, "")))?;
    director.start()?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    ensure!(scheduled(&director)? == (0, 0), "urgent from the start");
    // SCHED_RR is 2 (sched(7)).
    for wanted in [(2, 1), (2, 2), (2, 2)] {
        process::signal_tree(director.pid()?, Signal::SIGSTOP)?;
        thread::sleep(Duration::from_secs(3));
        process::signal_tree(director.pid()?, Signal::SIGCONT)?;
        // Long enough to be raised where that would be wrong.
        thread::sleep(INTERVAL);
        wait::until("its priority", PATIENCE, || {
            Ok((scheduled(&director)? == wanted).then_some(()))
        })?;
    }
    Ok(String::new())
}

fn bound(meter: &Meter) -> Duration {
    SLACK + meter.worst()
}

/// Its peer takes over in time. Started again it takes its old VIP away before it takes part, and is master again; two hold the
/// VIP only as long as the one has to hear of the other.
fn killed(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let (better, worse) = (conf("", 150, ""), conf("", 100, ""));
    let [mut first, second] = pair(stage, (a, &better), (b, &worse))?;
    let meter = Meter::start();
    let watch = AddressWatch::start(second.host())?;
    let killed = first.kill()?;
    let took = watch.wait(VIP, true, PATIENCE)?.duration_since(killed);
    ensure!(
        took <= MASTER_DOWN + bound(&meter),
        "its peer took over after {took:?}"
    );
    ensure!(holds(&first)?, "the kernel took the VIP of the killed one");

    let own = AddressWatch::start(first.host())?;
    first.start()?;
    own.wait(VIP, false, PATIENCE).context("the old VIP")?;
    first.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    let took = own.wait(VIP, true, PATIENCE).context("the VIP again")?;
    let gave = watch.wait(VIP, false, PATIENCE).context("of its peer")?;
    let both = gave.saturating_duration_since(took);
    ensure!(both <= INTERVAL + bound(&meter), "both had it for {both:?}");
    settled(&first, &second)?;
    if a == Daemon::Ours {
        let said = first.log();
        let at = |words: &str| said.find(words).with_context(|| format!("no `{words}`"));
        ensure!(
            at("(V) removing VIP 172.16.1.206/24")? < at("Entering BACKUP STATE (init)")?,
            "it took part before its old VIP was gone"
        );
    }
    Ok(format!("both had it for {both:.0?}"))
}

/// Its peer takes over in time. When it goes on, there is one master within two adverts, and it says how long it stood still.
fn stopped(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let (better, worse) = (conf("", 150, ""), conf("", 100, ""));
    let [first, mut second] = pair(stage, (a, &better), (b, &worse))?;
    let meter = Meter::start();
    let watch = AddressWatch::start(second.host())?;
    let begun = Instant::now();
    process::signal_tree(first.pid()?, Signal::SIGSTOP)?;
    let took = watch.wait(VIP, true, PATIENCE)?.duration_since(begun);
    ensure!(
        took <= MASTER_DOWN + bound(&meter),
        "its peer took over after {took:?}"
    );
    thread::sleep(STOPPED.saturating_sub(begun.elapsed()));
    let (mark, theirs) = (first.mark(), second.mark());
    let again = Instant::now();
    process::signal_tree(first.pid()?, Signal::SIGCONT)?;
    second.wait_log_after(theirs, "(V) Entering BACKUP STATE", PATIENCE)?;
    let gave = watch.wait(VIP, false, PATIENCE)?.duration_since(again);
    ensure!(
        gave <= INTERVAL * 2 + bound(&meter),
        "two masters for {gave:?} after it went on"
    );
    settled(&first, &second)?;
    if a == Daemon::Ours {
        told_of_standing_still(&first, mark)?;
    }
    Ok(format!("one master after {gave:.0?}"))
}

/// `.. stood still for 10.0 s ..`, with the right number, once.
fn told_of_standing_still(director: &Director, mark: usize) -> Result<()> {
    let line = told(director, mark, &["stood still for", "vrrp_rt_priority"])?;
    let seconds: f64 = line
        .split_once("stood still for ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .with_context(|| format!("no number in {line}"))?;
    // It was due to send within an advert's time after it was stopped.
    ensure!((9.0..11.5).contains(&seconds), "{line}");
    let all = lines(director, mark, "stood still");
    ensure!(all.len() == 1, "{all:?}");
    Ok(())
}
