//! Everything the daemon says at run time, as one closed enum.
//!
//! What this is: [`Line`] names each thing that can be logged, with its wording (keepalived's wherever
//! it has one, because people grep for it), its level and the program name it is logged under.
//! [`write`] hands a line to `tracing`; [`sink`] carries it to standard error or syslog on a thread
//! of its own, so that neither a slow disk nor a full `/dev/log` ever delays the caller.
//!
//! What it must not know: how any of these events came about.
//!
//! Tests: in [`line`] (wording) and [`sink`] (formats).

pub mod checked;
pub mod event;
pub mod line;
pub mod network;
mod retried;
pub mod sink;

use std::sync::atomic::{AtomicBool, Ordering};

pub use line::{Line, Part};

/// Level of importance, in syslog's terms.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something the operator has to act on.
    Error,
    /// Something that is not as configured, but is being coped with.
    Warning,
    /// A change of state, or progress.
    Info,
}

static DETAILED: AtomicBool = AtomicBool::new(false);

/// Switches the lines that keepalived prints only with `-D` on or off.
pub fn show_detail(on: bool) {
    DETAILED.store(on, Ordering::Relaxed);
}

/// What is logged, as an operator names it.
#[must_use]
pub fn level() -> &'static str {
    match DETAILED.load(Ordering::Relaxed) {
        true => "detail",
        false => "info",
    }
}

/// Logs `line`, unless it is a detail and details are off. Never blocks.
pub fn write(line: &Line) {
    event::tell(line);
    if line.detail() && !DETAILED.load(Ordering::Relaxed) {
        return;
    }
    macro_rules! at {
        ($level:ident) => {
            match line.part() {
                Part::Parent => tracing::$level!(target: "Keepalived", "{line}"),
                Part::Vrrp => tracing::$level!(target: "Keepalived_vrrp", "{line}"),
                Part::Checkers => tracing::$level!(target: "Keepalived_healthcheckers", "{line}"),
            }
        };
    }
    match line.level() {
        Level::Error => at!(error),
        Level::Warning => at!(warn),
        Level::Info => at!(info),
    }
}
