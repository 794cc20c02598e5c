//! Mistakes in the configuration and around it: each gets a clear message, and what can go on goes on.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use support::client::requests;
use support::config::{PUBLISHED, Role};
use support::daemon::{Daemon, Director, Ended, run_to_end};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Kernel, Story, Told};
use support::table;

/// Exit codes of keepalived(8), as observed.
const FATAL: Option<i32> = Some(1);
const CONFIG: Option<i32> = Some(2);
const MISSING_PERMISSION: Option<i32> = Some(4);
const CONFIG_TEST_FAILED: Option<i32> = Some(5);
const NO_CONFIG: Option<i32> = Some(6);

/// Where each mistake of the published file is, and a word of what has to be said about it.
const PUBLISHED_MISTAKES: [(u32, &str); 4] = [
    (2, "lvs_id"),
    (12, "500"),
    (17, "auth_pass"),
    (27, "persistense_timeout"),
];

pub fn stories() -> Vec<Story> {
    let any = |stories: Vec<Story>| {
        stories
            .into_iter()
            .map(|story| story.on(Kernel::Machine))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    [
        any(Story::each("input/published", published)),
        any(vec![Story::two(
            "input/config-test",
            ours,
            theirs,
            config_test,
        )]),
        any(Story::each("input/missing-file", missing_file)),
        any(Story::each("input/missing-interface", missing_interface)),
        any(Story::each("input/not-root", not_root)),
        Story::each("input/no-ipvs", no_ipvs)
            .into_iter()
            .map(|story| story.on(Kernel::NoIpvs))
            .collect(),
        Story::each("input/another-copy", another_copy),
        Story::each("input/goes-on", goes_on),
    ]
    .concat()
}

/// Runs the daemon in the foreground with more arguments than those that name its files.
fn run(director: &Director, more: &[&str]) -> Result<Ended> {
    let mut arguments: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
    arguments.extend(director.arguments());
    director.run_to_end(&arguments, PATIENCE)
}

/// The published file, tested, gets a report for each of its mistakes.
fn published(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, PUBLISHED)?;
    let Ended { status, said } = run(&director, &["-t"])?;
    ensure!(
        status.code() == CONFIG_TEST_FAILED,
        "-t ended with {status}: {said}"
    );
    for (line, word) in PUBLISHED_MISTAKES {
        let position = match daemon {
            Daemon::Ours => format!("keepalived.conf:{line}:"),
            Daemon::Keepalived => format!("Line {line})"),
        };
        let told = said
            .lines()
            .any(|text| text.contains(&position) && (text.contains(word)));
        ensure!(told, "nothing about `{word}` at {position} in\n{said}");
    }
    if daemon == Daemon::Ours {
        ensure!(
            said.contains("`persistence_timeout`"),
            "no hint at the right word in\n{said}"
        );
        ensure!(
            said.lines().any(|text| text.contains('^')),
            "no caret in\n{said}"
        );
    }
    Ok(format!("{} mistakes", PUBLISHED_MISTAKES.len()))
}

/// `-t` ends the same way on both for all kinds of files.
fn config_test(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    let good = stage
        .blog(b, Role::First)?
        .with("lvs_id LVS_Teste", "router_id LVS_Teste");
    let good = good
        .with("persistense_timeout", "persistence_timeout")
        .with("LvSbAlancer", "LvSbAlan");
    let good = good.with("group {  \n    LVS_Teste  \n", "group {  \n    LVS_Teste  \n LVS_2\n").and(
        "vrrp_instance LVS_2 {\n interface eth1\n virtual_router_id 51\n priority 100\n virtual_ipaddress {\n 172.16.1.8/24\n }\n}",
    );
    let good = good.text();
    let binary = fs::read(std::env::current_exe()?).context("read a binary file")?;
    let binary = binary
        .get(..100_000)
        .context("a longer binary file")?
        .to_vec();
    let cases: [(&str, Vec<u8>); 8] = [
        ("clean", good.into()),
        ("unknown keyword", format!("wibble 3\n{good}").into()),
        (
            "missing brace",
            good.trim_end().trim_end_matches('}').into(),
        ),
        (
            "bad number",
            good.replace("advert_int 1", "advert_int abc").into(),
        ),
        (
            "number out of range",
            good.replace("priority 100", "priority 300").into(),
        ),
        ("missing interface", good.replace("eth1", "nosuch0").into()),
        ("binary file", binary),
        (
            "long line",
            [
                good.as_bytes(),
                b"\n",
                "x".repeat(10_000_000).as_bytes(),
                b"\n",
            ]
            .concat(),
        ),
    ];
    let mut told = Vec::new();
    let (one, other) = (stage.prepare(0, a, "")?, stage.prepare(1, b, "")?);
    for (name, text) in &cases {
        one.configure(text)?;
        other.configure(text)?;
        let (a, b) = (run(&one, &["-t"])?, run(&other, &["-t"])?);
        ensure!(
            a.status.code() == b.status.code(),
            "{name}: {} is not {}:\n{}",
            a.status,
            b.status,
            head(&a.said)
        );
        told.push(format!("{name} {}", b.status.code().unwrap_or(-1)));
    }
    Ok(told.join(", "))
}

/// The first kilobyte.
fn head(text: &str) -> String {
    text.chars().take(1024).collect()
}

fn missing_file(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, "")?;
    fs::remove_file(director.config())?;
    let Ended { status, said } = run(&director, &["-n", "-l"])?;
    ensure!(status.code() == NO_CONFIG, "it ended with {status}: {said}");
    ensure!(
        said.contains("Config files missing") && said.contains("keepalived.conf"),
        "it said {said}"
    );
    Ok(String::new())
}

fn missing_interface(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = stage
        .blog(daemon, Role::First)?
        .with("interface eth1", "interface nosuch0");
    let director = stage.prepare(0, daemon, text.text())?;
    let Ended { status, said } = run(&director, &["-n", "-l", "-P"])?;
    ensure!(status.code() == CONFIG, "it ended with {status}: {said}");
    ensure!(said.contains("nosuch0"), "it said {said}");
    Ok(String::new())
}

/// Without the two capabilities it needs, it says which and ends.
fn not_root(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, stage.blog(daemon, Role::First)?.text())?;
    let mut command: Command = director.host().command("setpriv");
    command
        .arg("--bounding-set=-net_admin,-net_raw")
        .arg(daemon.program()?)
        .args(["-n", "-l", "-P"]);
    command.args(director.arguments());
    let Ended { status, said } = run_to_end(command, director.folder(), PATIENCE)?;
    ensure!(
        status.code() == MISSING_PERMISSION,
        "it ended with {status}: {said}"
    );
    if daemon == Daemon::Ours {
        for capability in ["CAP_NET_ADMIN", "CAP_NET_RAW"] {
            ensure!(said.contains(capability), "no word of {capability}: {said}");
        }
    }
    Ok(String::new())
}

fn no_ipvs(stage: &mut Stage, daemon: Daemon) -> Told {
    let director = stage.prepare(0, daemon, stage.blog(daemon, Role::First)?.text())?;
    let Ended { status, said } = run(&director, &["-n", "-l"])?;
    ensure!(status.code() == FATAL, "it ended with {status}: {said}");
    ensure!(
        said.to_lowercase().contains("ipvs"),
        "no word of IPVS: {said}"
    );
    if daemon == Daemon::Ours {
        ensure!(
            said.contains("modprobe ip_vs"),
            "no hint at the module: {said}"
        );
    }
    // keepalived's parent ends as soon as one child has, and does not always take the other's file away.
    ensure!(
        daemon == Daemon::Keepalived || director.pid_files().is_empty(),
        "it left {:?}",
        director.pid_files()
    );
    Ok(String::new())
}

fn another_copy(stage: &mut Stage, daemon: Daemon) -> Told {
    let mut director = stage.alone(daemon)?;
    let Ended { status, said } = run(&director, &["-n", "-l"])?;
    ensure!(
        status.code() == Some(0),
        "the second copy ended with {status}: {said}"
    );
    ensure!(
        said.contains("daemon is already running"),
        "the second copy said {said}"
    );
    ensure!(director.ended()?.is_none(), "the first copy ended");
    ensure!(
        director.pid_files().len() == 3,
        "of the first copy's pid files are left: {:?}",
        director.pid_files()
    );
    let seen = requests(&stage.client, &stage.url(), 4)?;
    ensure!(!seen.contains(&"-".to_owned()), "lost requests: {seen:?}");
    Ok(String::new())
}

/// Mistakes of every kind in one file; what is right in it works.
fn goes_on(stage: &mut Stage, daemon: Daemon) -> Told {
    let text = stage.blog(daemon, Role::First)?.with(
        "   advert_int 1",
        "   advert_int 1\n   garp_master_delay abc",
    );
    let text = format!("wibble 3\n{}", text.text().trim_end().trim_end_matches('}'));
    let garbage = text.lines().count() + 1;
    let number = text
        .lines()
        .position(|line| line.contains("abc"))
        .context("the bad number")?
        + 1;
    let text = [
        text.trim_end().as_bytes(),
        b"\n",
        // keepalived logs each kilobyte of it, and the story is not about how fast.
        "x".repeat(1_000_000).as_bytes(),
        b"\n\xff\xfe\x00\x01 y\n",
    ]
    .concat();
    let mut director = stage.prepare(0, daemon, "")?;
    director.configure(&text)?;
    director.start()?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    table::wait_for_servers(director.host(), &WEB, PATIENCE)?;
    crate::balance::alternate(&requests(&stage.client, &stage.url(), 4)?)?;
    let log = director.log();
    let garbage = garbage - 1;
    match daemon {
        Daemon::Ours => {
            for (position, word) in [
                ("keepalived.conf:1:1:".to_owned(), "wibble"),
                (format!("keepalived.conf:{number}:"), "abc"),
                (format!("keepalived.conf:{garbage}:"), ""),
            ] {
                let told = log
                    .lines()
                    .any(|line| line.contains(&position) && line.contains(word));
                ensure!(
                    told,
                    "nothing about `{word}` at {position} in\n{}",
                    head(&log)
                );
            }
            ensure!(
                log.contains("missing '}'"),
                "nothing about the missing brace in\n{}",
                head(&log)
            );
            ensure!(
                log.len() < 1_000_000,
                "a log of {} bytes for one bad line",
                log.len()
            );
        }
        Daemon::Keepalived => ensure!(
            log.contains("Unknown keyword 'wibble'"),
            "nothing about `wibble`"
        ),
    }
    Ok(format!("{} bytes of log", log.len()))
}
