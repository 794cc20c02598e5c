//! The document as tables for a terminal. Pure: the width comes in.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use super::view::{
    BfdView, CheckView, DaemonView, InstanceState, InstanceView, OperatorView, ServerView,
    StandingView, Status, TrackView, VirtualServerView, VrrpView,
};

/// How it is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Columns; as wide as it gets without.
    pub width: Option<u16>,
    /// Whether there are colours.
    pub colours: bool,
}

/// All of it.
#[must_use]
pub fn text(status: &Status, look: Look) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = whole(&mut text, status, look);
    text
}

fn whole(text: &mut String, status: &Status, look: Look) -> std::fmt::Result {
    heading(text, &status.daemon, status.at_ms)?;
    let VrrpView {
        instances,
        sync_groups,
        trackers,
        ..
    } = &status.vrrp;
    if !instances.is_empty() {
        let mut table = blank(
            look,
            &[
                "INSTANCE",
                "STATE",
                "FOR",
                "PRIO",
                "INTERFACE",
                "ADDRESSES",
                "PEERS",
                "DEPENDS ON",
            ],
        );
        for one in instances {
            table.add_row(instance(one, status.at_ms, look));
        }
        writeln!(text, "\n{table}")?;
    }
    if !sync_groups.is_empty() {
        let mut table = blank(look, &["SYNC GROUP", "STATE", "MEMBERS"]);
        for group in sync_groups {
            let members = group.members.join(" ");
            table.add_row(vec![
                Cell::new(&group.name),
                state(group.state, false, look),
                Cell::new(members),
            ]);
        }
        writeln!(text, "\n{table}")?;
    }
    if !trackers.is_empty() {
        let mut table = blank(look, &["TRACKED", "NAME", "STANDS", "LAST RESULT", "AGO"]);
        for one in trackers {
            table.add_row(vec![
                Cell::new(&one.kind),
                Cell::new(&one.name),
                Cell::new(standing(one)),
                Cell::new(one.result.as_deref().unwrap_or("")),
                Cell::new(
                    one.at_ms
                        .map(|at| span(status.at_ms.saturating_sub(at)))
                        .unwrap_or_default(),
                ),
            ]);
        }
        writeln!(text, "\n{table}")?;
    }
    if !status.bfd.is_empty() {
        let mut table = blank(
            look,
            &[
                "BFD SESSION",
                "STATE",
                "NEIGHBOUR",
                "ITS STATE",
                "HEARD",
                "DETECTS IN",
                "FLAPS",
                "LAST DOWN",
            ],
        );
        for one in &status.bfd {
            table.add_row(session(one, status.at_ms, look));
        }
        writeln!(text, "\n{table}")?;
    }
    if !status.virtual_servers.is_empty() {
        let mut table = blank(
            look,
            &[
                "SERVER", "STATE", "WEIGHT", "ACTIVE", "INACT", "CONN/S", "IN/S", "OUT/S", "FLAPS",
                "CHECKS",
            ],
        );
        for service in &status.virtual_servers {
            table.add_row(vec![virtual_server(service, look)]);
            for one in &service.servers {
                table.add_row(server(one, service.suspended, look));
            }
        }
        writeln!(text, "\n{table}")?;
    }
    if let Some(error) = &status.kernel_error {
        writeln!(text, "\nNo connections and rates: {error}")?;
    }
    Ok(())
}

fn heading(text: &mut String, daemon: &DaemonView, now_ms: u64) -> std::fmt::Result {
    let up = span(daemon.uptime_ms);
    writeln!(
        text,
        "{}, pid {}, up {up}, {}",
        daemon.version, daemon.pid, daemon.config
    )?;
    if let Some(reload) = &daemon.last_reload {
        let ago = span(now_ms.saturating_sub(reload.at_ms));
        match &reload.reason {
            None => writeln!(
                text,
                "Last reload {ago} ago: done in {} ms, {} IPVS entries changed",
                reload.took_ms, reload.changed
            ),
            Some(reason) => writeln!(text, "Last reload {ago} ago: abandoned: {reason}"),
        }?;
    }
    Ok(())
}

fn blank(look: Look, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    if look.colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if let Some(width) = look.width {
        table.set_width(width);
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    let header = header.iter().map(|name| match look.colours {
        true => Cell::new(name).add_attribute(Attribute::Dim),
        false => Cell::new(name),
    });
    table.set_header(header);
    table
}

fn coloured(text: impl ToString, colour: Color, look: Look) -> Cell {
    match look.colours {
        true => Cell::new(text).fg(colour),
        false => Cell::new(text),
    }
}

fn state(state: InstanceState, standing_back: bool, look: Look) -> Cell {
    let colour = match state {
        InstanceState::Master => Color::Green,
        InstanceState::Backup => Color::Blue,
        InstanceState::Init => Color::Yellow,
        InstanceState::Fault => Color::Red,
    };
    let back = if standing_back {
        " (standing back)"
    } else {
        ""
    };
    coloured(format!("{}{back}", state.name()), colour, look)
}

fn instance(one: &InstanceView, now_ms: u64, look: Look) -> Vec<Cell> {
    let priority = match one.priority == one.effective_priority {
        true => one.priority.to_string(),
        false => format!("{} (of {})", one.effective_priority, one.priority),
    };
    let addresses = one.addresses.iter();
    let addresses: Vec<_> = addresses
        .map(|address| format!("{}/{}", address.address, address.prefix_len))
        .collect();
    let peers = one.peers.iter().map(|peer| {
        let ago = now_ms.saturating_sub(peer.last_seen_ms);
        let master = if one.master == Some(peer.address) {
            " master"
        } else {
            ""
        };
        format!(
            "{} prio {}{master}, {} ago",
            peer.address,
            peer.priority,
            span(ago)
        )
    });
    let peers: Vec<_> = peers.collect();
    let trackers = one.trackers.iter();
    let trackers: Vec<_> = trackers
        .map(|track| format!("{} {}", track.name, standing(track)))
        .collect();
    vec![
        Cell::new(&one.name),
        state(one.state, one.standing_back, look),
        Cell::new(span(now_ms.saturating_sub(one.since_ms))),
        Cell::new(priority),
        Cell::new(one.interface.as_deref().unwrap_or("-")),
        Cell::new(addresses.join(" ")),
        Cell::new(peers.join("; ")),
        Cell::new(trackers.join(", ")),
    ]
}

fn session(one: &BfdView, now_ms: u64, look: Look) -> Vec<Cell> {
    let colour = if one.is_up() {
        Color::Green
    } else {
        Color::Red
    };
    let heard = one.heard_at_ms.map_or("never".to_owned(), |at| {
        format!("{} ago", span(now_ms.saturating_sub(at)))
    });
    let detects = match one.detection_time_us {
        0 => "-".to_owned(),
        us => format!("{} ms", us.div_ceil(1000)),
    };
    vec![
        Cell::new(&one.name),
        coloured(&one.state, colour, look),
        Cell::new(one.neighbour),
        Cell::new(&one.remote_state),
        Cell::new(heard),
        Cell::new(detects),
        Cell::new(one.downs),
        Cell::new(&one.diagnostic),
    ]
}

fn standing(track: &TrackView) -> String {
    match track.standing {
        StandingView::Unknown => "unknown".to_owned(),
        StandingView::Up => "up".to_owned(),
        StandingView::Down => "DOWN".to_owned(),
        StandingView::Number => track.number.unwrap_or(0).to_string(),
    }
}

fn virtual_server(service: &VirtualServerView, look: Look) -> Cell {
    let mut line = format!("{} {}", service.name, service.scheduler);
    if let Some(seconds) = service.persistence_s {
        line.push_str(&format!(" persistent {seconds} s"));
    }
    if service.suspended {
        line.push_str(", checks rest");
    }
    let colour = match service.has_quorum {
        true => Color::Reset,
        false => {
            line.push_str(&format!(
                ", NO QUORUM ({} of {})",
                service.living_weight, service.quorum
            ));
            if let Some(sorry) = service.sorry.filter(|sorry| sorry.serves) {
                line.push_str(&format!(", sorry server {} answers", sorry.address));
            }
            Color::Red
        }
    };
    let cell = coloured(line, colour, look);
    if look.colours {
        cell.add_attribute(Attribute::Bold)
    } else {
        cell
    }
}

fn server(one: &ServerView, suspended: bool, look: Look) -> Vec<Cell> {
    let (word, colour) = match (one.operator, one.up) {
        (Some(OperatorView::Disabled), _) => ("DISABLED", Color::Yellow),
        (_, false) => ("DOWN", Color::Red),
        (Some(OperatorView::Drained), true) => ("DRAINED", Color::Yellow),
        (_, true) if suspended => ("up", Color::Reset),
        (_, true) => ("up", Color::Green),
    };
    let weight = match (one.weight, one.operator) {
        (Some(weight), Some(_)) => format!("{weight} (of {})", one.effective_weight),
        (Some(weight), None) => weight.to_string(),
        (None, _) => "-".to_owned(),
    };
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let counters = one.counters.as_ref();
    let checks: Vec<_> = one.checks.iter().map(check).collect();
    vec![
        Cell::new(format!("  {}", one.address)),
        coloured(word, colour, look),
        Cell::new(weight),
        Cell::new(number(one.active_connections)),
        Cell::new(number(one.inactive_connections)),
        Cell::new(number(counters.map(|counters| counters.cps))),
        Cell::new(counters.map_or("-".to_owned(), |counters| bytes(counters.bps_in))),
        Cell::new(counters.map_or("-".to_owned(), |counters| bytes(counters.bps_out))),
        Cell::new(one.downs),
        Cell::new(checks.join("; ")),
    ]
}

fn check(check: &CheckView) -> String {
    let name = check.kind.name();
    let newest = check.recent.char_indices().rev().nth(7);
    let recent = check.recent.get(newest.map_or(0, |(at, _)| at)..);
    let mut text = format!("{name} {}", recent.unwrap_or_default());
    if !check.up
        && let Some(failure) = &check.last_failure
    {
        text.push_str(&format!(" {}", failure.seen));
    }
    text.trim_end().to_owned()
}

/// `3.2M`.
fn bytes(count: u64) -> String {
    let mut rest = count;
    for unit in ["", "K", "M", "G"] {
        if rest < 10_000 {
            return format!("{rest}{unit}");
        }
        rest /= 1000;
    }
    format!("{rest}T")
}

/// `350 ms`, `12 s`, `5 min`, `3 h`, `9 d`.
#[must_use]
pub fn span(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..120_000 => format!("{} s", ms / 1000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Status {
        let status = serde_json::json!({
            "version": 1, "at_ms": 100_000,
            "daemon": {
                "version": "Keepalived v2.4.3 (rkeepalived 0.1.0)", "pid": 7, "started_ms": 0, "uptime_ms": 100_000,
                "config": "/etc/keepalived/keepalived.conf", "reloads": 1, "last_event": 3, "log_level": "info",
                "last_reload": {"at_ms": 40_000, "took_ms": 12, "done": true, "changed": 2, "refused": 0},
            },
            "vrrp": {
                "instances": [{
                    "name": "VI_1", "interface": "eth0", "vrid": 51, "vrrp_version": 2, "state": "MASTER", "since_ms": 90_000,
                    "priority": 100, "effective_priority": 80, "advert_interval_ms": 1000, "standing_back": false,
                    "addresses": [{"address": "10.0.0.1", "prefix_len": 24, "interface": "eth0"}],
                    "trackers": [{"kind": "script", "name": "web", "standing": "down", "weight": -20}],
                    "peers": [{"address": "10.0.0.3", "priority": 90, "adverts": 4, "last_seen_ms": 95_000}],
                    "counters": VrrpCounters::default(),
                }],
                "sync_groups": [], "trackers": [],
            },
            "bfd": [{
                "name": "peer", "neighbour": "10.0.0.3", "state": "Down", "diagnostic": "Control Detection Time Expired",
                "remote_state": "Up", "remote_diagnostic": "No Diagnostic", "transmit_interval_us": 100_000,
                "detection_time_us": 300_500, "heard_at_ms": 97_000, "sent": 9, "received": 8, "ups": 1, "downs": 4,
            }],
            "virtual_servers": [{
                "name": "[10.0.0.1]:tcp:80", "places": ["TCP 10.0.0.1:80"], "scheduler": "wlc", "quorum": 1, "hysteresis": 0,
                "has_quorum": true, "living_weight": 5, "suspended": false,
                "servers": [
                    {
                        "address": "10.0.0.10:80", "up": true, "weight": 0, "configured_weight": 5, "effective_weight": 5,
                        "forwarding": "NAT", "operator": "drained", "ups": 0, "downs": 0,
                        "active_connections": 4, "inactive_connections": 2,
                        "checks": [{"kind": "TCP_CHECK", "up": true, "ups": 0, "downs": 0, "recent": "-++++++++++"}],
                    },
                    {
                        "address": "10.0.0.11:80", "up": false, "configured_weight": 5, "effective_weight": 5,
                        "forwarding": "NAT", "ups": 1, "downs": 2,
                        "checks": [{
                            "kind": "TCP_CHECK", "up": false, "ups": 1, "downs": 2, "recent": "--",
                            "last_failure": {"at_ms": 99_000, "seen": "connection refused"},
                        }],
                    },
                ],
            }],
        });
        serde_json::from_value(status).unwrap()
    }

    use crate::status::view::VrrpCounters;

    #[test]
    fn a_person_finds_state_weight_and_reason_in_one_line() {
        let shown = text(&sample(), Look::default());
        let has = |words: &[&str]| {
            let line = shown.lines().find(|line| line.contains(words[0]));
            let line = line.unwrap_or_else(|| panic!("{} is not in\n{shown}", words[0]));
            for word in words {
                assert!(line.contains(word), "{word} is not in {line}");
            }
        };
        has(&["up 100 s", "pid 7", "/etc/keepalived/keepalived.conf"]);
        has(&["Last reload 60 s ago", "2 IPVS entries"]);
        has(&[
            "VI_1",
            "MASTER",
            "10 s",
            "80 (of 100)",
            "eth0",
            "10.0.0.1/24",
            "10.0.0.3 prio 90, 5 s ago",
            "web DOWN",
        ]);
        has(&[
            "peer",
            "Down",
            "10.0.0.3",
            "Up",
            "3 s ago",
            "301 ms",
            " 4 ",
            "Control Detection Time Expired",
        ]);
        has(&[
            "10.0.0.10:80",
            "DRAINED",
            "0 (of 5)",
            " 4 ",
            " 2 ",
            "TCP_CHECK ++++++++",
        ]);
        has(&[
            "10.0.0.11:80",
            "DOWN",
            " - ",
            "TCP_CHECK -- connection refused",
        ]);
    }

    #[test]
    fn a_narrow_terminal_gets_no_longer_line() {
        let look = Look {
            width: Some(100),
            colours: false,
        };
        let shown = text(&sample(), look);
        let table = shown.lines().skip(3);
        assert!(
            table.clone().all(|line| line.chars().count() <= 100),
            "{shown}"
        );
    }
}
