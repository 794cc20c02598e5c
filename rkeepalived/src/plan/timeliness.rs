//! How the failover thread is scheduled, and how much room its sockets have.

use std::num::NonZeroU8;
use std::time::Duration;

use keepalived_conf::{Model, ReceiveBuffer, Scheduling};

/// What keeps the failover thread on time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeliness {
    /// The nice value.
    pub nice: Option<i8>,
    /// SCHED_RR with that priority, and how long it may run without a pause.
    pub realtime: Option<(NonZeroU8, Duration)>,
    /// All memory of the process is locked.
    pub no_swap: bool,
    /// The processors that it may run on; every one when empty.
    pub cpus: Vec<u16>,
    /// `vrrp_netlink_monitor_rcv_bufs`.
    pub monitor: ReceiveBuffer,
    /// `vrrp_netlink_cmd_rcv_bufs`.
    pub commands: ReceiveBuffer,
}

/// From the words of VRRP, and those of BFD where there are sessions: one thread serves both, so the more urgent of two
/// words counts. Of the checkers' words only `checker_no_swap` says something about the process.
pub(super) fn plan(model: &Model, sessions: bool) -> Timeliness {
    let schedules = &model.global.schedules;
    let bfd = Some(&schedules.bfd).filter(|_| sessions);
    let both: Vec<&Scheduling> = [Some(&schedules.vrrp), bfd].into_iter().flatten().collect();
    let realtime = both
        .iter()
        .filter_map(|one| Some((one.realtime?, one.realtime_limit)))
        .max();
    let mut cpus: Vec<u16> = both.iter().flat_map(|one| one.cpus.clone()).collect();
    cpus.sort_unstable();
    cpus.dedup();
    Timeliness {
        nice: both.iter().filter_map(|one| one.nice).min(),
        realtime,
        no_swap: both.iter().any(|one| one.no_swap) || schedules.checker.no_swap,
        cpus,
        monitor: model.global.receive_buffers.vrrp_monitor,
        commands: model.global.receive_buffers.vrrp_commands,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::model;

    #[test]
    fn the_more_urgent_of_two_words_counts_where_there_are_sessions() {
        let model = model(
            "global_defs {\nvrrp_rt_priority 20\nvrrp_rlimit_rttime 5000\nvrrp_cpu_affinity 1\nbfd_rt_priority 30\n\
             bfd_cpu_affinity 0 1\nbfd_priority -5\nbfd_no_swap\n}\n",
        );
        let alone = plan(&model, false);
        let priority = |timeliness: &Timeliness| timeliness.realtime.map(|(one, _)| one.get());
        assert_eq!(priority(&alone), Some(20));
        assert_eq!(alone.realtime.unwrap().1, Duration::from_millis(5));
        assert_eq!(
            (alone.cpus.clone(), alone.no_swap, alone.nice),
            (vec![1], false, None)
        );
        let both = plan(&model, true);
        assert_eq!(priority(&both), Some(30));
        assert_eq!(
            (both.cpus.clone(), both.no_swap, both.nice),
            (vec![0, 1], true, Some(-5))
        );
    }
}
