//! Families of VRRP's instances, what they depend on, BFD's sessions, and the thread that all of them live on.

use super::{micros, seconds};
use crate::status::http::exposition::{Exposition, Kind, labels};
use crate::status::view::{
    BfdView, InstanceView, LatenessView, StandingView, Status, VrrpCounters,
};

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

pub(super) fn instances(out: &mut Exposition, instances: &[InstanceView]) {
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
            out.sample(&[&labels], code(instance));
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
            out.sample(&[labels], value(&instance.counters));
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
            out.sample(&[labels], value(instance));
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
        out.sample(&[&labels], reject.count);
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

pub(super) fn trackers(out: &mut Exposition, status: &Status) {
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
            out.sample(&[&labels(&[("name", &script.name)])], up);
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
            out.sample(&[&labels], up);
        }
    }
}

type OfSession = (&'static str, &'static str, fn(&BfdView) -> u64);

pub(super) fn sessions(out: &mut Exposition, sessions: &[BfdView]) {
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
        out.sample(&[labels], u8::from(one.is_up()));
    }
    out.family(
        Kind::Gauge,
        "rkeepalived_bfd_detection_seconds",
        "After so long without a packet a BFD session is down; 0 while nothing is heard.",
    );
    for (one, labels) in sessions.iter().zip(&named) {
        out.sample(&[labels], micros(one.detection_time_us));
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
            out.sample(&[labels], count(one));
        }
    }
}

pub(super) fn lateness(out: &mut Exposition, lateness: &LatenessView) {
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
            out.part("_bucket", &[&labels], below);
        }
    }
    out.part("_bucket", &["le=\"+Inf\""], lateness.count);
    out.part("_sum", &[], micros(lateness.sum_us));
    out.part("_count", &[], lateness.count);
}
