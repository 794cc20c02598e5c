//! Who is told of which change of VRRP, and in which words. Pure.
//!
//! keepalived behaviour: the script of the state first, as it is written; then `notify` with four more arguments; then FIFOs.

use std::collections::BTreeMap;
use std::sync::Arc;

use vrrp::{InstanceView, Name, NotifyState, StateView, Subject};

use super::Script;
use super::mail::Mail;
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
    /// `smtp_alert`.
    pub mail: bool,
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
    /// Nobody gets a mail of a FAULT (`no_email_faults`).
    pub no_faults: bool,
    /// The state that the last mail was about, by lane.
    pub mailed: BTreeMap<String, &'static str>,
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
    /// What is sent.
    pub mail: Option<Mail>,
}

impl Audience {
    /// Makes `next` who is told, and remembers whom it leaves out.
    pub fn follow(&mut self, next: Audience) {
        let before = std::mem::replace(self, next);
        self.gone = before.instances;
        self.mailed = before.mailed;
        let instances = &self.instances;
        self.gone.retain(|name, _| !instances.contains_key(name));
    }

    /// What is told of this.
    #[must_use]
    pub fn hear(&mut self, news: &News) -> Told {
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
        let lane = format!("{kind} {name}");
        let wanted = listeners.mail && !(self.no_faults && state == NotifyState::Fault);
        // keepalived behaviour: the BACKUP of a start is told, too, and no state twice in a row.
        let again = self.mailed.get(&lane) == Some(&word);
        let mail = mail(&news.subject, state).filter(|_| wanted && !again);
        let told = Told {
            lane: lane.clone(),
            scripts: own.cloned().into_iter().chain(general).collect(),
            line: (!is_priority || listeners.priority_changes)
                .then(|| format!("{kind} \"{name}\" {word} {priority}")),
            mail,
        };
        if told.mail.is_some() {
            self.mailed.insert(lane, word);
        }
        told
    }
}

/// The mail about a state, as keepalived words it.
fn mail(subject: &Subject, state: NotifyState) -> Option<Mail> {
    let entering = |state| format!("Entering {state} state");
    let (what, of_instance) = match state {
        NotifyState::Master => (entering("MASTER"), "VRRP Instance is now owning VRRP VIPs"),
        NotifyState::Backup => (
            entering("BACKUP"),
            "VRRP Instance is no longer owning VRRP VIPs",
        ),
        NotifyState::Fault => (
            entering("FAULT"),
            "VRRP Instance is no longer owning VRRP VIPs",
        ),
        NotifyState::Stop => ("Stopping".into(), "VRRP Instance stopping"),
        NotifyState::Deleted => ("Deleted".into(), "VRRP Deleted at reload"),
        NotifyState::MasterPriority
        | NotifyState::BackupPriority
        | NotifyState::MasterRxLowerPriority => return None,
    };
    let (subject, text) = match subject {
        Subject::Instance(name) => (format!("VRRP Instance {name}"), of_instance.to_owned()),
        Subject::Group(name) => {
            let all = format!("All VRRP group instances are now in {} state", word(state));
            (format!("VRRP Group {name}"), all)
        }
    };
    Some(Mail {
        subject: format!("{subject} - {what}"),
        text: format!("=> {text} <="),
    })
}

impl Audience {
    /// What FIFOs hear of all as it stands: groups, then instances.
    #[must_use]
    pub fn states(&self, views: &[InstanceView]) -> Vec<Told> {
        let line = |lane: String, kind, name: &str, state, priority| Told {
            lane,
            scripts: Vec::new(),
            line: Some(format!("{kind} \"{name}\" {state} {priority}")),
            mail: None,
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
            ..Audience::default()
        }
    }

    fn heard(
        audience: &mut Audience,
        subject: Subject,
        state: NotifyState,
        priority: u8,
    ) -> String {
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
        let mut audience = audience(None);
        let a = || Subject::Instance("A".into());
        let g = || Subject::Group("G".into());
        let table = [
            (
                heard(&mut audience, a(), NotifyState::Master, 100),
                "/s master A; /s any A INSTANCE A MASTER 100; INSTANCE \"A\" MASTER 100",
            ),
            (
                heard(&mut audience, a(), NotifyState::Backup, 107),
                "/s any A INSTANCE A BACKUP 107; INSTANCE \"A\" BACKUP 107",
            ),
            (
                heard(&mut audience, g(), NotifyState::Master, 0),
                "/s gmaster; /s gany GROUP G MASTER 0; GROUP \"G\" MASTER 0",
            ),
            (
                heard(&mut audience, a(), NotifyState::Stop, 150),
                "/s stop A; /s any A INSTANCE A STOP 150; INSTANCE \"A\" STOP 150",
            ),
            (
                heard(&mut audience, a(), NotifyState::MasterRxLowerPriority, 150),
                "/s lower A; INSTANCE \"A\" MASTER_RX_LOWER_PRI 150",
            ),
            (
                heard(&mut audience, a(), NotifyState::MasterPriority, 107),
                "",
            ),
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
            let seen = heard(&mut audience, a(), NotifyState::Deleted, 255);
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
            heard(&mut audience, a(), NotifyState::BackupPriority, 7),
            "INSTANCE \"A\" BACKUP_PRIORITY 7"
        );
    }

    // As keepalived 2.2.7 sent them.
    #[test]
    fn a_mail_tells_of_each_state_once() {
        let mut audience = audience(None);
        for listeners in audience
            .instances
            .values_mut()
            .chain(audience.groups.values_mut())
        {
            listeners.mail = true;
        }
        let mut subject = |subject: Subject, state| {
            let news = News {
                subject,
                state,
                priority: 100,
            };
            let mail = audience.hear(&news).mail;
            mail.map_or(String::new(), |mail| {
                format!("{}: {}", mail.subject, mail.text)
            })
        };
        let a = || Subject::Instance("A".into());
        let g = || Subject::Group("G".into());
        assert_eq!(
            subject(a(), NotifyState::Backup),
            "VRRP Instance A - Entering BACKUP state: => VRRP Instance is no longer owning VRRP VIPs <="
        );
        assert_eq!(subject(a(), NotifyState::Backup), "");
        assert_eq!(
            subject(a(), NotifyState::Master),
            "VRRP Instance A - Entering MASTER state: => VRRP Instance is now owning VRRP VIPs <="
        );
        assert_eq!(subject(a(), NotifyState::Master), "");
        assert_eq!(
            subject(a(), NotifyState::Fault),
            "VRRP Instance A - Entering FAULT state: => VRRP Instance is no longer owning VRRP VIPs <="
        );
        assert_eq!(
            subject(g(), NotifyState::Master),
            "VRRP Group G - Entering MASTER state: => All VRRP group instances are now in MASTER state <="
        );
        assert_eq!(
            subject(a(), NotifyState::Stop),
            "VRRP Instance A - Stopping: => VRRP Instance stopping <="
        );
        assert_eq!(subject(a(), NotifyState::MasterPriority), "");
    }

    #[test]
    fn faults_are_not_told_where_nobody_wants_to_know() {
        let mut audience = audience(None);
        audience.no_faults = true;
        audience.instances.get_mut("A").unwrap().mail = true;
        let news = News {
            subject: Subject::Instance("A".into()),
            state: NotifyState::Fault,
            priority: 100,
        };
        assert_eq!(audience.hear(&news).mail, None);
    }
}
