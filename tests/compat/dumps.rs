//! The files that signals ask for, and the signals' numbers: what scripts and exporters read of either daemon.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::daemon::{Daemon, Director};
use support::stage::{CLIENT, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let stories = [
        Story::each("dumps/json", json),
        vec![Story::one("dumps/json-version-2", ours, json_version_2)],
        Story::each("dumps/data", data),
        Story::each("dumps/bfd", bfd),
        vec![Story::two("dumps/signum", ours, theirs, signum)],
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// Two masters and, of virtual router 80, a backup as soon as somebody sends adverts.
fn conf(script: &Path, globals: &str) -> String {
    let say = script.display();
    format!(
        "global_defs {{\nrouter_id LAB\nenable_script_security\nscript_user root\n{globals}\n}}\n\
         vrrp_instance V {{\ninterface eth1\nvirtual_router_id 51\npriority 100\nadvert_int 1\n\
         authentication {{\nauth_type PASS\nauth_pass secret\n}}\nsmtp_alert\nnopreempt\n\
         notify_master \"{say} master\"\nnotify_backup \"{say} backup 'a b'\" nobody\nnotify_fault \"{say} fault\"\n\
         notify_stop \"{say} stop\"\nnotify_deleted \"{say} deleted\"\nnotify \"{say} any\"\n\
         notify_master_rx_lower_pri \"{say} lower\"\nnotify_priority_changes\n\
         track_interface {{\nlo\n}}\n\
         virtual_ipaddress {{\n172.16.1.205/24\n172.16.1.206 label eth1:1\n}}\n\
         virtual_ipaddress_excluded {{\nfd00::5/64\n}}\n}}\n\
         vrrp_instance W {{\ninterface eth1\nvirtual_router_id 52\npriority 90\nversion 3\nadvert_int 0.5\n\
         unicast_peer {{\n172.16.1.7\n}}\nvirtual_ipaddress {{\n172.16.1.207\n}}\n}}\n\
         vrrp_instance B {{\ninterface eth1\nvirtual_router_id 80\npriority 50\nadvert_int 1\n\
         virtual_ipaddress {{\n172.16.1.208/24\n}}\n}}\n"
    )
}

fn started(stage: &Stage, daemon: Daemon, globals: &str) -> Result<Director> {
    let script = stage.folder().join("say.sh");
    fs::write(&script, "#!/bin/sh\n")?;
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut director = stage.prepare(0, daemon, &conf(&script, globals))?;
    director.start()?;
    for instance in ["V", "W", "B"] {
        director.wait_log(&format!("({instance}) Entering MASTER STATE"), PATIENCE)?;
    }
    Ok(director)
}

/// Has B be a backup, asks for a dump by a signal, and answers it as soon as it shows that.
fn dumped(
    stage: &Stage,
    director: &Director,
    signal: &str,
    file: &str,
    shows: &str,
) -> Result<String> {
    let path = director.folder().join(file);
    let pid = director.pid()?.to_string();
    wait::until(&format!("`{shows}` in {file}"), PATIENCE, || {
        let advert = Advert {
            priority: 150,
            auth_type: 0,
            ..Advert::commanding(80, Ipv4Addr::new(172, 16, 1, 208), &[0; 8])
        };
        advert.send(&stage.client, CLIENT, 1, Duration::ZERO)?;
        director.host().output("kill", &[signal, &pid])?;
        std::thread::sleep(Duration::from_millis(200));
        let text = fs::read_to_string(&path).unwrap_or_default();
        Ok(text.contains(shows).then_some(text))
    })
}

/// The value after each `"key":` that is another at each run becomes `N`.
fn without_figures(document: &str) -> String {
    let mut text = document.to_owned();
    for key in [
        "last_transition",
        "advert_sent",
        "advert_rcvd",
        "become_master",
        "release_master",
    ] {
        let key = format!("\"{key}\":");
        let mut pieces = text.split(key.as_str());
        let mut next = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let rest =
                piece.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
            next.push_str(&format!("{key}N{rest}"));
        }
        text = next;
    }
    text
}

/// What 2.2.7 was seen to write of [`conf`], with 2.4's counters and asterisks, and `{say}` for the script.
const JSON: &str = r#"[{"data":{"iname":"V","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"eth1","master_priority":0,"last_transition":N,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":51,"base_priority":100,"effective_priority":100,"vipset":true,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":true,"preempt_delay":0,"state":2,"wantstate":2,"version":2,"smtp_alert":true,"notify_deleted":true,"script_backup":"'{say}' 'backup' 'a b'","script_master":"'{say}' 'master'","script_fault":"'{say}' 'fault'","script_stop":"'{say}' 'stop'","script_deleted":"'{say}' 'deleted'","script":"'{say}' 'any'","script_master_rx_lower_pri":"'{say}' 'lower'","vips":["172.16.1.205\/24 dev eth1 scope global set","172.16.1.206 dev eth1 scope global label eth1:1 set"],"evips":["fd00::5\/64 dev eth1 scope global preferred_lft forever set"],"track_ifp":["lo"],"auth_type":1,"auth_data":"********"},"stats":{STATS}},{"data":{"iname":"W","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"eth1","master_priority":0,"last_transition":N,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":52,"base_priority":90,"effective_priority":90,"vipset":true,"promote_secondaries":false,"adver_int":0.5,"master_adver_int":0.5,"accept":1,"nopreempt":false,"preempt_delay":0,"state":2,"wantstate":2,"version":3,"smtp_alert":false,"notify_deleted":false,"vips":["172.16.1.207 dev eth1 scope global set"],"auth_type":0},"stats":{STATS}},{"data":{"iname":"B","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"eth1","master_priority":150,"last_transition":N,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":80,"base_priority":50,"effective_priority":50,"vipset":false,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":false,"preempt_delay":0,"state":1,"wantstate":1,"version":2,"smtp_alert":false,"notify_deleted":false,"vips":["172.16.1.208\/24 dev eth1 scope global"],"auth_type":0},"stats":{STATS}}]
"#;

const STATS: &str = r#""advert_rcvd":N,"advert_sent":N,"become_master":N,"release_master":N,"packet_len_err":0,"advert_interval_err":0,"ip_ttl_err":0,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"authtype_mismatch":0,"auth_failure":0,{AUTH}"pri_zero_rcvd":0,"pri_zero_sent":0"#;

/// 2.4's own counters.
const AUTH: &str = r#""auth_ext_missing":0,"auth_ext_malformed":0,"auth_ext_unknown_key":0,"auth_ext_invalid_hmac":0,"auth_ext_stale":0,"auth_ext_replay":0,"#;

fn wanted(stage: &Stage, daemon: Daemon) -> String {
    let auth = if daemon == Daemon::Ours { AUTH } else { "" };
    let say = stage.folder().join("say.sh").display().to_string();
    let text = JSON
        .replace("STATS", &STATS.replace("{AUTH}", auth))
        .replace("{say}", &say.replace('/', "\\/"));
    match daemon {
        Daemon::Ours => text,
        Daemon::Keepalived => text.replace("********", "secret"),
    }
}

/// The signal for JSON (36) gives the same document, key by key.
fn json(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, "")?;
    let seen = dumped(
        stage,
        &director,
        "-36",
        "keepalived.json",
        "\"master_priority\":150",
    )?;
    let (seen, wanted) = (without_figures(&seen), wanted(stage, daemon));
    ensure!(seen == wanted, "seen\n{seen}\nwanted\n{wanted}");
    director.stop()?;
    Ok(format!("{} bytes", seen.len()))
}

/// Version 2 has the same list under a key.
fn json_version_2(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, "json_version 2")?;
    let seen = dumped(
        stage,
        &director,
        "-36",
        "keepalived.json",
        "\"master_priority\":150",
    )?;
    let list = wanted(stage, daemon);
    let wanted = format!("{{\"vrrp\":{},\"track_process\":[]}}\n", list.trim_end());
    let seen = without_figures(&seen);
    ensure!(seen == wanted, "seen\n{seen}\nwanted\n{wanted}");
    director.stop()?;
    Ok(String::new())
}

/// Lines that 2.2.7 was seen to write of [`conf`] to `keepalived.data`, in their order; `{say}` is the script.
const DATA: &str = "------< VRRP Topology >------
 VRRP Instance = V
   VRRP Version = 2
   State = MASTER
   Wantstate = MASTER
   Interface = eth1
   Gratuitous ARP delay = 5
   Gratuitous ARP repeat = 5
   Gratuitous ARP refresh = 0
   Gratuitous ARP refresh repeat = 1
   Gratuitous ARP lower priority delay = 5
   Gratuitous ARP lower priority repeat = 5
   Down timer adverts = 3
   Send advert after receive lower priority advert = true
   Send advert after receive higher priority advert = false
   Virtual Router ID = 51
   Priority = 100
   Effective priority = 100
   Advert interval = 1 sec
   Accept = enabled
   Preempt = disabled
   Promote_secondaries = disabled
   Authentication type = SIMPLE_PASSWORD
   Virtual IP (2):
     172.16.1.205/24 dev eth1 scope global set
     172.16.1.206 dev eth1 scope global label eth1:1 set
   Virtual IP Excluded :
     fd00::5/64 dev eth1 scope global preferred_lft forever set
   Tracked interfaces :
     lo weight 0
   Using smtp notification = yes
   Notify deleted = Deleted
   Backup state transition script = '{say}' 'backup' 'a b', uid:gid 65534:65534
   Master state transition script = '{say}' 'master', uid:gid 0:0
   Fault state transition script = '{say}' 'fault', uid:gid 0:0
   Stop state transition script = '{say}' 'stop', uid:gid 0:0
   Deleted state transition script = '{say}' 'deleted', uid:gid 0:0
   Generic state transition script = '{say}' 'any', uid:gid 0:0
   Master rx lower pri state transition script = '{say}' 'lower', uid:gid 0:0
   Notify priority changes = true
 VRRP Instance = W
   VRRP Version = 3
   State = MASTER
   Advert interval = 500 milli-sec
   Virtual IP (1):
     172.16.1.207 dev eth1 scope global set
 VRRP Instance = B
   State = BACKUP
   Master priority = 150
   Virtual IP (1):
     172.16.1.208/24 dev eth1 scope global
   Notify priority changes = false";

/// SIGUSR1: what scripts grep for is there, in its order and spelling.
fn data(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = started(stage, daemon, "")?;
    let seen = dumped(
        stage,
        &director,
        "-USR1",
        "keepalived.data",
        "   State = BACKUP",
    )?;
    let say: PathBuf = stage.folder().join("say.sh");
    let wanted = DATA.replace("{say}", &say.display().to_string());
    let mut lines = seen.lines();
    for line in wanted.lines() {
        ensure!(
            lines.any(|seen| seen == line),
            "`{line}` is not in its place in\n{seen}"
        );
    }
    // 2.2.7 names a peer of W there.
    if daemon == Daemon::Ours {
        ensure!(seen.contains("   Master router = 172.16.1.100\n"), "{seen}");
        ensure!(!seen.contains("secret"), "the password is shown");
    }
    director.signal(Signal::SIGUSR2)?;
    let stats = director.folder().join("keepalived.stats");
    wait::until("keepalived.stats", PATIENCE, || {
        Ok(stats.exists().then_some(()))
    })?;
    director.stop()?;
    Ok(String::new())
}

/// Lines that 2.2.7 was seen to write to `keepalived_bfd.data`, in their order.
const BFD: &str = "------< Global definitions >------
 Network namespace = (default)
 Router ID = lab
 BFD process priority = 0
 umask = 0177
------< BFD Topology >------
 BFD Instance = one
   Neighbor IP = 172.16.1.77
   Source IP = 172.16.1.2
   Required min RX interval = 100000 us
   Desired min TX interval = 200000 us
   Desired idle TX interval = 1000000 us
   Detection multiplier = 4
   TTL = 10
   max_hops = 0
   passive = true
   send event to VRRP process = Yes
   send event to checker process = Yes
   local state = Down
   remote state = Down
   remote discriminator = 0x0
   local diag = No Diagnostic
   remote diag = No Diagnostic
   local detection time = 0 us
 BFD Instance = two
   Neighbor IP = fd16::77
   Detection multiplier = 5
   hoplimit = 20
   max_hops = 20
   passive = false
   send event to VRRP process = No
   send event to checker process = Yes
   local tx intv = 1000000 us";

/// SIGUSR1 writes what BFD was told and how it stands, behind what all dumps begin with.
fn bfd(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = "global_defs {\nrouter_id lab\n}\n\
                bfd_instance one {\nneighbor_ip 172.16.1.77\nsource_ip 172.16.1.2\nmin_rx 100\nmin_tx 200\nmultiplier 4\npassive\nttl 10\n}\n\
                bfd_instance two {\nneighbor_ip fd16::77\nhoplimit 20\nmax_hops -1\nchecker\n}\n";
    let mut director = stage.prepare(0, daemon, text)?;
    director.start()?;
    director.wait_log("Startup complete", PATIENCE)?;
    let (path, pid) = (
        director.folder().join("keepalived_bfd.data"),
        director.pid()?.to_string(),
    );
    let seen = wait::until("keepalived_bfd.data", PATIENCE, || {
        director.host().output("kill", &["-USR1", &pid])?;
        std::thread::sleep(Duration::from_millis(200));
        let text = fs::read_to_string(&path).unwrap_or_default();
        Ok(text.contains("BFD Instance = two").then_some(text))
    })?;
    let mut lines = seen.lines();
    for line in BFD.lines() {
        ensure!(
            lines.any(|seen| seen == line),
            "`{line}` is not in its place in\n{seen}"
        );
    }
    director.stop()?;
    Ok(String::new())
}

/// `--signum` gives the same numbers, and refuses the same names with the same words and status.
fn signum(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let names = [
        ("STOP", Some("15")),
        ("RELOAD", Some("1")),
        ("DATA", Some("10")),
        ("STATS", Some("12")),
        ("STATS_CLEAR", Some("63")),
        ("JSON", Some("36")),
        ("stop", None),
        ("NONSENSE", None),
    ];
    let directors = [stage.prepare(0, a, "")?, stage.prepare(1, b, "")?];
    for (name, number) in names {
        for director in &directors {
            let ended = director.run_to_end(&[format!("--signum={name}")], PATIENCE)?;
            let said = ended.said.trim_end();
            let wanted = number.map_or_else(|| format!("Unknown sigfunc {name}"), str::to_owned);
            let status = i32::from(number.is_none());
            ensure!(
                said == wanted.trim_end() && ended.status.code() == Some(status),
                "--signum={name} of {}: {said:?}, {}",
                director.daemon(),
                ended.status
            );
        }
    }
    let listed = directors.first().context("a director")?;
    ensure!(listed.pid_files().is_empty(), "it wrote a pid file");
    Ok(format!("{} names", names.len()))
}
