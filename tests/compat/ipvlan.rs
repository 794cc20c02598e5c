//! `use_ipvlan`, a VMAC on an interface in a VRF, and routes of a VRF: in the lab's kernel, since others may lack them. Either daemon, one script;
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
        Story::each("routing/vrf", vrf_routes),
        vec![Story::one("routing/late-vrf", Daemon::Ours, late_vrf)],
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

/// Routes with `vrf` are in the table of the VRF, of a master and of the statics, and go.
fn vrf_routes(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    host.ip_batch(
        "link add blue type vrf table 1010\nlink set blue up\nlink add t0 type veth peer name t1\nlink set t0 master blue\n\
         link set t0 up\nlink set t1 up\naddress add 172.16.7.2/24 dev t0\n",
    )?;
    let statics = "static_routes {\n10.51.0.0/16 dev t0 vrf blue\n}\n";
    let routes = "virtual_routes {\n10.50.0.0/16 via 172.16.7.9 dev t0 vrf blue\n10.52.0.0/16 dev t0 vrf blue metric 5\n\
                  10.53.0.0/16 dev t0 table 100 vrf blue\n10.54.0.0/16 dev t0 vrf blue table 100\n}";
    let text = format!("{statics}{}", instance(routes));
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let ours = || -> Result<Vec<String>> {
        let shown = host.output(
            "ip",
            &["route", "show", "vrf", "blue", "proto", "keepalived"],
        )?;
        let mut routes: Vec<String> = shown.lines().map(|line| line.trim().to_owned()).collect();
        routes.sort();
        Ok(routes)
    };
    let expected = [
        "10.50.0.0/16 via 172.16.7.9 dev t0",
        "10.51.0.0/16 dev t0",
        "10.52.0.0/16 dev t0 metric 5",
        "10.53.0.0/16 dev t0",
    ];
    wait::until("the routes of the VRF", PATIENCE, || {
        Ok((ours()? == expected).then_some(()))
    })?;
    let by_number = host.output("ip", &["route", "show", "table", "1010", "10.50.0.0/16"])?;
    ensure!(by_number.contains("172.16.7.9"), "table 1010: {by_number}");
    let main = host.output(
        "ip",
        &["route", "show", "table", "main", "proto", "keepalived"],
    )?;
    ensure!(main.is_empty(), "in the main table: {main}");
    // Of `vrf` and `table` the last one counts.
    let other = host.output("ip", &["route", "show", "table", "100"])?;
    ensure!(other.contains("10.54.0.0/16"), "table 100: {other}");
    director.stop()?;
    let left = ours()?;
    ensure!(left.is_empty(), "after the stop there is {left:?}");
    Ok(String::new())
}

/// Such a route waits for its VRF. 2.2.7 complains and drops the line, also with `dynamic_interfaces`.
fn late_vrf(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    let global = "global_defs {\ndynamic_interfaces\n}\n";
    let routes = "virtual_routes {\n10.50.0.0/16 dev lo vrf blue\n}";
    let text = format!("{global}{}", instance(routes));
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    until_held(&host, "eth1 172.16.1.202/24")?;
    host.ip_batch("link add blue type vrf table 1010\nlink set blue up\n")?;
    wait::until("the route of the VRF", PATIENCE, || {
        let shown = host.output("ip", &["route", "show", "vrf", "blue"])?;
        Ok(shown.contains("10.50.0.0/16 dev lo").then_some(()))
    })?;
    director.stop()?;
    Ok(String::new())
}
