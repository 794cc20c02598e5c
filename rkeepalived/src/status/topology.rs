//! The virtual servers as they stand, in the form of `keepalived_check.data` (SIGUSR1). Labels are keepalived's; what is
//! ours alone comes after them: how often each server and each check came and went, and what was seen last.

use std::collections::BTreeMap;
use std::fmt::{Display, Result, Write};
use std::sync::Arc;

use checkers::{Health, Probe};
use ipvs_netlink::{Forwarding, ServiceKey};

use crate::lvs::live::LiveService;
use crate::lvs::server::{LiveCheck, LiveServer, Turns};
use crate::lvs::wanted::{Scripts, ServiceName, WantedCheck, WantedServer};
use crate::notify::Script;

/// All of them, with their checks and the files that they track.
#[must_use]
pub fn text(services: &[Arc<LiveService>]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = topology(&mut text, services);
    text
}

fn topology(text: &mut String, services: &[Arc<LiveService>]) -> Result {
    writeln!(text, "------< LVS Topology >------")?;
    for live in services {
        service(text, live)?;
    }
    writeln!(text, "------< Health checkers >------")?;
    for live in services {
        for (server, wanted) in live.pairs() {
            for (check, wanted_check) in server.checks.iter().zip(&wanted.checks) {
                heading(text, live, wanted)?;
                checker(text, live, check, wanted_check)?;
            }
            for file in &wanted.files {
                heading(text, live, wanted)?;
                writeln!(text, "   Keepalive method = FILE_CHECK")?;
                writeln!(text, "     Tracked file = {}", file.name)?;
            }
        }
    }
    files(text, services)
}

fn heading(text: &mut String, live: &LiveService, wanted: &WantedServer) -> Result {
    let name = &live.wanted.name;
    writeln!(text, " {name} -> {}", name.server(wanted.address))
}

fn service(text: &mut String, live: &LiveService) -> Result {
    let wanted = &live.wanted;
    writeln!(text, " ------< Virtual server >------")?;
    let protocol = match &wanted.name {
        ServiceName::Socket(protocol, address) => {
            let (ip, port) = (address.ip(), address.port());
            writeln!(text, " VS VIP = {ip}, VPORT = {port}")?;
            protocol.to_string()
        }
        ServiceName::Fwmark(_, mark) => {
            writeln!(text, " VS FWMARK = {mark}")?;
            "none".to_owned()
        }
        ServiceName::Group { name, protocol, .. } => {
            writeln!(text, " VS GROUP = {name}")?;
            for place in &wanted.places {
                let what = match place {
                    ServiceKey::Socket(..) => "VIP",
                    ServiceKey::Fwmark(..) => "FWMARK",
                };
                writeln!(text, "   {what} = {place}")?;
            }
            protocol.map_or("none".to_owned(), |protocol| protocol.to_string())
        }
    };
    writeln!(text, "   lvs_sched = {}", wanted.spec.scheduler)?;
    if let Some(persistence) = &wanted.spec.persistence {
        writeln!(text, "   persistence timeout = {}", persistence.timeout)?;
    }
    writeln!(text, "   protocol = {protocol}")?;
    writeln!(text, "   omega is {}", on(wanted.omega))?;
    let (quorum, hysteresis) = (wanted.quorum, wanted.hysteresis);
    writeln!(text, "   quorum = {quorum}, hysteresis = {hysteresis}")?;
    scripts(text, "   Quorum", &wanted.scripts)?;
    if let Some(sorry) = &wanted.sorry {
        writeln!(
            text,
            "   sorry server = {}",
            wanted.name.server(sorry.address)
        )?;
        writeln!(
            text,
            "     forwarding method = {}",
            method(&sorry.spec.forwarding)
        )?;
        writeln!(text, "     Inhibit on failure is {}", on(sorry.inhibit))?;
    }
    writeln!(text, "   alive = 1")?;
    writeln!(text, "   quorum_state_up = {}", u8::from(live.has_quorum))?;
    if wanted.ha_suspend {
        writeln!(text, "   Checkers suspended = {}", yes(live.suspended))?;
    }
    writeln!(text, "   Living weight = {}", live.living_weight())?;
    for (server, wanted) in live.pairs() {
        real_server(text, server, wanted)?;
    }
    Ok(())
}

fn real_server(text: &mut String, live: &LiveServer, wanted: &WantedServer) -> Result {
    let (rank, spec) = (live.rank(wanted), &wanted.spec);
    let failed = live.checks.iter();
    let failed = failed.filter(|check| check.health == Health::Down).count();
    writeln!(text, "   ------< Real server >------")?;
    writeln!(
        text,
        "   RIP = {}, RPORT = {}, WEIGHT = {} EFF WEIGHT = {}",
        wanted.address.ip(),
        wanted.address.port(),
        spec.weight,
        rank.weight
    )?;
    writeln!(text, "   forwarding method = {}", method(&spec.forwarding))?;
    let (from, to) = (spec.lower_threshold, spec.upper_threshold);
    writeln!(text, "   connection limit range = {from} -> {to}")?;
    writeln!(text, "   Inhibit on failure is {}", on(wanted.inhibit))?;
    scripts(text, "     RS", &wanted.scripts)?;
    writeln!(text, "   initial weight = {}", spec.weight)?;
    writeln!(text, "   effective weight = {}", rank.weight)?;
    writeln!(text, "   alive = {}", u8::from(rank.alive))?;
    writeln!(text, "   num failed checkers = {failed}")?;
    turns(text, &live.turns)?;
    if !wanted.files.is_empty() {
        writeln!(text, "   Tracked Files")?;
    }
    for file in &wanted.files {
        let reverse = if file.weight.reverse { " reverse" } else { "" };
        writeln!(
            text,
            "     {}, weight {}{reverse}",
            file.name, file.weight.factor
        )?;
    }
    Ok(())
}

fn checker(
    text: &mut String,
    service: &LiveService,
    live: &LiveCheck,
    wanted: &WantedCheck,
) -> Result {
    let timing = &wanted.timing;
    writeln!(text, "   Enabled = {}", yes(!service.suspended))?;
    writeln!(text, "   Up = {}", yes(live.health == Health::Up))?;
    if let Some(weight) = live.dynamic_weight {
        writeln!(text, "   Current weight = {weight}")?;
    }
    writeln!(text, "   Alpha = {}", yes(timing.alpha))?;
    writeln!(text, "   Delay loop = {} us", timing.delay_loop.as_micros())?;
    writeln!(text, "   Warmup = {} us", timing.warmup.as_micros())?;
    writeln!(text, "   Retries = {}", timing.retry)?;
    let delay = timing.delay_before_retry.as_micros();
    writeln!(text, "   Delay before retry = {delay} us")?;
    writeln!(text, "   Log all failures = {}", yes(wanted.log_all))?;
    let method = match wanted.probe.as_ref() {
        Probe::Tcp(_) => "TCP_CHECK",
        Probe::Http(http) if http.tls.is_some() => "SSL_GET",
        Probe::Http(_) => "HTTP_GET",
        Probe::Misc(_) => "MISC_CHECK",
        Probe::Smtp(_) => "SMTP_CHECK",
        Probe::Dns(_) => "DNS_CHECK",
        Probe::Udp(_) => "UDP_CHECK",
        Probe::Ping(_) => "PING_CHECK",
    };
    writeln!(text, "   Keepalive method = {method}")?;
    if let Probe::Misc(misc) = wanted.probe.as_ref() {
        let script = Script {
            argv: misc.command.clone(),
            user: misc.user,
        };
        writeln!(text, "   script = {script}")?;
        writeln!(
            text,
            "   dynamic = {}",
            if misc.dynamic { "YES" } else { "NO" }
        )?;
    }
    turns(text, &live.turns)?;
    if let Some(seen) = &live.last_failure {
        writeln!(text, "   Last failure = {seen}")?;
    }
    Ok(())
}

fn files(text: &mut String, services: &[Arc<LiveService>]) -> Result {
    let mut files: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
    for live in services {
        let name = &live.wanted.name;
        for (server, wanted) in live.pairs() {
            for (file, number) in wanted.files.iter().zip(&server.numbers) {
                let lines = files.entry(file.name.clone()).or_insert_with(|| {
                    let path = file.path.display();
                    vec![
                        format!("   File = {path}"),
                        format!("   Status = {number}"),
                        "   Tracking instances :".to_owned(),
                    ]
                });
                let (server, weight) = (name.server(wanted.address), file.weight.factor);
                lines.push(format!("     {name} -> {server}, weight {weight}"));
            }
        }
    }
    if files.is_empty() {
        return Ok(());
    }
    writeln!(text, "------< Checker track files >------")?;
    for (name, lines) in files {
        writeln!(text, " Track file = {name}")?;
        lines.iter().try_for_each(|line| writeln!(text, "{line}"))?;
    }
    Ok(())
}

fn scripts(text: &mut String, whose: &str, scripts: &Scripts) -> Result {
    let user = |script: &Script| match script.user {
        Some((user, group)) => format!(", uid:gid {user}:{group}"),
        None => String::new(),
    };
    for (what, script) in [("up", &scripts.up), ("down", &scripts.down)] {
        if let Some(script) = script {
            writeln!(
                text,
                "{whose} {what} notify script = {script}{}",
                user(script)
            )?;
        }
    }
    Ok(())
}

fn turns(text: &mut String, turns: &Turns) -> Result {
    writeln!(
        text,
        "   Went up = {}, went down = {}",
        turns.ups, turns.downs
    )
}

fn method(forwarding: &Forwarding) -> impl Display {
    match forwarding {
        Forwarding::Masquerade => "NAT",
        Forwarding::DirectRoute => "DR",
        Forwarding::Tunnel(_) => "TUN",
        _ => "other",
    }
}

fn on(yes: bool) -> &'static str {
    if yes { "ON" } else { "OFF" }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use checkers::{CheckId, Failure, Outcome, Report};

    use super::*;
    use crate::lvs::pool::Pool;
    use crate::plan::tests::planned;

    const FILE: &str = "
        track_file load {
            file /run/load
            weight 2
        }
        virtual_server 10.0.0.1 80 {
            lb_algo rr
            lb_kind NAT
            delay_loop 1
            protocol TCP
            sorry_server 10.0.0.99 80
            quorum_down \"/usr/bin/env down\"
            real_server 10.0.0.10 80 {
                weight 5
                inhibit_on_failure
                FILE_CHECK {
                    track_file load
                }
                TCP_CHECK {
                    log_all_failures
                }
            }
        }";

    // The labels are those that keepalived 2.2.7 writes; `Living weight`, `Went up` and `Last failure` are ours.
    #[test]
    fn a_server_that_flaps_shows() {
        let mut pool = Pool::default();
        let _ = pool.configure(planned(FILE).services);
        let id = pool.checks().first().map_or(CheckId(0), |check| check.id);
        for change in [Health::Down, Health::Up, Health::Down] {
            let outcome = match change {
                Health::Up => Outcome::Success(checkers::Evidence::Connected),
                Health::Down => Outcome::Failure(Failure::Refused),
            };
            let _ = pool.handle(&Report {
                id,
                outcome,
                change: Some(change),
                attempt: 1,
                retry: 0,
                elapsed: std::time::Duration::ZERO,
                dynamic_weight: None,
            });
        }
        let _ = pool.read(std::path::Path::new("/run/load"), 3);
        let shown = text(pool.services());
        for lines in [
            "------< LVS Topology >------\n ------< Virtual server >------\n VS VIP = 10.0.0.1, VPORT = 80\n",
            "   quorum = 1, hysteresis = 0\n   Quorum down notify script = '/usr/bin/env' 'down'",
            "   sorry server = [10.0.0.99]:tcp:80\n     forwarding method = NAT\n     Inhibit on failure is OFF\n",
            "   quorum_state_up = 0\n   Living weight = 0\n   ------< Real server >------\n",
            "   RIP = 10.0.0.10, RPORT = 80, WEIGHT = 5 EFF WEIGHT = 11\n",
            "   initial weight = 5\n   effective weight = 11\n   alive = 0\n   num failed checkers = 1\n",
            "   Went up = 1, went down = 2\n   Tracked Files\n     load, weight 2\n",
            "------< Health checkers >------\n [10.0.0.1]:tcp:80 -> [10.0.0.10]:tcp:80\n   Enabled = yes\n   Up = no\n",
            "   Log all failures = yes\n   Keepalive method = TCP_CHECK\n   Went up = 1, went down = 2\n   Last failure = connection refused\n",
            "------< Checker track files >------\n Track file = load\n   File = /run/load\n   Status = 3\n",
        ] {
            assert!(shown.contains(lines), "{lines}\nis not in\n{shown}");
        }
    }
}
