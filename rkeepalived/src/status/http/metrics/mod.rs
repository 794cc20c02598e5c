//! The status as metrics. What keepalived-exporter (of mehdy) has is named and labelled as there, so that its dashboards and alerts
//! go on; the rest begins with `rkeepalived_`.
//!
//! `lvs` has the families of virtual and real servers, which are many; `vrrp` those of instances, trackers and sessions.

mod lvs;
mod vrrp;

use ipvs_netlink::Client;

use self::lvs::Farm;
use super::exposition::{Exposition, Form, Kind, labels};
use crate::status::flow::{Making, PIECE};
use crate::status::round::Round;
use crate::status::view::Status;

/// So many virtual servers are read at a time.
const READ: usize = 64;

/// All metrics, as far as they are not told yet. A family has to stay together, so that each virtual server is needed again and
/// again: their numbers are kept, the text is not.
pub struct Metrics {
    out: Exposition,
    /// None once it is told.
    head: Option<Box<Status>>,
    round: Round,
    farm: Farm,
    read: bool,
}

impl Metrics {
    /// Of what a look gave.
    #[must_use]
    pub fn new((head, round): (Status, Round), form: Form) -> Metrics {
        Metrics {
            out: Exposition::new(form),
            head: Some(Box::new(head)),
            farm: Farm::with_room(round.sizes()),
            round,
            read: false,
        }
    }

    /// Answers whether more is to come.
    fn tell(&mut self) -> bool {
        if let Some(mut status) = self.head.take() {
            status.kernel_error = self.round.failure().map(ToOwned::to_owned);
            let out = &mut self.out;
            daemon(out, &status);
            vrrp::instances(out, &status.vrrp.instances);
            vrrp::trackers(out, &status);
            vrrp::sessions(out, &status.bfd);
            if let Some(lateness) = &status.vrrp.lateness {
                vrrp::lateness(out, lateness);
            }
        }
        let more = self.farm.tell(&mut self.out, PIECE);
        if !more {
            self.out.finish();
        }
        more
    }
}

impl Making for Metrics {
    fn round(&mut self) -> &mut Round {
        &mut self.round
    }

    fn make(&mut self, client: &mut Option<Client>, out: &mut Vec<u8>) -> bool {
        if !self.read {
            for _ in 0..READ {
                match self.round.next(client) {
                    Some(service) => self.farm.take(&service),
                    None => {
                        self.read = true;
                        break;
                    }
                }
            }
            return true;
        }
        self.out.swap(out);
        let more = self.tell();
        self.out.swap(out);
        more
    }
}

fn daemon(out: &mut Exposition, status: &Status) {
    let daemon = &status.daemon;
    out.family(Kind::Gauge, "keepalived_up", "Whether the daemon answers.");
    out.sample(&[], 1);
    out.family(
        Kind::Gauge,
        "rkeepalived_build_info",
        "The version that runs.",
    );
    out.sample(&[&labels(&[("version", &daemon.version)])], 1);
    out.family(
        Kind::Gauge,
        "rkeepalived_start_time_seconds",
        "When the daemon started, in seconds since 1970.",
    );
    out.sample(&[], seconds(daemon.started_ms));
    out.family(
        Kind::Counter,
        "rkeepalived_reloads",
        "Reloads that were asked for.",
    );
    out.sample(&[], daemon.reloads);
    if let Some(reload) = &daemon.last_reload {
        out.family(
            Kind::Gauge,
            "rkeepalived_last_reload_successful",
            "Whether the last reload brought its configuration into force.",
        );
        out.sample(&[], u8::from(reload.done));
        out.family(
            Kind::Gauge,
            "rkeepalived_last_reload_time_seconds",
            "When the last reload was through, in seconds since 1970.",
        );
        out.sample(&[], seconds(reload.at_ms));
    }
    out.family(Kind::Counter, "rkeepalived_events", "Events so far.");
    out.sample(&[], daemon.last_event);
    out.family(
        Kind::Gauge,
        "rkeepalived_kernel_readable",
        "Whether connections and counters could be read from the kernel.",
    );
    out.sample(&[], u8::from(status.kernel_error.is_none()));
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// As seconds, to the microsecond.
fn micros(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::view::BfdView;

    fn told(status: &Status, form: Form) -> String {
        let round = Round::new(Vec::new(), Default::default(), false, 0);
        let mut metrics = Metrics::new((status.clone(), round), form);
        let mut text = Vec::new();
        while metrics.make(&mut None, &mut text) {}
        String::from_utf8(text).unwrap()
    }

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
        let text = told(&status, Form::Prometheus);
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
        assert!(told(&status, Form::Prometheus).contains(&labelled));
    }
}
