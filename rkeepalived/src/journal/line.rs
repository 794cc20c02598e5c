//! Each line the daemon can log.
//!
//! Wording is keepalived's wherever it has a line for the same thing (docs: `man keepalived`, and what it
//! prints when run); what is ours alone says what happened, to what, and what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::appointed::Appointed;
use super::checked::Checked;
use super::network::OnNetwork;
use super::{Level, Verbosity};
use crate::kernel::ping::Widened;
use crate::lvs::change::Change;
use crate::lvs::operator::Operator;
use crate::lvs::wanted::{ServerName, ServiceName};
use crate::notify::Script;
use crate::track::verdict::Ended;

/// The program name that a line is logged under, as keepalived's processes name themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `Keepalived`.
    Parent,
    /// `Keepalived_vrrp`.
    Vrrp,
    /// `Keepalived_healthcheckers`.
    Checkers,
    /// `Keepalived_bfd`.
    Bfd,
}

/// A log line.
#[derive(Clone, Debug)]
pub enum Line {
    /// A reload would change what is set at start for good; it is abandoned.
    CannotChange {
        /// What it would change.
        what: &'static str,
    },
    /// First line of a run.
    Starting {
        /// What `-v` prints first.
        version: &'static str,
    },
    /// The kernel below.
    RunningOn {
        /// `uname`'s sysname, release and version.
        system: String,
    },
    /// The arguments.
    CommandLine {
        /// Program name and arguments.
        arguments: Vec<String>,
    },
    /// The file that is read.
    ConfigurationFile {
        /// Its path.
        path: PathBuf,
    },
    /// A finding in the configuration, in one line.
    Finding {
        /// Position, severity, code, text, hint.
        text: String,
        /// The code alone.
        code: String,
        /// How bad it is.
        level: Level,
    },
    /// A line of the configuration's dump (`-d`).
    Dump {
        /// The line.
        text: String,
    },
    /// The configuration does not allow a start.
    CannotStart {
        /// Exit status.
        status: u8,
    },
    /// An option was given that changes nothing.
    OptionWithoutEffect {
        /// The option.
        option: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Something in the configuration that this version does not do.
    LeftOut {
        /// Which part says it.
        part: Part,
        /// What is left out, and why.
        what: String,
    },
    /// All is set up.
    StartupComplete,
    /// A reload begins.
    Reloading,
    /// A reload is through.
    ReloadComplete,
    /// What a reload did to the IPVS table.
    ReloadChanged {
        /// Operations performed.
        done: usize,
        /// Operations refused.
        failed: usize,
    },
    /// A reload was given up; the running configuration stays.
    ReloadRefused {
        /// Why.
        reason: String,
    },
    /// A stop begins.
    Stopping,
    /// Last line of a run.
    Stopped {
        /// What `-v` prints first.
        version: &'static str,
    },
    /// Something of the system that the daemon needs and cannot have.
    Fatal {
        /// Which part says it.
        part: Part,
        /// What, and the remedy.
        reason: String,
    },
    /// Something of the system that did not work; the daemon goes on.
    Trouble {
        /// Which part says it.
        part: Part,
        /// What.
        reason: String,
    },
    /// A VRRP instance's doings.
    Vrrp(vrrp::Notice),
    /// A BFD session's doings.
    Bfd(bfd::Notice),
    /// A BFD session that an instance tracks, itself or by its group, came up or went down.
    SessionTurned {
        /// The instance.
        instance: String,
        /// The session.
        session: String,
        /// Whether it is up.
        up: bool,
    },
    /// An advert of a virtual router that nobody here is part of.
    UnknownVrid {
        /// Its id.
        vrid: u8,
        /// The interface's name; none where it was sent to this host alone.
        interface: Option<String>,
        /// The sender.
        peer: std::net::IpAddr,
    },
    /// Enough processes run of those that are tracked, or not any more.
    ProcessQuorum {
        /// The `vrrp_track_process`.
        name: String,
        /// Whether there are enough now.
        gained: bool,
    },
    /// A burst of gratuitous ARPs begins.
    Announcing {
        /// The instance.
        instance: String,
        /// The interface's name.
        interface: String,
        /// The VIP.
        address: std::net::IpAddr,
    },
    /// One gratuitous ARP, or neighbour advertisement.
    GratuitousArp {
        /// The interface's name.
        interface: String,
        /// The VIP.
        address: std::net::IpAddr,
    },
    /// A link of an instance's own is there.
    DeviceMade {
        /// The instance.
        instance: String,
        /// Its name.
        interface: String,
        /// An ipvlan, not a macvlan.
        ipvlan: bool,
        /// It was there already.
        found: bool,
    },
    /// A link of an instance's own was removed.
    DeviceRemoved {
        /// The instance.
        instance: String,
        /// Its name.
        interface: String,
    },
    /// A reload takes a VIP from an instance.
    AddressDropped {
        /// The instance.
        instance: String,
        /// `172.16.1.1/24 dev eth1`.
        address: String,
    },
    /// A VIP that the kernel would not add or remove.
    AddressRefused {
        /// The instance.
        instance: String,
        /// `add` or `remove`.
        act: &'static str,
        /// `172.16.1.1/24 dev eth1`.
        address: String,
        /// What the kernel said.
        reason: String,
    },
    /// Something about an address, a route or a rule.
    Network(OnNetwork),
    /// A reload that a file appoints.
    Appointed(Appointed),
    /// An interface's carrier came or went.
    LinkState {
        /// The interface's name.
        interface: String,
        /// Whether it is up now.
        up: bool,
    },
    /// A change in a virtual server.
    Pool(Change),
    /// A check's finding.
    Checked(Box<Checked>),
    /// A real server leaves with the daemon.
    ShuttingDown {
        /// The server.
        server: ServerName,
        /// Its virtual server.
        service: ServiceName,
    },
    /// IPVS would not do something.
    IpvsRefused {
        /// What, and what the kernel said.
        reason: String,
    },
    /// The kernel's table cannot be read.
    IpvsUnreadable {
        /// What the kernel said.
        reason: String,
    },
    /// What is left in the kernel's table after a stop.
    LeftBehind {
        /// Number of operations that were refused.
        failed: usize,
    },
    /// The number in a tracked file does not fit.
    FileIgnored {
        /// The file.
        path: PathBuf,
        /// What stands there.
        text: String,
    },
    /// A script could not be executed.
    ScriptNotRun {
        /// Whose.
        lane: String,
        /// Which one.
        script: Arc<Script>,
        /// What the kernel said.
        reason: String,
        /// What can be done.
        remedy: String,
    },
    /// A tracked script ended otherwise than the last time.
    ScriptReturns {
        /// Its name.
        name: String,
        /// Its exit status.
        status: i32,
    },
    /// A tracked script counts as succeeding or failing from now on.
    ScriptTurned {
        /// Its name.
        name: String,
        /// The result that decided.
        ended: Ended,
        /// How long that run took.
        after: Duration,
    },
    /// A tracked script cannot be executed.
    TrackScriptNotRun {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
        /// What can be done.
        remedy: String,
    },
    /// `startup_script` or `shutdown_script` begins, and everything else waits for it.
    HookRuns {
        /// Its keyword.
        word: &'static str,
        /// What is run.
        script: Arc<Script>,
    },
    /// A script ended with a failure.
    ScriptFailed {
        /// Whose.
        lane: String,
        /// Which one.
        script: Arc<Script>,
        /// How it ended.
        status: String,
    },
    /// A script takes so long that the next one of its lane does not wait for it any more.
    ScriptEndless {
        /// Whose.
        lane: String,
        /// Which one.
        script: Arc<Script>,
        /// How long it was waited for.
        patience: Duration,
        /// Whether it goes on; it is ended where there are too many.
        goes_on: bool,
    },
    /// A script is not run, since too many wait before it.
    ScriptDropped {
        /// Whose.
        lane: String,
        /// Which one.
        script: Arc<Script>,
        /// How many wait.
        waiting: usize,
    },
    /// A mail got to its server.
    MailSent {
        /// What it was about.
        subject: String,
    },
    /// A mail did not.
    MailLost {
        /// What it was about.
        subject: String,
        /// Why.
        reason: String,
    },
    /// A FIFO cannot be had.
    FifoMissing {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A FIFO takes no more, since nobody reads it.
    FifoFull {
        /// Which one.
        path: PathBuf,
        /// What the kernel said.
        reason: String,
    },
    /// A FIFO takes lines again.
    FifoLost {
        /// Which one.
        path: PathBuf,
        /// How many were lost.
        lost: u64,
    },
    /// The script that reads a FIFO ended by itself.
    FifoScriptEnded {
        /// Which one.
        script: Arc<Script>,
        /// How it ended.
        status: String,
    },
    /// Who may send ICMP echo requests is changed, for PING_CHECK.
    PingGroups(Widened),
    /// An operator sets what is logged.
    LogLevel {
        /// From now on.
        verbosity: Verbosity,
    },
    /// A dump was written.
    Dumped {
        /// Which part's.
        part: Part,
        /// `stats` or `data`.
        what: &'static str,
    },
}

impl Line {
    /// The name it is logged under.
    #[must_use]
    pub fn part(&self) -> Part {
        match self {
            Line::Bfd(_) => Part::Bfd,
            Line::Vrrp(_)
            | Line::SessionTurned { .. }
            | Line::UnknownVrid { .. }
            | Line::ProcessQuorum { .. }
            | Line::Announcing { .. }
            | Line::GratuitousArp { .. }
            | Line::DeviceMade { .. }
            | Line::DeviceRemoved { .. }
            | Line::AddressDropped { .. }
            | Line::AddressRefused { .. }
            | Line::Network(_)
            | Line::LinkState { .. } => Part::Vrrp,
            Line::Pool(_)
            | Line::Checked(_)
            | Line::ShuttingDown { .. }
            | Line::IpvsRefused { .. }
            | Line::IpvsUnreadable { .. }
            | Line::LeftBehind { .. }
            | Line::FileIgnored { .. }
            | Line::PingGroups(_)
            | Line::ReloadChanged { .. } => Part::Checkers,
            Line::ScriptNotRun { lane, .. }
            | Line::ScriptFailed { lane, .. }
            | Line::ScriptEndless { lane, .. }
            | Line::ScriptDropped { lane, .. } => match lane.starts_with("VS ") {
                true => Part::Checkers,
                false => Part::Vrrp,
            },
            Line::ScriptReturns { .. }
            | Line::ScriptTurned { .. }
            | Line::TrackScriptNotRun { .. } => Part::Vrrp,
            Line::LeftOut { part, .. }
            | Line::Fatal { part, .. }
            | Line::Trouble { part, .. }
            | Line::Dumped { part, .. } => *part,
            _ => Part::Parent,
        }
    }

    /// Whether it is shown only with `-D`.
    #[must_use]
    pub fn detail(&self) -> bool {
        match self {
            Line::Vrrp(notice) => notice.detail(),
            Line::Network(line) => line.detail(),
            Line::Announcing { .. } | Line::GratuitousArp { .. } => true,
            _ => false,
        }
    }

    /// How important it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Line::Finding { level, .. } => *level,
            Line::Network(line) => line.level(),
            Line::Appointed(line) => line.level(),
            Line::Vrrp(notice) => match notice.level() {
                vrrp::Level::Error => Level::Error,
                vrrp::Level::Warning => Level::Warning,
                vrrp::Level::Info => Level::Info,
            },
            Line::Fatal { .. }
            | Line::CannotStart { .. }
            | Line::ReloadRefused { .. }
            | Line::CannotChange { .. }
            | Line::AddressRefused { .. }
            | Line::IpvsRefused { .. }
            | Line::IpvsUnreadable { .. }
            | Line::LeftOut { .. }
            | Line::ScriptNotRun { .. }
            | Line::ScriptDropped { .. }
            | Line::FifoMissing { .. }
            | Line::MailLost { .. }
            | Line::TrackScriptNotRun { .. }
            | Line::LeftBehind { .. } => Level::Error,
            Line::Bfd(bfd::Notice::Down { .. } | bfd::Notice::Rejected { .. })
            | Line::FileIgnored { .. }
            | Line::ScriptFailed { .. }
            | Line::ScriptEndless { .. }
            | Line::FifoFull { .. }
            | Line::FifoLost { .. }
            | Line::FifoScriptEnded { .. }
            | Line::Trouble { .. }
            | Line::OptionWithoutEffect { .. }
            | Line::PingGroups(_) => Level::Warning,
            Line::Pool(
                Change::QuorumLost { .. }
                | Change::QuorumDown { .. }
                | Change::ServerDown { .. }
                | Change::File { fails: true, .. },
            ) => Level::Warning,
            _ => Level::Info,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Starting { version } => write!(f, "Starting {version}"),
            Line::RunningOn { system } => write!(f, "Running on {system}"),
            Line::CommandLine { arguments } => {
                f.write_str("Command line:")?;
                arguments
                    .iter()
                    .try_for_each(|argument| write!(f, " '{argument}'"))
            }
            Line::ConfigurationFile { path } => write!(f, "Configuration file {}", path.display()),
            Line::Finding { text, .. } | Line::Dump { text } => f.write_str(text),
            Line::CannotStart { status } => write!(
                f,
                "Not starting with this configuration (exit status {status}): mend the errors above; `keepalived -t` shows each with its line"
            ),
            Line::OptionWithoutEffect { option, reason } => {
                write!(f, "Option {option} has no effect: {reason}")
            }
            Line::LeftOut { what, .. } => f.write_str(what),
            Line::StartupComplete => f.write_str("Startup complete"),
            Line::Reloading => f.write_str("Reloading ..."),
            Line::ReloadComplete => f.write_str("Reload complete"),
            Line::ReloadChanged { done, failed: 0 } => {
                write!(f, "Reload changed {done} IPVS entries")
            }
            Line::ReloadChanged { done, failed } => {
                write!(
                    f,
                    "Reload changed {done} IPVS entries; the kernel refused {failed}"
                )
            }
            Line::ReloadRefused { reason } => {
                write!(
                    f,
                    "Reload abandoned, the running configuration stays: {reason}"
                )
            }
            Line::Stopping => f.write_str("Stopping"),
            Line::Stopped { version } => write!(f, "Stopped {version}"),
            Line::Fatal { reason, .. } | Line::Trouble { reason, .. } => f.write_str(reason),
            Line::Vrrp(notice) => notice.fmt(f),
            Line::Bfd(notice) => notice.fmt(f),
            Line::ProcessQuorum { name, gained } => write!(
                f,
                "Quorum {} for tracked process {name}",
                if *gained { "gained" } else { "lost" }
            ),
            Line::SessionTurned {
                instance,
                session,
                up,
            } => write!(
                f,
                "VRRP_Instance({instance}) Tracked BFD instance {session} is {}",
                if *up { "UP" } else { "DOWN" }
            ),
            Line::UnknownVrid {
                vrid,
                interface,
                peer,
            } => write!(
                f,
                "Unknown VRID({vrid}) received on interface({}). ignoring... (from {peer}; further ones are only counted)",
                interface.as_deref().unwrap_or("any")
            ),
            Line::Announcing {
                instance,
                interface,
                address,
            } => {
                let what = if address.is_ipv6() {
                    "Unsolicited Neighbour Adverts"
                } else {
                    "gratuitous ARPs"
                };
                write!(
                    f,
                    "({instance}) Sending/queueing {what} on {interface} for {address}"
                )
            }
            Line::GratuitousArp { interface, address } => {
                let what = if address.is_ipv6() {
                    "unsolicited Neighbour Advert"
                } else {
                    "gratuitous ARP"
                };
                write!(f, "Sending {what} on {interface} for {address}")
            }
            Line::DeviceMade {
                instance,
                interface,
                found: true,
                ..
            } => write!(f, "({instance}) Found matching interface {interface}"),
            Line::DeviceMade {
                instance,
                interface,
                ipvlan,
                ..
            } => {
                let kind = if *ipvlan { "ipvlan" } else { "VMAC" };
                write!(
                    f,
                    "({instance}): Success creating {kind} interface {interface}"
                )
            }
            Line::DeviceRemoved {
                instance,
                interface,
            } => write!(
                f,
                "({instance}) Success removing VMAC interface {interface}"
            ),
            Line::AddressDropped { instance, address } => {
                write!(f, "({instance}) ip address {address}, no longer exist")
            }
            Line::AddressRefused {
                instance,
                act,
                address,
                reason,
            } => write!(f, "({instance}) cannot {act} VIP {address}: {reason}"),
            Line::Network(line) => line.fmt(f),
            Line::Appointed(line) => line.fmt(f),
            Line::LinkState { interface, up } => {
                write!(
                    f,
                    "Netlink reports {interface} {}",
                    if *up { "up" } else { "down" }
                )
            }
            Line::Pool(change) => pool(f, change),
            Line::Checked(checked) => checked.fmt(f),
            Line::ShuttingDown { server, service } => {
                write!(f, "Shutting down service {server} from VS {service}")
            }
            Line::CannotChange { what } => write!(
                f,
                "Cannot change {what} at a reload - please restart keepalived"
            ),
            Line::IpvsRefused { reason } => write!(f, "IPVS: {reason}"),
            Line::IpvsUnreadable { reason } => write!(f, "IPVS: cannot read the table: {reason}"),
            Line::LeftBehind { failed } => write!(
                f,
                "IPVS: the kernel refused to remove {failed} entries; `ipvsadm -Ln` shows them, `ipvsadm -C` removes all"
            ),
            Line::FileIgnored { path, text } => write!(
                f,
                "Invalid number {text} read from {} - ignoring (it must fit 32 bits; the last one holds)",
                path.display()
            ),
            Line::ScriptNotRun {
                lane,
                script,
                reason,
                remedy,
            } => write!(
                f,
                "Script {script} of {lane} cannot be executed, so nobody was told: {reason}; {remedy}"
            ),
            Line::ScriptReturns { name, status } => {
                write!(f, "Script `{name}` now returning {status}")
            }
            Line::ScriptTurned { name, ended, after } => {
                write!(f, "VRRP_Script({name}) ")?;
                match ended {
                    Ended::Exited(0) => f.write_str("succeeded"),
                    Ended::Exited(status) => write!(f, "failed (exited with status {status})"),
                    Ended::Signalled(signal) => write!(f, "failed due to signal {signal}"),
                    Ended::TimedOut => write!(f, "timed_out (after {:.1} s)", after.as_secs_f64()),
                    Ended::NotRun => f.write_str("failed (it could not be executed)"),
                }
            }
            Line::TrackScriptNotRun {
                name,
                reason,
                remedy,
            } => write!(
                f,
                "VRRP_Script({name}) cannot be executed, which counts as a failure: {reason}; {remedy}"
            ),
            // keepalived's words.
            Line::HookRuns { word, script } => {
                write!(f, "Running {} {script}", word.replace('_', " "))
            }
            Line::ScriptFailed {
                lane,
                script,
                status,
            } => write!(f, "Script {script} of {lane} failed: {status}"),
            Line::ScriptEndless {
                lane,
                script,
                patience,
                goes_on,
            } => write!(
                f,
                "Script {script} of {lane} does not end: after {} s {}",
                patience.as_secs(),
                match goes_on {
                    true => "the next one is run beside it",
                    false =>
                        "it is ended, since others before it do not end either, and the next one is run",
                }
            ),
            Line::ScriptDropped {
                lane,
                script,
                waiting,
            } => write!(
                f,
                "Script {script} of {lane} is NOT run: {waiting} wait already for one that does not end"
            ),
            Line::MailSent { subject } => {
                write!(f, "SMTP alert successfully sent. ({subject})")
            }
            Line::MailLost { subject, reason } => {
                write!(f, "SMTP alert NOT sent: {reason} ({subject})")
            }
            Line::FifoMissing { path, reason } => write!(
                f,
                "Unable to open FIFO {}, so nobody hears of changes by it: {reason}",
                path.display()
            ),
            Line::FifoFull { path, reason } => write!(
                f,
                "FIFO {} takes no more, since nobody reads it ({reason}); what happens meanwhile is lost for it",
                path.display()
            ),
            Line::FifoLost { path, lost } => {
                write!(
                    f,
                    "FIFO {} is read again; {lost} lines were lost",
                    path.display()
                )
            }
            Line::FifoScriptEnded { script, status } => write!(
                f,
                "FIFO script {script} ended by itself ({status}); a reload starts it anew"
            ),
            Line::PingGroups(Widened { from, to }) => write!(
                f,
                "Warning: /proc/sys/net/ipv4/ping_group_range being expanded from {} {} to {} {}",
                from.0, from.1, to.0, to.1
            ),
            Line::LogLevel { verbosity } => {
                write!(f, "Operator sets the log level to {}", verbosity.name())
            }
            Line::Dumped { part, what } => match part {
                Part::Vrrp => write!(
                    f,
                    "Printing VRRP {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Parent => write!(
                    f,
                    "Printing parent {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Checkers => write!(
                    f,
                    "Printing checker {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Bfd => write!(
                    f,
                    "Printing BFD {what} for process({}) on signal",
                    std::process::id()
                ),
            },
        }
    }
}

fn pool(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    match change {
        Change::Activating { server, service } => {
            write!(
                f,
                "Activating healthchecker for service {server} for VS {service}"
            )
        }
        Change::ServerUp {
            server,
            service,
            inhibited: false,
        } => write!(f, "Adding service {server} to VS {service}"),
        Change::ServerUp {
            server, service, ..
        } => write!(f, "Enabling service {server} of VS {service}"),
        Change::ServerDown {
            server,
            service,
            inhibited: false,
        } => write!(f, "Removing service {server} from VS {service}"),
        Change::ServerDown {
            server, service, ..
        } => write!(f, "Disabling service {server} of VS {service}"),
        Change::Weight {
            server,
            service,
            from,
            to,
            active,
        } => write!(
            f,
            "Changing weight from {from} to {to} for {} service {server} of VS {service}",
            if *active { "active" } else { "inactive" }
        ),
        Change::Place {
            place,
            more,
            group,
            added,
        } => {
            write!(f, "VS [{place}]")?;
            if *more > 0 {
                write!(f, " and {more} more")?;
            }
            f.write_str(if *added {
                " added into group "
            } else {
                " in group "
            })?;
            f.write_str(group)?;
            f.write_str(if *added { "" } else { " no longer exists" })
        }
        Change::QuorumGained {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Gained quorum {quorum}+{hysteresis}={} <= {weight} for VS {service}",
            u64::from(*quorum).saturating_add(u64::from(*hysteresis))
        ),
        Change::QuorumLost {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Lost quorum {quorum}-{hysteresis}={} > {weight} for VS {service}",
            quorum.saturating_sub(*hysteresis)
        ),
        Change::QuorumDown {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Starting with quorum down {quorum}-{hysteresis}={} > {weight} for VS {service}",
            quorum.saturating_sub(*hysteresis)
        ),
        Change::Alive { service, joins } => write!(
            f,
            "{} for VS {service}",
            match joins {
                true => "Adding alive servers to the pool",
                false => "Removing alive servers from the pool",
            }
        ),
        Change::Operator {
            server,
            service,
            operator,
        } => match operator {
            Some(Operator::Drained) => {
                write!(f, "Operator drains service {server} of VS {service}")
            }
            Some(Operator::Disabled) => {
                write!(f, "Operator disables service {server} of VS {service}")
            }
            Some(Operator::Weight(weight)) => write!(
                f,
                "Operator sets weight {weight} for service {server} of VS {service}"
            ),
            None => write!(f, "Operator enables service {server} of VS {service}"),
        },
        Change::File {
            server,
            file,
            fails,
        } => write!(
            f,
            "({server}): tracked file {file} {} FAULT state",
            if *fails { "now" } else { "leaving" }
        ),
        Change::Session {
            server,
            session,
            up,
        } => write!(
            f,
            "BFD check of [{session}] RS({server}) is {}",
            if *up { "UP" } else { "DOWN" }
        ),
        Change::ServerGone { server } => write!(f, "service {server} no longer exist"),
        Change::ServiceGone { service } => write!(f, "Removing Virtual Server {service}"),
        Change::Suspending {
            server,
            service,
            start,
        } => write!(
            f,
            "{} healthchecker for service {server} for VS {service}",
            if *start { "Deactivating" } else { "Suspending" }
        ),
        Change::Address { address, added } => write!(
            f,
            "Netlink reflector reports IP {address} {}",
            if *added { "added" } else { "removed" }
        ),
        Change::Sorry {
            server,
            service,
            serves,
            inhibited,
        } => {
            let (act, to) = match (serves, inhibited) {
                (true, false) => ("Adding", "to"),
                (false, false) => ("Removing", "from"),
                (true, true) => ("Enabling", "to"),
                (false, true) => ("Disabling", "from"),
            };
            write!(f, "{act} sorry server {server} {to} VS {service}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use checkers::{
        CheckId, DatagramFailure, Dial, DnsProbe, Evidence, Failure, Health, HttpProbe,
        HttpVersion, Outcome, Probe, Report, SmtpFailure, SmtpFault, SmtpProbe, SmtpStep, UdpProbe,
    };
    use ipvs_netlink::Protocol;

    use super::*;

    fn server() -> ServerName {
        ServerName(Some(Protocol::Tcp), "172.16.1.10:80".parse().unwrap())
    }

    fn service() -> ServiceName {
        ServiceName::Socket(Protocol::Tcp, "172.16.1.1:80".parse().unwrap())
    }

    fn dial() -> Dial {
        Dial {
            target: SocketAddr::from(([172, 16, 1, 10], 80)),
            bind: None,
            bind_interface: None,
            fwmark: None,
            timeout: Duration::from_secs(1),
        }
    }

    fn http() -> Probe {
        Probe::Http(HttpProbe {
            dial: dial(),
            tls: None,
            sni: false,
            version: HttpVersion::V1_0,
            fast_recovery: false,
            urls: Vec::new(),
        })
    }

    #[test]
    fn a_failure_that_changes_nothing_is_told_in_keepalived_s_words() {
        let told = |probe, failure, attempt| {
            Line::Checked(Box::new(Checked {
                probe,
                server: server(),
                service: service(),
                report: Report {
                    id: CheckId(1),
                    outcome: Outcome::Failure(failure),
                    change: None,
                    attempt,
                    retry: 2,
                    elapsed: Duration::from_millis(4),
                    dynamic_weight: None,
                },
            }))
            .to_string()
        };
        let status = Failure::Status {
            seen: 500,
            wanted: vec![200..=299],
        };
        assert_eq!(
            told(http(), status, 1),
            "HTTP status code error to server [172.16.1.10]:tcp:80. (status 500, wanted 200-299, after 0.004 s, 1 of 3)"
        );
        let early = Failure::ClosedEarly { received: 0 };
        assert!(
            told(http(), early, 2)
                .starts_with("Read, no data received from  server [172.16.1.10]:tcp:80. (")
        );
        assert_eq!(
            told(Probe::Tcp(dial()), Failure::Refused, 2),
            "TCP connection to [172.16.1.10]:tcp:80 failed. (connection refused, after 0.004 s, 2 of 3)"
        );
        let misc = || {
            Probe::Misc(checkers::MiscProbe {
                command: vec!["/usr/bin/test".into()],
                timeout: Duration::from_secs(1),
                dynamic: false,
                user: None,
            })
        };
        let exited = || Failure::Exited { status: 1 };
        assert_eq!(
            told(misc(), exited(), 1),
            "Misc check for [[172.16.1.10]:tcp:80 VS [172.16.1.1]:tcp:80] by [/usr/bin/test] failed, will do 2 retries (exited with status 1)."
        );
        assert_eq!(
            told(misc(), exited(), 2),
            "Misc check for [[172.16.1.10]:tcp:80 VS [172.16.1.1]:tcp:80] by [/usr/bin/test] failed on retry 1/2 (exited with status 1)."
        );
    }

    fn checked(probe: Probe, outcome: Outcome, attempt: u32, retry: u32) -> String {
        let change = if outcome.is_success() {
            Health::Up
        } else {
            Health::Down
        };
        Line::Checked(Box::new(Checked {
            probe,
            server: server(),
            service: service(),
            report: Report {
                id: CheckId(1),
                outcome,
                change: Some(change),
                attempt,
                retry,
                elapsed: Duration::from_millis(4),
                dynamic_weight: None,
            },
        }))
        .to_string()
    }

    // The texts before the parentheses are what keepalived 2.2.7 logged for the same events.

    #[test]
    fn a_check_says_its_verdict_in_keepaliveds_words_and_then_why() {
        let refused = || Outcome::Failure(Failure::Refused);
        assert_eq!(
            checked(http(), refused(), 2, 1),
            "HTTP_CHECK on service [172.16.1.10]:tcp:80 failed after 1 retries. (connection refused, after 0.004 s)"
        );
        assert_eq!(
            checked(Probe::Tcp(dial()), refused(), 1, 0),
            "TCP_CHECK on service [172.16.1.10]:tcp:80 failed. (connection refused, after 0.004 s)"
        );
        let up = || Outcome::Success(Evidence::Connected);
        assert_eq!(
            checked(http(), up(), 0, 1),
            "Remote Web server [172.16.1.10]:tcp:80 succeed on service."
        );
        assert_eq!(
            checked(Probe::Tcp(dial()), up(), 0, 1),
            "TCP connection to [172.16.1.10]:tcp:80 success."
        );
    }

    #[test]
    fn mail_name_and_other_servers_too() {
        let smtp = Probe::Smtp(SmtpProbe {
            dial: dial(),
            helo_name: "smtpchecker.keepalived.org".into(),
        });
        let closed = Failure::Smtp(SmtpFailure {
            step: SmtpStep::Greeting,
            fault: SmtpFault::Closed,
        });
        assert_eq!(
            checked(smtp.clone(), Outcome::Failure(closed), 2, 1),
            "SMTP_CHECK on service [172.16.1.10]:tcp:80 failed after 1 retries. (closed before the greeting, after 0.004 s)"
        );
        assert_eq!(
            checked(smtp, Outcome::Success(Evidence::Spoke), 0, 1),
            "Remote SMTP server [172.16.1.10]:tcp:80 succeed on service."
        );
        let dns = Probe::Dns(DnsProbe {
            dial: dial(),
            name: ".".into(),
            kind: 6,
        });
        let refused = Failure::Datagram(DatagramFailure::Rcode {
            seen: 2,
            name: "SERVFAIL".into(),
        });
        assert_eq!(
            checked(dns.clone(), Outcome::Failure(refused), 1, 0),
            "DNS_CHECK ([172.16.1.10]:tcp:80) failed. (rcode 2 (SERVFAIL), wanted 0, after 0.004 s)"
        );
        assert_eq!(
            checked(
                dns,
                Outcome::Success(Evidence::Resolved { answers: 1 }),
                0,
                1
            ),
            "DNS_CHECK ([172.16.1.10]:tcp:80) success."
        );
        let udp = Probe::Udp(Box::new(UdpProbe {
            dial: dial(),
            payload: vec![0],
            reply: None,
        }));
        let closed = Outcome::Failure(Failure::Datagram(DatagramFailure::PortUnreachable));
        assert_eq!(
            checked(udp.clone(), closed.clone(), 4, 3),
            "UDP_CHECK on service [172.16.1.10]:tcp:80 failed after 3 retries. (ICMP port unreachable, after 0.004 s)"
        );
        assert_eq!(
            checked(udp, Outcome::Success(Evidence::Silent), 0, 1),
            "UDP connection to [172.16.1.10]:tcp:80 success."
        );
        assert_eq!(
            checked(Probe::Ping(dial()), closed, 1, 0),
            "ICMP CHECK on service [172.16.1.10]:tcp:80 failed. (ICMP port unreachable, after 0.004 s)"
        );
        assert_eq!(
            checked(
                Probe::Ping(dial()),
                Outcome::Success(Evidence::Replied),
                0,
                1
            ),
            "ICMP connection to [172.16.1.10]:tcp:80 success."
        );
    }

    #[test]
    fn a_check_that_fails_at_once_does_not_claim_retries() {
        let line = checked(http(), Outcome::Failure(Failure::Refused), 1, 1);
        assert!(
            line.starts_with("HTTP_CHECK on service [172.16.1.10]:tcp:80 failed. ("),
            "{line}"
        );
    }

    #[test]
    fn changes_of_a_virtual_server_read_as_keepaliveds() {
        let (server, service) = (server(), service());
        let line = |change| Line::Pool(change).to_string();
        assert_eq!(
            line(Change::ServerDown {
                server,
                service: service.clone(),
                inhibited: false
            }),
            "Removing service [172.16.1.10]:tcp:80 from VS [172.16.1.1]:tcp:80"
        );
        let place = |added, more| {
            line(Change::Place {
                place: service.clone(),
                more,
                group: "web".into(),
                added,
            })
        };
        assert_eq!(
            place(true, 0),
            "VS [[172.16.1.1]:tcp:80] added into group web"
        );
        assert_eq!(
            place(false, 0),
            "VS [[172.16.1.1]:tcp:80] in group web no longer exists"
        );
        assert_eq!(
            place(true, 65_535),
            "VS [[172.16.1.1]:tcp:80] and 65535 more added into group web"
        );
        assert_eq!(
            line(Change::QuorumLost {
                service: service.clone(),
                quorum: 1,
                hysteresis: 0,
                weight: 0
            }),
            "Lost quorum 1-0=1 > 0 for VS [172.16.1.1]:tcp:80"
        );
        assert_eq!(
            line(Change::QuorumGained {
                service,
                quorum: 1,
                hysteresis: 0,
                weight: 1
            }),
            "Gained quorum 1+0=1 <= 1 for VS [172.16.1.1]:tcp:80"
        );
    }
}
