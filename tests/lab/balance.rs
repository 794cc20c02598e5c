//! The director balances: pages come from both web servers in turn.

use anyhow::{Result, ensure};
use support::client;
use support::daemon::Daemon;
use support::stage::Stage;
use support::story::{Story, Told};

pub fn stories() -> Vec<Story> {
    [Story::each("balance/in-turn", in_turn)].concat()
}

/// With `rr` no server answers twice in a row.
fn in_turn(stage: &mut Stage, daemon: Daemon) -> Told {
    let _director = stage.alone(daemon)?;
    let seen = client::requests(&stage.client, &stage.url(), 8)?;
    alternate(&seen)?;
    Ok(String::new())
}

/// Whether every answer came from the other server than the one before.
pub fn alternate(seen: &[String]) -> Result<()> {
    ensure!(
        !seen.iter().any(|server| server == "-"),
        "lost requests: {seen:?}"
    );
    for pair in seen.windows(2) {
        ensure!(pair.first() != pair.last(), "not in turn: {seen:?}");
    }
    ensure!(seen.len() > 1, "no requests");
    Ok(())
}
