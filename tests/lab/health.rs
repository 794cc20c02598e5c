//! The health checks at work: servers that fail leave the kernel's table and come back, and nothing else is touched.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::client::{OpenConnection, requests};
use support::config::PAGE;
use support::daemon::Daemon;
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::table;
use support::web::Mood;

use crate::balance::alternate;

/// The published file's `delay_loop`, then `connect_timeout` for the check that fails first, then the one retry:
/// its delay of 3 s and its own `connect_timeout`.
const LEAVES: Duration = Duration::from_secs(1 + 1 + 3 + 1);
/// The next check is at most the delay before a retry away, and has `connect_timeout` to succeed.
const RETURNS: Duration = Duration::from_secs(3 + 1);
/// What the test kernel's slowness may add.
const SLACK: Duration = Duration::from_millis(500);

pub fn stories() -> Vec<Story> {
    [
        Story::each("health/stopped-server", |stage, daemon| {
            let stop = |stage: &mut Stage| {
                stage.servers[0].kill();
                Ok(())
            };
            leaves_and_returns(stage, daemon, stop, |stage| {
                stage.servers[0].start(&stage.web[0])
            })
        }),
        Story::each("health/changed-page", |stage, daemon| {
            leaves_and_returns(
                stage,
                daemon,
                |stage| {
                    stage.servers[0].page(PAGE, "<html><body>This is not web-1.</body></html>\n")
                },
                |stage| stage.servers[0].page(PAGE, &Stage::page_of("web-1")),
            )
        }),
        Story::each("health/mute-server", |stage, daemon| {
            leaves_and_returns(
                stage,
                daemon,
                |stage| stage.servers[0].mood(Mood::Mute),
                |stage| stage.servers[0].mood(Mood::Serve),
            )
        }),
        Story::each("health/tcp-and-script", tcp_and_script),
        Story::each("health/searched-pages", searched_pages),
        // Only ours: keepalived waits anew after every byte, so that there such a server may stay for long.
        vec![Story::one(
            "health/dripping-server",
            Daemon::Ours,
            |stage, daemon| {
                leaves_and_returns(
                    stage,
                    daemon,
                    |stage| stage.servers[0].mood(Mood::Drip),
                    |stage| stage.servers[0].mood(Mood::Serve),
                )
            },
        )],
    ]
    .concat()
}

/// Breaks web-1, expects it to leave in time; repairs it, expects it back; all the while web-2 and a connection
/// through it live on.
fn leaves_and_returns(
    stage: &mut Stage,
    daemon: Daemon,
    broken: impl FnOnce(&mut Stage) -> Result<()>,
    repaired: impl FnOnce(&mut Stage) -> Result<()>,
) -> Told {
    let director = stage.alone(daemon)?;
    let mut neighbour = OpenConnection::open_to(&stage.client, stage.vip(), "web-2")?;
    let start = Instant::now();
    broken(stage)?;
    table::wait_for_servers(director.host(), &WEB[1..], LEAVES + SLACK)
        .context("the broken server stays")?;
    let left = start.elapsed();
    neighbour.check()?;
    let seen = requests(&stage.client, &stage.url(), 4)?;
    ensure!(
        seen.iter().all(|server| server == "web-2"),
        "only web-2 should answer, but: {seen:?}"
    );
    let start = Instant::now();
    repaired(stage)?;
    table::wait_for_servers(director.host(), &WEB, RETURNS + SLACK)
        .context("the repaired server stays away")?;
    let back = start.elapsed();
    neighbour.check()?;
    alternate(&requests(&stage.client, &stage.url(), 4)?)?;
    Ok(format!(
        "left after {:.1} s, back after {:.1} s",
        left.as_secs_f64(),
        back.as_secs_f64()
    ))
}

/// Two servers that are checked otherwise: by a connection, and by a script that looks for a file.
fn tcp_and_script(stage: &mut Stage, daemon: Daemon) -> Told {
    let flag = stage.folder().join("web-2-is-well");
    fs::write(&flag, "")?;
    let text = format!(
        "virtual_server 172.16.1.1 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server {} 80 {{
                TCP_CHECK {{
                    connect_timeout 1
                }}
            }}
            real_server {} 80 {{
                MISC_CHECK {{
                    misc_path \"/usr/bin/test -e {}\"
                }}
            }}
        }}\n",
        WEB[0],
        WEB[1],
        flag.display()
    );
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    table::wait_for_servers(director.host(), &WEB, PATIENCE)?;
    stage.servers[0].kill();
    table::wait_for_servers(director.host(), &WEB[1..], LEAVES + SLACK)
        .context("the stopped server stays")?;
    stage.servers[0].start(&stage.web[0])?;
    table::wait_for_servers(director.host(), &WEB, RETURNS + SLACK)
        .context("the started server stays away")?;
    fs::remove_file(&flag)?;
    table::wait_for_servers(director.host(), &WEB[..1], LEAVES + SLACK)
        .context("the server whose script fails stays")?;
    fs::write(&flag, "")?;
    table::wait_for_servers(director.host(), &WEB, RETURNS + SLACK)
        .context("the server whose script succeeds stays away")?;
    Ok(String::new())
}

/// A page that has to have one thing and must not have another; both are asked for in turn, at once after a failure.
fn searched_pages(stage: &mut Stage, daemon: Daemon) -> Told {
    let check = format!(
        "HTTP_GET {{
            connect_timeout 1
            retry 1
            delay_before_retry 1
            fast_recovery
            url {{
                path {PAGE}
                regex \"this is [a-z]+-[0-9]\"
                regex_options caseless
            }}
            url {{
                path {PAGE}
                regex \"Maintenance\"
                regex_no_match
            }}
        }}"
    );
    let text = format!(
        "virtual_server 172.16.1.1 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server {} 80 {{
                {check}
            }}
            real_server {} 80 {{
                {check}
            }}
        }}\n",
        WEB[0], WEB[1],
    );
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    table::wait_for_servers(director.host(), &WEB, PATIENCE)?;
    for (page, what) in [
        ("<html><body>Nothing here.</body></html>\n", "that lacks it"),
        (
            "<html><body>This is web-1: Maintenance</body></html>\n",
            "that has it",
        ),
    ] {
        stage.servers[0].page(PAGE, page)?;
        // Its page may be the second one's turn, and is then asked for a second time.
        table::wait_for_servers(director.host(), &WEB[1..], LEAVES + SLACK)
            .with_context(|| format!("the server with the page {what} stays"))?;
        stage.servers[0].page(PAGE, &Stage::page_of("web-1"))?;
        table::wait_for_servers(director.host(), &WEB, RETURNS + SLACK)
            .with_context(|| format!("after the page {what} the server stays away"))?;
    }
    Ok(String::new())
}
