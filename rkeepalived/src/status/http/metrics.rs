//! The status as metrics. What keepalived-exporter (of mehdy) has is named and labelled as there, so that its dashboards and alerts
//! go on; the rest begins with `rkeepalived_`.

use super::exposition::{Exposition, Form, Kind, labels};
use crate::status::view::{
    BfdView, CheckView, Counters, InstanceView, LatenessView, ServerView, StandingView, Status,
    VirtualServerView, VrrpCounters,
};

/// All metrics.
#[must_use]
pub fn text(status: &Status, form: Form) -> String {
    let mut out = Exposition::new(form);
    daemon(&mut out, status);
    instances(&mut out, &status.vrrp.instances);
    trackers(&mut out, status);
    sessions(&mut out, &status.bfd);
    if let Some(lateness) = &status.vrrp.lateness {
        self::lateness(&mut out, lateness);
    }
    services(&mut out, &status.virtual_servers);
    let servers = Labelled::of(status);
    self::servers(&mut out, &servers);
    checks(&mut out, &servers);
    out.finish()
}

fn daemon(out: &mut Exposition, status: &Status) {
    let daemon = &status.daemon;
    out.family(Kind::Gauge, "keepalived_up", "Whether the daemon answers.");
    out.sample("", 1);
    out.family(
        Kind::Gauge,
        "rkeepalived_build_info",
        "The version that runs.",
    );
    out.sample(&labels(&[("version", &daemon.version)]), 1);
    out.family(
        Kind::Gauge,
        "rkeepalived_start_time_seconds",
        "When the daemon started, in seconds since 1970.",
    );
    out.sample("", seconds(daemon.started_ms));
    out.family(
        Kind::Counter,
        "rkeepalived_reloads",
        "Reloads that were asked for.",
    );
    out.sample("", daemon.reloads);
    if let Some(reload) = &daemon.last_reload {
        out.family(
            Kind::Gauge,
            "rkeepalived_last_reload_successful",
            "Whether the last reload brought its configuration into force.",
        );
        out.sample("", u8::from(reload.done));
        out.family(
            Kind::Gauge,
            "rkeepalived_last_reload_time_seconds",
            "When the last reload was through, in seconds since 1970.",
        );
        out.sample("", seconds(reload.at_ms));
    }
    out.family(Kind::Counter, "rkeepalived_events", "Events so far.");
    out.sample("", daemon.last_event);
    out.family(
        Kind::Gauge,
        "rkeepalived_kernel_readable",
        "Whether connections and counters could be read from the kernel.",
    );
    out.sample("", u8::from(status.kernel_error.is_none()));
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

type OfInstance = (&'static str, &'static str, fn(&VrrpCounters) -> u64);

const INSTANCE_COUNTERS: [OfInstance; 14] = [
    (
        "keepalived_advertisements_received",
        "Adverts that were believed.",
        |of| of.adverts_received,
    ),
    ("keepalived_advertisements_sent", "Adverts sent.", |of| {
        of.adverts_sent
    }),
    (
        "keepalived_become_master",
        "Times it became master.",
        |of| of.became_master,
    ),
    (
        "keepalived_release_master",
        "Times it stopped being master.",
        |of| of.released_master,
    ),
    (
        "keepalived_packet_length_errors",
        "Packets of a wrong length.",
        |of| of.length_errors,
    ),
    (
        "keepalived_advertisements_interval_errors",
        "Packets with another advert interval.",
        |of| of.interval_errors,
    ),
    (
        "keepalived_ip_ttl_errors",
        "Packets with a TTL that is not 255.",
        |of| of.ttl_errors,
    ),
    (
        "keepalived_invalid_type_received",
        "Packets of another type.",
        |of| of.type_errors,
    ),
    (
        "keepalived_address_list_errors",
        "Packets with other addresses.",
        |of| of.address_list_errors,
    ),
    (
        "keepalived_authentication_invalid",
        "Packets with an unknown type of authentication.",
        |of| of.auth_type_errors,
    ),
    (
        "keepalived_authentication_mismatch",
        "Packets with another type of authentication.",
        |of| of.auth_mismatch_errors,
    ),
    (
        "keepalived_authentication_failure",
        "Packets with a wrong password.",
        |of| of.auth_failures,
    ),
    (
        "keepalived_priority_zero_received",
        "Adverts of priority 0 received.",
        |of| of.priority_zero_received,
    ),
    (
        "keepalived_priority_zero_sent",
        "Adverts of priority 0 sent.",
        |of| of.priority_zero_sent,
    ),
];

fn instances(out: &mut Exposition, instances: &[InstanceView]) {
    if instances.is_empty() {
        return;
    }
    out.family(
        Kind::Gauge,
        "keepalived_vrrp_state",
        "State of each address: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT.",
    );
    for instance in instances {
        for address in &instance.addresses {
            let labels = labels(&[
                ("iname", &instance.name),
                ("intf", &address.interface),
                ("vrid", &instance.vrid),
                ("ip_address", &address.address),
            ]);
            out.sample(&labels, code(instance));
        }
    }
    let common: Vec<String> = instances
        .iter()
        .map(|instance| {
            labels(&[
                ("iname", &instance.name),
                ("intf", &instance.interface.as_deref().unwrap_or_default()),
                ("vrid", &instance.vrid),
                ("state", &instance.state.name()),
            ])
        })
        .collect();
    for (name, help, value) in INSTANCE_COUNTERS {
        out.family(Kind::Counter, name, help);
        for (instance, labels) in instances.iter().zip(&common) {
            out.sample(labels, value(&instance.counters));
        }
    }
    let own: Vec<String> = instances
        .iter()
        .map(|instance| labels(&[("iname", &instance.name)]))
        .collect();
    type Gauge = (&'static str, &'static str, fn(&InstanceView) -> String);
    let gauges: [Gauge; 4] = [
        (
            "rkeepalived_instance_state",
            "State of each instance: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT.",
            |of| code(of).to_string(),
        ),
        (
            "rkeepalived_instance_since_time_seconds",
            "Since when it is in its state, in seconds since 1970.",
            |of| seconds(of.since_ms),
        ),
        (
            "rkeepalived_instance_priority",
            "The priority that it competes with.",
            |of| of.effective_priority.to_string(),
        ),
        (
            "rkeepalived_instance_standing_back",
            "Whether an operator has it leave mastership to others.",
            |of| u8::from(of.standing_back).to_string(),
        ),
    ];
    for (name, help, value) in gauges {
        out.family(Kind::Gauge, name, help);
        for (instance, labels) in instances.iter().zip(&own) {
            out.sample(labels, value(instance));
        }
    }
    rejects(out, instances);
}

fn rejects(out: &mut Exposition, instances: &[InstanceView]) {
    let found = instances.iter().flat_map(|instance| {
        let all = instance.counters.rejects.iter();
        all.filter(|reject| reject.peer.is_none())
            .map(move |reject| (instance, reject))
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return;
    }
    out.family(
        Kind::Counter,
        "rkeepalived_instance_rejects",
        "Packets that were dropped, by reason.",
    );
    for (instance, reject) in found {
        let labels = labels(&[("iname", &instance.name), ("reason", &reject.reason)]);
        out.sample(&labels, reject.count);
    }
}

/// keepalived's number of a state.
fn code(instance: &InstanceView) -> u8 {
    use crate::status::view::InstanceState;
    match instance.state {
        InstanceState::Init => 0,
        InstanceState::Backup => 1,
        InstanceState::Master => 2,
        InstanceState::Fault => 3,
    }
}

fn trackers(out: &mut Exposition, status: &Status) {
    let trackers = &status.vrrp.trackers;
    let known = |standing: StandingView| match standing {
        StandingView::Up => Some(1),
        StandingView::Down => Some(0),
        StandingView::Unknown | StandingView::Number => None,
    };
    let scripts: Vec<_> = trackers
        .iter()
        .filter(|tracker| tracker.kind == "script")
        .filter_map(|tracker| Some((tracker, known(tracker.standing)?)))
        .collect();
    if !scripts.is_empty() {
        out.family(
            Kind::Gauge,
            "keepalived_script_status",
            "Whether a tracked script succeeds.",
        );
        for (script, up) in scripts {
            out.sample(&labels(&[("name", &script.name)]), up);
        }
    }
    let all: Vec<_> = trackers
        .iter()
        .filter_map(|tracker| Some((tracker, known(tracker.standing)?)))
        .collect();
    if !all.is_empty() {
        out.family(
            Kind::Gauge,
            "rkeepalived_tracker_up",
            "Whether something that instances depend on is well.",
        );
        for (tracker, up) in all {
            let labels = labels(&[("kind", &tracker.kind), ("name", &tracker.name)]);
            out.sample(&labels, up);
        }
    }
}

type OfSession = (&'static str, &'static str, fn(&BfdView) -> u64);

fn sessions(out: &mut Exposition, sessions: &[BfdView]) {
    if sessions.is_empty() {
        return;
    }
    let named: Vec<_> = sessions
        .iter()
        .map(|one| labels(&[("name", &one.name), ("neighbour", &one.neighbour)]))
        .collect();
    out.family(
        Kind::Gauge,
        "rkeepalived_bfd_up",
        "Whether a BFD session is up.",
    );
    for (one, labels) in sessions.iter().zip(&named) {
        out.sample(labels, u8::from(one.is_up()));
    }
    out.family(
        Kind::Gauge,
        "rkeepalived_bfd_detection_seconds",
        "After so long without a packet a BFD session is down; 0 while nothing is heard.",
    );
    for (one, labels) in sessions.iter().zip(&named) {
        out.sample(labels, micros(one.detection_time_us));
    }
    let counters: [OfSession; 4] = [
        ("rkeepalived_bfd_sent", "BFD packets sent.", |one| one.sent),
        (
            "rkeepalived_bfd_received",
            "Good BFD packets received.",
            |one| one.received,
        ),
        (
            "rkeepalived_bfd_ups",
            "Times a BFD session came up.",
            |one| one.ups,
        ),
        (
            "rkeepalived_bfd_downs",
            "Times a BFD session went down.",
            |one| one.downs,
        ),
    ];
    for (name, help, count) in counters {
        out.family(Kind::Counter, name, help);
        for (one, labels) in sessions.iter().zip(&named) {
            out.sample(labels, count(one));
        }
    }
}

fn lateness(out: &mut Exposition, lateness: &LatenessView) {
    out.family(
        Kind::Histogram,
        "rkeepalived_timer_lateness_seconds",
        "How late the failover thread woke up for its timers.",
    );
    let mut below = 0;
    for bucket in &lateness.buckets {
        below += bucket.count;
        if let Some(upto) = bucket.upto_us {
            let labels = labels(&[("le", &micros(upto))]);
            out.part("_bucket", &labels, below);
        }
    }
    out.part("_bucket", "le=\"+Inf\"", lateness.count);
    out.part("_sum", "", micros(lateness.sum_us));
    out.part("_count", "", lateness.count);
}

/// As seconds, to the microsecond.
fn micros(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

type OfCounters = (&'static str, &'static str, fn(&Counters) -> u64);

const SERVICE_COUNTERS: [OfCounters; 5] = [
    (
        "rkeepalived_virtual_server_connections",
        "Connections.",
        |of| of.connections,
    ),
    (
        "rkeepalived_virtual_server_incoming_packets",
        "Packets from clients.",
        |of| of.packets_in,
    ),
    (
        "rkeepalived_virtual_server_outgoing_packets",
        "Packets to clients (seen with NAT only).",
        |of| of.packets_out,
    ),
    (
        "rkeepalived_virtual_server_incoming_bytes",
        "Bytes from clients.",
        |of| of.bytes_in,
    ),
    (
        "rkeepalived_virtual_server_outgoing_bytes",
        "Bytes to clients (seen with NAT only).",
        |of| of.bytes_out,
    ),
];

const SERVER_COUNTERS: [OfCounters; 5] = [
    (
        "rkeepalived_real_server_connections",
        "Connections.",
        |of| of.connections,
    ),
    (
        "rkeepalived_real_server_incoming_packets",
        "Packets from clients.",
        |of| of.packets_in,
    ),
    (
        "rkeepalived_real_server_outgoing_packets",
        "Packets to clients (seen with NAT only).",
        |of| of.packets_out,
    ),
    (
        "rkeepalived_real_server_incoming_bytes",
        "Bytes from clients.",
        |of| of.bytes_in,
    ),
    (
        "rkeepalived_real_server_outgoing_bytes",
        "Bytes to clients (seen with NAT only).",
        |of| of.bytes_out,
    ),
];

fn services(out: &mut Exposition, services: &[VirtualServerView]) {
    if services.is_empty() {
        return;
    }
    let labelled: Vec<_> = services
        .iter()
        .map(|service| (service, labels(&[("virtual_server", &service.name)])))
        .collect();
    type Gauge = (&'static str, &'static str, fn(&VirtualServerView) -> u64);
    let gauges: [Gauge; 4] = [
        (
            "rkeepalived_virtual_server_has_quorum",
            "Whether enough real servers live.",
            |of| u64::from(of.has_quorum),
        ),
        (
            "rkeepalived_virtual_server_quorum",
            "What has to live, as a sum of weights.",
            |of| u64::from(of.quorum),
        ),
        (
            "rkeepalived_virtual_server_living_weight",
            "What lives, as a sum of weights.",
            |of| of.living_weight,
        ),
        (
            "rkeepalived_virtual_server_sorry",
            "Whether the sorry server answers.",
            |of| u64::from(of.sorry.is_some_and(|sorry| sorry.serves)),
        ),
    ];
    for (name, help, value) in gauges {
        out.family(Kind::Gauge, name, help);
        for (service, labels) in &labelled {
            out.sample(labels, value(service));
        }
    }
    for (name, help, value) in SERVICE_COUNTERS {
        out.family(Kind::Counter, name, help);
        for (service, labels) in &labelled {
            if let Some(counters) = &service.counters {
                out.sample(labels, value(counters));
            }
        }
    }
}

/// Servers with their labels, which are many and used often.
struct Labelled<'a> {
    servers: Vec<(&'a ServerView, String)>,
}

impl Labelled<'_> {
    fn of(status: &Status) -> Labelled<'_> {
        let servers = status.virtual_servers.iter().flat_map(|service| {
            service.servers.iter().map(|server| {
                let labels = labels(&[
                    ("virtual_server", &service.name),
                    ("real_server", &server.address),
                ]);
                (server, labels)
            })
        });
        Labelled {
            servers: servers.collect(),
        }
    }
}

fn servers(out: &mut Exposition, all: &Labelled<'_>) {
    if all.servers.is_empty() {
        return;
    }
    type Gauge = (&'static str, &'static str, fn(&ServerView) -> Option<u64>);
    let gauges: [Gauge; 4] = [
        (
            "rkeepalived_real_server_up",
            "Whether it may have clients.",
            |of| Some(u64::from(of.up)),
        ),
        (
            "rkeepalived_real_server_weight",
            "Its weight in the kernel; none while it is not there.",
            |of| of.weight.map(u64::from),
        ),
        (
            "rkeepalived_real_server_active_connections",
            "Connections now established.",
            |of| of.active_connections,
        ),
        (
            "rkeepalived_real_server_inactive_connections",
            "Connections now in other states.",
            |of| of.inactive_connections,
        ),
    ];
    for (name, help, value) in gauges {
        out.family(Kind::Gauge, name, help);
        for (server, labels) in &all.servers {
            if let Some(value) = value(server) {
                out.sample(labels, value);
            }
        }
    }
    out.family(
        Kind::Counter,
        "rkeepalived_real_server_downs",
        "Times it went down.",
    );
    for (server, labels) in &all.servers {
        out.sample(labels, server.downs);
    }
    for (name, help, value) in SERVER_COUNTERS {
        out.family(Kind::Counter, name, help);
        for (server, labels) in &all.servers {
            if let Some(counters) = &server.counters {
                out.sample(labels, value(counters));
            }
        }
    }
}

fn checks(out: &mut Exposition, all: &Labelled<'_>) {
    // A server may have several of one kind.
    let checks = all.servers.iter().flat_map(|(server, labels)| {
        (1..).zip(&server.checks).map(move |(number, check)| {
            let own = self::labels(&[("check", &check.kind.name()), ("number", &number)]);
            (check, format!("{labels},{own}"))
        })
    });
    let checks: Vec<(&CheckView, String)> = checks.collect();
    if checks.is_empty() {
        return;
    }
    out.family(
        Kind::Gauge,
        "rkeepalived_check_up",
        "What a check holds of its server.",
    );
    for (check, labels) in &checks {
        out.sample(labels, u8::from(check.up));
    }
    out.family(
        Kind::Gauge,
        "rkeepalived_check_last_attempt_successful",
        "Whether its last attempt went well.",
    );
    for (check, labels) in &checks {
        if let Some(last) = &check.last {
            out.sample(labels, u8::from(last.ok));
        }
    }
    out.family(
        Kind::Gauge,
        "rkeepalived_check_last_duration_seconds",
        "How long its last attempt took.",
    );
    for (check, labels) in &checks {
        if let Some(last) = &check.last {
            out.sample(labels, micros(last.took_us));
        }
    }
    out.family(
        Kind::Counter,
        "rkeepalived_check_downs",
        "Times it came to hold its server for down.",
    );
    for (check, labels) in &checks {
        out.sample(labels, check.downs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_its_state_and_its_flaps() {
        let mut status = Status::default();
        status.bfd.push(BfdView {
            name: "peer".to_owned(),
            neighbour: [10, 0, 0, 3].into(),
            source: None,
            state: "Up".to_owned(),
            diagnostic: "No Diagnostic".to_owned(),
            remote_state: "Up".to_owned(),
            remote_diagnostic: "No Diagnostic".to_owned(),
            transmit_interval_us: 100_000,
            detection_time_us: 300_500,
            heard_at_ms: None,
            sent: 9,
            received: 8,
            ups: 5,
            downs: 4,
        });
        let text = text(&status, Form::Prometheus);
        let labels = "{name=\"peer\",neighbour=\"10.0.0.3\"}";
        for line in [
            format!("rkeepalived_bfd_up{labels} 1"),
            format!("rkeepalived_bfd_detection_seconds{labels} 0.300500"),
            format!("rkeepalived_bfd_received_total{labels} 8"),
            format!("rkeepalived_bfd_downs_total{labels} 4"),
        ] {
            assert!(
                text.lines().any(|one| one == line),
                "{line} is not in\n{text}"
            );
        }
        status.bfd[0].state = "Down".to_owned();
        let labelled = format!("rkeepalived_bfd_up{labels} 0");
        assert!(super::text(&status, Form::Prometheus).contains(&labelled));
    }
}
