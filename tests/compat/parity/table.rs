//! The same file gives the same table, line for line.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::{table, wait};

pub fn stories() -> Vec<Story> {
    vec![
        Story::two("parity/table", Daemon::Ours, Daemon::Keepalived, same_table),
        Story::two(
            "parity/table",
            Daemon::Keepalived,
            Daemon::Keepalived,
            same_table,
        ),
        Story::two(
            "parity/every-kind",
            Daemon::Ours,
            Daemon::Keepalived,
            every_kind,
        ),
        Story::two(
            "parity/every-flag",
            Daemon::Ours,
            Daemon::Keepalived,
            every_flag,
        ),
        Story::two("parity/groups", Daemon::Ours, Daemon::Keepalived, groups),
    ]
}

/// Services, servers, and the file's other lines in one file for each kind that the kernel knows.
const EVERY_KIND: &str = include_str!("../../config/every-kind.conf");
/// Schedulers, flags, tunnels, ports.
const EVERY_FLAG: &str = include_str!("../../config/every-flag.conf");
/// Groups of each make.
const GROUPS: &str = include_str!("../../config/groups.conf");

/// The table in the kernel's order of the servers. The order of the services is that of their hashes, which differ from
/// one network namespace to the next. (Not from /proc/net/ip_vs: where several namespaces have services, kernels of
/// today leave some out of it between two reads.)
fn listed(director: &Director) -> Result<BTreeMap<String, Vec<String>>> {
    let text = director
        .host()
        .output("ipvsadm", &["--list", "--numeric", "--nosort"])?;
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut service = String::new();
    for line in text.lines().skip(3) {
        if line.starts_with("  ->") {
            services
                .entry(service.clone())
                .or_default()
                .push(line.to_owned());
        } else {
            line.clone_into(&mut service);
        }
    }
    Ok(services)
}

fn every_kind(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let entries = EVERY_KIND.lines().filter(|line| {
        line.trim_start().starts_with("real_server") || line.starts_with("virtual_server")
    });
    same_of(stage, [ours, theirs], EVERY_KIND, entries.count())
}

fn every_flag(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    same_of(stage, [ours, theirs], EVERY_FLAG, 159)
}

fn groups(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    same_of(stage, [ours, theirs], GROUPS, 96)
}

/// Both daemons on one file: the same `entries` lines, and the same order of the servers.
fn same_of(
    stage: &mut Stage,
    [ours, theirs]: [Daemon; 2],
    text: &'static str,
    entries: usize,
) -> Told {
    let mut ours = stage.prepare(0, ours, text)?;
    let mut theirs = stage.prepare(1, theirs, text)?;
    ours.start()?;
    theirs.start()?;
    for (director, who) in [(&ours, "ours"), (&theirs, "theirs")] {
        let mut found = 0;
        wait::until("all entries in the table", PATIENCE, || {
            found = table::saved(director.host())?.len();
            Ok((found == entries).then_some(()))
        })
        .with_context(|| format!("{who} has {found} of {entries}"))?;
    }
    let (a, b) = (table::saved(ours.host())?, table::saved(theirs.host())?);
    ensure!(
        a == b,
        "ours has\n{}\ntheirs has\n{}",
        a.join("\n"),
        b.join("\n")
    );
    // The kernel goes through the services of all network namespaces by number: where another story adds or removes one
    // meanwhile, some are left out. So once more, then.
    let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
    wait::until("both listings to be the same", PATIENCE, || {
        (a, b) = (listed(&ours)?, listed(&theirs)?);
        let same = a.clone();
        a.retain(|service, servers| b.get(service) != Some(servers));
        b.retain(|service, servers| same.get(service) != Some(servers));
        Ok((a.is_empty() && b.is_empty()).then_some(()))
    })
    .with_context(|| format!("ours lists otherwise\n{a:#?}\ntheirs\n{b:#?}"))?;
    Ok(format!("{entries} lines"))
}

fn same_table(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let [a, b] = stage.pair(a, b)?;
    let mut tables = (Vec::new(), Vec::new());
    let same = wait::until("both tables to be the same", Duration::from_secs(3), || {
        tables = (table::saved(a.host())?, table::saved(b.host())?);
        Ok((tables.0 == tables.1).then_some(()))
    });
    ensure!(
        same.is_ok(),
        "director-a has\n{}\ndirector-b has\n{}",
        tables.0.join("\n"),
        tables.1.join("\n")
    );
    ensure!(
        tables.0.len() == 3,
        "expected one service and two servers, found {:?}",
        tables.0
    );
    Ok(format!("{} lines", tables.0.len()))
}
