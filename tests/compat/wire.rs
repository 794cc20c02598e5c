//! What a master says on the wire, byte for byte.

use std::time::Duration;

use anyhow::{Context, ensure};
use support::advert::{Advert, listen};
use support::config::{PASSWORD, Role, VIP, VRID};
use support::daemon::Daemon;
use support::stage::{CLIENT, DIRECTOR, Stage};
use support::story::{Story, Told};

/// Three advertisement intervals.
const SPAN: Duration = Duration::from_millis(3200);

pub fn stories() -> Vec<Story> {
    Story::each("wire/advertisement", advertisement)
}

/// One a second, to the group, with the time to live that shows it never crossed a router.
fn advertisement(stage: &mut Stage, daemon: Daemon) -> Told {
    let _director = stage.alone(daemon)?;
    let heard = listen(&stage.client, CLIENT, SPAN)?;
    ensure!(
        (3..=4).contains(&heard.len()),
        "{} advertisements in {:.1} s",
        heard.len(),
        SPAN.as_secs_f64()
    );
    let mut expected = Advert::commanding(VRID, VIP, PASSWORD);
    expected.priority = Role::First.priority();
    for (source, message, ttl) in &heard {
        ensure!(*source == DIRECTOR[0], "sent from {source}");
        ensure!(*ttl == 255, "sent with a time to live of {ttl}");
        ensure!(
            *message == expected.emit(),
            "sent {message:02x?}, expected {:02x?}",
            expected.emit()
        );
    }
    let (_, message, _) = heard.first().context("the first")?;
    Ok(format!("{} of {} bytes", heard.len(), message.len()))
}
