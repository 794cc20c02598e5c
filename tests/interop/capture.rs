//! The instrument that the other stories trust: tshark does complain of an advert that is wrong, and of that one alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use support::advert::Advert;
use support::capture::PROGRAMS;
use support::config::VIP;
use support::daemon::Daemon;
use support::stage::{CLIENT, Stage};
use support::story::{Kernel, Story, Told};

pub fn stories() -> Vec<Story> {
    let story = Story::one("capture/wrong-checksum", Daemon::Ours, wrong_checksum);
    vec![story.on(Kernel::Machine).with(PROGRAMS)]
}

fn wrong_checksum(stage: &mut Stage, _: Daemon) -> Told {
    let capture = stage.capture()?;
    let mut advert = Advert::commanding(51, VIP, b"secretlo");
    let mut send = |error: u16, priority: u8| -> Result<()> {
        (advert.checksum_error, advert.priority) = (error, priority);
        advert.send(&stage.client, CLIENT, 1, Duration::from_millis(10))
    };
    send(0, 101)?;
    send(1, 102)?;
    send(0, 103)?;
    let decoded = capture.stop()?;
    let seen: Vec<u8> = decoded.adverts.iter().map(|one| one.priority).collect();
    ensure!(seen == [101, 102, 103], "recorded were {seen:?}");
    ensure!(
        decoded.complaints.len() == 1,
        "tshark complains of {:?}",
        decoded.complaints
    );
    Ok(String::new())
}
