//! Each line the daemon can log.
//!
//! Wording is keepalived's wherever it has a line for the same thing (docs: `man keepalived`, and what it
//! prints when run); what is ours alone says what happened, to what, and what to do about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::appointed::Appointed;
use super::checked::Checked;
use super::network::OnNetwork;
use super::{Level, Verbosity};
use crate::kernel::ping::Widened;
use crate::lvs::change::Change;
use crate::lvs::wanted::{ServerName, ServiceName};
use crate::notify::Script;
use crate::track::verdict::Ended;

#[cfg(test)]
mod tests;
mod wording;

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
