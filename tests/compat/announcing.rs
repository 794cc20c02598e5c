//! Gratuitous ARPs on the wire: how many, how far apart, of which address. Either daemon, one script; what is expected was
//! seen of keepalived 2.2.7.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::daemon::Daemon;
use support::frames::{Frame, Frames, Said};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};

/// What a machine that is busy elsewhere may be late.
const LATE: Duration = Duration::from_millis(150);

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("announcing/interval", interval),
        Story::each("announcing/least", least),
        Story::each("announcing/refresh", refresh),
        Story::each("announcing/extra-interface", extra_interface),
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

fn vip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 16, 1, last)
}

/// The announcements in this time after an instance became master, each with its time since the first.
fn told(stage: &Stage, daemon: Daemon, text: &str, span: Duration) -> Result<Vec<(u8, Duration)>> {
    let frames = Frames::start(&stage.client)?;
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    let heard = frames.during(span);
    director.stop()?;
    let arps: Vec<(u8, Instant)> = heard
        .iter()
        .filter_map(|Frame { at, said, .. }| match said {
            Said::Arp(address) if address.octets()[..3] == [172, 16, 1] => {
                address.octets().last().map(|last| (*last, *at))
            }
            _ => None,
        })
        .collect();
    let (_, first) = arps.first().context("nothing was announced")?;
    let since = |(last, at): &(u8, Instant)| (*last, at.saturating_duration_since(*first));
    Ok(arps.iter().map(since).collect())
}

fn instance(global: &str, lines: &str, addresses: &str) -> String {
    format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance V {{\ninterface eth1\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\n\
         {lines}\nvirtual_ipaddress {{\n{addresses}\n}}\n}}\n"
    )
}

/// The first at once, the others a pause apart, each once however many rounds there are.
fn interval(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = instance(
        "vrrp_garp_interval 0.3\nvrrp_garp_master_repeat 2\nvrrp_garp_master_delay 0",
        "",
        "172.16.1.210/24\n172.16.1.211/24\n172.16.1.212/24",
    );
    let arps = told(stage, daemon, &text, Duration::from_millis(1800))?;
    let order: Vec<u8> = arps.iter().map(|(last, _)| *last).collect();
    ensure!(order == [210, 210, 211, 212], "{arps:?}");
    for (number, (_, since)) in (0..).zip(&arps) {
        let due = Duration::from_millis(300) * number;
        ensure!(
            *since + LATE >= due && *since <= due + LATE * 2,
            "not 0.3 s apart: {arps:?}"
        );
    }
    Ok(String::new())
}

/// `vrrp_min_garp`: one, and no second burst.
fn least(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = instance(
        "vrrp_min_garp",
        "garp_master_delay 1",
        &format!("{}/24", vip(210)),
    );
    let arps = told(stage, daemon, &text, Duration::from_millis(1600))?;
    ensure!(arps.len() == 2, "{arps:?}");
    let text = instance("vrrp_min_garp", "", &format!("{}/24", vip(210)));
    let arps = told(stage, daemon, &text, Duration::from_millis(800))?;
    ensure!(arps.len() == 1, "{arps:?}");
    Ok(String::new())
}

fn refresh(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = instance(
        "vrrp_garp_master_repeat 3\nvrrp_garp_master_delay 0",
        "garp_master_refresh 1\ngarp_master_refresh_repeat 2",
        &format!("{}/24", vip(210)),
    );
    let arps = told(stage, daemon, &text, Duration::from_millis(1600))?;
    let early = arps
        .iter()
        .filter(|(_, since)| *since < Duration::from_millis(500));
    ensure!(early.count() == 3 && arps.len() == 5, "{arps:?}");
    Ok(String::new())
}

/// `vrrp_garp_extra_if all`: an address on another interface than that of the adverts, once a second.
fn extra_interface(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    host.ip_batch(
        "link add eth2 type veth peer name eth3\naddress add 10.9.1.1/24 dev eth2\n\
         link set eth2 up\nlink set eth3 up\n",
    )?;
    let text = "global_defs {\nvrrp_garp_extra_if all 1\nvrrp_garp_master_repeat 1\nvrrp_garp_master_delay 0\n}\n\
                vrrp_instance V {\ninterface eth2\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\nvirtual_ipaddress {\n\
                10.9.1.200/24\n172.16.1.210/24 dev eth1\n}\n}\n";
    let arps = told(stage, daemon, text, Duration::from_millis(2500))?;
    ensure!(arps.len() == 3, "{arps:?}");
    for (number, (last, since)) in (0..).zip(&arps) {
        let due = Duration::from_secs(number);
        ensure!(
            *last == 210 && *since + LATE >= due && *since <= due + LATE * 2,
            "not a second apart: {arps:?}"
        );
    }
    Ok(String::new())
}
