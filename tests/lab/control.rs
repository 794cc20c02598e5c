//! The daemon is seen and steered through its sockets: who may, what it does, and what rubbish does not.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use support::client::{Loop, OpenConnection};
use support::daemon::{Daemon, Director, Ended};
use support::stage::{PATIENCE, Stage, WEB, holds_vip};
use support::story::{Kernel, Story, Told};
use support::table::Table;
use support::wait;

/// Debian's, which runs a program as somebody else.
const SETPRIV: &str = "/usr/bin/setpriv";

pub fn stories() -> Vec<Story> {
    let ours = Daemon::Ours;
    vec![
        Story::one("control/permissions", ours, permissions)
            .on(Kernel::Machine)
            .with(&[SETPRIV]),
        Story::one("control/rubbish", ours, rubbish).on(Kernel::Machine),
        Story::one("control/gigabytes", ours, gigabytes).on(Kernel::Machine),
        Story::one("control/second-daemon", ours, second_daemon).on(Kernel::Machine),
        Story::one("control/bad-input", ours, bad_input).on(Kernel::Machine),
        Story::one("control/reload-and-plan", ours, reload_and_plan).on(Kernel::Machine),
        Story::two("control/handover", ours, ours, handover).on(Kernel::Machine),
        Story::two("control/handover", ours, Daemon::Keepalived, handover).on(Kernel::Machine),
        Story::one("control/drain", ours, drain),
        Story::one("control/drift", ours, drift),
    ]
}

/// An instance that nobody else has, so that it becomes master soon after the start.
fn lone(priority: u8) -> String {
    format!(
        "vrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id 79\npriority {priority}\nversion 3\n\
         advert_int 0.2\nvirtual_ipaddress {{\n172.16.1.1/24\n}}\n}}\n"
    )
}

fn started(stage: &Stage, text: &str) -> Result<Director> {
    let mut director = stage.prepare(0, Daemon::Ours, text)?;
    director.start()?;
    director.wait_log("Startup complete", PATIENCE)?;
    Ok(director)
}

/// Runs a command of ours against the director.
fn ask(director: &Director, arguments: &[&str]) -> Result<Ended> {
    let mut arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    arguments.extend([
        "--socket".to_owned(),
        director.sockets().display().to_string(),
    ]);
    director.run_to_end(&arguments, PATIENCE)
}

fn done(director: &Director, arguments: &[&str]) -> Result<String> {
    let ended = ask(director, arguments)?;
    ensure!(
        ended.status.code() == Some(0),
        "{arguments:?} ended with {:?}: {}",
        ended.status,
        ended.said
    );
    Ok(ended.said)
}

/// It ends with this status and says one line with these words.
fn refused(director: &Director, arguments: &[&str], status: i32, words: &str) -> Result<()> {
    let Ended { status: seen, said } = ask(director, arguments)?;
    ensure!(
        seen.code() == Some(status),
        "{arguments:?} ended with {seen:?}: {said}"
    );
    ensure!(
        said.lines().count() == 1 && said.contains(words),
        "{arguments:?} said {said:?}"
    );
    Ok(())
}

/// Root steers, the group looks, nobody else does anything.
fn permissions(stage: &mut Stage, _: Daemon) -> Told {
    let mut director = stage.prepare(0, Daemon::Ours, &lone(100))?;
    director.also(&["--socket-group", "nogroup"]);
    director.start()?;
    director.wait_log("Startup complete", PATIENCE)?;
    let mode =
        |path: &Path| Ok::<_, anyhow::Error>(fs::metadata(path)?.permissions().mode() & 0o777);
    let sockets = director.sockets();
    ensure!(mode(&sockets)? == 0o755, "folder {:o}", mode(&sockets)?);
    ensure!(
        mode(&sockets.join("control.sock"))? == 0o600,
        "control.sock"
    );
    ensure!(mode(&sockets.join("status.sock"))? == 0o660, "status.sock");
    // Where everybody may go, and a program that everybody may run.
    for folder in [stage.folder(), director.folder()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let program = stage.folder().join("rkeepalived");
    fs::copy(Daemon::Ours.program()?, &program).context("copy the program")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let somebody = |group: &str, command: &[&str]| -> Result<(Option<i32>, String)> {
        let output = director
            .host()
            .command(SETPRIV)
            .args(["--reuid", "1", "--regid", group, "--clear-groups"])
            .arg(&program)
            .args(command)
            .arg("--socket")
            .arg(&sockets)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code(), said))
    };
    // Debian's nogroup.
    let (status, said) = somebody("65534", &["status"])?;
    ensure!(status == Some(0), "a reader got {status:?}: {said}");
    let config = director.config().display().to_string();
    for (command, wanted) in [
        (&["handover", "V"][..], 3),
        (&["handover", "--back", "V"], 3),
        (&["drain", "1.2.3.4:80"], 3),
        (&["disable", "1.2.3.4:80"], 3),
        (&["enable", "1.2.3.4:80"], 3),
        (&["weight", "1.2.3.4:80", "5"], 3),
        (&["reload"], 3),
        (&["log", "info"], 3),
        (&["plan"], 1),
        (&["plan", &config], 1),
    ] {
        for group in ["65534", "1"] {
            let (status, said) = somebody(group, command)?;
            ensure!(
                status == Some(wanted)
                    && said.lines().count() == 1
                    && said.contains("only root steers"),
                "{command:?} of somebody of group {group}: {status:?} {said}"
            );
        }
    }
    let (status, said) = somebody("1", &["events"])?;
    ensure!(
        status == Some(3) && said.contains("member of the group"),
        "a stranger got {status:?}: {said}"
    );
    let (status, said) = somebody("1", &["status"])?;
    ensure!(
        status == Some(3) && said.contains("member of the group"),
        "a stranger got {status:?}: {said}"
    );
    // On the readers' socket nobody steers, not even root.
    let answer = talk(
        &sockets.join("status.sock"),
        b"{\"v\":1,\"do\":\"reload\"}\n",
    )?;
    ensure!(answer.contains("\"read-only\""), "{answer}");
    let mut director = director;
    director.stop()?;
    ensure!(!sockets.exists(), "the sockets outlived the daemon");
    Ok(String::new())
}

/// Says it and hears what comes back until the end of the first line.
fn talk(path: &Path, bytes: &[u8]) -> Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // It may hang up before all is said.
    let _hung_up = stream
        .write_all(bytes)
        .and_then(|()| stream.shutdown(Shutdown::Write));
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    while !heard.contains(&b'\n') {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => heard.extend(piece.get(..read).unwrap_or_default()),
            _ => break,
        }
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

/// Clients that are silent, talk rubbish, or never read: the daemon answers others, and stays master.
fn rubbish(stage: &mut Stage, _: Daemon) -> Told {
    let mut director = started(stage, &lone(100))?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    let mark = director.mark();
    let status = director.sockets().join("status.sock");
    let mut silent = Vec::new();
    for _ in 0..100 {
        // The last ones find no place, and are told so.
        silent.push(UnixStream::connect(&status)?);
    }
    for number in 0..20 {
        let mut greedy = UnixStream::connect(director.sockets().join("control.sock"))?;
        greedy.write_all(b"{\"v\":1,\"do\":\"status\"}\n".repeat(50).as_slice())?;
        if number % 2 == 0 {
            silent.push(greedy);
        }
    }
    let control = director.sockets().join("control.sock");
    for bytes in [
        vec![0; 1 << 20],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"{\"v\":1,\"do\":\"drain\"}\n".to_vec(),
        b"{\"v\":1,\"do\":\"weight\",\"server\":\"1.2.3.4:80\",\"weight\":-1}\n".to_vec(),
        "[".repeat(10_000).into_bytes(),
    ] {
        let answer = talk(&control, &bytes)?;
        ensure!(
            answer.is_empty() || answer.contains("\"bad-question\""),
            "{answer}"
        );
    }
    let said = done(&director, &["status"])?;
    ensure!(said.contains("MASTER"), "{said}");
    ensure!(holds_vip(director.host())?, "it is master no more");
    let log = director.log();
    let since = log.get(mark..).unwrap_or_default();
    ensure!(!since.contains("STATE"), "{since}");
    drop(silent);
    Ok(String::new())
}

/// What one client tries to say.
const GIGABYTE: usize = 1 << 30;

/// Says these bytes over and over, up to a gigabyte, and never reads; answers how much of it was taken.
fn pour(path: &Path, piece: &[u8]) -> Result<usize> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut taken = 0;
    while taken < GIGABYTE {
        match stream.write(piece) {
            Ok(0) | Err(_) => break,
            Ok(written) => taken += written,
        }
    }
    Ok(taken)
}

/// Clients that say a gigabyte of rubbish, in one line or in many, to either socket: they are hung up on, others are answered
/// meanwhile, the master stays, and the daemon does not grow.
fn gigabytes(stage: &mut Stage, _: Daemon) -> Told {
    let mut director = started(stage, &lone(100))?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    let mark = director.mark();
    let before = resident(&director)?;
    let mut line = vec![b'x'; 10_000];
    line.push(b'\n');
    let question = b"{\"v\":1,\"do\":\"status\"}\n".repeat(2_000);
    let pieces = [vec![b'x'; 1 << 16], line, vec![b'\n'; 1 << 16], question];
    let clients: Vec<_> = ["control.sock", "status.sock"]
        .into_iter()
        .flat_map(|socket| pieces.iter().map(move |piece| (socket, piece.clone())))
        .map(|(socket, piece)| {
            let path = director.sockets().join(socket);
            thread::spawn(move || pour(&path, &piece))
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while clients.iter().any(|client| !client.is_finished()) {
        let begun = Instant::now();
        let said = done(&director, &["status"])?;
        ensure!(said.contains("MASTER"), "{said}");
        slowest = slowest.max(begun.elapsed());
    }
    let mut most = 0;
    for client in clients {
        let taken = client.join().ok().context("a client panicked")??;
        ensure!(taken < GIGABYTE, "all of it was taken");
        most = most.max(taken);
    }
    ensure!(
        slowest < Duration::from_secs(5),
        "an answer took {slowest:?}"
    );
    ensure!(holds_vip(director.host())?, "it is master no more");
    let log = director.log();
    let since = log.get(mark..).unwrap_or_default();
    ensure!(!since.contains("STATE"), "{since}");
    let grown = resident(&director)?.saturating_sub(before);
    ensure!(grown < 64 << 10, "it grew by {grown} KiB");
    director.stop()?;
    Ok(format!(
        "at most {most} bytes were taken of one; another waited {slowest:.1?} at most; grown by {grown} KiB"
    ))
}

/// The most memory that it has had, in KiB.
fn resident(director: &Director) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", director.pid()?))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}

/// A second daemon at the same sockets goes without, and says what to do; a killed one's sockets are replaced.
fn second_daemon(stage: &mut Stage, _: Daemon) -> Told {
    let mut first = started(stage, &lone(100))?;
    let mut second = stage.prepare(1, Daemon::Ours, &lone(90))?;
    let folder = first.sockets().display().to_string();
    second.also(&["--socket", &folder]);
    second.start()?;
    let line = second.wait_log("No control socket", PATIENCE)?;
    ensure!(
        line.contains("--socket DIR") && line.contains("`instance`"),
        "{line}"
    );
    second.wait_log("Startup complete", PATIENCE)?;
    second.stop()?;
    done(&first, &["status"]).context("after the second one ended")?;
    first.kill()?;
    refused(&first, &["status"], 3, "no daemon listens")?;
    first.start()?;
    first.wait_log("Startup complete", PATIENCE)?;
    done(&first, &["status"])?;
    Ok(String::new())
}

/// Each command with what it cannot take: one line that says what to do, and the documented status.
fn bad_input(stage: &mut Stage, _: Daemon) -> Told {
    let director = started(stage, &lone(100))?;
    for command in ["drain", "disable", "enable"] {
        refused(
            &director,
            &[command, "172.16.1.99:80"],
            1,
            "no real server is 172.16.1.99:80",
        )?;
        refused(&director, &[command, "172.16.1.99"], 1, "write IP:PORT")?;
        refused(
            &director,
            &[command, "web/172.16.1.99:80"],
            1,
            "no virtual server is web",
        )?;
        refused(&director, &[command], 2, "--help")?;
    }
    for words in [
        &["weight", "1.2.3.4:80"][..],
        &["disable", "a", "b"],
        &["drain", "1.2.3.4:80", "--wait", "--timeout", "x"],
        &["handover"],
        &["handover", "V", "W"],
        &["reload", "V"],
        &["log"],
        &["log", "info", "V"],
        &["events", "--nonsense"],
        &["watch", "-n", "0"],
        &["watch", "-n", "x"],
        &["doctor", "--nonsense"],
    ] {
        refused(&director, words, 2, "--help")?;
    }
    for words in [&["plan", "a", "b"][..], &["clean", "--nonsense"]] {
        refused(&director, words, 1, "--help")?;
    }
    refused(
        &director,
        &["weight", "172.16.1.99:80", "5"],
        1,
        "no real server",
    )?;
    refused(
        &director,
        &["weight", "172.16.1.99:80", "70000"],
        2,
        "0..=65535",
    )?;
    refused(
        &director,
        &["weight", "172.16.1.99:80", "many"],
        2,
        "invalid",
    )?;
    refused(
        &director,
        &["drain", "172.16.1.99:80", "--timeout", "3"],
        2,
        "--wait",
    )?;
    refused(
        &director,
        &["handover", "W"],
        1,
        "no VRRP instance is called W",
    )?;
    refused(
        &director,
        &["handover", "--back", "W"],
        1,
        "no VRRP instance is called W",
    )?;
    refused(
        &director,
        &["log", "loud"],
        1,
        "error, warning, info or detail",
    )?;
    refused(
        &director,
        &["plan", "/nonexistent.conf"],
        1,
        "cannot be read",
    )?;
    refused(&director, &["plan", "--nonsense"], 1, "--help")?;
    refused(
        &director,
        &["doctor", "-f", "/nonexistent.conf"],
        1,
        "rkeepalived check",
    )?;
    refused(&director, &["watch"], 1, "needs a terminal")?;
    refused(&director, &["status", "--nonsense"], 2, "--help")?;
    refused(&director, &["events", "--after", "x"], 2, "invalid")?;
    let mut director = director;
    director.stop()?;
    for command in [
        &["status"][..],
        &["events"],
        &["reload"],
        &["drain", "1.2.3.4:80"],
        &["disable", "1.2.3.4:80"],
        &["enable", "1.2.3.4:80"],
        &["weight", "1.2.3.4:80", "5"],
        &["handover", "V"],
        &["handover", "--back", "V"],
        &["log", "info"],
    ] {
        refused(&director, command, 3, "no daemon listens")?;
    }
    refused(&director, &["plan"], 1, "no daemon listens")?;
    Ok(String::new())
}

/// What somebody does with ipvsadm shows in a plan, with what puts it right.
fn drift(stage: &mut Stage, _: Daemon) -> Told {
    let text = "virtual_server 10.10.0.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.20.0.1 80 {\nweight 3\n}\n\
                real_server 10.20.0.2 80 {\nweight 3\n}\n}\n";
    let mut director = started(stage, text)?;
    let host = stage.director[0].clone();
    ensure!(
        done(&director, &["plan"])? == "nothing changes\n",
        "before anybody did anything"
    );
    let (service, first, second) = ("10.10.0.1:80", "10.20.0.1:80", "10.20.0.2:80");
    host.output("ipvsadm", &["-d", "-t", service, "-r", first])?;
    host.output(
        "ipvsadm",
        &["-e", "-t", service, "-r", second, "-m", "-w", "9"],
    )?;
    host.output("ipvsadm", &["-A", "-t", "192.0.2.1:80", "-s", "rr"])?;
    let Ended { status, said } = ask(&director, &["plan"])?;
    let lines: Vec<&str> = said.lines().collect();
    let &[unchanged, heading, ref by_hand @ ..] = &lines[..] else {
        bail!("{said}");
    };
    ensure!(
        status.code() == Some(2) && unchanged == "nothing changes" && heading.starts_with("! "),
        "{status:?}: {said}"
    );
    let wanted = [
        "!   + service [10.20.0.1]:tcp:80 of VS [10.10.0.1]:tcp:80: Masq, weight 3",
        "!   ~ service [10.20.0.2]:tcp:80 of VS [10.10.0.1]:tcp:80: weight 9 -> 3",
    ];
    ensure!(by_hand == wanted, "{said}");
    // A reload leaves it, and what the plan says puts it right.
    done(&director, &["reload"])?;
    ensure!(
        ask(&director, &["plan"])?.said == said,
        "a reload mended it"
    );
    for server in [first, second] {
        done(&director, &["disable", server])?;
        done(&director, &["enable", server])?;
    }
    ensure!(
        done(&director, &["plan"])? == "nothing changes\n",
        "after disable and enable"
    );
    director.stop()?;
    Ok(String::new())
}

/// A plan says what a reload then does and says, and touches nothing.
fn reload_and_plan(stage: &mut Stage, _: Daemon) -> Told {
    let mut director = started(stage, &lone(100))?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    let other = director.folder().join("other.conf");
    let text = lone(150).replace("172.16.1.1/24", "172.16.1.1/24\n172.16.1.203/24");
    fs::write(&other, &text)?;
    let path = other.display().to_string();
    let wanted = "~ (V) priority 100 -> 150\n+ (V) ip address 172.16.1.203/24 dev eth1\n";
    let planned = ask(&director, &["plan", &path])?;
    ensure!(
        planned.status.code() == Some(2) && planned.said == wanted,
        "{planned:?}"
    );
    ensure!(
        done(&director, &["plan"])? == "nothing changes\n",
        "the running file"
    );
    director.configure(text.as_bytes())?;
    ensure!(
        done(&director, &["reload"])? == wanted,
        "the reload said otherwise"
    );
    let addresses = director.host().addresses()?;
    ensure!(
        addresses
            .iter()
            .any(|address| address == "eth1 172.16.1.203/24"),
        "{addresses:?}"
    );
    director.configure(
        text.replace("virtual_router_id 79", "virtual_router_id 500")
            .as_bytes(),
    )?;
    let Ended { status, said } = ask(&director, &["reload"])?;
    ensure!(
        status.code() == Some(1) && said.contains("the running configuration stays"),
        "{said}"
    );
    let events = done(&director, &["events"])?;
    for words in [
        "Entering MASTER STATE",
        "Reload complete",
        "Reload abandoned",
    ] {
        ensure!(events.contains(words), "{words} is not in {events}");
    }
    // Both ways to reload are one.
    director.configure(lone(150).as_bytes())?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    let document = done(&director, &["status", "--json"])?;
    ensure!(
        document.contains("\"reloads\":3") && document.contains("\"priority\":150"),
        "{document}"
    );
    Ok(String::new())
}

/// The master hands over and takes back, in the skew time both ways, whoever the other is.
fn handover(stage: &mut Stage, _: Daemon, other: Daemon) -> Told {
    let mut first = started(stage, &lone(150))?;
    first.wait_log("Entering MASTER STATE", PATIENCE)?;
    let mut second = stage.prepare(1, other, &lone(100))?;
    second.start()?;
    second.wait_log("Entering BACKUP STATE", PATIENCE)?;
    let begun = Instant::now();
    let said = done(&first, &["handover", "V"])?;
    let gave = begun.elapsed();
    ensure!(said.contains("172.16.1.3 is master of V now"), "{said}");
    ensure!(
        !holds_vip(first.host())? && holds_vip(second.host())?,
        "the VIP did not move"
    );
    wait::throughout(Duration::from_secs(2), || {
        Ok(holds_vip(first.host())?.then(|| "it came back by itself".to_owned()))
    })?;
    let status = done(&first, &["status"])?;
    ensure!(status.contains("standing back"), "{status}");
    refused(&first, &["handover", "V"], 1, "not MASTER")?;
    first.configure(lone(151).as_bytes())?;
    done(&first, &["reload"])?;
    ensure!(!holds_vip(first.host())?, "a reload made it forget");
    let begun = Instant::now();
    done(&first, &["handover", "--back", "V"])?;
    let took = begun.elapsed();
    wait::until("the VIP to come back", PATIENCE, || {
        Ok((holds_vip(first.host())? && !holds_vip(second.host())?).then_some(()))
    })?;
    // With nobody there it is master again.
    second.stop()?;
    refused(&first, &["handover", "V"], 1, "nobody took over")?;
    ensure!(holds_vip(first.host())?, "nobody has the VIP");
    Ok(format!(
        "gave it away in {} ms, took it back in {} ms",
        gave.as_millis(),
        took.as_millis()
    ))
}

/// Under load a server is drained, disabled, weighed and enabled; no request fails, and a reload changes nothing of it.
fn drain(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let weight = |director: &Director, server| {
        Ok::<_, anyhow::Error>(Table::read(director.host())?.weight(server))
    };
    let load = Loop::start(
        &stage.client,
        &stage.url(),
        Duration::from_millis(20),
        Duration::from_secs(3),
    );
    let mut open = OpenConnection::open_to(&stage.client, stage.vip(), "web-1")?;
    let server = format!("{}:80", WEB[0]);
    let timed = ask(&director, &["drain", &server, "--wait", "--timeout", "1"])?;
    ensure!(
        timed.status.code() == Some(2) && timed.said.contains("1 connections"),
        "{timed:?}"
    );
    ensure!(weight(&director, WEB[0])? == Some(0), "not drained");
    open.check()
        .context("a drained server keeps its connections")?;
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    ensure!(
        weight(&director, WEB[0])? == Some(0),
        "the reload undid the drain"
    );
    open.check()?;
    let closed = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let ended = done(&director, &["drain", &server, "--wait"]);
            (ended, Instant::now())
        });
        std::thread::sleep(Duration::from_millis(700));
        ensure!(!waiting.is_finished(), "it did not wait");
        open.check()?;
        let closed = Instant::now();
        drop(open);
        let (ended, returned) = match waiting.join() {
            Ok(joined) => joined,
            Err(_) => bail!("the waiting thread panicked"),
        };
        ended?;
        Ok(returned.saturating_duration_since(closed))
    })?;
    let status = done(&director, &["status"])?;
    ensure!(
        status.contains("DRAINED") && status.contains("0 (of 1)"),
        "{status}"
    );
    done(&director, &["disable", &server])?;
    ensure!(
        weight(&director, WEB[0])?.is_none(),
        "a disabled server is in the table"
    );
    let mark = director.mark();
    director.signal(Signal::SIGHUP)?;
    director.wait_log_after(mark, "Reload complete", PATIENCE)?;
    ensure!(
        weight(&director, WEB[0])?.is_none(),
        "the reload undid disable"
    );
    done(
        &director,
        &["weight", &format!("172.16.1.1:80/{server}"), "9"],
    )?;
    ensure!(weight(&director, WEB[0])? == Some(9), "not weighed");
    done(&director, &["enable", &server])?;
    ensure!(weight(&director, WEB[0])? == Some(1), "not enabled");
    let tally = load.take();
    ensure!(
        tally.requests() > 20 && tally.to_string().ends_with("lost 0"),
        "{tally}"
    );
    Ok(format!(
        "{tally}; returned {} ms after the last connection",
        closed.as_millis()
    ))
}
