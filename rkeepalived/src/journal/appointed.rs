//! Lines about a reload that a file appoints (`reload_time_file`).

use std::fmt;
use std::path::PathBuf;

use super::Level;

/// What became of an appointment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appointed {
    /// There is one.
    Made {
        /// `2026-11-28 11:11:47`, local.
        at: String,
    },
    /// The file has gone, or says something else.
    CalledOff {
        /// When it would have been.
        at: String,
    },
    /// The file's first line is no time.
    Malformed {
        /// The line.
        line: String,
    },
    /// It is over.
    Past {
        /// The line.
        line: String,
    },
    /// The file cannot be removed after its time has come.
    Stays {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl Appointed {
    pub(super) fn level(&self) -> Level {
        match self {
            Appointed::Made { .. } | Appointed::CalledOff { .. } => Level::Info,
            Appointed::Malformed { .. } | Appointed::Past { .. } | Appointed::Stays { .. } => {
                Level::Warning
            }
        }
    }
}

impl fmt::Display for Appointed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Appointed::Made { at } => write!(f, "Scheduling reload for {at}"),
            Appointed::CalledOff { at } => write!(f, "Cancelling reload scheduled for {at}"),
            Appointed::Malformed { line } => write!(
                f,
                "Invalid reload time '{line}' specified - ignoring. The first line must be HH:MM:SS, YY-MM-DD HH:MM:SS or \
                 YYYY-MM-DD HH:MM:SS, with a Z after it for UTC"
            ),
            Appointed::Past { line } => {
                write!(f, "Reload date/time is in the past - ignoring ({line})")
            }
            Appointed::Stays { path, error } => write!(
                f,
                "Unable to remove the reload time file {}: {error}; it means nothing more until it changes",
                path.display()
            ),
        }
    }
}
