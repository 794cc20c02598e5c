//! From the death of a master to the address on the other router, at 10 ms adverts of version 3.
//!
//! Priority 90 waits 3 intervals and a skew of 166/256 of one after the last advert, which came up to one interval before
//! the kill: 26.5 to 36.5 ms are the protocol's own.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use support::watch::AddressWatch;

use crate::farm::{Crowd, passive_opens};
use crate::goal::{Goal, Sheet, median};
use crate::segment::{Router, Segment};
use crate::workload::{Kind, Workload};

const VIP: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 100);
const LIMIT: Duration = Duration::from_secs(20);
/// Checks a second beside VRRP: 10 000 real servers, each every other second.
pub const CHECKS: u64 = 5000;
const SERVICES: u16 = 625;
const REAL_SERVERS: u8 = 16;
const DELAY_LOOP: u32 = 2;
/// What ours may be behind.
const ALLOWED: f64 = 2.0;

fn conf(priority: u8) -> String {
    format!(
        "vrrp_instance V {{\nstate BACKUP\ninterface eth0\nvirtual_router_id 7\npriority {priority}\nversion 3\nadvert_int 0.01\n\
         virtual_ipaddress {{\n{VIP}/24\n}}\n}}\n"
    )
}

/// The times of so many kills of a program's master, with the same program as backup.
pub fn run(program: &Path, kills: u32, folder: &Path) -> Result<Vec<Duration>> {
    let segment = Segment::build(1)?;
    killed(program, &segment, kills, folder, "")
}

/// The same where the backup makes [`CHECKS`] checks a second as well; `program` must do without IPVS.
pub fn run_busy(program: &Path, kills: u32, folder: &Path) -> Result<Vec<Duration>> {
    let segment = Segment::build(1)?;
    let [_, b] = &segment.hosts;
    let _crowd = Crowd::start(b)?;
    let workload = Workload::plain(SERVICES, REAL_SERVERS).checked(Kind::Tcp, DELAY_LOOP);
    let (before, begun) = (passive_opens(b)?, Instant::now());
    let times = killed(
        program,
        &segment,
        kills,
        folder,
        &workload.keepalived_conf(),
    )?;
    let made = passive_opens(b)?.saturating_sub(before);
    let wanted = CHECKS * begun.elapsed().as_secs();
    println!("{made} checks were made, {wanted} were due");
    // The first delay_loop, and the start, are less busy.
    if made < wanted * 8 / 10 {
        bail!("only {made} checks were made, not some {wanted}");
    }
    Ok(times)
}

fn killed(
    program: &Path,
    segment: &Segment,
    kills: u32,
    folder: &Path,
    more: &str,
) -> Result<Vec<Duration>> {
    let [a, b] = &segment.hosts;
    let watch = AddressWatch::start(b)?;
    let backup = Router::start(program, b, &folder.join("b"), &(conf(90) + more))?;
    watch.wait(VIP, true, LIMIT)?;
    let mut times = Vec::new();
    for kill in 0..kills {
        let master = Router::start(program, a, &folder.join("a"), &conf(100))?;
        watch.wait(VIP, false, LIMIT)?;
        // A busy machine may make them change places again; and not always at the same point of the rhythm.
        let calm = Duration::from_millis(200 + u64::from(kill % 10));
        loop {
            std::thread::sleep(calm);
            if !watch.moved(VIP) {
                break;
            }
        }
        // keepalived's VRRP is in a child: the whole group at once, as a crash of the host would have it.
        let killed = Instant::now();
        master.process.signal_group(Signal::SIGKILL)?;
        let taken = watch.wait(VIP, true, LIMIT)?;
        times.push(taken.saturating_duration_since(killed));
        drop(master);
    }
    drop(backup);
    Ok(times)
}

/// Ours, keepalived's, and ours with checks.
pub fn sheet(rows: &[(String, Result<Vec<Duration>>); 3]) -> Sheet {
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let figures = rows.each_ref().map(|(_, times)| {
        let times = times.as_ref().ok()?;
        Some((
            millis(median(times.iter().copied())?),
            millis(*times.iter().max()?),
        ))
    });
    let mut sheet = Sheet {
        head: ["", "median", "worst"].map(str::to_owned).into(),
        ..Sheet::default()
    };
    for ((name, times), figures) in rows.iter().zip(figures) {
        match (times, figures) {
            (_, Some((median, worst))) => sheet.rows.push(vec![
                name.clone(),
                format!("{median:.1} ms"),
                format!("{worst:.1} ms"),
            ]),
            (Err(error), None) => sheet.missing.push(format!("{name}: {error:#}")),
            (Ok(_), None) => sheet.missing.push(format!("{name}: no kill")),
        }
    }
    let [ours, theirs, busy] = figures;
    type Of = fn((f64, f64)) -> f64;
    let kinds: [(&str, Of); 2] = [
        ("median", |(median, _)| median),
        ("worst", |(_, worst)| worst),
    ];
    for (whose, figures) in [("ours", ours), ("ours with checks", busy)] {
        for (what, of) in kinds {
            sheet.goals.push(Goal {
                what: format!("{what}, {whose} less keepalived's, ms"),
                seen: figures
                    .zip(theirs)
                    .map(|(ours, theirs)| of(ours) - of(theirs)),
                target: ALLOWED,
            });
        }
    }
    sheet
}
