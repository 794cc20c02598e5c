//! A web farm behind a director that masquerades, with persistence (Piranha).

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, ensure};
use support::client::requests;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage};
use support::story::{Story, Told};
use support::wait;
use support::web::Mood;

use super::{SOON, behind_the_director, lines, wait_for_table, web_server, with};

const CONFIG: &str = include_str!("../../config/farm.conf");
/// What lvs.cf says, in ipvsadm's words.
const TABLE: &str = "
-A -t 10.23.8.80:80 -s wlc -p 600
-a -t 10.23.8.80:80 -r 172.18.1.11:80 -m -w 100
-a -t 10.23.8.80:80 -r 172.18.1.12:80 -m -w 100
-a -t 10.23.8.80:80 -r 172.18.1.13:80 -m -w 100
";

pub fn stories() -> Vec<Story> {
    Story::each("seeds/web-farm", farm)
}

fn farm(stage: &mut Stage, daemon: Daemon) -> Told {
    behind_the_director(
        stage,
        None,
        [&["172.18.1.11/24", "172.18.1.13/24"], &["172.18.1.12/24"]],
        "172.18.1.254",
    )?;
    let [director, _] = &stage.director;
    director.ip_batch("address add 10.23.8.1/24 dev eth1\naddress add 172.18.1.1/24 dev eth1\n")?;
    stage
        .client
        .ip_batch("address add 10.23.8.100/24 dev eth1\n")?;
    let [one, two] = &stage.web;
    let mut web = Vec::new();
    for (host, last) in [(one, 11), (two, 12), (one, 13)] {
        let address = SocketAddrV4::new(Ipv4Addr::new(172, 18, 1, last), 80);
        let name = format!("webserver{}", last - 10);
        web.push(web_server(
            stage.folder(),
            host,
            address,
            &name,
            Some(("/index.html", "")),
        )?);
    }
    // Faster than it was, so that the story need not wait; and the lab's hosts have one interface.
    let text = with(
        CONFIG,
        &[
            ("eth0", "eth1"),
            ("advert_int 4", "advert_int 1"),
            ("delay_loop 6", "delay_loop 1"),
            ("connect_timeout 6", "connect_timeout 3"),
        ],
    )?;
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let all = lines(TABLE);
    wait_for_table(&director, &all, PATIENCE)?;
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    wait::until("the addresses of both sides", SOON, || {
        let there = director.host().addresses()?;
        let has = |address: &str| there.iter().any(|one| one.ends_with(address));
        Ok((has("10.23.8.80/32") && has("172.18.1.254/24")).then_some(()))
    })?;
    // `/` is not there: 404 is HTTP too, which is all that the published check expects.
    let url = "http://10.23.8.80/index.html";
    let seen = requests(&stage.client, url, 4)?;
    let mine = seen.first().cloned().unwrap_or_default();
    ensure!(
        mine != "-" && seen.iter().all(|server| *server == mine),
        "persistence: {seen:?}"
    );
    let server = web
        .iter()
        .find(|server| server.name() == mine)
        .context("nobody's answer")?;
    let address = format!("172.18.1.1{}:80", mine.trim_start_matches("webserver"));

    // keepalived takes any number behind a space for a status, and that garbage has one.
    server.mood(match daemon {
        Daemon::Ours => Mood::Garbage,
        Daemon::Keepalived => Mood::Reset,
    })?;
    let less: Vec<_> = all
        .iter()
        .filter(|line| !line.contains(&address))
        .cloned()
        .collect();
    wait_for_table(&director, &less, SOON).context("one talks no HTTP any more")?;
    let seen = requests(&stage.client, url, 4)?;
    let other = seen.first().cloned().unwrap_or_default();
    ensure!(
        other != "-" && other != mine && seen.iter().all(|server| *server == other),
        "{mine} is broken: {seen:?}"
    );
    server.mood(Mood::Serve)?;
    wait_for_table(&director, &all, SOON).context("it talks HTTP again")?;
    let seen = requests(&stage.client, url, 2)?;
    ensure!(
        seen.iter().all(|server| *server == other),
        "the client has moved to {other} and should stay: {seen:?}"
    );
    Ok(String::new())
}
