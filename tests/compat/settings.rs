//! What `global_defs` asks of IPVS as a whole: timeouts, flushes, the synchronisation daemon.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::{table, wait};

pub fn stories() -> Vec<Story> {
    [
        Story::each("settings/timeouts", timeouts),
        Story::each("settings/flush", flush),
        Story::each("settings/flush-on-stop", flush_on_stop),
        Story::each("settings/sync-daemon", sync_daemon),
        Story::each("settings/namespaces", namespaces),
        vec![
            Story::one("settings/sync-daemon-goes", Daemon::Ours, sync_daemon_goes),
            Story::one("settings/no-namespace", Daemon::Ours, no_namespace),
        ],
    ]
    .concat()
}

const SERVICE: &str = "
virtual_server 10.10.0.1 80 {
    delay_loop 10
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.20.0.1 80 {
    }
}
";

const INSTANCE: &str = "
vrrp_instance VI_1 {
    interface eth1
    virtual_router_id 51
    priority 250
    virtual_ipaddress {
        172.16.1.77/24
    }
}
";

/// A service that no configuration knows.
const STRANGER: &str = "-A -t 192.0.2.1:80 -s rr";

fn with(global: &str, rest: &str) -> String {
    format!("global_defs {{\n    {global}\n}}\n{rest}")
}

fn reload(director: &Director, text: &str) -> Result<()> {
    director.configure(text.as_bytes())?;
    director.signal(Signal::SIGHUP)
}

fn saved(director: &Director) -> Result<Vec<String>> {
    table::saved(director.host())
}

fn wait_for_service(director: &Director) -> Result<()> {
    wait::until("the server in the table", PATIENCE, || {
        let there = saved(director)?.iter().any(|line| line.contains("-r "));
        Ok(there.then_some(()))
    })
}

fn add_stranger(host: &Netns) -> Result<()> {
    host.output("ipvsadm", &["-A", "-t", "192.0.2.1:80", "-s", "rr"])
        .map(drop)
}

fn timeouts(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.prepare(0, daemon, &with("lvs_timeouts tcp 100 udp 50", SERVICE))?;
    let host = stage.director[0].clone();
    host.output("ipvsadm", &["--set", "800", "110", "200"])?;
    let settle = |wanted: &str| {
        let mut seen = String::new();
        wait::until(&format!("timeouts {wanted}"), PATIENCE, || {
            seen = host.output("ipvsadm", &["-L", "--timeout"])?;
            Ok(seen.trim().ends_with(wanted).then_some(()))
        })
    };
    director.start()?;
    settle("100 110 50")?;
    reload(&director, &with("lvs_timeouts tcpfin 33", SERVICE))?;
    settle("800 33 200")?;
    reload(&director, SERVICE)?;
    settle("800 110 200")?;
    reload(&director, &with("lvs_timeouts tcp 100", SERVICE))?;
    settle("100 110 200")?;
    director.stop()?;
    settle("800 110 200")?;
    Ok("set, changed at reloads, set back at the end".to_owned())
}

fn flush(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.prepare(0, daemon, &with("lvs_flush", SERVICE))?;
    let host = stage.director[0].clone();
    add_stranger(&host)?;
    director.start()?;
    wait_for_service(&director)?;
    let left = saved(&director)?;
    ensure!(left.len() == 2, "the start left {left:?}");
    // At a reload nothing is flushed.
    add_stranger(&host)?;
    reload(
        &director,
        &with("lvs_flush", &SERVICE.replace("lb_algo rr", "lb_algo wlc")),
    )?;
    wait::until("the new scheduler", PATIENCE, || {
        let there = saved(&director)?.iter().any(|line| line.contains("wlc"));
        Ok(there.then_some(()))
    })?;
    director.stop()?;
    let left = saved(&director)?;
    ensure!(left == [STRANGER], "the stop left {left:?}");
    Ok("at start only".to_owned())
}

fn flush_on_stop(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = stage.director[0].clone();
    add_stranger(&host)?;
    let mut director = stage.prepare(0, daemon, &with("lvs_flush_on_stop VS", SERVICE))?;
    director.start()?;
    wait_for_service(&director)?;
    director.stop()?;
    let left = saved(&director)?;
    ensure!(left == [STRANGER], "`VS` left {left:?}");
    director.configure(with("lvs_flush_on_stop", SERVICE).as_bytes())?;
    director.start()?;
    wait_for_service(&director)?;
    director.stop()?;
    let left = saved(&director)?;
    ensure!(left.is_empty(), "the flush left {left:?}");
    Ok("`VS` left the stranger, the flush nothing".to_owned())
}

/// The daemons that run: `master 51`.
fn daemons(host: &Netns) -> Result<Vec<String>> {
    let text = host.output("ipvsadm", &["-L", "--daemon"])?;
    let line = |line: &str| {
        let (end, rest) = line.split_once(" sync daemon (")?;
        let id = rest
            .split(", ")
            .find_map(|fact| fact.strip_prefix("syncid="))?;
        Some(format!("{end} {id}"))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn wait_for_daemons(host: &Netns, wanted: &[&str]) -> Result<()> {
    wait::until(&format!("sync daemons {wanted:?}"), PATIENCE, || {
        Ok((daemons(host)? == wanted).then_some(()))
    })
}

fn sync_daemon(stage: &mut Stage, daemon: Daemon) -> Told {
    let follows = with("lvs_sync_daemon eth1 inst VI_1", INSTANCE);
    let mut director = stage.prepare(0, daemon, &follows)?;
    let host = stage.director[0].clone();
    director.start()?;
    wait_for_daemons(&host, &["backup 51"])?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    wait_for_daemons(&host, &["master 51"])?;
    host.output("ip", &["link", "set", "eth1", "down"])?;
    wait_for_daemons(&host, &["backup 51"])?;
    director.stop()?;
    wait_for_daemons(&host, &[])?;
    host.output("ip", &["link", "set", "eth1", "up"])?;
    // Without an instance both ends run, as long as there are virtual servers.
    director.configure(with("lvs_sync_daemon eth1 id 7", SERVICE).as_bytes())?;
    director.start()?;
    wait_for_daemons(&host, &["master 7", "backup 7"])?;
    director.stop()?;
    wait_for_daemons(&host, &[])?;
    Ok("backup, master, backup in FAULT, none; both ends without an instance".to_owned())
}

/// A reload that takes the daemon away stops it. (keepalived 2.2.7 leaves it running, after its own end too.)
fn sync_daemon_goes(stage: &mut Stage, daemon: Daemon) -> Told {
    let follows = |id: &str| with(&format!("lvs_sync_daemon eth1 inst VI_1{id}"), INSTANCE);
    let mut director = stage.prepare(0, daemon, &follows(""))?;
    let host = stage.director[0].clone();
    director.start()?;
    wait_for_daemons(&host, &["backup 51"])?;
    reload(&director, &follows(" id 9"))?;
    wait_for_daemons(&host, &["backup 9"])?;
    reload(&director, INSTANCE)?;
    wait_for_daemons(&host, &[])?;
    director.stop()?;
    Ok("changed and stopped at reloads".to_owned())
}

/// Started in one namespace, it lives in that of the file, and IPVS where the file says; a reload cannot move it.
fn namespaces(stage: &mut Stage, daemon: Daemon) -> Told {
    let [home, elsewhere] = stage.director.clone();
    let entered = format!("net_namespace {}\n{INSTANCE}{SERVICE}", home.name());
    // Its own namespace is the second director's.
    let mut director = stage.prepare(1, daemon, &entered)?;
    director.start()?;
    wait::until("the service where the file says", PATIENCE, || {
        let there = table::saved(&home)?.iter().any(|line| line.contains("-r "));
        Ok(there.then_some(()))
    })?;
    let stray = table::saved(&elsewhere)?;
    ensure!(stray.is_empty(), "where it was started there is {stray:?}");
    let mark = director.mark();
    reload(&director, &format!("{INSTANCE}{SERVICE}"))?;
    director.wait_log_after(
        mark,
        "Cannot change network namespace at a reload - please restart keepalived",
        PATIENCE,
    )?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    wait::until("the address where the file says", PATIENCE, || {
        let there = home
            .addresses()?
            .contains(&"eth1 172.16.1.77/24".to_owned());
        Ok(there.then_some(()))
    })?;
    director.stop()?;
    let left = table::saved(&home)?;
    ensure!(left.is_empty(), "the stop left {left:?}");
    // IPVS alone is somewhere else.
    let away = format!("net_namespace_ipvs {}\n{SERVICE}", home.name());
    director.configure(away.as_bytes())?;
    director.start()?;
    wait::until("the service in the namespace of IPVS", PATIENCE, || {
        let there = table::saved(&home)?.iter().any(|line| line.contains("-r "));
        Ok(there.then_some(()))
    })?;
    let stray = table::saved(&elsewhere)?;
    ensure!(stray.is_empty(), "where it was started there is {stray:?}");
    director.stop()?;
    Ok("all of it, and IPVS alone".to_owned())
}

fn no_namespace(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.prepare(0, daemon, &format!("net_namespace nowhere\n{SERVICE}"))?;
    director.start()?;
    let status = director.wait_for_end(PATIENCE)?;
    ensure!(status.code() == Some(1), "it ended with {status}");
    ensure!(
        director
            .log()
            .contains("Unable to set network namespace nowhere"),
        "its log does not say why"
    );
    Ok(status.to_string())
}
