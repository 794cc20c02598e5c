//! How the calling thread is scheduled. What it starts inherits that, and has to give it back: [`ordinary`].

use std::io;
use std::num::NonZeroU8;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall, munlockall};
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// How a thread is to be scheduled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urgency {
    /// The nice value.
    pub nice: Option<i8>,
    /// SCHED_RR with that priority, and how long it may run without a pause.
    pub realtime: Option<(NonZeroU8, Duration)>,
    /// The processors that it may run on; every one when empty.
    pub cpus: Vec<u16>,
}

/// Brings the calling thread from one to the other. Answers what could not be had, by the end of its word (`priority` of
/// `vrrp_priority`); the rest is.
pub fn bring(before: &Urgency, wanted: &Urgency) -> Vec<(&'static str, io::Error)> {
    let mut acts = Vec::new();
    let anew = before.realtime != wanted.realtime;
    if anew {
        acts.push(("rt_priority", realtime(wanted.realtime)));
    }
    let value = wanted.nice.unwrap_or_default();
    if (before.nice != wanted.nice || anew) && (before.nice.is_some() || value != 0) {
        acts.push(("priority", nice(value)));
    }
    if before.cpus != wanted.cpus {
        acts.push(("cpu_affinity", affinity(&wanted.cpus)));
    }
    let failed = acts.into_iter();
    failed
        .filter_map(|(word, act)| Some((word, act.err()?)))
        .collect()
}

/// The calling thread.
const SELF: Pid = Pid::from_raw(0);

/// Gives the thread this nice value.
///
/// # Errors
/// When it may not be more urgent: no CAP_SYS_NICE.
pub fn nice(value: i8) -> io::Result<()> {
    // On Linux the calling thread, not its process.
    rustix::process::setpriority_process(None, i32::from(value)).map_err(io::Error::from)
}

/// Gives the thread SCHED_RR with this priority, or takes it back. Within it, `limit` of processor time without a
/// pause ends the process: a thread in an endless loop must not take the whole machine.
///
/// # Errors
/// When it may not: no CAP_SYS_NICE.
pub fn realtime(wanted: Option<(NonZeroU8, Duration)>) -> io::Result<()> {
    let set = |priority: u8, policy| {
        let value = ThreadPriorityValue::try_from(priority).map_err(io::Error::other)?;
        let priority = ThreadPriority::Crossplatform(value);
        set_thread_priority_and_policy(thread_native_id(), priority, policy).map_err(|error| {
            match error {
                thread_priority::Error::OS(errno) => io::Error::from_raw_os_error(errno),
                other => io::Error::other(other.to_string()),
            }
        })
    };
    let Some((priority, limit)) = wanted else {
        // The middle of the crate's scale is the nice value 0.
        const USUAL: u8 = 50;
        return set(
            USUAL,
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other),
        );
    };
    let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    let (_, most) = getrlimit(Resource::RLIMIT_RTTIME)?;
    setrlimit(Resource::RLIMIT_RTTIME, limit.min(most), most)?;
    let round_robin = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set(priority.get(), round_robin)
}

/// Lets the thread run on these processors only; on all when there are none named.
///
/// # Errors
/// When there is none of them.
pub fn affinity(cpus: &[u16]) -> io::Result<()> {
    let mut set = CpuSet::new();
    if cpus.is_empty() {
        // What is not there, or not ours, the kernel leaves out.
        (0..CpuSet::count()).try_for_each(|cpu| set.set(cpu))?;
    }
    for cpu in cpus {
        set.set(usize::from(*cpu))?;
    }
    Ok(sched_setaffinity(SELF, &set)?)
}

/// Gives back what the thread has inherited of an urgent one, before it starts programs: those would be as urgent, and ended
/// by the limit that is meant for us.
///
/// # Errors
/// When it may not.
pub fn ordinary() -> io::Result<()> {
    realtime(None)?;
    affinity(&[])
}

/// Locks all memory of the process, also what comes, or lets it go.
///
/// # Errors
/// When it may not: no CAP_IPC_LOCK, or more than RLIMIT_MEMLOCK.
pub fn lock_memory(on: bool) -> io::Result<()> {
    if !on {
        return Ok(munlockall()?);
    }
    // Pages that nobody has touched yet are locked when they are touched. Otherwise the kernel fills each large allocation
    // at once, page by page, and a processor is away for as long.
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE;
    match mlockall(all | MlockAllFlags::ONFAULT) {
        // Before Linux 4.4.
        Err(Errno::INVAL) => Ok(mlockall(all)?),
        locked => Ok(locked?),
    }
}

#[cfg(test)]
mod tests {
    use nix::sched::sched_getaffinity;

    use super::*;

    /// A field of the calling thread's /proc/PID/stat (proc(5)), which counts from 1.
    fn field(number: usize) -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, after) = stat.rsplit_once(')').unwrap();
        let mut rest = after.split_whitespace();
        rest.nth(number - 3).unwrap().to_owned()
    }

    /// As sched(7) numbers them: 0 is SCHED_OTHER, 2 SCHED_RR.
    fn policy() -> String {
        field(41)
    }

    fn nice_value() -> String {
        field(19)
    }

    #[test]
    fn a_thread_is_urgent_for_itself_alone() {
        std::thread::spawn(|| {
            let limit = Duration::from_secs(5);
            if let Err(error) = realtime(NonZeroU8::new(10).map(|priority| (priority, limit))) {
                println!("not run: no real-time priority to be had ({error})");
                return;
            }
            assert_eq!(policy(), "2");
            realtime(None).unwrap();
            assert_eq!(policy(), "0");
            nice(5).unwrap();
        })
        .join()
        .unwrap();
        assert_eq!(policy(), "0");
    }

    #[test]
    fn a_thread_goes_there_and_back() {
        std::thread::spawn(|| {
            let all = sched_getaffinity(SELF).unwrap();
            let first = (0..64_u16).find(|cpu| all.is_set(usize::from(*cpu)).unwrap());
            let wanted = Urgency {
                nice: Some(3),
                realtime: None,
                cpus: vec![first.unwrap()],
            };
            let usual = Urgency::default();
            assert!(bring(&usual, &wanted).is_empty());
            assert_eq!(nice_value(), "3");
            assert_ne!(sched_getaffinity(SELF).unwrap(), all);
            let nowhere = Urgency {
                cpus: vec![1000],
                ..wanted.clone()
            };
            let failed = bring(&wanted, &nowhere);
            assert_eq!(failed.len(), 1);
            assert_eq!(failed[0].0, "cpu_affinity");
            // Less nice again needs CAP_SYS_NICE.
            let back = bring(&nowhere, &usual);
            assert!(back.iter().all(|(word, _)| *word == "priority"));
            assert_eq!(sched_getaffinity(SELF).unwrap(), all);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_an_urgent_thread_starts_can_be_ordinary() {
        std::thread::spawn(|| {
            let all = sched_getaffinity(SELF).unwrap();
            let first = (0..64).find(|cpu| all.is_set(usize::from(*cpu)).unwrap());
            affinity(&[first.unwrap()]).unwrap();
            let limit = Duration::from_secs(5);
            let urgent = realtime(NonZeroU8::new(10).map(|priority| (priority, limit))).is_ok();
            let started = std::thread::spawn(move || {
                assert_eq!(policy() == "2", urgent);
                ordinary().unwrap();
                assert_eq!(policy(), "0");
                assert_eq!(sched_getaffinity(SELF).unwrap(), all);
            });
            started.join().unwrap();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_runs_where_it_is_told_to() {
        std::thread::spawn(|| {
            let before = sched_getaffinity(SELF).unwrap();
            let first = (0..64).find(|cpu| before.is_set(usize::from(*cpu)).unwrap());
            affinity(&[first.unwrap()]).unwrap();
            let after = sched_getaffinity(SELF).unwrap();
            let count = (0..CpuSet::count())
                .filter(|cpu| after.is_set(*cpu).unwrap())
                .count();
            assert_eq!(count, 1);
            affinity(&[]).unwrap();
        })
        .join()
        .unwrap();
    }
}
