//! How the failover thread and the checks' thread are scheduled, and how much room the first one's sockets have.

use std::num::NonZeroU8;
use std::time::Duration;

use keepalived_conf::{AutoPriority, Model, ReceiveBuffer, Scheduling};

use crate::kernel::schedule::Urgency;

/// The least that a thread gets which was raised by itself.
const LEAST_LIMIT: Duration = Duration::from_secs(1);

/// `max_auto_priority`: what becomes of a thread whose timers are served late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raising {
    /// Its real-time priority grows up to this; not at all when there is none.
    pub up_to: Option<NonZeroU8>,
    /// Of a timer that is so late.
    pub after: Duration,
    /// How long it may run without a pause from then on.
    pub limit: Duration,
}

/// What keeps the failover thread on time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeliness {
    /// How it is scheduled.
    pub urgency: Urgency,
    /// How it is raised by itself.
    pub raising: Raising,
    /// All memory of the process is locked.
    pub no_swap: bool,
    /// `vrrp_netlink_monitor_rcv_bufs`.
    pub monitor: ReceiveBuffer,
    /// `vrrp_netlink_cmd_rcv_bufs`.
    pub commands: ReceiveBuffer,
}

/// From the words of VRRP, and those of BFD where there are sessions: one thread serves both, so the more urgent of two
/// words counts. Of the checkers' words only `checker_no_swap` says something about the process.
pub(super) fn plan(model: &Model, sessions: bool) -> Timeliness {
    let both = words(model, sessions);
    Timeliness {
        urgency: urgency(&both, limit(model, sessions)),
        raising: raising(model, &both),
        no_swap: both.iter().any(|one| one.no_swap) || model.global.schedules.checker.no_swap,
        monitor: model.global.receive_buffers.vrrp_monitor,
        commands: model.global.receive_buffers.vrrp_commands,
    }
}

/// A thread that is late has much to do at once: it gets a second for it at least, since the kernel ends the process otherwise.
fn raising(model: &Model, words: &[&Scheduling]) -> Raising {
    let schedules = &model.global.schedules;
    let up_to = match schedules.raise {
        AutoPriority::UpTo(most) => Some(most),
        AutoPriority::Nothing | AutoPriority::Tell => None,
    };
    let limits = words.iter().map(|one| one.realtime_limit);
    Raising {
        up_to,
        after: schedules.raise_after,
        limit: limits.max().unwrap_or_default().max(LEAST_LIMIT),
    }
}

/// How the checks' thread is scheduled.
pub(super) fn checks(model: &Model, sessions: bool) -> Urgency {
    let words = [&model.global.schedules.checker];
    urgency(&words, limit(model, sessions))
}

/// What is said of the failover thread.
fn words(model: &Model, sessions: bool) -> Vec<&Scheduling> {
    let schedules = &model.global.schedules;
    let bfd = Some(&schedules.bfd).filter(|_| sessions);
    std::iter::once(&schedules.vrrp).chain(bfd).collect()
}

/// The limit is one for the process, though the kernel counts each thread: the longest that is asked for.
fn limit(model: &Model, sessions: bool) -> Duration {
    let mut all = words(model, sessions);
    all.push(&model.global.schedules.checker);
    let urgent = all.into_iter().filter(|one| one.realtime.is_some());
    urgent
        .map(|one| one.realtime_limit)
        .max()
        .unwrap_or_default()
}

fn urgency(words: &[&Scheduling], limit: Duration) -> Urgency {
    let mut cpus: Vec<u16> = words.iter().flat_map(|one| one.cpus.clone()).collect();
    cpus.sort_unstable();
    cpus.dedup();
    let realtime = words.iter().filter_map(|one| one.realtime).max();
    Urgency {
        nice: words.iter().filter_map(|one| one.nice).min(),
        realtime: realtime.map(|priority| (priority, limit)),
        cpus,
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
        assert_eq!(
            (alone.urgency, alone.no_swap),
            (urgency(None, 20, 5, &[1]), false)
        );
        let both = plan(&model, true);
        // `bfd_rlimit_rttime` is 10 ms unless told.
        assert_eq!(
            (both.urgency, both.no_swap),
            (urgency(Some(-5), 30, 10, &[0, 1]), true)
        );
        assert_eq!(checks(&model, true), Urgency::default());
    }

    #[test]
    fn a_late_thread_is_raised_where_that_is_allowed_with_a_second_to_spend() {
        let told = |words: &str| {
            let text = format!("global_defs {{\n{words}\n}}\n");
            plan(&model(Box::leak(text.into())), false).raising
        };
        let raising = |up_to, after, limit| Raising {
            up_to: NonZeroU8::new(up_to),
            after: Duration::from_millis(after),
            limit: Duration::from_millis(limit),
        };
        assert_eq!(told(""), raising(0, 1000, 1000));
        assert_eq!(told("max_auto_priority -1"), raising(0, 1000, 1000));
        let all = "max_auto_priority\nmin_auto_priority_delay 5000\nvrrp_rlimit_rttime 2000000";
        assert_eq!(told(all), raising(99, 5, 2000));
    }

    #[test]
    fn checks_have_their_own_words_and_the_limit_is_the_process_s() {
        let words = "checker_rt_priority 7\nchecker_rlimit_rttime 3000\nchecker_cpu_affinity 1\nchecker_priority 4\n";
        let text = |more: &str| format!("global_defs {{\n{words}{more}}}\n");
        let alone = model(Box::leak(text("").into()));
        assert_eq!(checks(&alone, false), urgency(Some(4), 7, 3, &[1]));
        assert_eq!(plan(&alone, false).urgency, Urgency::default());
        let more = "vrrp_rt_priority 9\nvrrp_rlimit_rttime 8000\n";
        let both = model(Box::leak(text(more).into()));
        assert_eq!(checks(&both, false), urgency(Some(4), 7, 8, &[1]));
        assert_eq!(plan(&both, false).urgency, urgency(None, 9, 8, &[]));
    }

    fn urgency(nice: Option<i8>, priority: u8, limit_ms: u64, cpus: &[u16]) -> Urgency {
        let limit = Duration::from_millis(limit_ms);
        Urgency {
            nice,
            realtime: NonZeroU8::new(priority).map(|priority| (priority, limit)),
            cpus: cpus.into(),
        }
    }
}
