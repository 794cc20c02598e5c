//! Everything the daemon says at run time, as one closed enum.
//!
//! What this is: [`Line`] names each thing that can be logged, with its wording (keepalived's wherever
//! it has one, because people grep for it), its level and the program name it is logged under.
//! [`write`] hands a line to `tracing`; [`sink`] carries it to standard error, syslog or systemd's journal on a thread
//! of its own, so that neither a slow disk nor a full `/dev/log` ever delays the caller.
//!
//! What it must not know: how any of these events came about.
//!
//! Tests: in [`line`] (wording) and [`sink`] (formats).

mod appointed;
pub mod checked;
pub mod event;
mod field;
pub mod line;
pub mod network;
mod retried;
pub mod sink;

use std::sync::atomic::{AtomicUsize, Ordering};

pub use appointed::Appointed;
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

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors alone.
    Error,
    /// Warnings, too.
    Warning,
    /// All but details.
    Info,
    /// Everything (`-D`).
    Detail,
}

impl Verbosity {
    const ALL: [Verbosity; 4] = [
        Verbosity::Error,
        Verbosity::Warning,
        Verbosity::Info,
        Verbosity::Detail,
    ];

    /// As an operator names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verbosity::Error => "error",
            Verbosity::Warning => "warning",
            Verbosity::Info => "info",
            Verbosity::Detail => "detail",
        }
    }

    /// By that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Verbosity> {
        Verbosity::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The least that lets it through.
    fn of(line: &Line) -> Verbosity {
        match line.level() {
            _ if line.detail() => Verbosity::Detail,
            Level::Error => Verbosity::Error,
            Level::Warning => Verbosity::Warning,
            Level::Info => Verbosity::Info,
        }
    }
}

/// A place in [`Verbosity::ALL`].
static SHOWN: AtomicUsize = AtomicUsize::new(2);

/// Switches the lines that keepalived prints only with `-D` on or off.
pub fn show_detail(on: bool) {
    set_level(if on {
        Verbosity::Detail
    } else {
        Verbosity::Info
    });
}

/// Sets what is logged from now on.
pub fn set_level(verbosity: Verbosity) {
    let at = Verbosity::ALL.iter().position(|one| *one == verbosity);
    SHOWN.store(at.unwrap_or(2), Ordering::Relaxed);
}

/// What is logged.
#[must_use]
pub fn level() -> Verbosity {
    let at = SHOWN.load(Ordering::Relaxed);
    Verbosity::ALL.get(at).copied().unwrap_or(Verbosity::Info)
}

/// Logs `line`, unless it matters less than what is shown. Never blocks.
pub fn write(line: &Line) {
    event::tell(line);
    if Verbosity::of(line) > level() {
        return;
    }
    if let Line::Bfd(notice) = line {
        // keepalived behaviour: a table has a line for each of its rows.
        notice.to_string().lines().for_each(|row| put(line, row));
    } else {
        put(line, line);
    }
}

fn put(line: &Line, text: impl std::fmt::Display) {
    let fields = if sink::wants_fields() {
        field::of(line).packed()
    } else {
        String::new()
    };
    let fields = fields.as_str();
    macro_rules! at {
        ($level:ident) => {
            match line.part() {
                Part::Parent => tracing::$level!(target: "Keepalived", fields, "{text}"),
                Part::Vrrp => tracing::$level!(target: "Keepalived_vrrp", fields, "{text}"),
                Part::Bfd => tracing::$level!(target: "Keepalived_bfd", fields, "{text}"),
                Part::Checkers => {
                    tracing::$level!(target: "Keepalived_healthcheckers", fields, "{text}")
                }
            }
        };
    }
    match line.level() {
        Level::Error => at!(error),
        Level::Warning => at!(warn),
        Level::Info => at!(info),
    }
}
