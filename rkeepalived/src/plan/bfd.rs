//! BFD sessions of the model, as the failover thread wants them.

use std::sync::Arc;

use bfd::Micros;
use keepalived_conf::{BfdInstance, Model};

/// A BFD session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSession {
    /// For the core.
    pub config: bfd::Config,
    /// Time to live, or hop limit, of what is sent.
    pub ttl: u8,
    /// Instances can track it.
    pub vrrp: bool,
    /// Real servers can be checked by it.
    pub checker: bool,
}

/// Plans the model's sessions.
pub fn plan(model: &Model) -> Vec<PlannedSession> {
    model.bfd_instances.iter().map(planned).collect()
}

fn planned(instance: &BfdInstance) -> PlannedSession {
    let ttl = instance.ttl.get();
    PlannedSession {
        config: bfd::Config {
            name: Arc::from(instance.name.as_str()),
            neighbour: instance.neighbour,
            source: instance.source,
            multihop: instance.multihop,
            min_rx: Micros::from(instance.min_rx),
            min_tx: Micros::from(instance.min_tx),
            idle_tx: Micros::from(instance.idle_tx),
            multiplier: instance.multiplier,
            passive: instance.passive,
            // keepalived behaviour: both ends are taken to send with the same.
            least_ttl: instance.max_hops.map(|hops| ttl.saturating_sub(hops)),
        },
        ttl,
        vrrp: instance.vrrp,
        checker: instance.checker,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::planned;

    #[test]
    fn hops_are_counted_from_what_is_sent() {
        let plan = planned(
            "bfd_instance near {\nneighbor_ip 192.0.2.2\n}\n\
             bfd_instance far {\nneighbor_ip 192.0.2.3\nttl 60\nmax_hops 5\nmultihop\nchecker\n}\n\
             bfd_instance any {\nneighbor_ip fd00::2\nmax_hops -1\n}\n",
        );
        let seen: Vec<_> = plan
            .bfd
            .iter()
            .map(|session| {
                (
                    session.ttl,
                    session.config.least_ttl,
                    session.config.multihop,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (255, Some(255), false),
                (60, Some(55), true),
                (64, None, false)
            ]
        );
        assert!(plan.bfd[0].vrrp && plan.bfd[0].checker);
        assert!(!plan.bfd[1].vrrp && plan.bfd[1].checker);
    }
}
