//! Which lines are events: changes that somebody may want to see again, in order, after the log has moved on.
//!
//! [`write`](super::write) tells them, never waiting: what finds no room is counted, and shows as a gap in the numbers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use checkers::Health;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Level, Line};
use crate::lvs::change::Change;

/// Events that may wait for whoever keeps them.
const WAITING: usize = 4096;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The process: it started, it stops.
    Daemon,
    /// A reload, or what it found.
    Reload,
    /// A VRRP instance changed its state, or the master that it believes in.
    Vrrp,
    /// An effective priority changed.
    Priority,
    /// A link came or went.
    Link,
    /// A tracked script turned.
    Tracker,
    /// A check changed its mind.
    Check,
    /// A real server came or went.
    Server,
    /// A weight changed.
    Weight,
    /// A quorum was gained or lost, or a sorry server came or went.
    Quorum,
    /// Somebody steered.
    Operator,
    /// Anything else that somebody should know of.
    Trouble,
}

impl Kind {
    /// As in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Daemon => "daemon",
            Kind::Reload => "reload",
            Kind::Vrrp => "vrrp",
            Kind::Priority => "priority",
            Kind::Link => "link",
            Kind::Tracker => "tracker",
            Kind::Check => "check",
            Kind::Server => "server",
            Kind::Weight => "weight",
            Kind::Quorum => "quorum",
            Kind::Operator => "operator",
            Kind::Trouble => "trouble",
        }
    }

    pub(super) fn of(line: &Line) -> Option<Kind> {
        use vrrp::Notice;
        let kind = match line {
            Line::StartupComplete | Line::Stopping => Kind::Daemon,
            Line::Reloading
            | Line::ReloadComplete
            | Line::ReloadChanged { .. }
            | Line::ReloadRefused { .. }
            | Line::CannotChange { .. } => Kind::Reload,
            Line::LogLevel { .. } => Kind::Operator,
            Line::LinkState { .. } => Kind::Link,
            Line::ScriptTurned { .. } => Kind::Tracker,
            Line::Checked(checked) if checked.report.change.is_some() => Kind::Check,
            Line::Vrrp(
                Notice::EnteringMaster { .. }
                | Notice::EnteringBackup { .. }
                | Notice::EnteringFault { .. }
                | Notice::MasterSet { .. }
                | Notice::MasterChanged { .. },
            ) => Kind::Vrrp,
            Line::Vrrp(
                Notice::HandingOver { .. }
                | Notice::NobodyTookOver { .. }
                | Notice::TakingBack { .. },
            ) => Kind::Operator,
            Line::Vrrp(Notice::PriorityChanged { .. }) => Kind::Priority,
            Line::Pool(change) => match change {
                Change::ServerUp { .. }
                | Change::ServerDown { .. }
                | Change::ServerGone { .. }
                | Change::ServiceGone { .. } => Kind::Server,
                Change::Operator { .. } => Kind::Operator,
                Change::Weight { .. } | Change::File { .. } => Kind::Weight,
                Change::QuorumGained { .. }
                | Change::QuorumLost { .. }
                | Change::QuorumDown { .. }
                | Change::Sorry { .. } => Kind::Quorum,
                _ => return None,
            },
            other => match other.level() {
                Level::Error | Level::Warning => Kind::Trouble,
                Level::Info => return None,
            },
        };
        Some(kind)
    }
}

/// What it is about, where that has a name.
fn subject(line: &Line) -> Option<String> {
    use vrrp::Notice;
    let named = match line {
        Line::Vrrp(
            Notice::EnteringMaster { instance }
            | Notice::EnteringBackup { instance, .. }
            | Notice::EnteringFault { instance, .. }
            | Notice::MasterSet { instance, .. }
            | Notice::MasterChanged { instance, .. }
            | Notice::PriorityChanged { instance, .. }
            | Notice::HandingOver { instance }
            | Notice::NobodyTookOver { instance }
            | Notice::TakingBack { instance }
            | Notice::Rejected { instance, .. },
        ) => instance.to_string(),
        Line::LinkState { interface, .. } => interface.clone(),
        Line::ScriptTurned { name, .. } => name.clone(),
        Line::Checked(checked) => checked.server.to_string(),
        Line::Pool(change) => match change {
            Change::ServerUp { server, .. }
            | Change::ServerDown { server, .. }
            | Change::Weight { server, .. }
            | Change::File { server, .. }
            | Change::Operator { server, .. }
            | Change::Sorry { server, .. }
            | Change::ServerGone { server } => server.to_string(),
            Change::QuorumGained { service, .. }
            | Change::QuorumLost { service, .. }
            | Change::QuorumDown { service, .. }
            | Change::ServiceGone { service } => service.to_string(),
            _ => return None,
        },
        _ => return None,
    };
    Some(named)
}

/// An event that has no number yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is about.
    pub kind: Kind,
    /// How important it is.
    pub level: Level,
    /// An instance, a server, an interface.
    pub subject: Option<String>,
    /// As in the log.
    pub text: String,
    /// Whether a check went up, where one did.
    pub up: Option<bool>,
    /// So many found no room before this one.
    pub lost: u64,
}

static INLET: OnceLock<mpsc::Sender<Told>> = OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// Whoever calls first gets all events from now on.
#[must_use]
pub fn listen() -> Option<mpsc::Receiver<Told>> {
    let (inlet, outlet) = mpsc::channel(WAITING);
    INLET.set(inlet).ok().map(|()| outlet)
}

/// Tells the line, if it is an event and somebody listens. Never waits.
pub(super) fn tell(line: &Line) {
    let Some(inlet) = INLET.get() else { return };
    let Some(kind) = Kind::of(line) else { return };
    let up = match line {
        Line::Checked(checked) => checked.report.change.map(|change| change == Health::Up),
        _ => None,
    };
    let Ok(place) = inlet.try_reserve() else {
        LOST.fetch_add(1, Ordering::Relaxed);
        return;
    };
    place.send(Told {
        at_ms: crate::status::now_ms(),
        kind,
        level: line.level(),
        subject: subject(line),
        text: line.to_string(),
        up,
        lost: LOST.swap(0, Ordering::Relaxed),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_events_and_progress_is_not() {
        let instance: vrrp::Name = "VI_1".into();
        let master = Line::Vrrp(vrrp::Notice::EnteringMaster { instance });
        assert_eq!(Kind::of(&master), Some(Kind::Vrrp));
        assert_eq!(subject(&master).as_deref(), Some("VI_1"));
        assert_eq!(Kind::of(&Line::Starting { version: "x" }), None);
        let refused = Line::IpvsRefused { reason: "x".into() };
        assert_eq!(Kind::of(&refused), Some(Kind::Trouble));
    }
}
