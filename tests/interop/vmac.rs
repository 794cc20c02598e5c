//! A mixed pair with VMACs: the virtual router has one MAC address, whoever is master, and the other takes over.

use anyhow::{Context, Result, ensure};
use support::capture::PROGRAMS;
use support::daemon::{Daemon, Director};
use support::frames::{Frames, Said};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

use super::takeover::complains;

const VIP: &str = "vrrp.61 172.16.1.202/24";
const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 61];

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    [(ours, theirs), (theirs, ours)]
        .into_iter()
        .map(|(a, b)| {
            Story::two("vmac/pair", a, b, pair)
                .on(Kernel::Machine)
                .with(PROGRAMS)
        })
        .collect()
}

fn conf(priority: u8) -> String {
    format!(
        "global_defs {{\nvrrp_garp_master_repeat 1\nvrrp_garp_master_delay 0\n}}\nvrrp_instance V {{\ninterface eth1\n\
         virtual_router_id 61\nversion 3\nadvert_int 0.2\npriority {priority}\nuse_vmac\nvirtual_ipaddress {{\n\
         172.16.1.202/24\n}}\n}}\n"
    )
}

fn held(director: &Director, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        let there = director.host().addresses()?.iter().any(|one| one == VIP);
        Ok((there == wanted).then_some(()))
    })
}

fn pair(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let frames = Frames::start(&stage.client)?;
    let capture = stage.capture()?;
    let mut a = stage.prepare(0, a, &conf(150))?;
    let mut b = stage.prepare(1, b, &conf(100))?;
    b.start()?;
    held(&b, true).context("the second alone")?;
    let mark = b.mark();
    a.start()?;
    held(&a, true).context("the first, which is better")?;
    b.wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)?;
    held(&b, false)?;
    a.stop()?;
    held(&b, true).context("after the first stopped")?;
    let heard = frames.heard();
    for priority in [150, 100, 0] {
        let mut of_it = heard
            .iter()
            .filter(|frame| frame.said == Said::Advert(61, priority));
        let source = of_it.next().map(|frame| frame.source);
        ensure!(
            source == Some(MAC) && of_it.all(|frame| frame.source == MAC),
            "adverts of priority {priority} from {source:02x?}"
        );
    }
    capture.faultless()?;
    for one in [&a, &b] {
        let log = one.log();
        let complaint = log.lines().find(|line| complains(line));
        ensure!(
            complaint.is_none(),
            "{} complains: {complaint:?}",
            one.daemon()
        );
    }
    Ok(String::new())
}
