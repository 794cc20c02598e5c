//! A page asked for and compared, servers that stay with weight 0, and a page of the director's own (ldirectord).

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, ensure};
use support::client::requests;
use support::config::VIP;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::wait;

use super::{SOON, behind_the_director, lines, wait_for_table, web_server, with};

const CONFIG: &str = include_str!("../../config/fallback.conf");
/// The fallbackcommand in it.
const COMMAND: &str = "/etc/init.d/apache2";
/// What ldirectord.cf says, in ipvsadm's words.
const TABLE: &str = "
-A -t 172.16.1.1:80 -s rr
-a -t 172.16.1.1:80 -r 10.240.0.20:80 -m -w 1
-a -t 172.16.1.1:80 -r 10.240.0.21:80 -m -w 1
-a -t 172.16.1.1:80 -r 10.240.1.20:80 -m -w 1
-a -t 172.16.1.1:80 -r 10.240.1.21:80 -m -w 1
";
/// quiescent=yes: who fails stays, and gets no new client. For the kernel the director itself is local, whatever the method.
const FALLBACK: &str = "-a -t 172.16.1.1:80 -r 127.0.0.1:80 -g -w 1";

pub fn stories() -> Vec<Story> {
    Story::each("seeds/fallback", fallback)
}

fn fallback(stage: &mut Stage, daemon: Daemon) -> Told {
    behind_the_director(
        stage,
        Some("10.240.0.1/16"),
        [
            &["10.240.0.20/16", "10.240.0.21/16"],
            &["10.240.1.20/16", "10.240.1.21/16"],
        ],
        "10.240.0.1",
    )?;
    let [director, _] = &stage.director;
    director.ip_batch(&format!("address add {VIP}/32 dev eth1\n"))?;
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80);
    let page = Some(("/index.html", "Sorry.\n"));
    let _sorry = web_server(stage.folder(), director, any, "sorry", page)?;
    let [one, two] = &stage.web;
    let mut web = Vec::new();
    for (host, subnet, last) in [(one, 0, 20), (one, 0, 21), (two, 1, 20), (two, 1, 21)] {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 240, subnet, last), 80);
        let name = format!("{subnet}.{last}");
        let server = web_server(
            stage.folder(),
            host,
            address,
            &name,
            Some(("/index.html", "")),
        )?;
        server.page("/.testpage", "This is the test page.\n")?;
        web.push(server);
    }
    let (command, told) = (stage.folder().join("apache2"), stage.folder().join("told"));
    fs::write(
        &command,
        format!("#!/bin/sh\necho $1 >>{}\n", told.display()),
    )?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
    let text = with(CONFIG, &[(COMMAND, &command.display().to_string())])?;
    let heard = |wanted: &str| {
        let mut heard = String::new();
        wait::until("the fallback command", SOON, || {
            heard = fs::read_to_string(&told).unwrap_or_default();
            Ok((heard == wanted).then_some(()))
        })
        .with_context(|| format!("it should have heard {wanted:?}, and has {heard:?}"))
    };
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let all = lines(TABLE);
    wait_for_table(&director, &all, PATIENCE)?;
    let url = format!("http://{VIP}/index.html");
    let mut seen = requests(&stage.client, &url, 4)?;
    seen.sort_unstable();
    ensure!(
        seen == ["0.20", "0.21", "1.20", "1.21"],
        "in turn: {seen:?}"
    );

    let quiet = |name: &str| -> Vec<String> {
        let address = format!("10.240.{name}:80 -m -w 1");
        let still = format!("10.240.{name}:80 -m -w 0");
        all.iter()
            .map(|line| line.replace(&address, &still))
            .collect()
    };
    let [first, rest @ ..] = web.as_slice() else {
        return Ok(String::new());
    };
    first.page("/.testpage", "Database error.\n")?;
    wait_for_table(&director, &quiet(first.name()), SOON).context("one shows an error")?;
    let seen = requests(&stage.client, &url, 6)?;
    ensure!(
        !seen
            .iter()
            .any(|server| server == first.name() || server == "-"),
        "{} is quiet: {seen:?}",
        first.name()
    );

    for server in rest {
        server.page("/.testpage", "Database error.\n")?;
    }
    let mut none: Vec<_> = all
        .iter()
        .map(|line| line.replace("-m -w 1", "-m -w 0"))
        .collect();
    none.push(FALLBACK.to_owned());
    wait_for_table(&director, &none, SOON).context("all show an error")?;
    let seen = requests(&stage.client, &url, 2)?;
    ensure!(seen.iter().all(|server| server == "sorry"), "{seen:?}");
    heard("stop\nstart\n")?;

    for server in &web {
        server.page("/.testpage", "This is the test page.\n")?;
    }
    wait_for_table(&director, &all, SOON).context("all are well again")?;
    heard("stop\nstart\nstop\n")?;
    let mut seen = requests(&stage.client, &url, 4)?;
    seen.sort_unstable();
    ensure!(
        seen == ["0.20", "0.21", "1.20", "1.21"],
        "in turn again: {seen:?}"
    );
    Ok(String::new())
}
