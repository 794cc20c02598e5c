//! The same file gives the same table, line for line.

use std::time::Duration;

use anyhow::ensure;
use support::daemon::Daemon;
use support::stage::Stage;
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
    ]
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
