//! The checks over the network that are neither web pages nor mere connections: mail, names, datagrams, echoes.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use support::answering::Answering;
use support::config::VIP;
use support::daemon::Daemon;
use support::netns::Netns;
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};
use support::table::View;
use support::wait;

/// `delay_loop`, then `connect_timeout`; and what the test kernel's slowness may add.
const CHANGES: Duration = Duration::from_millis(1000 + 1000 + 1500);

/// The services, each with web-1 behind it, by their ports.
const MAIL: u16 = 25;
const NAMES: u16 = 53;
const ECHO: u16 = 7;
const PING: u16 = 80;
const PING6: u16 = 81;

/// The address of web-1 that echo requests of IPv6 go to, and the director's.
const WEB6: &str = "fd00::10";
const DIRECTOR6: &str = "fd00::2";

/// The director has no way to web-1 over IPv4 but for packets with this mark.
const MARK: u32 = 5;

pub fn stories() -> Vec<Story> {
    Story::each("health/probes", leave_and_return)
}

fn configuration() -> String {
    let service = |port: u16, protocol: &str, check: &str, lines: &str| {
        format!(
            "virtual_server {VIP} {port} {{
                lb_algo rr
                lb_kind DR
                protocol {protocol}
                real_server {} {port} {{
                    {check} {{
                        delay_loop 1
                        connect_timeout 1
                        retry 0
                        warmup 0
                        fwmark {MARK}
                        {lines}
                    }}
                }}
            }}\n",
            WEB[0]
        )
    };
    let ping6 = format!("connect_ip {WEB6}\nbindto {DIRECTOR6}\nbind_if eth1");
    // The first bytes of what is sent where nothing is said are "keepalived"; the third may be anything that begins alike.
    let reply = "require_reply 6b65 6X\nmin_reply_length 32";
    [
        service(MAIL, "TCP", "SMTP_CHECK", "helo_name checker.example.org"),
        service(
            NAMES,
            "UDP",
            "DNS_CHECK",
            "name www.example.org\ntype AAAA\nbindto 172.16.1.2\nbind_port 5300",
        ),
        service(ECHO, "UDP", "UDP_CHECK", reply),
        service(PING, "TCP", "PING_CHECK", ""),
        service(PING6, "TCP", "PING_CHECK", &ping6),
    ]
    .concat()
}

/// Each of them breaks, and its server leaves the table of its service alone; all are repaired, and come back.
fn leave_and_return(stage: &mut Stage, daemon: Daemon) -> Told {
    let add = |host: &Netns, address| {
        host.ip_batch(&format!("address add {address}/64 dev eth1 nodad\n"))
    };
    add(&stage.web[0], WEB6)?;
    add(&stage.director[0], DIRECTOR6)?;
    stage.director[0].ip_batch(&format!(
        "rule add pref 100 fwmark {MARK} lookup main\nrule add pref 101 to {} prohibit\n",
        WEB[0]
    ))?;
    if daemon == Daemon::Keepalived {
        // Its echo requests have no mark.
        stage.director[0].ip_batch("rule add pref 99 ipproto icmp lookup main\n")?;
    }
    let at = |port| SocketAddr::new(IpAddr::V4(WEB[0]), port);
    let web = &stage.web[0];
    let mail = Answering::mail(web, at(MAIL))?;
    let names = Answering::names(web, at(NAMES))?;
    let echo = Answering::echo(web, at(ECHO))?;
    let range = ping_groups(&stage.director[0])?;
    let mut director = stage.prepare(0, daemon, &configuration())?;
    director.start()?;
    for said in [
        "Remote SMTP server [172.16.1.10]:tcp:25 succeed on service.",
        "UDP connection to [172.16.1.10]:udp:7 success.",
        "ICMP connection to [172.16.1.10]:tcp:80 success.",
        "ICMP connection to [172.16.1.10]:tcp:81 success.",
    ] {
        director.wait_log(said, PATIENCE)?;
    }
    wait_for(director.host(), &[ECHO, MAIL, NAMES, PING, PING6], PATIENCE)?;
    let widened = ping_groups(director.host())?;
    ensure!(widened == "0\t0", "ping_group_range is {widened:?}");

    let mut longest = Duration::ZERO;
    let mut leaves = |broken: &dyn Fn() -> Result<()>, left: &[u16], said: &str| -> Result<()> {
        let start = Instant::now();
        broken()?;
        wait_for(director.host(), left, CHANGES)?;
        longest = longest.max(start.elapsed());
        director.wait_log(said, PATIENCE).map(|_line| ())
    };
    let unwell = |server: &Answering| {
        server.set_well(false);
        Ok(())
    };
    let mute = |family, mute| {
        let name = match family {
            4 => "ipv4/icmp_echo_ignore_all",
            _ => "ipv6/icmp/echo_ignore_all",
        };
        web.sysctl(&[(name, mute)])
    };
    leaves(
        &|| unwell(&mail),
        &[ECHO, NAMES, PING, PING6],
        "SMTP_CHECK ",
    )?;
    let said = "DNS_CHECK ([172.16.1.10]:udp:53)";
    leaves(&|| unwell(&names), &[ECHO, PING, PING6], said)?;
    let said = "UDP_CHECK on service [172.16.1.10]:udp:7 failed";
    leaves(&|| unwell(&echo), &[PING, PING6], said)?;
    let said = "ICMP CHECK on service [172.16.1.10]:tcp:80 failed";
    leaves(&|| mute(4, "1"), &[PING6], said)?;
    let said = "ICMP CHECK on service [172.16.1.10]:tcp:81 failed";
    leaves(&|| mute(6, "1"), &[], said)?;

    let start = Instant::now();
    for server in [&mail, &names, &echo] {
        server.set_well(true);
    }
    mute(4, "0")?;
    mute(6, "0")?;
    wait_for(director.host(), &[ECHO, MAIL, NAMES, PING, PING6], CHANGES)
        .context("not all come back")?;
    let back = start.elapsed();
    director.stop()?;
    let after = ping_groups(&stage.director[0])?;
    ensure!(
        after == range,
        "ping_group_range was {range:?}, is {after:?} after the stop"
    );
    Ok(format!(
        "left after {:.1} s at most, all back after {:.1} s",
        longest.as_secs_f64(),
        back.as_secs_f64()
    ))
}

/// Waits until exactly the services on these ports have a server.
fn wait_for(host: &Netns, ports: &[u16], limit: Duration) -> Result<()> {
    let mut view = View::open(host)?;
    let mut last = Vec::new();
    wait::until("the table", limit, || {
        let services = view.read()?.0;
        let served = services
            .iter()
            .filter(|service| !service.destinations.is_empty());
        last = served.map(|service| service.address.port()).collect();
        last.sort_unstable();
        Ok((last == ports).then_some(()))
    })
    .with_context(|| format!("expected servers on the ports {ports:?}, found them on {last:?}"))
}

/// Who may send echo requests there.
fn ping_groups(host: &Netns) -> Result<String> {
    let text = host.run(|| Ok(fs::read_to_string("/proc/sys/net/ipv4/ping_group_range")?))?;
    Ok(text.trim().to_owned())
}
