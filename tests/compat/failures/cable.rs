//! A cable that comes and goes faster than anybody could agree on anything.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use support::daemon::Daemon;
use support::process;
use support::stage::Stage;
use support::story::{Kernel, Story, Told};

use super::{conf, held, pair, quiet, settled, told};

/// How long the cable is in, and how long it is out.
const HALF: Duration = Duration::from_millis(50);
/// How long that goes on.
const SPAN: Duration = Duration::from_secs(4);
/// What may be kept for later, in KiB: not a little for each change.
const GROWTH: u64 = 6 * 1024;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let stories = [(ours, ours), (theirs, theirs)]
        .map(|(a, b)| Story::two("failures/cable-flaps", a, b, flaps));
    stories.map(|story| story.on(Kernel::Machine)).into()
}

/// The master's cable. Afterwards the better one is master again and alone; nothing has grown, and the log can be read.
fn flaps(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let (better, worse) = (conf("", 150, ""), conf("", 100, ""));
    let [first, second] = pair(stage, (a, &better), (b, &worse))?;
    let pid = first.pid_in("vrrp.pid")?;
    let (memory, files) = (process::resident_kib(pid)?, process::open_files(pid)?);
    let (mark, begun) = (first.mark(), Instant::now());
    let mut flaps = 0;
    while begun.elapsed() < SPAN {
        stage.unplug("director-a")?;
        thread::sleep(HALF);
        stage.plug("director-a")?;
        thread::sleep(HALF);
        flaps += 1;
    }
    settled(&first, &second)?;
    let grown = process::resident_kib(pid)?.saturating_sub(memory);
    ensure!(grown < GROWTH, "{grown} KiB more after {flaps} flaps");
    let open = process::open_files(pid)?;
    ensure!(open <= files + 2, "{open} files instead of {files}");
    told(&first, mark, &["Netlink reports eth1 down"])?;
    // It was never master meanwhile: each flap is two changes of the link and of the state.
    quiet(&first, mark, flaps * 5 + 30)?;
    // And it still heeds the cable.
    stage.unplug("director-a")?;
    held(&first, false)?;
    held(&second, true)?;
    Ok(format!("{flaps} flaps, {grown} KiB more"))
}
