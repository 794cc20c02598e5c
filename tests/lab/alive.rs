//! Who is alive, what follows from it, and who is told: scripts, sorry servers, weights from files, checks that rest.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::process;
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::table::{Table, View};
use support::wait;

pub fn stories() -> Vec<Story> {
    [
        Story::each("alive/scripts", scripts),
        Story::each("alive/sorry-server", sorry_server),
        Story::each("alive/sorry-server-inhibited", sorry_server_inhibited),
        Story::each("alive/suspended", suspended),
        Story::each("alive/file", file),
    ]
    .concat()
}

/// The sorry server's address.
const SORRY: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 99);

/// A virtual server whose two real servers live as long as there is a file for each, and a script that writes down with
/// what arguments it was called.
struct Farm {
    folder: PathBuf,
}

impl Farm {
    fn new(stage: &Stage) -> Result<Farm> {
        let folder = stage.folder().join("farm");
        fs::create_dir(&folder)?;
        let farm = Farm { folder };
        for server in WEB {
            farm.revive(server)?;
        }
        let told = farm.folder.join("told");
        fs::write(&told, "")?;
        let script = farm.script();
        let text = format!("#!/bin/sh\necho \"$@\" >> {}\n", told.display());
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(farm)
    }

    fn script(&self) -> PathBuf {
        self.folder.join("tell")
    }

    fn life(&self, server: Ipv4Addr) -> PathBuf {
        self.folder.join(server.to_string())
    }

    fn kill(&self, server: Ipv4Addr) -> Result<()> {
        fs::remove_file(self.life(server)).context("kill a server")
    }

    fn revive(&self, server: Ipv4Addr) -> Result<()> {
        fs::write(self.life(server), "").context("revive a server")
    }

    /// The configuration, with lines for the virtual server and for each real server.
    fn config(&self, before: &str, service: &str, server: &str) -> String {
        let tell = self.script();
        let tell = tell.display();
        let servers = WEB.map(|address| {
            let life = self.life(address);
            let life = life.display();
            let check = match server.contains("_CHECK") {
                true => String::new(),
                false => format!(
                    "MISC_CHECK {{\nmisc_path \"/usr/bin/test -e {life}\"\nmisc_timeout 5\n}}\n"
                ),
            };
            format!(
                "real_server {address} 80 {{\nweight 2\n{server}\n{check}\
                 notify_up \"{tell} up {address}\"\nnotify_down \"{tell} down {address}\"\n}}\n"
            )
        });
        format!(
            "{before}\nvirtual_server 172.16.1.1 80 {{\ndelay_loop 1\nlb_algo rr\nlb_kind DR\nprotocol TCP\n{service}\n\
             quorum_up \"{tell} quorum up\"\nquorum_down \"{tell} quorum down\"\n{}}}\n",
            servers.concat()
        )
    }

    /// Waits until the script was called with these arguments since it was last asked. Only ours keeps an order.
    fn told(&self, daemon: Daemon, expected: &[&str]) -> Result<()> {
        let file = self.folder.join("told");
        let lines = || -> Result<Vec<String>> {
            let text = fs::read_to_string(&file)?;
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if daemon == Daemon::Keepalived {
                lines.sort_unstable();
            }
            Ok(lines)
        };
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        if daemon == Daemon::Keepalived {
            expected.sort_unstable();
        }
        wait::until("the scripts", PATIENCE, || {
            Ok((lines()?.len() >= expected.len()).then_some(()))
        })
        .with_context(|| format!("expected {expected:?}, found {:?}", lines()))?;
        let found = lines()?;
        ensure!(found == expected, "expected {expected:?}, found {found:?}");
        fs::write(&file, "").context("forget what was told")
    }
}

/// Waits until the table has these servers with these weights, and no others.
fn table(director: &Director, rows: &[(Ipv4Addr, u32)]) -> Result<()> {
    let mut view = View::open(director.host())?;
    let mut last = Table::default();
    wait::until("the table", PATIENCE, || {
        last = view.read()?;
        let weights = rows.iter().map(|(server, _)| last.weight(*server));
        let wanted = rows.iter().map(|(_, weight)| Some(*weight));
        Ok((weights.eq(wanted) && last.servers().len() == rows.len()).then_some(()))
    })
    .with_context(|| format!("expected {rows:?}, found {last}"))
}

/// What is told, when, and with which arguments: those of the configuration and no others.
fn scripts(stage: &mut Stage, daemon: Daemon) -> Told {
    let farm = Farm::new(stage)?;
    let text = farm.config("", "omega", "");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let [first, second] = WEB;
    let all = [(first, 2), (second, 2)];
    table(&director, &all)?;
    farm.told(daemon, &["quorum up"])?;
    farm.kill(first)?;
    table(&director, &all[1..])?;
    farm.told(daemon, &["down 172.16.1.10"])?;
    farm.kill(second)?;
    table(&director, &[])?;
    farm.told(daemon, &["down 172.16.1.11", "quorum down"])?;
    farm.revive(first)?;
    table(&director, &all[..1])?;
    farm.told(daemon, &["up 172.16.1.10", "quorum up"])?;
    farm.revive(second)?;
    table(&director, &all)?;
    farm.told(daemon, &["up 172.16.1.11"])?;
    // A reload that changes nothing tells nobody; one that takes a living server away does.
    reload(&mut director, &text)?;
    let end = text.rfind("real_server 172.16.1.11").unwrap_or_default();
    reload(
        &mut director,
        &format!("{}}}\n", text.get(..end).unwrap_or_default()),
    )?;
    table(&director, &all[..1])?;
    farm.told(daemon, &["down 172.16.1.11"])?;
    ensure!(director.stop()?.success(), "it did not stop well");
    Ok(String::new())
}

fn reload(director: &mut Director, text: &str) -> Result<()> {
    director.configure(text.as_bytes())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    Ok(())
}

/// A sorry server that is there only while it is needed.
fn sorry_server(stage: &mut Stage, daemon: Daemon) -> Told {
    let farm = Farm::new(stage)?;
    let lines = format!("quorum 3\nhysteresis 1\nsorry_server {SORRY} 80");
    let mut director = stage.prepare(0, daemon, &farm.config("", &lines, ""))?;
    director.start()?;
    let [first, second] = WEB;
    let all = [(first, 2), (second, 2)];
    table(&director, &all)?;
    // One of them weighs 2, which is not below 3 - 1.
    farm.kill(first)?;
    table(&director, &all[1..])?;
    farm.kill(second)?;
    table(&director, &[(SORRY, 1)])?;
    farm.revive(second)?;
    director.wait_log(&format!("Adding service [{second}]:tcp:80"), PATIENCE)?;
    // And below 3 + 1.
    table(&director, &[(SORRY, 1)])?;
    farm.revive(first)?;
    table(&director, &all)?;
    Ok(String::new())
}

/// One that is there with weight 0 while it is not needed, as the dead ones are.
fn sorry_server_inhibited(stage: &mut Stage, daemon: Daemon) -> Told {
    let farm = Farm::new(stage)?;
    let lines =
        format!("quorum 4\nsorry_server {SORRY} 80\nsorry_server_inhibit\ninhibit_on_failure");
    let mut director = stage.prepare(0, daemon, &farm.config("", &lines, ""))?;
    director.start()?;
    let [first, second] = WEB;
    let rows = |a, b, sorry| [(first, a), (second, b), (SORRY, sorry)];
    table(&director, &rows(2, 2, 0))?;
    farm.kill(first)?;
    // The living one makes room by its weight.
    table(&director, &rows(0, 0, 1))?;
    farm.revive(first)?;
    table(&director, &rows(2, 2, 0))?;
    Ok(String::new())
}

/// Checks rest while the address is elsewhere, and the table stays as it was.
fn suspended(stage: &mut Stage, daemon: Daemon) -> Told {
    let farm = Farm::new(stage)?;
    let mut director = stage.prepare(0, daemon, &farm.config("", "ha_suspend", ""))?;
    let address =
        |act: &str| stage.director[0].ip_batch(&format!("address {act} 172.16.1.1/32 dev eth1\n"));
    director.start()?;
    let [first, second] = WEB;
    let all = [(first, 2), (second, 2)];
    director.wait_log(
        "Deactivating healthchecker for service [172.16.1.11]",
        PATIENCE,
    )?;
    table(&director, &all)?;
    farm.kill(first)?;
    wait::throughout(Duration::from_millis(2500), || {
        let weight = Table::read(&stage.director[0])?.weight(first);
        Ok((weight != Some(2)).then(|| "it is checked all the same".to_owned()))
    })?;
    address("add")?;
    director.wait_log(
        "Activating healthchecker for service [172.16.1.10]",
        PATIENCE,
    )?;
    table(&director, &all[1..])?;
    address("del")?;
    for server in WEB {
        let said = format!("Suspending healthchecker for service [{server}]");
        director.wait_log(&said, PATIENCE)?;
    }
    // keepalived takes the word of a check that was under way.
    let pid = director.pid()?;
    let resting = usize::from(daemon == Daemon::Keepalived);
    wait::until("the checks under way to end", PATIENCE, || {
        Ok((process::descendants(pid).len() == resting).then_some(()))
    })?;
    farm.revive(first)?;
    farm.kill(second)?;
    wait::throughout(Duration::from_millis(2500), || {
        let found = Table::read(&stage.director[0])?.servers();
        Ok((found != [second]).then(|| format!("it changes while it rests: {found:?}")))
    })?;
    address("add")?;
    table(&director, &all[..1])?;
    Ok(String::new())
}

/// The number in a file is added to the weights; too low a one takes servers out.
fn file(stage: &mut Stage, daemon: Daemon) -> Told {
    let farm = Farm::new(stage)?;
    let number = farm.folder.join("number");
    let says = |text: &str| fs::write(&number, text);
    says("3\n")?;
    let before = format!("track_file f {{\nfile {}\n}}", number.display());
    let check = "FILE_CHECK {\ntrack_file f\nweight 2\n}";
    let text = farm.config(&before, "", check);
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let [first, second] = WEB;
    let both = |weight| [(first, weight), (second, weight)];
    table(&director, &both(8))?;
    let rename = |from: &Path, to: &Path| fs::rename(from, to).context("rename the file");
    let elsewhere = farm.folder.join("elsewhere");
    for (content, weight) in [
        ("10\n", 22),
        ("-1\n", 0),
        ("nothing\n", 2),
        (" 0x10 servers\n", 34),
    ] {
        says(content)?;
        table(&director, &both(weight)).with_context(|| format!("it says {content:?}"))?;
    }
    rename(&number, &elsewhere)?;
    table(&director, &both(2)).context("it is gone")?;
    rename(&elsewhere, &number)?;
    table(&director, &both(34)).context("it is back")?;
    says("-2147483647\n")?;
    table(&director, &[]).context("it is far too low")?;
    says("1\n")?;
    table(&director, &both(4)).context("it is high enough again")?;
    // A reload changes what is added.
    reload(
        &mut director,
        &text.replace("weight 2\n}", "weight 3 reverse\n}"),
    )?;
    says("-4\n")?;
    table(&director, &both(14))?;
    Ok(String::new())
}
