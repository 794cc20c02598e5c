//! Many instances in one process: transitions that nobody asked for, and the processor time beside keepalived's.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::goal::{Goal, Sheet};
use crate::segment::{Router, Segment};

/// Virtual router ids of an interface.
const IDS: u16 = 250;
const LIMIT: Duration = Duration::from_secs(60);

/// A load: how many instances, and their adverts' interval.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub instances: u16,
    pub millis: u16,
}

/// The two loads of the goal; version 3 has hundredths of a second.
pub const LOADS: [Load; 2] = [
    Load {
        instances: 1000,
        millis: 100,
    },
    Load {
        instances: 255,
        millis: 10,
    },
];

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Instances that changed their state while nothing happened, on either host.
    pub unwanted: usize,
    /// Processor time of the masters' process in a second.
    pub cpu: Duration,
}

fn conf(load: Load, priority: u8) -> String {
    let mut text = String::new();
    for at in 0..load.instances {
        let (link, id) = (at / IDS, at % IDS + 1);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "vrrp_instance V{at} {{\nstate BACKUP\ninterface eth{link}\nvirtual_router_id {id}\npriority {priority}\nversion 3\n\
             advert_int {}\nvirtual_ipaddress {{\n10.97.{link}.{id}/32\n}}\n}}\n",
            f64::from(load.millis) / 1000.0
        );
    }
    text
}

/// Masters on one host, backups on the other, both of this program, watched for `span`.
pub fn run(program: &Path, load: Load, span: Duration, folder: &Path) -> Result<Run> {
    let links = u8::try_from(load.instances.div_ceil(IDS))?;
    let segment = Segment::build(links)?;
    let [a, b] = &segment.hosts;
    let count = usize::from(load.instances);
    let masters = Router::start(program, a, &folder.join("a"), &conf(load, 200))?;
    masters.wait("Entering MASTER STATE", count, LIMIT)?;
    let backups = Router::start(program, b, &folder.join("b"), &conf(load, 100))?;
    backups.wait("Entering BACKUP STATE (init)", count, LIMIT)?;
    // Until the addresses have been announced.
    std::thread::sleep(Duration::from_secs(6));
    let changes = || masters.says("STATE") + backups.says("STATE");
    let (before, used) = (changes(), masters.process.cpu()?);
    std::thread::sleep(span);
    let cpu = masters.process.cpu()?.saturating_sub(used);
    Ok(Run {
        unwanted: changes().saturating_sub(before),
        cpu: cpu.div_f64(span.as_secs_f64()),
    })
}

/// Ours and keepalived's, by name.
pub type Pair = [(String, Result<Run>); 2];

/// Both programs under each load.
pub fn sheet(rows: &[(Load, Pair)]) -> Sheet {
    let mut sheet = Sheet {
        head: ["", "unwanted", "processor"].map(str::to_owned).into(),
        ..Sheet::default()
    };
    for (load, programs) in rows {
        let what = format!("{} at {} ms", load.instances, load.millis);
        for (name, run) in programs {
            match run {
                Ok(run) => sheet.rows.push(vec![
                    format!("{what}, {name}"),
                    run.unwanted.to_string(),
                    format!("{:.1} %", run.cpu.as_secs_f64() * 100.0),
                ]),
                Err(error) => sheet.missing.push(format!("{what}, {name}: {error:#}")),
            }
        }
        let [ours, theirs] = programs.each_ref().map(|(_, run)| run.as_ref().ok());
        let unwanted = ours.and_then(|run| u32::try_from(run.unwanted).ok());
        sheet.goals.push(Goal {
            what: format!("{what}: unwanted transitions"),
            seen: unwanted.map(f64::from),
            target: 0.0,
        });
        let ratio = |ours: &Run, theirs: &Run| ours.cpu.as_secs_f64() / theirs.cpu.as_secs_f64();
        sheet.goals.push(Goal {
            what: format!("{what}: processor, ours / keepalived"),
            seen: ours.zip(theirs).map(|(ours, theirs)| ratio(ours, theirs)),
            target: 1.0,
        });
    }
    sheet
}
