//! What breaks under a router, and what is right afterwards: the addresses in the kernel, the adverts on the wire, and a log
//! that says why. Told on either daemon where the question makes sense to both.
//!
//! Enter at [`stories`]. What all share is here: two routers of one VIP, quick enough to see them fail over. Tests: this is one.

mod cable;
mod death;
mod disk;
mod flood;
mod foreign;
mod netlink;
mod script;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use support::daemon::{Daemon, Director};
use support::frames::{Frame, Said};
use support::stage::{PATIENCE, Stage};
use support::story::Story;
use support::wait;

const VRID: u8 = 64;
const VIP: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 206);
/// As the kernel lists it.
const LISTED: &str = "eth1 172.16.1.206/24";
/// Between two adverts.
const INTERVAL: Duration = Duration::from_millis(500);
/// Three of those, and the skew of priority 100: 156/256 of one (RFC 9568 6.1). So long a backup waits.
const MASTER_DOWN: Duration = Duration::from_millis(1805);

pub fn stories() -> Vec<Story> {
    [
        cable::stories(),
        death::stories(),
        disk::stories(),
        flood::stories(),
        foreign::stories(),
        netlink::stories(),
        script::stories(),
    ]
    .concat()
}

/// One instance of version 3.
fn conf(global: &str, priority: u8, lines: &str) -> String {
    format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id {VRID}\n\
         priority {priority}\nversion 3\nadvert_int 0.5\n{lines}\nvirtual_ipaddress {{\n{VIP}/24\n}}\n}}\n"
    )
}

/// The same of version 2 with a password, whose adverts come each second.
fn signed(priority: u8) -> String {
    let lines = "authentication {\nauth_type PASS\nauth_pass secretlo\n}";
    conf("", priority, lines)
        .replace("version 3", "version 2")
        .replace("advert_int 0.5", "advert_int 1")
}

fn holds(director: &Director) -> Result<bool> {
    let addresses = director.host().addresses()?;
    Ok(addresses.iter().any(|address| address == LISTED))
}

/// Waits until it holds the VIP, or does not.
fn held(director: &Director, wanted: bool) -> Result<()> {
    let what = if wanted { "to come" } else { "to go" };
    wait::until(&format!("the VIP {what}"), PATIENCE, || {
        Ok((holds(director)? == wanted).then_some(()))
    })
}

/// One router that is master.
fn master(stage: &Stage, daemon: Daemon, text: &str) -> Result<Director> {
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
    held(&director, true)?;
    Ok(director)
}

/// Two routers, of which the first is master.
fn pair(stage: &Stage, a: (Daemon, &str), b: (Daemon, &str)) -> Result<[Director; 2]> {
    let mut first = stage.prepare(0, a.0, a.1)?;
    let mut second = stage.prepare(1, b.0, b.1)?;
    first.start()?;
    second.start()?;
    settled(&first, &second)?;
    for director in [&mut first, &mut second] {
        director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    }
    Ok([first, second])
}

/// Waits until the first holds the VIP alone, and until that has lasted for three adverts.
fn settled(first: &Director, second: &Director) -> Result<()> {
    let is = || -> Result<bool> { Ok(holds(first)? && !holds(second)?) };
    wait::until("the VIP on director-a alone", PATIENCE, || {
        Ok(is()?.then_some(()))
    })?;
    wait::throughout(INTERVAL * 3, || {
        Ok((!is()?).then(|| "the VIP moved again".to_owned()))
    })
}

/// The longest time without an advert of the first router, between these moments.
fn gap(frames: &[Frame], begun: Instant, ended: Instant) -> Duration {
    let adverts = frames
        .iter()
        .filter(|frame| frame.said == Said::Advert(VRID, 150));
    let (mut last, mut longest) = (begun, Duration::ZERO);
    for at in adverts.map(|frame| frame.at).chain([ended]) {
        longest = longest.max(at.saturating_duration_since(last));
        last = at;
    }
    longest
}

/// Lines of a log, after the first `mark` bytes, that contain `text`.
fn lines(director: &Director, mark: usize, text: &str) -> Vec<String> {
    let log = director.log();
    let rest = log.get(mark..).unwrap_or_default();
    let lines = rest.lines().filter(|line| line.contains(text));
    lines.map(str::to_owned).collect()
}

/// The log has grown by no more than so many lines since `mark`.
fn quiet(director: &Director, mark: usize, most: usize) -> Result<()> {
    let said = lines(director, mark, "");
    let end = said.len().saturating_sub(12);
    ensure!(
        said.len() <= most,
        "{} lines in the log, at most {most} were to come; the last: {:#?}",
        said.len(),
        said.get(end..).unwrap_or_default()
    );
    Ok(())
}

/// The first line of a log after `mark` that contains all of these words; waits for it.
fn told(director: &Director, mark: usize, words: &[&str]) -> Result<String> {
    wait::until(&format!("a line with {words:?}"), PATIENCE, || {
        let mut said = lines(director, mark, "").into_iter();
        Ok(said.find(|line| words.iter().all(|word| line.contains(word))))
    })
}
