//! The page for people: whole without a script, readable on a telephone; its script only fetches it anew.

use std::net::SocketAddr;

use bfd::Diagnostic;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::journal::Level;
use crate::status::history::Event;
use crate::status::view::{
    BfdView, CheckView, InstanceState, InstanceView, OperatorView, ServerView, StandingView,
    Status, TrackView, VirtualServerView,
};

/// How it looks.
pub(super) const STYLE: &str = include_str!("page.css");
/// What keeps it up to date.
pub(super) const SCRIPT: &str = include_str!("page.js");
/// In the browser's tab.
pub(super) const ICON: &str = include_str!("icon.svg");

/// Real servers that are shown; of more, the rest is in the JSON.
const SERVERS: usize = 1000;

/// All of it.
pub(super) fn page(status: &Status, events: &[Event]) -> String {
    let host = host();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (verdict(status).1) " · " (host) }
                link rel="icon" type="image/svg+xml" href="icon.svg";
                link rel="stylesheet" href="page.css";
                noscript { meta http-equiv="refresh" content="5"; }
                script src="page.js" defer {}
            }
            body {
                header {
                    h1 { (host) }
                    p.live id="live" { noscript { "every 5 s" } }
                }
                main {
                    (summary(status))
                    (vrrp(status))
                    (sessions(status))
                    (services(status))
                    (self::events(events, status.at_ms))
                }
                footer {
                    p { (status.daemon.version) ", process " (status.daemon.pid) ", " code { (status.daemon.config) } }
                    nav {
                        a href="metrics" { "metrics" } " "
                        a href="status.json" { "JSON" } " "
                        a href="livez" { "livez" } " "
                        a href="readyz" { "readyz" }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn host() -> String {
    let system = nix::sys::utsname::uname();
    system.map_or_else(
        |_| String::new(),
        |system| system.nodename().to_string_lossy().into_owned(),
    )
}

/// A colour by its name, and in words.
type Tone = (&'static str, String);

/// How all of it stands.
fn verdict(status: &Status) -> Tone {
    let lost = status
        .virtual_servers
        .iter()
        .filter(|service| !service.has_quorum && !service.suspended);
    let lost = lost.count();
    let fault = status
        .vrrp
        .instances
        .iter()
        .filter(|one| one.state == InstanceState::Fault);
    let fault = fault.count();
    let down = all_servers(status).filter(|server| !server.up).count();
    if status.kernel_error.is_some() {
        return ("bad", "IPVS cannot be read".to_owned());
    }
    match (lost, fault, down) {
        (0, 0, 0) => ("good", "All is well".to_owned()),
        (0, 0, down) => ("fair", counted(down, "server is down", "servers are down")),
        (0, fault, _) => (
            "bad",
            counted(fault, "instance in FAULT", "instances in FAULT"),
        ),
        (lost, _, _) => ("bad", counted(lost, "quorum is lost", "quorums are lost")),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn all_servers(status: &Status) -> impl Iterator<Item = &ServerView> {
    status
        .virtual_servers
        .iter()
        .flat_map(|service| &service.servers)
}

fn summary(status: &Status) -> Markup {
    let (tone, text) = verdict(status);
    let servers = all_servers(status).count();
    let up = all_servers(status).filter(|server| server.up).count();
    let instances = &status.vrrp.instances;
    let masters = instances
        .iter()
        .filter(|one| one.state == InstanceState::Master)
        .count();
    let connections: u64 = all_servers(status)
        .filter_map(|server| server.active_connections)
        .sum();
    let rate = status
        .virtual_servers
        .iter()
        .filter_map(|service| service.counters);
    let rate: u64 = rate.map(|counters| counters.cps).sum();
    html! {
        section.summary aria-label="Summary" {
            p class={ "verdict " (tone) } { (text) }
            dl {
                @if !instances.is_empty() { (fact("Master of", &format!("{masters} of {}", instances.len()))) }
                @if servers > 0 { (fact("Servers up", &format!("{up} of {servers}"))) }
                @if servers > 0 { (fact("Connections", &connections.to_string())) }
                @if servers > 0 { (fact("New a second", &rate.to_string())) }
                (fact("Running for", &span(status.daemon.uptime_ms)))
                @if let Some(reload) = &status.daemon.last_reload {
                    (fact(
                        if reload.done { "Reloaded" } else { "Reload refused" },
                        &format!("{} ago", span(status.at_ms.saturating_sub(reload.at_ms)))
                    ))
                }
            }
            @if let Some(error) = &status.kernel_error { p.reason { (error) } }
            @if let Some(reason) = status.daemon.last_reload.as_ref().and_then(|reload| reload.reason.as_ref()) {
                p.reason { "The last reload was refused: " (reason) }
            }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn vrrp(status: &Status) -> Markup {
    if status.vrrp.instances.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="vrrp" {
            h2 id="vrrp" { "Virtual addresses" }
            div.cards {
                @for one in &status.vrrp.instances { (instance(one, status.at_ms)) }
            }
        }
    }
}

fn sessions(status: &Status) -> Markup {
    if status.bfd.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="bfd" {
            h2 id="bfd" { "BFD sessions" }
            div.cards {
                @for one in &status.bfd { (session(one, status.at_ms)) }
            }
        }
    }
}

fn session(one: &BfdView, now: u64) -> Markup {
    let tone = if one.is_up() { "good" } else { "bad" };
    html! {
        article.card {
            h3 { (one.name) " " span class={ "badge " (tone) } { (one.state) } }
            p.quiet {
                "with " code { (one.neighbour) }
                @match one.heard_at_ms {
                    Some(at) => { ", which said " (one.remote_state) " " (span(now.saturating_sub(at))) " ago" }
                    None => { ", never heard" }
                }
            }
            p.quiet {
                "went down " (one.downs) " times"
                @if one.detection_time_us > 0 {
                    ", notices in " (one.detection_time_us.div_ceil(1000)) " ms"
                }
            }
            // RFC 5880 section 4.1: with diagnostic 0 there is none.
            @if !one.is_up() && one.diagnostic != Diagnostic::None.to_string() { p.reason { (one.diagnostic) } }
        }
    }
}

fn instance(one: &InstanceView, now: u64) -> Markup {
    let tone = match one.state {
        InstanceState::Master => "good",
        InstanceState::Backup => "calm",
        InstanceState::Init => "fair",
        InstanceState::Fault => "bad",
    };
    html! {
        article.card {
            h3 { (one.name) " " span class={ "badge " (tone) } { (one.state.name()) } }
            ul.addresses {
                @for address in &one.addresses {
                    li { code { (address.address) "/" (address.prefix_len) } " " span.quiet { (address.interface) } }
                }
            }
            p.quiet {
                "for " (span(now.saturating_sub(one.since_ms))) ", priority " (one.effective_priority)
                @if one.effective_priority != one.priority { " (" (one.priority) " configured)" }
                ", id " (one.vrid)
                @if let Some(group) = &one.sync_group { ", group " (group) }
            }
            @if one.standing_back { p.reason { "An operator has it leave mastership to others" } }
            @if let Some(master) = one.master { p.quiet { "master is " code { (master) } } }
            @for peer in &one.peers {
                p.quiet {
                    "heard " code { (peer.address) } ", priority " (peer.priority) ", "
                    (span(now.saturating_sub(peer.last_seen_ms))) " ago"
                }
            }
            @for tracker in &one.trackers { (self::tracker(tracker)) }
        }
    }
}

fn tracker(tracker: &TrackView) -> Markup {
    let (tone, text) = match tracker.standing {
        StandingView::Up => ("good", "up".to_owned()),
        StandingView::Down => ("bad", "down".to_owned()),
        StandingView::Unknown => ("fair", "not known yet".to_owned()),
        StandingView::Number => (
            "calm",
            tracker
                .number
                .map_or_else(String::new, |number| number.to_string()),
        ),
    };
    html! {
        p.tracker {
            (tracker.kind) " " (tracker.name) " " span class={ "word " (tone) } { (text) }
            @if let Some(result) = &tracker.result { " " span.quiet { "(" (result) ")" } }
        }
    }
}

fn services(status: &Status) -> Markup {
    if status.virtual_servers.is_empty() {
        return html! {};
    }
    let mut room = SERVERS;
    let mut shown = Vec::new();
    for service in &status.virtual_servers {
        let some = service
            .servers
            .get(..room.min(service.servers.len()))
            .unwrap_or_default();
        room -= some.len();
        if !some.is_empty() || service.servers.is_empty() {
            shown.push((service, some));
        }
    }
    let hidden = all_servers(status).count().saturating_sub(SERVERS);
    html! {
        section aria-labelledby="services" {
            h2 id="services" { "Virtual servers" }
            @for (service, servers) in shown { (self::service(service, servers, status.at_ms)) }
            @if hidden > 0 {
                p.quiet { (hidden) " more servers are in the " a href="status.json" { "JSON" } "." }
            }
        }
    }
}

fn service(service: &VirtualServerView, servers: &[ServerView], now: u64) -> Markup {
    let (tone, text) = match (service.suspended, service.has_quorum) {
        (true, _) => ("calm", "resting"),
        (false, true) => ("good", "quorum"),
        (false, false) => ("bad", "no quorum"),
    };
    html! {
        article.card.service {
            h3 { code { (service.name) } " " span class={ "badge " (tone) } { (text) } }
            p.quiet {
                (service.scheduler) ", " (service.living_weight) " of weight alive, quorum " (service.quorum)
                @if let Some(seconds) = service.persistence_s { ", persistent for " (seconds) " s" }
                @if let Some(counters) = &service.counters {
                    ", " (counters.cps) " connections a second, " (bytes(counters.bps_in)) "/s in"
                }
            }
            @if let Some(sorry) = &service.sorry {
                p.quiet { "sorry server " code { (sorry.address) } @if sorry.serves { " " strong { "answers now" } } }
            }
            div.servers role="table" aria-label={ "Real servers of " (service.name) } {
                div.head role="row" {
                    @for name in ["Server", "State", "Weight", "Connections", "Checks"] {
                        span role="columnheader" { (name) }
                    }
                }
                @for server in servers { (self::server(&service.name, server, now)) }
            }
        }
    }
}

fn server(service: &str, server: &ServerView, now: u64) -> Markup {
    let (tone, text) = standing(server);
    html! {
        div class={ "row " (tone) } role="row" data-server={ (service) " " (server.address) } {
            code.address role="cell" { (server.address) }
            span role="cell" { span class={ "badge " (tone) } { (text) } }
            span.weight role="cell" {
                @match server.weight {
                    Some(weight) => (weight),
                    None => "–",
                }
                @if server.weight.is_some_and(|weight| weight != server.configured_weight) {
                    span.quiet { " of " (server.configured_weight) }
                }
            }
            span.connections role="cell" {
                @match server.active_connections {
                    Some(active) => span.active { (active) },
                    None => "–",
                }
                @if let Some(counters) = &server.counters { span.quiet { " · " (counters.cps) "/s" } }
            }
            div.checks role="cell" {
                @for check in &server.checks { (self::check(check, server.address, now)) }
                @if server.checks.is_empty() { span.quiet { "none" } }
            }
        }
    }
}

fn standing(server: &ServerView) -> (&'static str, &'static str) {
    match (server.operator, server.up) {
        (Some(OperatorView::Drained), _) => ("calm", "drained"),
        (Some(OperatorView::Disabled), _) => ("calm", "disabled"),
        (_, false) => ("bad", "down"),
        (Some(OperatorView::Weight(_)), true) => ("good", "up, weighed"),
        (None, true) => ("good", "up"),
    }
}

fn check(check: &CheckView, address: SocketAddr, now: u64) -> Markup {
    let seen = match &check.last {
        Some(last) => format!(
            "{}, {}.{} ms",
            last.seen,
            last.took_us / 1000,
            last.took_us % 1000 / 100
        ),
        None => "not tried yet".to_owned(),
    };
    html! {
        div.check {
            span.kind { (check.kind.name()) }
            (bars(&check.recent, &format!("{} of {address}", check.kind.name())))
            span class=(if check.up { "seen" } else { "seen reason" }) { (seen) }
            @if let Some(failure) = check.last_failure.as_ref().filter(|_| check.up) {
                span.quiet { "failed " (span(now.saturating_sub(failure.at_ms))) " ago: " (failure.seen) }
            }
        }
    }
}

/// The last attempts, the newest on the right: short bars for successes, tall ones for failures.
fn bars(recent: &str, of: &str) -> Markup {
    let failed = recent.matches('-').count();
    let title = format!(
        "{of}: {failed} of the last {} attempts failed",
        recent.len()
    );
    let mut drawn = String::new();
    let width = 4 * 32;
    let from = width - 4 * recent.len().min(32);
    for (at, attempt) in recent.chars().enumerate() {
        let x = from + 4 * at;
        // Numbers and words of ours alone.
        drawn.push_str(&match attempt {
            '+' => format!(
                "<rect class=\"good\" x=\"{x}\" y=\"8\" width=\"3\" height=\"8\" rx=\"1\"/>"
            ),
            _ => format!(
                "<rect class=\"bad\" x=\"{x}\" y=\"0\" width=\"3\" height=\"16\" rx=\"1\"/>"
            ),
        });
    }
    html! {
        svg.bars viewBox={ "0 0 " (width) " 16" } width=(width) height="16" role="img" aria-label=(title) {
            title { (title) }
            (PreEscaped(drawn))
        }
    }
}

fn events(events: &[Event], now: u64) -> Markup {
    if events.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="events" {
            h2 id="events" { "What happened" }
            ol.events {
                @for event in events.iter().rev() {
                    li class=(tone(event)) {
                        span.when { (span(now.saturating_sub(event.at_ms))) " ago" }
                        span { (event.text) }
                    }
                }
            }
        }
    }
}

fn tone(event: &Event) -> &'static str {
    match (event.level, event.up) {
        (Level::Error, _) => "bad",
        (_, Some(false)) => "bad",
        (_, Some(true)) => "good",
        (Level::Warning, None) => "fair",
        _ => "",
    }
}

/// A span of time as people say it.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn bytes(count: u64) -> String {
    let mut value = count;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 10_000 {
            break;
        }
        value /= 1000;
        unit = larger;
    }
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_people_do() {
        assert_eq!(span(59_999), "59 s");
        assert_eq!(span(3_599_000), "59 min");
        assert_eq!(span(90 * 60 * 1000), "1 h 30 min");
        assert_eq!(span(72 * 3600 * 1000), "3 d");
        assert_eq!(bytes(9_999), "9999 B");
        assert_eq!(bytes(1_234_567), "1234 kB");
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        let mut status = Status::default();
        status.vrrp.instances.clear();
        status.kernel_error = Some("<script>alert(1)</script>".to_owned());
        let text = page(&status, &[]);
        assert!(!text.contains("<script>alert"), "{text}");
        assert!(text.contains("&lt;script&gt;alert"), "{text}");
        // The policy forbids what is written into the page itself.
        assert!(
            !text.contains("style=") && !text.contains("onclick"),
            "{text}"
        );
    }

    #[test]
    fn attempts_are_bars() {
        let drawn = bars("+-+", "TCP_CHECK").into_string();
        assert_eq!(drawn.matches("class=\"good\"").count(), 2);
        assert_eq!(drawn.matches("class=\"bad\"").count(), 1);
        assert!(drawn.contains("1 of the last 3 attempts failed"));
    }
}
