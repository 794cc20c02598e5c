//! The scripts that are told of an instance's changes, as keepalived's dumps name them, in their order there.

use keepalived_conf::{NotifyDeleted, Script, VrrpInstance};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told<'a> {
    /// In `keepalived.json`.
    pub key: &'static str,
    /// In `keepalived.data`.
    pub label: &'static str,
    /// What is run, if anything.
    pub script: Option<&'a Script>,
}

/// Those of an instance.
pub(super) fn of(instance: &VrrpInstance) -> [Told<'_>; 7] {
    let notify = &instance.notify;
    let deleted = match &instance.notify_deleted {
        NotifyDeleted::Script(script) => Some(script),
        NotifyDeleted::AsFault | NotifyDeleted::Deleted => None,
    };
    [
        ("script_backup", "Backup state", notify.backup.as_ref()),
        ("script_master", "Master state", notify.master.as_ref()),
        ("script_fault", "Fault state", notify.fault.as_ref()),
        ("script_stop", "Stop state", notify.stop.as_ref()),
        ("script_deleted", "Deleted state", deleted),
        ("script", "Generic state", notify.any.as_ref()),
        (
            "script_master_rx_lower_pri",
            "Master rx lower pri state",
            instance.notify_master_rx_lower_pri.as_ref(),
        ),
    ]
    .map(|(key, label, script)| Told {
        key,
        label,
        script: script.map(|script| &**script),
    })
}
