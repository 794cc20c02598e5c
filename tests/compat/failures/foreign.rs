//! A router that is none of ours and has our virtual router id.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::daemon::{Daemon, Director};
use support::stage::{CLIENT, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

use super::{VRID, held, holds, lines, master, signed, told};

pub fn stories() -> Vec<Story> {
    // 2.2.7 drops an advert with other VIPs, so that it hears of no worse router.
    let below = vec![Story::one("failures/foreign-below", Daemon::Ours, below)];
    let stories = [Story::each("failures/foreign-above", above), below];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// Its own VIP.
const THEIRS: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 250);
const PACE: Duration = Duration::from_millis(200);
/// Packets of each kind.
const COUNT: u32 = 6;

/// What it sends, were all else as ours.
fn advert(priority: u8) -> Advert {
    Advert {
        priority,
        ..Advert::commanding(VRID, THEIRS, b"secretlo")
    }
}

/// Above ours, but set up otherwise: it is not believed, each reason is told once, and counted for who sent it.
fn above(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = master(stage, daemon, &signed(100))?;
    let right = advert(200);
    let faults = [
        (
            "a 0 auth",
            "auth_mismatch",
            Advert {
                auth_type: 0,
                ..right.clone()
            },
        ),
        (
            "an invalid passwd",
            "password",
            Advert {
                password: *b"intruder",
                ..right.clone()
            },
        ),
        (
            "interval mismatch",
            "interval",
            Advert {
                interval: 3,
                ..right.clone()
            },
        ),
        (
            "invalid TTL",
            "ttl",
            Advert {
                ttl: 64,
                ..right.clone()
            },
        ),
    ];
    let mark = director.mark();
    for (words, _, advert) in &faults {
        advert.send(&stage.client, CLIENT, COUNT, PACE)?;
        told(&director, mark, &["(V)", words])?;
    }
    ensure!(holds(&director)?, "a foreign router was believed");
    let changes = lines(&director, mark, "Entering");
    ensure!(changes.is_empty(), "{changes:?}");
    if daemon == Daemon::Ours {
        // 2.2.7 has a line for each packet, without its sender.
        for (words, ..) in &faults {
            let said = lines(&director, mark, words);
            let of_it = said.iter().filter(|line| line.contains("172.16.1.100"));
            ensure!(of_it.count() == 1 && said.len() == 1, "{said:#?}");
        }
        let stats = statistics(&director)?;
        for (_, reason, _) in &faults {
            let row = format!("172.16.1.100 {reason}: {COUNT}");
            let there = stats.lines().any(|line| line.trim() == row);
            ensure!(there, "no `{row}` in\n{stats}");
        }
    }
    if daemon == Daemon::Keepalived {
        // 2.2.7 drops it for its VIPs; 2.4 does not.
        return Ok(String::new());
    }
    // With the right password it is believed, VIPs or not; that they differ is told once.
    let mark = director.mark();
    right.send(&stage.client, CLIENT, 3 * COUNT, PACE)?;
    ensure!(!holds(&director)?, "two masters");
    told(&director, mark, &["(V)", "172.16.1.206", "not present in"])?;
    let about = lines(&director, mark, "not present in");
    ensure!(about.len() == 1, "said too often: {about:#?}");
    // It falls silent.
    held(&director, true)?;
    Ok(String::new())
}

/// Below ours, and deaf to us: it goes on for ever. We stay master and say so, but not each time.
fn below(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = master(stage, daemon, &signed(100))?;
    let mark = director.mark();
    advert(50).send(&stage.client, CLIENT, 50, Duration::from_millis(100))?;
    let words = ["(V)", "172.16.1.100", "lower priority 50, ours 100"];
    told(&director, mark, &words)?;
    ensure!(holds(&director)?, "it yielded to a worse one");
    let changes = lines(&director, mark, "Entering");
    ensure!(changes.is_empty(), "{changes:?}");
    let said = lines(&director, mark, "lower priority 50").len();
    ensure!(said <= 12, "{said} lines of 50 adverts");
    director.stop()?;
    Ok(format!("{said} lines of 50 adverts"))
}

fn statistics(director: &Director) -> Result<String> {
    let file = director.folder().join("keepalived.stats");
    director.signal(Signal::SIGUSR2)?;
    wait::until("keepalived.stats", PATIENCE, || {
        let text = fs::read_to_string(&file).ok();
        Ok(text.filter(|text| text.contains("Dropped Packets")))
    })
}
