//! What the daemons write when they are asked: data and counters, copies of configurations; and reloads that a file
//! appoints.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let each = [
        Story::each("dumps/archive", archive),
        Story::each("dumps/appointment", appointment),
    ];
    let each = each.into_iter().flatten();
    each.chain([Story::two("dumps/whole", ours, theirs, data)])
        .map(|story| story.on(Kernel::Machine))
        .collect()
}

const RICH: &str = r#"
global_defs {
    router_id LVS1
    enable_script_security
    script_user root
    vrrp_garp_master_refresh 30
    notification_email {
        admin@example.com
    }
    notification_email_from lb@example.com
    smtp_server 127.0.0.1
    vrrp_version 2
    vrrp_down_timer_adverts 4
    umask 027
}
vrrp_script chk {
    script "/usr/bin/true x"
    interval 2
    timeout 1
    weight 10
    fall 2
    rise 3
}
vrrp_track_file number {
    file @FOLDER@/number
    weight 2
}
static_ipaddress {
    10.77.0.1/24 dev eth1
}
vrrp_instance VI_1 {
    state BACKUP
    nopreempt
    interface eth1
    virtual_router_id 5
    priority 100
    advert_int 1
    skip_check_adv_addr
    authentication {
        auth_type PASS
        auth_pass secret
    }
    track_script {
        chk
    }
    track_file {
        number weight 3
    }
    virtual_ipaddress {
        10.99.0.1/32
        10.99.0.2/24 brd 10.99.0.255 dev eth1 label eth1:x
    }
    virtual_ipaddress_excluded {
        10.98.0.1/24 scope link no_track
        fd00::1/64
    }
    virtual_routes {
        src 10.99.0.1 to 10.50.0.0/24 via 172.16.1.254 dev eth1 table 300 metric 7
    }
    virtual_rules {
        from 10.99.0.0/24 to 10.1.0.0/16 table 100 priority 200
        to 10.2.0.0/16 blackhole priority 202
    }
    notify_master "/usr/bin/true a"
    notify_backup "/usr/bin/true b"
    notify_fault "/usr/bin/true c"
    notify_stop "/usr/bin/true d"
    notify "/usr/bin/true e"
    notify_deleted
}
vrrp_sync_group G {
    group {
        VI_2
        VI_3
    }
    notify_fault "/usr/bin/true g"
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 6
    priority 90
    version 3
    advert_int 0.2
    preempt_delay 10
    higher_prio_send_advert true
    garp_master_refresh 60
    garp_lower_prio_delay 3
    garp_lower_prio_repeat 2
    virtual_ipaddress {
        10.99.1.1/24
    }
}
vrrp_instance VI_3 {
    interface eth1
    virtual_router_id 7
    priority 90
    unicast_src_ip 172.16.1.2
    unicast_peer {
        172.16.1.3 min_ttl 2 max_ttl 20
    }
    smtp_alert
    virtual_ipaddress {
        10.99.2.1/24
    }
}
vrrp_instance VI_F {
    interface eth1
    virtual_router_id 8
    track_interface {
        lo weight -7
    }
    dont_track_primary
    virtual_ipaddress {
        10.99.3.1/24
    }
}
"#;

/// Data and counters of one daemon, made alike.
struct Dumped {
    vrrp: Vec<String>,
    parent: Vec<String>,
    stats: Vec<String>,
}

fn data(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let [ours, theirs] = [ours, theirs].map(|daemon| dumped(stage, daemon));
    let (ours, theirs) = (ours?, theirs?);
    same("keepalived.data", &ours.vrrp, &theirs.vrrp)?;
    same("keepalived_parent.data", &ours.parent, &theirs.parent)?;
    same("keepalived.stats", &ours.stats, &theirs.stats)?;
    let lines = ours.vrrp.len() + ours.parent.len() + ours.stats.len();
    Ok(format!("{lines} lines alike"))
}

/// One after the other on the same host, so that interfaces are the same.
fn dumped(stage: &Stage, daemon: Daemon) -> Result<Dumped> {
    let folder = stage.folder().join(format!("dumps-{daemon}"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("number"), "4\n")?;
    let text = RICH.replace("@FOLDER@", &folder.display().to_string());
    let mut director = Director::prepare(daemon, &stage.director[0], folder, &text)?;
    director.start()?;
    for instance in ["VI_1", "VI_2", "VI_3", "VI_F"] {
        director.wait_log(&format!("({instance}) Entering MASTER STATE"), PATIENCE)?;
    }
    director.signal(Signal::SIGUSR1)?;
    let vrrp = written(&director, "keepalived.data")?;
    let parent = written(&director, "keepalived_parent.data")?;
    director.signal(Signal::SIGUSR2)?;
    let stats = written(&director, "keepalived.stats")?;
    director.stop()?;
    let mode = fs::metadata(director.folder().join("keepalived.data"))?.mode();
    ensure!(mode & 0o777 == 0o640, "the umask leaves {mode:o}");
    Ok(Dumped {
        vrrp: alike(&vrrp, &director),
        parent: alike(&parent, &director)
            .into_iter()
            // The main process of keepalived does not know these defaults.
            .filter(|line| !line.contains("lower priority") && !line.contains("Default interface"))
            .collect(),
        stats: stats
            .lines()
            // 2.4's, and how many adverts there were by then.
            .filter(|line| !line.contains("Sent:"))
            .map(str::to_owned)
            .scan(false, |skipping, line| {
                *skipping = match line.as_str() {
                    "  Authentication Extension Errors:" => true,
                    line if line.starts_with("    ") => *skipping,
                    _ => false,
                };
                Some((!*skipping).then_some(line))
            })
            .flatten()
            .collect(),
    })
}

fn written(director: &Director, name: &str) -> Result<String> {
    let path = director.folder().join(name);
    wait::until(name, PATIENCE, || {
        // It is renamed when it is whole.
        Ok(fs::read_to_string(&path)
            .ok()
            .filter(|text| !text.is_empty()))
    })
}

/// What keepalived shows of its own insides.
const INSIDES: [&str; 36] = [
    "fd_in",
    "libnftnl",
    "SNMP",
    "DBus",
    "Flags:",
    "Using unicast",
    "Number of config faults",
    "Total priority",
    "Result =",
    "Insecure =",
    "Init state =",
    "State = idle",
    "VRRP instances :",
    "MAC broadcast",
    "Seen up",
    "Delayed state change",
    "HW Type",
    "NIC ",
    "Reset ",
    "Original ",
    "Not IPv6 forwarding",
    "IPv6 forwarding",
    "rp_filter",
    "Smtp HELO name",
    "Gratuitous ARP interval",
    "Gratuitous NA interval",
    "Master router",
    "Master priority",
    "Read timeout",
    "Last transition",
    "Password",
    "MAC =",
    "index =",
    "IPv6 address",
    "Master down timer",
    "No test config",
];

/// Without times, insides, and the folder's name.
fn alike(text: &str, director: &Director) -> Vec<String> {
    let folder = director.folder().display().to_string();
    let mut skipped = false;
    let lines = text.lines().filter(|line| {
        if line.starts_with("------<") {
            skipped = line.contains("Sockpool") || line.contains("Timers of");
        }
        let inside = INSIDES
            .iter()
            .any(|word| line.trim_start().starts_with(word));
        !skipped && !inside
    });
    let lines = lines.map(|line| {
        let line = line.replace(&folder, "FOLDER");
        match line.split_once("RUNNING") {
            Some((state, _)) => format!("{state}RUNNING"),
            None => line,
        }
    });
    lines.collect()
}

fn same(what: &str, ours: &[String], theirs: &[String]) -> Result<()> {
    let (own, other): (BTreeSet<_>, BTreeSet<_>) = (ours.iter().collect(), theirs.iter().collect());
    let missing: Vec<_> = other.difference(&own).collect();
    let more: Vec<_> = own.difference(&other).collect();
    ensure!(
        missing.is_empty() && more.is_empty(),
        "{what}: only keepalived has {missing:#?}, only ours has {more:#?}"
    );
    let first = ours.iter().zip(theirs).find(|(a, b)| a != b);
    ensure!(
        ours == theirs,
        "{what}: the order differs, first at {first:?}"
    );
    Ok(())
}

const INSTANCE: &str = "vrrp_instance V {\ninterface eth1\nvirtual_router_id 9\nvirtual_ipaddress {\n172.16.1.9/24\n}\n}\n";

fn archive(stage: &mut Stage, daemon: Daemon) -> Told {
    let folder = stage.folder().join("saved");
    let text = format!(
        "# a comment\n$NAME=here\nglobal_defs {{\nrouter_id $NAME\nconfig_save_dir {}\n}}\ninclude more.conf\n",
        folder.display()
    );
    let mut director = stage.prepare(0, daemon, &text)?;
    fs::write(director.folder().join("more.conf"), INSTANCE)?;
    director.start()?;
    director.wait_log("Startup complete", PATIENCE)?;
    let wanted = ["keepalived.conf.PID.0"];
    let names = saved(&folder, &wanted)?;
    let first = names.first().context("no copy")?;
    let kept = holding(&folder.join(first), "virtual_router_id 9")?;
    // keepalived leaves definitions as they are.
    let resolved = kept.contains("router_id here") && !kept.contains("$NAME");
    ensure!(resolved || daemon == Daemon::Keepalived, "{kept}");
    director.signal(Signal::SIGHUP)?;
    let wanted = [
        "keepalived.conf.PID.0",
        "keepalived.conf.PID.1",
        "keepalived_vrrp.PID.1.post",
        "keepalived_vrrp.PID.1.pre",
    ];
    let names = saved(&folder, &wanted)?;
    let after = names.iter().find(|name| name.ends_with(".post"));
    holding(
        &folder.join(after.context("no copy")?),
        " VRRP Instance = V\n",
    )?;
    director.stop()?;
    Ok(String::new())
}

/// What a file holds once that has these words in it: keepalived writes it in its place.
fn holding(file: &Path, words: &str) -> Result<String> {
    let shown = format!("{words:?} in {}", file.display());
    wait::until(&shown, PATIENCE, || {
        let text = fs::read_to_string(file)?;
        Ok(text.contains(words).then_some(text))
    })
}

/// Waits until just these files are there, a process's number being `PID`.
fn saved(folder: &Path, wanted: &[&str]) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    let found = wait::until("the copies", PATIENCE, || {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        seen = names.clone();
        let plain = names.iter().map(|name| {
            let parts = name.split('.').enumerate().map(|(at, part)| {
                let pid = at > 0 && part.len() > 1 && part.parse::<u32>().is_ok();
                if pid { "PID" } else { part }
            });
            parts.collect::<Vec<_>>().join(".")
        });
        Ok((plain.collect::<Vec<_>>() == wanted).then_some(names))
    });
    found.with_context(|| format!("there are {seen:?}"))
}

fn appointment(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, "")?;
    let when = director.folder().join("when");
    let text = format!(
        "global_defs {{\nreload_time_file {}\n}}\n{INSTANCE}",
        when.display()
    );
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("Startup complete", PATIENCE)?;
    // Far away, then not at all.
    fs::write(&when, "2101-01-01 00:00:00Z\n")?;
    director.wait_log("Scheduling reload for 2101-01-01 ", PATIENCE)?;
    fs::remove_file(&when)?;
    director.wait_log("Cancelling reload scheduled for 2101-01-01 ", PATIENCE)?;
    fs::write(&when, " 10:00:00\n")?;
    director.wait_log(
        "Invalid reload time ' 10:00:00' specified - ignoring",
        PATIENCE,
    )?;
    fs::write(&when, "20-01-01 00:00:00\n")?;
    director.wait_log("Reload date/time is in the past - ignoring", PATIENCE)?;
    let soon = director
        .host()
        .output("date", &["-u", "-d", "+3 sec", "+%H:%M:%SZ"])?;
    let mark = director.mark();
    fs::write(&when, soon)?;
    director.wait_log_after(mark, "Scheduling reload for ", PATIENCE)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    wait::until("the file to go", PATIENCE, || {
        Ok((!when.exists()).then_some(()))
    })?;
    director.stop()?;
    Ok("made, moved, called off and kept".to_owned())
}
