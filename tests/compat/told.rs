//! What is told of virtual and real servers: scripts with their users, and the three FIFOs with their scripts. Both daemons see the
//! same servers die and come back, and say the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::wait;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![Story::two("told/servers", ours, theirs, servers)]
}

/// A director with the files that its scripts write to.
struct Listener {
    director: Director,
    folder: PathBuf,
}

/// The files, by what is heard in them.
const FILES: [&str; 4] = ["said", "all", "lvs", "vrrp"];

fn executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

impl Listener {
    fn prepare(stage: &Stage, index: usize, daemon: Daemon) -> Result<Listener> {
        let folder = stage.folder().join(format!("listener-{index}"));
        fs::create_dir(&folder)?;
        for path in [stage.folder(), &folder] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        for file in FILES {
            let path = folder.join(file);
            fs::write(&path, "")?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        }
        let at = folder.display();
        executable(
            &folder.join("say"),
            &format!("echo \"$(id -un):$(id -gn) $*\" >> {at}/said"),
        )?;
        // Its name, then the FIFO, which the daemon adds.
        executable(
            &folder.join("read"),
            &format!("while read -r line; do echo \"$line\" >> {at}/$1; done < \"$2\""),
        )?;
        let text = Self::conf(stage.folder(), &folder, index);
        Ok(Listener {
            director: stage.prepare(index, daemon, &text)?,
            folder,
        })
    }

    fn conf(lives: &Path, folder: &Path, index: usize) -> String {
        let at = folder.display();
        let say = format!("{at}/say");
        let fifo = |word: &str, name: &str| {
            format!("{word} {at}/fifo-{name}\n{word}_script \"{at}/read {name}\"\n")
        };
        let server = |address, more: &str| {
            format!(
                "real_server {address} 80 {{\nMISC_CHECK {{\nmisc_path \"/usr/bin/test -e {}/life-{address}\"\n\
                 misc_timeout 5\n}}\n{more}}}\n",
                lives.display()
            )
        };
        let scripts = |address| {
            format!(
                "notify_up \"{say} up {address} 'a b'\" nobody\nnotify_down \"{say} down {address}\" nobody nogroup\n"
            )
        };
        let [first, second] = WEB;
        let service = "delay_loop 1\nlb_algo rr\nlb_kind DR\nprotocol TCP\n";
        format!(
            "global_defs {{\nenable_script_security\nscript_user root\n{}{}{}}}\n\
             vrrp_instance V {{\ninterface eth1\nvirtual_router_id {}\nversion 3\nadvert_int 0.2\n\
             virtual_ipaddress {{\n172.16.1.{}/24\n}}\n}}\n\
             virtual_server_group G {{\n172.16.1.5 80\n}}\n\
             virtual_server 172.16.1.1 80 {{\n{service}omega\nquorum 2\nquorum_up \"{say} quorum up\"\n\
             quorum_down \"{say} quorum down\" nobody\n{}{}}}\n\
             virtual_server fwmark 7 {{\n{service}{}}}\n\
             virtual_server group G {{\n{service}{}}}\n",
            fifo("notify_fifo", "all"),
            fifo("lvs_notify_fifo", "lvs"),
            fifo("vrrp_notify_fifo", "vrrp"),
            60 + index,
            220 + index,
            server(first, &scripts(first)),
            server(second, &scripts(second)),
            server(first, ""),
            server(second, ""),
        )
    }

    /// What is in one of [`FILES`], sorted: keepalived's scripts overtake each other, and so do its processes.
    fn heard(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// Waits for exactly these lines, and forgets them.
    fn expect(&self, when: &str, file: &str, wanted: &[&str]) -> Result<()> {
        let mut wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        wanted.sort_unstable();
        let what = format!("{} {when}, {file}", self.director.daemon());
        wait::until(&what, PATIENCE, || {
            Ok((self.heard(file).len() >= wanted.len()).then_some(()))
        })
        .with_context(|| format!("heard {:#?}, wanted {wanted:#?}", self.heard(file)))?;
        let heard = self.heard(file);
        ensure!(
            heard == wanted,
            "{what}: heard {heard:#?}, wanted {wanted:#?}"
        );
        fs::write(self.folder.join(file), "")?;
        Ok(())
    }
}

/// Of each step what scripts and FIFOs are told; VRRP and servers meet in the FIFO of both.
fn servers(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let life = |address| stage.folder().join(format!("life-{address}"));
    let [first, second] = WEB;
    for address in WEB {
        fs::write(life(address), "")?;
    }
    let mut listeners = [
        Listener::prepare(stage, 0, ours)?,
        Listener::prepare(stage, 1, theirs)?,
    ];
    for one in &mut listeners {
        one.director.start()?;
    }
    let check = |when: &str, said: &[&str], lvs: &[&str], vrrp: &[&str]| -> Result<()> {
        for one in &listeners {
            one.expect(when, "said", said)?;
            one.expect(when, "lvs", lvs)?;
            one.expect(when, "vrrp", vrrp)?;
            one.expect(when, "all", &[lvs, vrrp].concat())?;
        }
        Ok(())
    };
    check(
        "at start",
        &["root:root quorum up"],
        &["VS [172.16.1.1]:tcp:80 UP", "VS FWM 7 UP", "VS [G]:0 UP"],
        &["INSTANCE \"V\" BACKUP 100", "INSTANCE \"V\" MASTER 100"],
    )?;
    fs::remove_file(life(first))?;
    check(
        "when the first died",
        &[
            "nobody:nogroup down 172.16.1.10",
            "nobody:nogroup quorum down",
        ],
        &[
            "RS [172.16.1.10]:tcp:80 [172.16.1.1]:tcp:80 DOWN",
            "VS [172.16.1.1]:tcp:80 DOWN",
            "RS [172.16.1.10]:none:0 FWM 7 DOWN",
            "VS FWM 7 DOWN",
        ],
        &[],
    )?;
    fs::write(life(first), "")?;
    check(
        "when it came back",
        &["nobody:nogroup up 172.16.1.10 a b", "root:root quorum up"],
        &[
            "RS [172.16.1.10]:tcp:80 [172.16.1.1]:tcp:80 UP",
            "VS [172.16.1.1]:tcp:80 UP",
            "RS [172.16.1.10]:none:0 FWM 7 UP",
            "VS FWM 7 UP",
        ],
        &[],
    )?;
    fs::remove_file(life(second))?;
    check(
        "when the second died",
        &[
            "nobody:nogroup down 172.16.1.11",
            "nobody:nogroup quorum down",
        ],
        &[
            "RS [172.16.1.11]:tcp:80 [172.16.1.1]:tcp:80 DOWN",
            "VS [172.16.1.1]:tcp:80 DOWN",
            "RS [172.16.1.11]:tcp:80 [G]:0 DOWN",
            "VS [G]:0 DOWN",
        ],
        &[],
    )?;
    for one in &listeners {
        one.director.signal(Signal::SIGTERM)?;
    }
    for mut one in listeners {
        one.director.wait_for_end(PATIENCE)?;
        let left: Vec<_> = fs::read_dir(&one.folder)?
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("fifo"))
            .collect();
        ensure!(left.is_empty(), "left: {left:?}");
    }
    Ok(String::new())
}
