//! Who is told of which change of VRRP, and in which words. Pure.
//!
//! keepalived behaviour: the script of the state first, as it is written; then `notify` with four more arguments; then FIFOs.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrrp::{InstanceView, Name, NotifyState, StateView, Subject};

use super::Script;
use crate::failover::outlet::News;

/// Who is told of an instance or a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listeners {
    /// `notify_master`.
    pub master: Option<Arc<Script>>,
    /// `notify_backup`.
    pub backup: Option<Arc<Script>>,
    /// `notify_fault`.
    pub fault: Option<Arc<Script>>,
    /// `notify_stop`.
    pub stop: Option<Arc<Script>>,
    /// `notify_deleted`: without it a reload that takes an instance away tells of a FAULT.
    pub deleted: Option<Option<Arc<Script>>>,
    /// `notify_master_rx_lower_pri`.
    pub lower: Option<Arc<Script>>,
    /// `notify`.
    pub any: Option<Arc<Script>>,
    /// `notify_priority_changes`: FIFOs hear of priorities.
    pub priority_changes: bool,
}

/// Who is told of VRRP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audience {
    /// By instance.
    pub instances: BTreeMap<Name, Listeners>,
    /// By sync group.
    pub groups: BTreeMap<Name, Listeners>,
    /// Instances that the last reload took away; what became of them is told after it.
    pub gone: BTreeMap<Name, Listeners>,
}

/// What is told of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Whose queue the scripts belong to: `INSTANCE V`.
    pub lane: String,
    /// What is run, in order.
    pub scripts: Vec<Arc<Script>>,
    /// What FIFOs hear.
    pub line: Option<String>,
}

impl Audience {
    /// Makes `next` who is told, and remembers whom it leaves out.
    pub fn follow(&mut self, next: Audience) {
        let before = std::mem::replace(self, next);
        self.gone = before.instances;
        let instances = &self.instances;
        self.gone.retain(|name, _| !instances.contains_key(name));
    }

    /// What is told of this.
    #[must_use]
    pub fn hear(&self, news: &News) -> Told {
        let (kind, name, listeners) = match &news.subject {
            Subject::Instance(name) => {
                let instance = self.instances.get(name).or_else(|| self.gone.get(name));
                ("INSTANCE", name, instance)
            }
            Subject::Group(name) => ("GROUP", name, self.groups.get(name)),
        };
        let nobody = Listeners::default();
        let listeners = listeners.unwrap_or(&nobody);
        let (own, general) = match news.state {
            NotifyState::Master => (listeners.master.as_ref(), true),
            NotifyState::Backup => (listeners.backup.as_ref(), true),
            NotifyState::Fault => (listeners.fault.as_ref(), true),
            NotifyState::Stop => (listeners.stop.as_ref(), true),
            NotifyState::Deleted => (listeners.deleted.iter().flatten().next(), true),
            NotifyState::MasterRxLowerPriority => (listeners.lower.as_ref(), false),
            NotifyState::MasterPriority | NotifyState::BackupPriority => (None, false),
        };
        let state = match news.state {
            // keepalived behaviour: said to `notify` and FIFOs, not to `notify_fault`.
            NotifyState::Deleted if listeners.deleted.is_none() => NotifyState::Fault,
            state => state,
        };
        let (word, priority) = (word(state), news.priority);
        let general = listeners.any.as_ref().filter(|_| general).map(|script| {
            let mut argv = script.argv.clone();
            let more = [kind, name, word, &priority.to_string()];
            argv.extend(more.map(str::to_owned));
            Arc::new(Script {
                argv,
                user: script.user,
            })
        });
        let is_priority = matches!(
            state,
            NotifyState::MasterPriority | NotifyState::BackupPriority
        );
        Told {
            lane: format!("{kind} {name}"),
            scripts: own.cloned().into_iter().chain(general).collect(),
            line: (!is_priority || listeners.priority_changes)
                .then(|| format!("{kind} \"{name}\" {word} {priority}")),
        }
    }
}

impl Audience {
    /// What FIFOs hear of all as it stands: groups, then instances.
    #[must_use]
    pub fn states(&self, views: &[InstanceView]) -> Vec<Told> {
        let line = |lane: String, kind, name: &str, state, priority| Told {
            lane,
            scripts: Vec::new(),
            line: Some(format!("{kind} \"{name}\" {state} {priority}")),
        };
        let groups = self.groups.keys().filter_map(|group| {
            // They are in one state.
            let member = views.iter().find(|one| one.group.as_ref() == Some(group))?;
            let lane = format!("GROUP {group}");
            Some(line(lane, "GROUP", group, state(member), 0))
        });
        let instances = views.iter().map(|one| {
            let lane = format!("INSTANCE {}", one.name);
            line(
                lane,
                "INSTANCE",
                &one.name,
                state(one),
                one.effective_priority,
            )
        });
        groups.chain(instances).collect()
    }
}

/// An instance's state as FIFOs have it.
fn state(view: &InstanceView) -> &'static str {
    match view.state {
        StateView::Master => word(NotifyState::Master),
        StateView::Backup => word(NotifyState::Backup),
        StateView::Init | StateView::Fault => word(NotifyState::Fault),
    }
}

/// A state as scripts and FIFOs have it.
fn word(state: NotifyState) -> &'static str {
    match state {
        NotifyState::Master => "MASTER",
        NotifyState::Backup => "BACKUP",
        NotifyState::Fault => "FAULT",
        NotifyState::Stop => "STOP",
        NotifyState::Deleted => "DELETED",
        NotifyState::MasterPriority => "MASTER_PRIORITY",
        NotifyState::BackupPriority => "BACKUP_PRIORITY",
        NotifyState::MasterRxLowerPriority => "MASTER_RX_LOWER_PRI",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Option<Arc<Script>> {
        let argv = text.split(' ').map(str::to_owned).collect();
        Some(Arc::new(Script { argv, user: None }))
    }

    /// An instance A, a group G.
    fn audience(deleted: Option<Option<Arc<Script>>>) -> Audience {
        let instance = Listeners {
            master: script("/s master A"),
            fault: script("/s fault A"),
            stop: script("/s stop A"),
            lower: script("/s lower A"),
            any: script("/s any A"),
            deleted,
            ..Listeners::default()
        };
        let group = Listeners {
            master: script("/s gmaster"),
            any: script("/s gany"),
            ..Listeners::default()
        };
        Audience {
            instances: [("A".into(), instance)].into(),
            groups: [("G".into(), group)].into(),
            gone: BTreeMap::new(),
        }
    }

    fn heard(audience: &Audience, subject: Subject, state: NotifyState, priority: u8) -> String {
        let news = News {
            subject,
            state,
            priority,
        };
        let told = audience.hear(&news);
        let scripts = told.scripts.iter().map(|script| script.argv.join(" "));
        let all: Vec<String> = scripts.chain(told.line).collect();
        all.join("; ")
    }

    // As keepalived 2.2.7 was seen to run and write them.
    #[test]
    fn scripts_and_lines_are_keepaliveds() {
        let audience = audience(None);
        let a = || Subject::Instance("A".into());
        let g = || Subject::Group("G".into());
        let table = [
            (
                heard(&audience, a(), NotifyState::Master, 100),
                "/s master A; /s any A INSTANCE A MASTER 100; INSTANCE \"A\" MASTER 100",
            ),
            (
                heard(&audience, a(), NotifyState::Backup, 107),
                "/s any A INSTANCE A BACKUP 107; INSTANCE \"A\" BACKUP 107",
            ),
            (
                heard(&audience, g(), NotifyState::Master, 0),
                "/s gmaster; /s gany GROUP G MASTER 0; GROUP \"G\" MASTER 0",
            ),
            (
                heard(&audience, a(), NotifyState::Stop, 150),
                "/s stop A; /s any A INSTANCE A STOP 150; INSTANCE \"A\" STOP 150",
            ),
            (
                heard(&audience, a(), NotifyState::MasterRxLowerPriority, 150),
                "/s lower A; INSTANCE \"A\" MASTER_RX_LOWER_PRI 150",
            ),
            (heard(&audience, a(), NotifyState::MasterPriority, 107), ""),
        ];
        for (seen, wanted) in table {
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn one_that_is_deleted_is_told_as_configured_before() {
        let a = || Subject::Instance("A".into());
        let table = [
            (
                None,
                "/s any A INSTANCE A FAULT 255; INSTANCE \"A\" FAULT 255",
            ),
            (
                Some(None),
                "/s any A INSTANCE A DELETED 255; INSTANCE \"A\" DELETED 255",
            ),
            (
                Some(script("/s deleted A")),
                "/s deleted A; /s any A INSTANCE A DELETED 255; INSTANCE \"A\" DELETED 255",
            ),
        ];
        for (deleted, wanted) in table {
            let mut audience = audience(deleted);
            audience.follow(Audience::default());
            let seen = heard(&audience, a(), NotifyState::Deleted, 255);
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn priorities_are_told_where_that_is_asked_for() {
        let mut audience = audience(None);
        let listeners = audience.instances.get_mut("A").unwrap();
        listeners.priority_changes = true;
        let a = || Subject::Instance("A".into());
        assert_eq!(
            heard(&audience, a(), NotifyState::BackupPriority, 7),
            "INSTANCE \"A\" BACKUP_PRIORITY 7"
        );
    }
}
