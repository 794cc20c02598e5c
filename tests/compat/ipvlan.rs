//! `use_ipvlan`, and a VMAC on an interface in a VRF: in the lab's kernel, since others may lack them. Either daemon, one script;
//! what is expected was seen of keepalived 2.2.7.

use std::time::Duration;

use anyhow::{Result, ensure};
use support::advert::listen;
use support::daemon::Daemon;
use support::netns::Netns;
use support::stage::{CLIENT, PATIENCE, Stage};
use support::story::{Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    [
        Story::each("ipvlan/there-and-gone", ipvlan),
        Story::each("vmac/in-a-vrf", vrf),
    ]
    .concat()
}

fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance V {{\ninterface eth1\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\n{lines}\n\
         virtual_ipaddress {{\n172.16.1.202/24\n}}\n}}\n"
    )
}

fn until_held(host: &Netns, address: &str) -> Result<()> {
    wait::until("the VIP", PATIENCE, || {
        let there = host.addresses()?.iter().any(|one| one == address);
        Ok(there.then_some(()))
    })
}

/// Its own address is on it and is the source of adverts; the virtual one is on the interface below.
fn ipvlan(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = instance("use_ipvlan 172.16.1.50/24");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let host = stage.director[0].clone();
    until_held(&host, "eth1 172.16.1.202/24")?;
    until_held(&host, "vrrp.61 172.16.1.50/24")?;
    let link = host.output("ip", &["-d", "-o", "link", "show", "vrrp.61"])?;
    for part in ["vrrp.61@eth1:", "ipvlan", "mode l2 bridge"] {
        ensure!(link.contains(part), "no {part:?} in {link}");
    }
    let heard = listen(&stage.client, CLIENT, Duration::from_secs(1))?;
    ensure!(!heard.is_empty(), "no adverts");
    for (source, ..) in &heard {
        ensure!(
            source.octets() == [172, 16, 1, 50],
            "an advert from {source}"
        );
    }
    director.stop()?;
    let left = host.output("ip", &["-o", "link"])?;
    ensure!(!left.contains("vrrp.61"), "after the stop there is {left}");
    Ok(String::new())
}

fn vrf(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    host.ip_batch(
        "link add blue type vrf table 10\nlink set blue up\nlink set eth1 master blue\n",
    )?;
    let mut director = stage.prepare(0, daemon, &instance("use_vmac"))?;
    director.start()?;
    until_held(&host, "vrrp.61 172.16.1.202/24")?;
    let link = host.output("ip", &["-o", "link", "show", "vrrp.61"])?;
    ensure!(link.contains("master blue"), "not in the VRF: {link}");
    director.stop()?;
    Ok(String::new())
}
