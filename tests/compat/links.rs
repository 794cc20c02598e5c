//! Interfaces that go down, come, go and are renamed. Either daemon, one script; what is expected was seen of keepalived 2.2.7.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("links/renamed", renamed),
        Story::each("links/made-anew", made_anew),
        Story::each("links/untracked", untracked),
        Story::each("links/flapping", flapping),
    ];
    let ours = [
        Story::one("links/delays", Daemon::Ours, delays),
        Story::one("links/source", Daemon::Ours, source),
    ];
    let stories = stories.into_iter().flatten().chain(ours);
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

fn instance(interface: &str, lines: &str, address: &str) -> String {
    format!(
        "global_defs {{\ndynamic_interfaces\nvrrp_garp_master_repeat 1\nvrrp_garp_master_delay 0\n}}\n\
         vrrp_instance V {{\ninterface {interface}\nvirtual_router_id 61\nversion 3\nadvert_int 0.2\n{lines}\n\
         virtual_ipaddress {{\n{address}\n}}\n}}\n"
    )
}

fn held(host: &Netns, address: &str, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        let there = host.addresses()?.iter().any(|one| one == address);
        Ok((there == wanted).then_some(()))
    })
    .with_context(|| format!("{address}, wanted: {wanted}"))
}

fn started(stage: &Stage, daemon: Daemon, text: &str) -> Result<Director> {
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    Ok(director)
}

fn renamed(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    let text = instance("eth1", "", "172.16.1.202/24");
    let mut director = started(stage, daemon, &text)?;
    held(&host, "eth1 172.16.1.202/24", true)?;
    let mark = director.mark();
    host.ip_batch("link set eth1 down\nlink set eth1 name far1\nlink set far1 up\n")?;
    director.wait_log_after(mark, "(V) Entering FAULT STATE", PATIENCE)?;
    let there = || -> Result<Option<String>> {
        let addresses = host.addresses()?;
        Ok(addresses
            .into_iter()
            .find(|one| one.contains("172.16.1.202")))
    };
    // Whatever its label is by now.
    wait::until("the VIP to go", PATIENCE, || {
        Ok(there()?.is_none().then_some(()))
    })?;
    wait::throughout(Duration::from_secs(1), || {
        Ok(there()?.map(|vip| format!("the VIP is there: {vip}")))
    })?;
    let mark = director.mark();
    host.ip_batch("link set far1 down\nlink set far1 name eth1\nlink set eth1 up\n")?;
    director.wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)?;
    held(&host, "eth1 172.16.1.202/24", true)?;
    Ok(String::new())
}

/// An interface that is not there at the start, with a VMAC: it comes, goes with the VMAC, and comes again.
fn made_anew(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    let text = instance("late0", "use_vmac", "10.9.3.100/24");
    let mut director = started(stage, daemon, &text)?;
    director.wait_log("Startup complete", PATIENCE)?;
    for _ in 0..2 {
        let mark = director.mark();
        host.ip_batch(
            "link add late0 type veth peer name late1\naddress add 10.9.3.1/24 dev late0\n\
             link set late0 up\nlink set late1 up\n",
        )?;
        director.wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)?;
        held(&host, "vrrp.61 10.9.3.100/24", true)?;
        let mark = director.mark();
        host.ip_batch("link delete late0\n")?;
        director.wait_log_after(mark, "(V) Entering FAULT STATE", PATIENCE)?;
        held(&host, "vrrp.61 10.9.3.100/24", false)?;
    }
    Ok(String::new())
}

/// `dont_track_primary`.
fn untracked(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    let text = instance("eth1", "dont_track_primary", "172.16.1.202/24");
    let mut director = started(stage, daemon, &text)?;
    held(&host, "eth1 172.16.1.202/24", true)?;
    let mark = director.mark();
    stage.unplug("director-a")?;
    director.wait_log_after(mark, "Netlink reports eth1 down", PATIENCE)?;
    wait::throughout(Duration::from_secs(1), || {
        let there = host
            .addresses()?
            .iter()
            .any(|one| one == "eth1 172.16.1.202/24");
        Ok((!there).then(|| "the VIP went with the cable".to_owned()))
    })?;
    ensure!(
        !director.log().contains("FAULT"),
        "FAULT in spite of dont_track_primary"
    );
    stage.plug("director-a")?;
    Ok(String::new())
}

/// A cable that goes every 50 ms: at the end things are right.
fn flapping(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    let text = instance("eth1", "use_vmac", "172.16.1.202/24");
    let director = started(stage, daemon, &text)?;
    held(&host, "vrrp.61 172.16.1.202/24", true)?;
    for _ in 0..10 {
        stage.unplug("director-a")?;
        std::thread::sleep(Duration::from_millis(25));
        stage.plug("director-a")?;
        std::thread::sleep(Duration::from_millis(25));
    }
    held(&host, "vrrp.61 172.16.1.202/24", true)?;
    stage.unplug("director-a")?;
    held(&host, "vrrp.61 172.16.1.202/24", false)?;
    drop(director);
    Ok(String::new())
}

/// 2.2.7 has 0.4 s whatever is written, so that this is ours alone.
fn delays(stage: &mut Stage, _: Daemon) -> Told {
    let host = stage.director[0].clone();
    let delays = "interface_up_down_delays {\neth1 1 0.5\n}\n";
    let text = format!("{}{delays}", instance("eth1", "", "172.16.1.202/24"));
    let mut director = started(stage, Daemon::Ours, &text)?;
    held(&host, "eth1 172.16.1.202/24", true)?;
    stage.unplug("director-a")?;
    std::thread::sleep(Duration::from_millis(300));
    stage.plug("director-a")?;
    wait::throughout(Duration::from_millis(1200), || {
        let faulty = director.log().contains("FAULT");
        Ok(faulty.then(|| "a break of 0.3 s counted".to_owned()))
    })?;
    stage.unplug("director-a")?;
    director.wait_log("(V) Entering FAULT STATE", PATIENCE)?;
    stage.plug("director-a")?;
    held(&host, "eth1 172.16.1.202/24", true)?;
    Ok(String::new())
}

/// `track_src_ip`, which 2.2.7 has for unicast only.
fn source(stage: &mut Stage, _: Daemon) -> Told {
    let host = stage.director[0].clone();
    let lines = "mcast_src_ip 172.16.1.77\ntrack_src_ip";
    let text = instance("eth1", lines, "10.9.0.202/24");
    let mut director = started(stage, Daemon::Ours, &text)?;
    director.wait_log("FAULT", PATIENCE)?;
    let mark = director.mark();
    host.ip_batch("address add 172.16.1.77/32 dev eth1\n")?;
    director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
    held(&host, "eth1 10.9.0.202/24", true)?;
    host.ip_batch("address delete 172.16.1.77/32 dev eth1\n")?;
    held(&host, "eth1 10.9.0.202/24", false)?;
    Ok(String::new())
}
