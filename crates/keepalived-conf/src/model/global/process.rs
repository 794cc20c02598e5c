//! How the processes run: their place, their priority, what runs before and after them.

use std::num::{NonZeroU8, NonZeroU32};
use std::time::Duration;

use super::super::Script;

/// Where the whole daemon lives: the words outside of blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// `net_namespace`: the network namespace that is entered.
    pub net_namespace: Option<String>,
    /// `net_namespace_ipvs`; as `net_namespace` when `None`.
    pub net_namespace_ipvs: Option<IpvsNamespace>,
    /// `instance`: a name that tells the files of several daemons apart.
    pub instance: Option<String>,
    /// `use_pid_dir`, or what implies it: an instance name, or a namespace.
    pub use_pid_dir: bool,
    /// `child_wait_time`: so long a subsystem may take to stop.
    pub child_wait_time: Duration,
    /// `linkbeat_use_polling`: every interface is asked for its link, again and again.
    pub linkbeat_use_polling: bool,
}

impl Default for Home {
    fn default() -> Self {
        Self {
            net_namespace: None,
            net_namespace_ipvs: None,
            instance: None,
            use_pid_dir: false,
            child_wait_time: Duration::from_secs(5),
            linkbeat_use_polling: false,
        }
    }
}

/// `net_namespace_ipvs [NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpvsNamespace {
    /// The one that keepalived was started in.
    Initial,
    /// That one.
    Named(String),
}

/// How one subsystem is scheduled: `vrrp_priority`, `checker_rt_priority`, `bfd_no_swap` and their kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduling {
    /// `..._priority`: the nice value, -20..=19.
    pub nice: Option<i8>,
    /// `..._rt_priority`: SCHED_RR with that priority, 1..=99.
    pub realtime: Option<NonZeroU8>,
    /// `..._no_swap`: all memory is locked.
    pub no_swap: bool,
    /// `..._cpu_affinity`; every CPU when empty.
    pub cpus: Vec<u16>,
    /// `..._rlimit_rttime`: microseconds of CPU time without a pause, at least 2; only with `realtime`.
    pub realtime_limit: Duration,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            nice: None,
            realtime: None,
            no_swap: false,
            cpus: Vec::new(),
            realtime_limit: Duration::from_millis(10),
        }
    }
}

/// The scheduling of each subsystem, and how it is raised by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedules {
    /// Failover.
    pub vrrp: Scheduling,
    /// LVS and its checkers.
    pub checker: Scheduling,
    /// BFD.
    pub bfd: Scheduling,
    /// `max_auto_priority`.
    pub raise: AutoPriority,
    /// `min_auto_priority_delay`: a timer that is later than this raises the priority; 1 us..=10 s.
    pub raise_after: Duration,
}

impl Default for Schedules {
    fn default() -> Self {
        Self {
            vrrp: Scheduling::default(),
            checker: Scheduling::default(),
            bfd: Scheduling::default(),
            raise: AutoPriority::Tell,
            raise_after: Duration::from_secs(1),
        }
    }
}

/// `max_auto_priority`: what happens when a timer is served too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoPriority {
    /// -1: nothing.
    Nothing,
    /// 0: it is logged.
    Tell,
    /// 1..=99: the real-time priority is raised, up to this.
    UpTo(NonZeroU8),
}

/// `startup_script`, `shutdown_script` and how long they may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Runs before anything else.
    pub startup: Option<Box<Script>>,
    /// Whole seconds, 1..=1000.
    pub startup_timeout: Duration,
    /// Runs after everything else.
    pub shutdown: Option<Box<Script>>,
    /// Whole seconds, 1..=1000.
    pub shutdown_timeout: Duration,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            startup: None,
            startup_timeout: Duration::from_secs(10),
            shutdown: None,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// The receive buffer of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveBuffer {
    /// In bytes; the kernel's default when `None`.
    pub size: Option<NonZeroU32>,
    /// Even above the limit of the system.
    pub force: bool,
}

/// The receive buffers of the sockets that talk to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveBuffers {
    /// `vrrp_netlink_cmd_rcv_bufs`.
    pub vrrp_commands: ReceiveBuffer,
    /// `vrrp_netlink_monitor_rcv_bufs`.
    pub vrrp_monitor: ReceiveBuffer,
    /// `lvs_netlink_cmd_rcv_bufs`.
    pub lvs_commands: ReceiveBuffer,
    /// `lvs_netlink_monitor_rcv_bufs`.
    pub lvs_monitor: ReceiveBuffer,
    /// `process_monitor_rcv_bufs`.
    pub processes: ReceiveBuffer,
}
