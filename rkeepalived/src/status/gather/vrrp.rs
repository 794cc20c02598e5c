//! VRRP's instances and what they depend on, and sessions of BFD.

use std::collections::HashMap;
use std::time::Duration;

use bfd::SessionView;
use keepalived_conf::TrackKind;
use vrrp::{Micros, RejectKind, Standing, StateView, Time};

use crate::failover::handle::VrrpReport;
use crate::failover::lateness::Lateness;
use crate::plan::{PlannedTrack, VrrpPlan};
use crate::status::view::{
    AddressView, BfdView, BucketView, InstanceState, InstanceView, LatenessView, PeerView,
    RejectView, StandingView, SyncGroupView, TrackView, VrrpCounters, VrrpView,
};
use crate::track::results::Results;

/// The failover thread's times as everybody's.
struct Clock {
    now: Time,
    now_ms: u64,
}

impl Clock {
    fn at(&self, time: Time) -> u64 {
        let ago = self.now.get().saturating_sub(time.get()) / 1000;
        self.now_ms.saturating_sub(ago)
    }
}

pub(super) fn bfd(session: &SessionView, now: Time, now_ms: u64) -> BfdView {
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let clock = Clock { now, now_ms };
    BfdView {
        name: session.name.to_string(),
        neighbour: session.neighbour,
        source: session.source,
        state: session.local.0.to_string(),
        diagnostic: session.local.1.to_string(),
        remote_state: session.remote.0.to_string(),
        remote_diagnostic: session.remote.1.to_string(),
        transmit_interval_us: micros(session.transmit_interval),
        detection_time_us: micros(session.detection_time),
        // Sessions live by the same clock.
        heard_at_ms: session.heard_at.map(|at| clock.at(Time::new(at.get()))),
        sent: session.sent,
        received: session.received,
        ups: session.ups,
        downs: session.downs,
    }
}

pub(super) fn vrrp(
    plan: &VrrpPlan,
    results: &Results,
    report: &VrrpReport,
    now_ms: u64,
) -> VrrpView {
    let clock = Clock {
        now: report.now,
        now_ms,
    };
    let standings: HashMap<_, _> = report
        .standings
        .iter()
        .map(|(kind, name, standing)| ((*kind, name.as_str()), *standing))
        .collect();
    let track = |planned: &PlannedTrack| TrackView {
        weight: Some(planned.weight),
        reverse: planned.reverse,
        ..tracked(
            planned.kind,
            &planned.name,
            standings
                .get(&(planned.kind, planned.name.as_str()))
                .copied(),
            results,
        )
    };
    let planned: HashMap<&str, _> = plan
        .instances
        .iter()
        .map(|planned| (&*planned.config.name, planned))
        .collect();
    let instances = report.instances.iter().map(|view| {
        let planned = planned.get(&*view.name);
        let addresses = planned.iter().flat_map(|planned| &planned.addresses);
        let tracked = planned.iter().flat_map(|planned| &planned.tracked);
        InstanceView {
            name: view.name.to_string(),
            interface: planned.and_then(|planned| planned.named().cloned()),
            vrid: view.vrid.get(),
            vrrp_version: planned.map_or(0, |planned| planned.config.version.number()),
            state: state(view.state),
            since_ms: clock.at(view.last_transition),
            priority: view.priority,
            effective_priority: view.effective_priority,
            advert_interval_ms: planned.map_or(0, |planned| {
                Micros::from(planned.config.advert_interval).get() / 1000
            }),
            standing_back: view.standing_back,
            sync_group: view.group.as_ref().map(ToString::to_string),
            addresses: addresses
                .map(|address| AddressView {
                    address: address.address.address,
                    prefix_len: address.address.prefix_len,
                    interface: address.interface.clone(),
                })
                .collect(),
            master: view.master,
            trackers: tracked.map(track).collect(),
            peers: view
                .stats
                .peers()
                .map(|(address, seen)| PeerView {
                    address,
                    priority: seen.priority,
                    adverts: seen.adverts,
                    last_seen_ms: clock.at(seen.at),
                })
                .collect(),
            counters: vrrp_counters(&view.stats),
        }
    });
    let instances: Vec<InstanceView> = instances.collect();
    let groups = plan.groups.iter().map(|group| {
        let members = group.config.members.iter();
        let states = members.clone().filter_map(|member| {
            let instance = instances.iter().find(|one| one.name == **member)?;
            Some(instance.state)
        });
        SyncGroupView {
            name: group.config.name.to_string(),
            state: states
                .min_by_key(|state| able(*state))
                .unwrap_or(InstanceState::Init),
            members: members.map(ToString::to_string).collect(),
            trackers: group.tracked.iter().map(track).collect(),
        }
    });
    VrrpView {
        sync_groups: groups.collect(),
        trackers: report
            .standings
            .iter()
            .map(|(kind, name, standing)| tracked(*kind, name, Some(*standing), results))
            .collect(),
        lateness: Some(lateness(&report.lateness)),
        instances,
    }
}

fn able(state: InstanceState) -> u8 {
    match state {
        InstanceState::Fault => 0,
        InstanceState::Init => 1,
        InstanceState::Backup => 2,
        InstanceState::Master => 3,
    }
}

fn state(state: StateView) -> InstanceState {
    match state {
        StateView::Init => InstanceState::Init,
        StateView::Backup => InstanceState::Backup,
        StateView::Master => InstanceState::Master,
        StateView::Fault => InstanceState::Fault,
    }
}

fn tracked(
    kind: TrackKind,
    name: &str,
    standing: Option<Standing>,
    results: &Results,
) -> TrackView {
    let result = match kind {
        TrackKind::Script => results.of(name),
        _ => None,
    };
    TrackView {
        kind: match kind {
            TrackKind::Interface => "interface",
            TrackKind::Script => "script",
            TrackKind::File => "file",
            TrackKind::Process => "process",
            TrackKind::Bfd => "bfd",
        }
        .to_owned(),
        name: name.to_owned(),
        standing: match standing {
            None | Some(Standing::Unknown) => StandingView::Unknown,
            Some(Standing::Up) => StandingView::Up,
            Some(Standing::Down) => StandingView::Down,
            Some(Standing::Number(_)) => StandingView::Number,
        },
        number: match standing {
            Some(Standing::Number(number)) => Some(number),
            _ => None,
        },
        result: result.map(|result| result.ended.to_string()),
        at_ms: result.map(|result| result.at_ms),
        weight: None,
        reverse: false,
    }
}

fn vrrp_counters(stats: &vrrp::Stats) -> VrrpCounters {
    let row = |kind: RejectKind, peer, count| RejectView {
        reason: kind.to_string(),
        peer,
        count,
    };
    let all = stats.rejects().map(|(kind, count)| row(kind, None, count));
    let each = stats.rejects_by_peer();
    let each = each.map(|(peer, kind, count)| row(kind, Some(peer), count));
    VrrpCounters {
        adverts_received: stats.adverts_received,
        adverts_sent: stats.adverts_sent,
        became_master: stats.became_master,
        released_master: stats.released_master,
        length_errors: stats.length_errors(),
        ttl_errors: stats.ttl_errors(),
        type_errors: stats.type_errors(),
        interval_errors: stats.interval_errors(),
        address_list_errors: stats.address_list_errors,
        auth_type_errors: stats.auth_type_errors(),
        auth_mismatch_errors: stats.auth_mismatch_errors(),
        auth_failures: stats.auth_failures(),
        priority_zero_received: stats.priority_zero_received,
        priority_zero_sent: stats.priority_zero_sent,
        rejects: all.chain(each).collect(),
    }
}
fn lateness(lateness: &Lateness) -> LatenessView {
    let buckets = lateness.buckets();
    LatenessView {
        buckets: buckets
            .map(|(upto_us, count)| BucketView { upto_us, count })
            .collect(),
        count: lateness.count(),
        sum_us: lateness.sum_us(),
        worst_us: lateness.worst_us(),
    }
}
