//! What people hook onto keepalived: notify scripts, FIFOs. Either daemon, one script: the same arguments, the same lines.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::advert::Advert;
use support::daemon::{Daemon, Director};
use support::stage::{CLIENT, DIRECTORS, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("hooks/transitions", transitions),
        Story::each("hooks/priorities", priorities),
        Story::each("hooks/reload", reload),
        Story::each("hooks/lower-priority", lower_priority),
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

/// A script that appends its arguments to `said`, one that reads a FIFO into `heard`; and both files.
struct Scripts {
    say: PathBuf,
    read: PathBuf,
    said: PathBuf,
    heard: PathBuf,
}

fn executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

impl Scripts {
    fn write(folder: &Path) -> Result<Scripts> {
        let of = |name: &str| folder.join(name);
        let scripts = Scripts {
            say: of("say.sh"),
            read: of("read.sh"),
            said: of("said"),
            heard: of("heard"),
        };
        executable(
            &scripts.say,
            &format!("echo \"$*\" >> {}", scripts.said.display()),
        )?;
        executable(
            &scripts.read,
            &format!(
                "while read -r line; do echo \"$line\" >> {}; done < \"$1\"",
                scripts.heard.display()
            ),
        )?;
        Ok(scripts)
    }

    fn globals(&self, fifo: &Path, more: &str) -> String {
        format!(
            "global_defs {{\nenable_script_security\nscript_user root\nvrrp_notify_fifo {}\nvrrp_notify_fifo_script \"{}\"\n\
             {more}\n}}\n",
            fifo.display(),
            self.read.display()
        )
    }

    fn notifies(&self, name: &str) -> String {
        let words = ["master", "backup", "fault", "stop"];
        let own = words.map(|word| {
            format!(
                "notify_{word} \"{} {word} {name} 'a b'\"\n",
                self.say.display()
            )
        });
        format!(
            "{}notify \"{} any {name}\"\n",
            own.concat(),
            self.say.display()
        )
    }

    fn instance(&self, name: &str, vrid: u8, lines: &str) -> String {
        format!(
            "vrrp_instance {name} {{\nstate BACKUP\ninterface eth1\nvirtual_router_id {vrid}\npriority 100\nversion 3\n\
             advert_int 0.2\nvirtual_ipaddress {{\n172.16.1.{vrid}/24\n}}\n{lines}\n}}\n"
        )
    }
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // Members of a group race, and keepalived's scripts run beside each other.
    lines.sort();
    lines
}

/// Waits until exactly these lines are in the file, in any order, and empties it.
fn expect(file: &Path, when: &str, wanted: &[&str]) -> Result<()> {
    let mut wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
    wanted.sort();
    wait::until(&format!("what is told {when}"), PATIENCE, || {
        Ok((lines(file).len() >= wanted.len()).then_some(()))
    })
    .with_context(|| format!("told {when}: {:#?}", lines(file)))?;
    let seen = lines(file);
    ensure!(seen == wanted, "told {when}: {seen:#?}, wanted {wanted:#?}");
    fs::write(file, "")?;
    Ok(())
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// What each change runs and writes, of instances and their group; the FIFO comes and goes with the daemon.
fn transitions(stage: &mut Stage, daemon: Daemon) -> Told {
    let scripts = Scripts::write(stage.folder())?;
    let fifo = stage.folder().join("fifo");
    let group = format!(
        "vrrp_sync_group G {{\ngroup {{\nA\nB\n}}\n{}}}\n",
        scripts.notifies("G")
    );
    let text = [
        scripts.globals(&fifo, ""),
        group,
        scripts.instance("A", 71, &scripts.notifies("A")),
        scripts.instance("B", 72, ""),
    ]
    .concat();
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let table = |state: &str| {
        let word = state.to_lowercase();
        let said = vec![
            format!("{word} A a b"),
            format!("any A INSTANCE A {state} 100"),
            format!("{word} G a b"),
            format!("any G GROUP G {state} 0"),
        ];
        let heard = vec![
            format!("INSTANCE \"A\" {state} 100"),
            format!("INSTANCE \"B\" {state} 100"),
            format!("GROUP \"G\" {state} 0"),
        ];
        (said, heard)
    };
    let check = |state: &str, again: &[&str]| -> Result<()> {
        let (mut said, mut heard) = table(state);
        for state in again {
            let (more_said, more_heard) = table(state);
            said.extend(more_said);
            heard.extend(more_heard);
        }
        let strs = |lines: &[String]| {
            lines
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("\n")
        };
        expect(
            &scripts.heard,
            state,
            &strs(&heard).lines().collect::<Vec<_>>(),
        )?;
        expect(
            &scripts.said,
            state,
            &strs(&said).lines().collect::<Vec<_>>(),
        )
    };
    check("BACKUP", &["MASTER"])?;
    ensure!(
        mode(&fifo)? == 0o600,
        "mode of the FIFO: {:o}",
        mode(&fifo)?
    );
    stage.unplug(DIRECTORS[0])?;
    check("FAULT", &[])?;
    stage.plug(DIRECTORS[0])?;
    check("BACKUP", &["MASTER"])?;
    director.stop()?;
    // The FIFO's script has been ended before.
    expect(
        &scripts.said,
        "at the stop",
        &[
            "stop A a b",
            "any A INSTANCE A STOP 100",
            "stop G a b",
            "any G GROUP G STOP 0",
        ],
    )?;
    ensure!(!fifo.exists(), "the FIFO is left");
    Ok(String::new())
}

fn priorities(stage: &mut Stage, daemon: Daemon) -> Told {
    let scripts = Scripts::write(stage.folder())?;
    let fifo = stage.folder().join("fifo");
    let number = stage.folder().join("number");
    fs::write(&number, "0\n")?;
    let file = format!("track_file F {{\nfile {}\nweight 1\n}}\n", number.display());
    let lines = "track_file {\nF\n}\nnotify_priority_changes\n";
    let text = [
        scripts.globals(&fifo, ""),
        file,
        scripts.instance("A", 73, lines),
        scripts.instance("B", 74, "track_file {\nF\n}\n"),
    ]
    .concat();
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let states = [
        "INSTANCE \"A\" BACKUP 100",
        "INSTANCE \"B\" BACKUP 100",
        "INSTANCE \"A\" MASTER 100",
        "INSTANCE \"B\" MASTER 100",
    ];
    expect(&scripts.heard, "at start", &states)?;
    fs::write(&number, "7\n")?;
    expect(
        &scripts.heard,
        "of a priority",
        &["INSTANCE \"A\" MASTER_PRIORITY 107"],
    )?;
    director.stop()?;
    Ok(String::new())
}

/// A master that hears of a lower priority says so, by a script without further arguments and by a line.
fn lower_priority(stage: &mut Stage, daemon: Daemon) -> Told {
    let scripts = Scripts::write(stage.folder())?;
    let fifo = stage.folder().join("fifo");
    let say = scripts.say.display();
    let text = [
        scripts.globals(&fifo, ""),
        format!(
            "vrrp_instance A {{\ninterface eth1\nvirtual_router_id 70\npriority 100\nadvert_int 1\n\
             notify_master_rx_lower_pri \"{say} lower A 'a b'\"\nnotify_master \"{say} master\"\n\
             virtual_ipaddress {{\n172.16.1.70/24\n}}\n}}\n"
        ),
    ];
    let mut director = stage.prepare(0, daemon, &text.concat())?;
    director.start()?;
    let states = ["INSTANCE \"A\" BACKUP 100", "INSTANCE \"A\" MASTER 100"];
    expect(&scripts.heard, "at start", &states)?;
    expect(&scripts.said, "at start", &["master"])?;
    let advert = Advert {
        priority: 50,
        auth_type: 0,
        ..Advert::commanding(70, Ipv4Addr::new(172, 16, 1, 70), &[0; 8])
    };
    advert.send(&stage.client, CLIENT, 1, Duration::ZERO)?;
    expect(&scripts.said, "of a lower priority", &["lower A a b"])?;
    let line = "INSTANCE \"A\" MASTER_RX_LOWER_PRI 100";
    expect(&scripts.heard, "of a lower priority", &[line])?;
    director.stop()?;
    Ok(String::new())
}

/// A reload that takes instances away, and writes how the others stand.
fn reload(stage: &mut Stage, daemon: Daemon) -> Told {
    let scripts = Scripts::write(stage.folder())?;
    let fifo = stage.folder().join("fifo");
    let globals = scripts.globals(&fifo, "fifo_write_vrrp_states_on_reload");
    let say = scripts.say.display();
    let stays = scripts.instance("A", 75, &format!("notify \"{say} any A\"\n"));
    let deleted = format!("notify \"{say} any B\"\nnotify_deleted \"{say} deleted B\"\n");
    let fault = format!("notify \"{say} any C\"\nnotify_fault \"{say} fault C\"\n");
    let goes = [
        scripts.instance("B", 76, &deleted),
        scripts.instance("C", 77, &fault),
    ];
    let text = [globals.clone(), stays.clone(), goes.concat()].concat();
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    wait::until("three masters", PATIENCE, || {
        let masters = |file: &Path| {
            let lines = lines(file);
            lines.iter().filter(|line| line.contains("MASTER")).count()
        };
        Ok((masters(&scripts.said) == 3 && masters(&scripts.heard) == 3).then_some(()))
    })?;
    fs::write(&scripts.said, "")?;
    fs::write(&scripts.heard, "")?;
    director.configure([globals, stays].concat().as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    heard_at_reload(&director, &scripts)?;
    director.stop()?;
    Ok(String::new())
}

fn heard_at_reload(director: &Director, scripts: &Scripts) -> Result<()> {
    expect(
        &scripts.said,
        "at the reload",
        &[
            "any B INSTANCE B DELETED 100",
            "deleted B",
            // Not notify_fault.
            "any C INSTANCE C FAULT 100",
        ],
    )?;
    let heard = ["INSTANCE \"B\" DELETED 100", "INSTANCE \"C\" FAULT 100"];
    let stays = "INSTANCE \"A\" MASTER 100";
    // 2.2.7 writes groups only.
    match director.daemon() {
        Daemon::Ours => expect(
            &scripts.heard,
            "at the reload",
            &[heard[0], heard[1], stays],
        ),
        Daemon::Keepalived => expect(&scripts.heard, "at the reload", &heard),
    }
}
