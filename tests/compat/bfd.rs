//! BFD: sessions come up between both daemons in both roles, tell instances, live through a reload, and go when the
//! other end dies; and with FRR's bfdd, over both families.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::stage::{DIRECTOR, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

const BFDD: &str = "/usr/lib/frr/bfdd";
const ZEBRA: &str = "/usr/lib/frr/zebra";
const VTYSH: &str = "/usr/bin/vtysh";

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    let pairs = [(ours, theirs), (theirs, ours)];
    let pairs = pairs.map(|(a, b)| Story::two("bfd/pair", a, b, pair));
    let frr = Story::one("bfd/frr", ours, frr).with(&[BFDD, ZEBRA, VTYSH]);
    let stories = pairs.into_iter().chain([frr]);
    let stories = stories.map(|story| story.on(Kernel::Machine));
    let checked = Story::each("bfd/real-server", real_server);
    stories.chain(checked).collect()
}

/// A session with these intervals in milliseconds.
fn session(name: &str, neighbour: usize, min_tx: u32, min_rx: u32, multiplier: u8) -> String {
    let [a, b] = DIRECTOR;
    let [own, other] = if neighbour == 0 { [b, a] } else { [a, b] };
    format!(
        "bfd_instance {name} {{\nneighbor_ip {other}\nsource_ip {own}\nmin_tx {min_tx}\nmin_rx {min_rx}\n\
         multiplier {multiplier}\n}}\n"
    )
}

fn pair(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let vrrp = "vrrp_instance V {\nstate BACKUP\ninterface eth1\nvirtual_router_id 78\npriority 100\nversion 3\nadvert_int 0.2\n\
                track_bfd {\none weight 10\n}\nvirtual_ipaddress {\n172.16.1.202/24\n}\n}\n\
                vrrp_instance W {\nstate BACKUP\ninterface eth1\nvirtual_router_id 79\npriority 100\nversion 3\nadvert_int 0.2\n\
                track_bfd {\none\n}\nvirtual_ipaddress {\n172.16.1.203/24\n}\n}\n";
    let text = format!("{}{vrrp}", session("one", 1, 100, 80, 3));
    let mut a = stage.prepare(0, a, &text)?;
    let mut b = stage.prepare(1, b, &session("two", 0, 150, 120, 4))?;
    a.start()?;
    a.wait_log("Startup complete", PATIENCE)?;
    b.start()?;
    comes_up(&mut a, 0)?;
    b.wait_log("(two) Entering Up state", PATIENCE)?;
    // Each takes the slower of the other's wish and its own, as often as the other says.
    a.wait_log("Detection time is 600000 us", PATIENCE)?;
    b.wait_log("Detection time is 360000 us", PATIENCE)?;

    let marks = [a.mark(), b.mark()];
    a.signal(Signal::SIGHUP)?;
    a.wait_log_after(marks[0], "Reload complete", PATIENCE)?;
    wait::throughout(Duration::from_secs(1), || {
        let since =
            |director: &Director, mark| director.log().get(mark..).unwrap_or_default().to_owned();
        let logs = [since(&a, marks[0]), since(&b, marks[1])].concat();
        Ok(logs
            .contains("Entering Down state")
            .then(|| "the session did not live through a reload".to_owned()))
    })?;

    let mark = a.mark();
    b.stop()?;
    expired(
        &a.wait_log_after(mark, "(one) Expired after ", PATIENCE)?,
        600,
    )?;
    for line in [
        "(one) Entering Down state (Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)",
        "VRRP_Instance(V) Tracked BFD instance one is DOWN",
        "(V) Changing effective priority from 110 to 100",
        "(W) Entering FAULT STATE",
    ] {
        a.wait_log_after(mark, line, PATIENCE)?;
    }
    let mark = a.mark();
    b.start()?;
    comes_up(&mut a, mark)?;
    Ok(String::new())
}

fn comes_up(a: &mut Director, mark: usize) -> Result<()> {
    for line in [
        "(one) Entering Up state",
        "VRRP_Instance(V) Tracked BFD instance one is UP",
        "(V) Changing effective priority from 100 to 110",
        "(W) Entering BACKUP STATE",
    ] {
        a.wait_log_after(mark, line, PATIENCE)?;
    }
    Ok(())
}

/// FRR's daemons on a host, which end with this.
struct Frr(Vec<Child>);

impl Drop for Frr {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn frr(stage: &mut Stage, daemon: Daemon) -> Told {
    for (host, address) in stage.director.iter().zip(["fd16::2", "fd16::3"]) {
        host.ip_batch(&format!("address add {address}/64 dev eth1 nodad\n"))?;
    }
    let peer = |own: &str, other: &str| {
        format!(
            " peer {own} local-address {other} interface eth1\n  detect-multiplier 3\n  receive-interval 100\n  \
             transmit-interval 120\n  no shutdown\n !\n"
        )
    };
    let [own, other] = DIRECTOR.map(|address| address.to_string());
    let conf = format!("bfd\n{}{}", peer(&own, &other), peer("fd16::2", "fd16::3"));
    // Its daemons run as a user of their own.
    let folder = tempfile::Builder::new().prefix("frr-").tempdir_in("/run")?;
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    fs::write(path("bfdd.conf"), conf)?;
    fs::write(path("zebra.conf"), "")?;
    let owned = Command::new("chown")
        .args(["-R", "frr:frr", &folder.display().to_string()])
        .status()?;
    ensure!(owned.success(), "chown to frr: {owned}");
    let host = stage.director[1].clone();
    let start = |program: &str, name: &str| -> Result<Child> {
        let vty = folder.display().to_string();
        let (zapi, pid, conf) = (
            path("z.api"),
            path(&format!("{name}.pid")),
            path(&format!("{name}.conf")),
        );
        let mut command = host.command(program);
        command.args(["-z", &zapi, "--vty_socket", &vty, "-i", &pid, "-f", &conf]);
        if name == "bfdd" {
            command.args(["--bfdctl", &path("bfd.ctl")]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().with_context(|| format!("start {program}"))
    };
    let mut frr = Frr(vec![start(ZEBRA, "zebra")?]);
    wait::until("zebra", PATIENCE, || {
        Ok(folder.join("z.api").exists().then_some(()))
    })?;
    frr.0.push(start(BFDD, "bfdd")?);

    let six = "bfd_instance six {\nneighbor_ip fd16::3\nsource_ip fd16::2\nhoplimit 255\nmin_tx 150\nmin_rx 100\nmultiplier 3\n}\n";
    let text = format!("{}{six}", session("one", 1, 150, 100, 3));
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    director.wait_log("(one) Entering Up state", PATIENCE)?;
    director.wait_log("(six) Entering Up state", PATIENCE)?;
    // Three of its packets, 120 ms apart.
    director.wait_log("Detection time is 360000 us", PATIENCE)?;
    let vty = folder.display().to_string();
    let up = |wanted: usize| {
        wait::until("FRR's opinion of both sessions", PATIENCE, || {
            let arguments = ["--vty_socket", &vty, "-c", "show bfd peers"];
            let peers = host.output(VTYSH, &arguments)?;
            Ok((peers.matches("Status: up").count() == wanted).then_some(()))
        })
    };
    up(2)?;
    let mark = director.mark();
    drop(frr);
    expired(
        &director.wait_log_after(mark, "(one) Expired after ", PATIENCE)?,
        360,
    )?;
    director.wait_log_after(mark, "(six) Entering Down state", PATIENCE)?;
    Ok(String::new())
}

/// The silence was as long as agreed on, or a little longer on a busy machine.
fn expired(line: &str, agreed: u64) -> Result<()> {
    let (_, rest) = line.split_once("Expired after ").context("its words")?;
    let number = rest.split(' ').next().unwrap_or_default();
    let silent: u64 = number.parse().context("a number of milliseconds")?;
    ensure!(
        (agreed..agreed + 200).contains(&silent),
        "after {agreed} ms it says: {line}"
    );
    Ok(())
}

/// A real server with a session is in the table while that is up, one that is `alpha` not before.
fn real_server(stage: &mut Stage, daemon: Daemon) -> Told {
    let check = |alpha: &str| format!("BFD_CHECK {{\nname one\n{alpha}}}\n");
    let text = format!(
        "{}virtual_server 172.16.1.60 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n\
         real_server 172.16.1.10 80 {{\n{}}}\nreal_server 172.16.1.11 80 {{\n{}}}\n}}\n",
        session("one", 1, 100, 100, 3),
        check(""),
        check("alpha\n")
    );
    let mut a = stage.prepare(0, daemon, &text)?;
    let mut b = stage.prepare(1, daemon, &session("two", 0, 100, 100, 3))?;
    let lines = |way: &str| {
        ["172.16.1.10", "172.16.1.11"]
            .map(|server| format!("BFD check of [one] RS([{server}]:tcp:80) is {way}"))
    };
    a.start()?;
    for line in lines("DOWN") {
        a.wait_log(&line, PATIENCE)?;
    }
    servers(stage, 0)?;
    b.start()?;
    for line in lines("UP") {
        a.wait_log(&line, PATIENCE)?;
    }
    servers(stage, 2)?;
    let mark = a.mark();
    b.kill()?;
    for line in lines("DOWN") {
        a.wait_log_after(mark, &line, PATIENCE)?;
    }
    servers(stage, 0)?;
    ensure!(a.stop()?.code() == Some(0), "it did not stop cleanly");
    Ok(String::new())
}

fn servers(stage: &Stage, wanted: usize) -> Result<()> {
    wait::until("the real servers in the table", PATIENCE, || {
        let table = stage.director[0].output("ipvsadm", &["-Ln"])?;
        Ok((table.matches("  -> 172.16.1.1").count() == wanted).then_some(()))
    })
}
