//! `keepalived.data` (SIGUSR1): instances and sync groups in keepalived's form, for the scripts that grep it. Pure.
//!
//! keepalived behaviour: labels, order and values are those that 2.2.7 was seen to write; without its sockets, timers and list
//! of interfaces. Passwords are `***`. (behaviours.md 6)

use std::fmt::{Display, Write};
use std::time::Duration;

use keepalived_conf::{
    Authentication, InitialState, Notify, NotifyDeleted, Script, SyncGroup, TrackKind,
    VirtualAddress,
};
use vrrp::{InstanceView, StateView};

use super::json::{Described, address, command};

/// The dump of `views`; `since` is when each one's last transition was, since 1970.
#[must_use]
pub fn text(
    described: &[Described],
    groups: &[SyncGroup],
    views: &[InstanceView],
    since: impl Fn(&InstanceView) -> Duration,
) -> String {
    let mut dump = Dump::default();
    dump.line("------< VRRP Topology >------");
    for view in views {
        let of_it = |one: &&Described| *one.instance.name == *view.name;
        if let Some(described) = described.iter().find(of_it) {
            dump.instance(described, view, since(view));
        }
    }
    if !groups.is_empty() {
        dump.line("------< VRRP Sync groups >------");
    }
    for group in groups {
        dump.group(group, views);
    }
    dump.0
}

#[derive(Default)]
struct Dump(String);

impl Dump {
    fn line(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    /// A label and its value, of an instance or a group.
    fn put(&mut self, label: &str, value: impl Display) {
        self.line(format_args!("   {label} = {value}"));
    }

    fn instance(&mut self, described: &Described, view: &InstanceView, since: Duration) {
        let instance = &described.instance;
        let interface = instance.interface.as_deref().unwrap_or_default();
        let master = view.state == StateView::Master;
        self.line(format_args!(" VRRP Instance = {}", instance.name));
        self.put("VRRP Version", instance.version);
        if let Some(group) = &view.group {
            self.put("Sync group", group);
        }
        self.put("State", word(view.state));
        if let Some(address) = view.master {
            self.put("Master router", address);
            self.put("Master priority", view.master_priority);
        }
        let wanted = match instance.state == InitialState::Master || master {
            true => "MASTER",
            false => "BACKUP",
        };
        self.put("Wantstate", wanted);
        let at = format!("{}.{:06}", since.as_secs(), since.subsec_micros());
        self.put("Last transition", format_args!("{at} ({})", date(since)));
        self.put("Interface", interface);
        let garp = &instance.garp;
        self.put("Gratuitous ARP delay", garp.delay.as_secs());
        self.put("Gratuitous ARP repeat", garp.repeat);
        self.put("Gratuitous ARP refresh", garp.refresh.as_secs());
        self.put("Gratuitous ARP refresh repeat", garp.refresh_repeat);
        self.put(
            "Gratuitous ARP lower priority delay",
            garp.lower_prio_delay.as_secs(),
        );
        self.put(
            "Gratuitous ARP lower priority repeat",
            garp.lower_prio_repeat,
        );
        self.put("Down timer adverts", instance.down_timer_adverts);
        self.put(
            "Send advert after receive lower priority advert",
            !instance.lower_prio_no_advert,
        );
        self.put(
            "Send advert after receive higher priority advert",
            instance.higher_prio_send_advert,
        );
        self.put("Virtual Router ID", instance.vrid);
        self.put("Priority", instance.priority);
        self.put("Effective priority", view.effective_priority);
        let hundredths = instance.advert_interval.0;
        match hundredths % 100 {
            0 => self.put("Advert interval", format_args!("{} sec", hundredths / 100)),
            _ => self.put(
                "Advert interval",
                format_args!("{} milli-sec", hundredths * 10),
            ),
        }
        let able = |able: bool| if able { "enabled" } else { "disabled" };
        self.put("Accept", able(instance.accept));
        self.put("Preempt", able(!instance.nopreempt));
        self.put("Promote_secondaries", able(instance.promote_secondaries));
        let authentication = match &instance.auth {
            Authentication::None => None,
            Authentication::Simple(_) => Some("SIMPLE_PASSWORD"),
            Authentication::Ah(_) => Some("IPSEC_AH"),
            Authentication::Hmac(_) => Some("HMAC"),
        };
        if let Some(kind) = authentication {
            self.put("Authentication type", kind);
            self.put("Password", "***");
        }
        let shown = |one: &VirtualAddress| address(one, interface, master);
        self.list(
            &format!("Virtual IP ({}):", instance.addresses.len()),
            instance.addresses.iter().map(shown),
        );
        self.list(
            "Virtual IP Excluded :",
            instance.excluded_addresses.iter().map(shown),
        );
        self.list("Virtual Routes :", described.routes.iter());
        self.list("Virtual Rules :", described.rules.iter());
        let tracked = |kind| {
            let of_kind = instance
                .tracked
                .iter()
                .filter(move |entry| entry.kind == kind);
            of_kind.map(|entry| format!("{} weight {}", entry.name, entry.weight.points))
        };
        self.list("Tracked interfaces :", tracked(TrackKind::Interface));
        self.list("Tracked scripts :", tracked(TrackKind::Script));
        self.list("Tracked files :", tracked(TrackKind::File));
        let notify = &instance.notify;
        self.mail(notify);
        let (deleted, script) = match &instance.notify_deleted {
            NotifyDeleted::AsFault => ("Fault", None),
            NotifyDeleted::Deleted => ("Deleted", None),
            NotifyDeleted::Script(script) => ("Deleted", Some(&**script)),
        };
        self.put("Notify deleted", deleted);
        self.scripts(
            notify,
            script,
            instance.notify_master_rx_lower_pri.as_deref(),
        );
        self.put("Notify priority changes", notify.priority_changes);
    }

    fn group(&mut self, group: &SyncGroup, views: &[InstanceView]) {
        // They are in one state.
        let of_it = |view: &&InstanceView| view.group.as_deref() == Some(&group.name);
        let state = views
            .iter()
            .find(of_it)
            .map_or("INIT", |one| word(one.state));
        self.line(format_args!(" VRRP Sync Group = {}, {state}", group.name));
        self.list("VRRP member instances :", group.members.iter());
        self.mail(&group.notify);
        self.scripts(&group.notify, None, None);
    }

    fn mail(&mut self, notify: &Notify) {
        let wanted = if notify.smtp_alert { "yes" } else { "no" };
        self.put("Using smtp notification", wanted);
    }

    fn scripts(&mut self, notify: &Notify, deleted: Option<&Script>, lower: Option<&Script>) {
        for (what, script) in [
            ("Backup", notify.backup.as_deref()),
            ("Master", notify.master.as_deref()),
            ("Fault", notify.fault.as_deref()),
            ("Stop", notify.stop.as_deref()),
            ("Deleted", deleted),
            ("Generic", notify.any.as_deref()),
            ("Master rx lower pri", lower),
        ] {
            if let Some(script) = script {
                let (user, group) = script
                    .user
                    .as_ref()
                    .map_or((0, 0), |user| (user.uid, user.gid));
                self.put(
                    &format!("{what} state transition script"),
                    format_args!("{}, uid:gid {user}:{group}", command(script)),
                );
            }
        }
    }

    /// A heading and its entries, if there are some.
    fn list(&mut self, heading: &str, entries: impl Iterator<Item = impl Display>) {
        let mut entries = entries.peekable();
        if entries.peek().is_some() {
            self.line(format_args!("   {heading}"));
        }
        for entry in entries {
            self.line(format_args!("     {entry}"));
        }
    }
}

fn word(state: StateView) -> &'static str {
    match state {
        StateView::Init => "INIT",
        StateView::Backup => "BACKUP",
        StateView::Master => "MASTER",
        StateView::Fault => "FAULT",
    }
}

/// As `ctime` has it, with microseconds: `Sat Nov 28 11:16:28.932106 2026`; empty for a year that no calendar has.
fn date(since: Duration) -> String {
    let zone = jiff::tz::TimeZone::system();
    let at = i64::try_from(since.as_micros())
        .ok()
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    at.map_or_else(String::new, |at| {
        at.to_zoned(zone)
            .strftime("%a %b %e %H:%M:%S.%6f %Y")
            .to_string()
    })
}

#[cfg(test)]
mod tests {
    use vrrp::{Config, Interface, Router, Time};

    use super::*;
    use crate::plan::tests::planned;

    // keepalived 2.2.7's own lines of such an instance, without what is left out.
    #[test]
    fn an_instance_is_dumped_as_keepalived_dumps_it() {
        let plan = planned(
            "vrrp_sync_group G {\ngroup {\nV\n}\n}\n\
             vrrp_instance V {\ninterface eth1\nvirtual_router_id 51\nadvert_int 1\nnopreempt\nsmtp_alert\nnotify_deleted\n\
             authentication {\nauth_type PASS\nauth_pass secret\n}\nnotify_backup \"/bin/check 'b c'\" root\n\
             virtual_ipaddress {\n172.16.1.100/24\n172.16.1.101 label eth1:1\n}\n\
             virtual_ipaddress_excluded {\nfd00::5/64\n}\n\
             virtual_routes {\n10.7.0.0/24 via 172.16.1.9 dev eth1\n}\n}\n",
        );
        let mut router = Router::new();
        let instances = plan.vrrp.instances.iter().map(|one| one.config.clone());
        let config = Config {
            instances: instances.collect(),
            ..Config::default()
        };
        let link = Interface {
            index: 0,
            up: true,
            source: Some([10, 9, 0, 1].into()),
            source6: None,
        };
        let _ = router.configure(Time::new(0), config, &[link]);
        let dumps = &plan.dumps;
        let since = |_: &InstanceView| Duration::from_micros(1_795_864_588_932_106);
        let text = text(&dumps.instances, &dumps.groups, &router.view(), since);
        let mut lines = text.lines();
        for wanted in [
            "------< VRRP Topology >------",
            " VRRP Instance = V",
            "   VRRP Version = 2",
            "   State = BACKUP",
            "   Wantstate = BACKUP",
            "   Interface = eth1",
            "   Gratuitous ARP delay = 5",
            "   Gratuitous ARP repeat = 5",
            "   Gratuitous ARP refresh = 0",
            "   Gratuitous ARP refresh repeat = 1",
            "   Gratuitous ARP lower priority delay = 5",
            "   Gratuitous ARP lower priority repeat = 5",
            "   Down timer adverts = 3",
            "   Send advert after receive lower priority advert = true",
            "   Send advert after receive higher priority advert = false",
            "   Virtual Router ID = 51",
            "   Priority = 100",
            "   Effective priority = 100",
            "   Advert interval = 1 sec",
            "   Accept = enabled",
            "   Preempt = disabled",
            "   Promote_secondaries = disabled",
            "   Authentication type = SIMPLE_PASSWORD",
            "   Password = ***",
            "   Virtual IP (2):",
            "     172.16.1.100/24 dev eth1 scope global",
            "     172.16.1.101 dev eth1 scope global label eth1:1",
            "   Virtual IP Excluded :",
            "     fd00::5/64 dev eth1 scope global preferred_lft forever",
            "   Virtual Routes :",
            "     10.7.0.0/24 via 172.16.1.9 dev eth1",
            "   Using smtp notification = yes",
            "   Notify deleted = Deleted",
            "   Backup state transition script = '/bin/check' 'b c', uid:gid 0:0",
            "   Notify priority changes = false",
            "------< VRRP Sync groups >------",
            "   VRRP member instances :",
            "     V",
        ] {
            assert!(
                lines.any(|line| line == wanted),
                "`{wanted}` is not in its place in\n{text}"
            );
        }
        assert!(
            text.contains("   Last transition = 1795864588.932106 ("),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
}
