//! Wrong advertisements on the wire do not disturb a master, and it says what was wrong; a right one does.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::config::{PASSWORD, VIP, VRID};
use support::daemon::{Daemon, Director};
use support::stage::{CLIENT, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;
use support::watch::AddressWatch;

/// Between two wrong packets of a kind.
const PACE: Duration = Duration::from_millis(20);

/// One way of being wrong, and what keepalived says of it: words of its log, and the counter's line in its statistics.
struct Fault {
    name: &'static str,
    spoil: fn(&mut Advert),
    log: &'static str,
    counter: Option<(&'static str, &'static str)>,
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "cut short",
        spoil: |it| it.cut = 6,
        log: "",
        counter: Some(("Packet Errors", "Length")),
    },
    Fault {
        name: "checksum",
        spoil: |it| it.checksum_error = 1,
        log: "checksum",
        counter: None,
    },
    Fault {
        name: "TTL",
        spoil: |it| it.ttl = 254,
        log: "TTL",
        counter: Some(("Packet Errors", "TTL")),
    },
    Fault {
        name: "password",
        spoil: |it| it.password = *b"intruder",
        log: "passwd",
        counter: Some(("Authentication Errors", "Failure")),
    },
    Fault {
        name: "interval",
        spoil: |it| it.interval = 3,
        log: "advertisement interval mismatch",
        // keepalived 2.2.7 says it, but counts nothing.
        counter: None,
    },
];

pub fn stories() -> Vec<Story> {
    Story::each("adverts/wrong", wrong)
        .into_iter()
        .map(|story| story.on(Kernel::Ipvs))
        .collect()
}

fn wrong(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let watch = AddressWatch::start(director.host())?;
    let mut told = Vec::new();
    for fault in &FAULTS {
        let mark = director.mark();
        let mut advert = Advert::commanding(VRID, VIP, PASSWORD);
        (fault.spoil)(&mut advert);
        advert
            .send(&stage.client, CLIENT, 3, PACE)
            .with_context(|| fault.name.to_owned())?;
        let line = if fault.log.is_empty() {
            String::new()
        } else {
            director
                .wait_log_after(mark, fault.log, Duration::from_secs(2))
                .context(fault.name)?
        };
        told.push(line);
    }
    let log = director.log();
    ensure!(
        !log.lines()
            .any(|line| line.ends_with("Entering BACKUP STATE")),
        "a wrong advertisement was believed"
    );
    ensure!(!watch.moved(VIP), "the VIP moved");
    let stats = statistics(&director)?;
    for fault in &FAULTS {
        if let Some((section, label)) = fault.counter {
            let count = counter(&stats, section, label)
                .with_context(|| format!("no {section}, {label} in\n{stats}"))?;
            ensure!(
                count == 3,
                "{}: {section}, {label} counts {count} of 3 packets in\n{stats}",
                fault.name
            );
        }
    }
    // The proof that wrongness alone protected the master.
    let mark = director.mark();
    Advert::commanding(VRID, VIP, PASSWORD).send(&stage.client, CLIENT, 1, PACE)?;
    director
        .wait_log_after(mark, "Entering BACKUP STATE", PATIENCE)
        .context("a right advertisement")?;
    watch.wait(VIP, false, PATIENCE)?;
    director.wait_log_after(mark, "Entering MASTER STATE", PATIENCE)?;
    Ok(String::new())
}

/// Asks for the statistics file and gives its text.
fn statistics(director: &Director) -> Result<String> {
    let file = director.folder().join("keepalived.stats");
    director.signal(Signal::SIGUSR2)?;
    wait::until("keepalived.stats", Duration::from_secs(3), || {
        Ok(fs::read_to_string(&file)
            .ok()
            .filter(|text| text.contains("Priority Zero")))
    })
}

/// The number behind `label` in the section whose heading is `section`.
fn counter(stats: &str, section: &str, label: &str) -> Option<u32> {
    let (_, after) = stats.split_once(&format!("{section}:"))?;
    let line = after
        .lines()
        .find_map(|line| line.trim().strip_prefix(label)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}
