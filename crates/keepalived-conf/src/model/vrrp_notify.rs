//! Who is told of the changes of an instance or of a sync group.

use super::Script;

/// What runs when the state changes. A specific script runs as it is written; the general one has four more arguments:
/// `INSTANCE` or `GROUP`, the name, the state, the priority.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Box<Script>>,
    /// `notify_backup`.
    pub backup: Option<Box<Script>>,
    /// `notify_fault`.
    pub fault: Option<Box<Script>>,
    /// `notify_stop`.
    pub stop: Option<Box<Script>>,
    /// `notify`: every change.
    pub any: Option<Box<Script>>,
    /// `smtp_alert`: a mail is sent as well.
    pub smtp_alert: bool,
    /// `notify_priority_changes`: FIFOs hear of the priority as well.
    pub priority_changes: bool,
}

/// `notify_deleted`: what is told of an instance that a reload takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NotifyDeleted {
    /// That it is in FAULT.
    #[default]
    AsFault,
    /// That it is DELETED.
    Deleted,
    /// That it is DELETED, and this runs.
    Script(Box<Script>),
}
