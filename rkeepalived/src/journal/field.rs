//! What a line is about, as fields of systemd's journal: `journalctl INSTANCE=VI_1`.

use vrrp::Notice;

use super::Line;
use super::event::Kind;
use crate::lvs::change::Change;

/// Pairs of a field and its value, in the order of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(&'static str, String)>);

impl Fields {
    fn put(&mut self, field: &'static str, value: &(impl ToString + ?Sized)) {
        self.0.push((field, value.to_string()));
    }

    /// One text, a field a line; values have no line breaks.
    #[must_use]
    pub fn packed(&self) -> String {
        let lines = self.0.iter();
        let lines = lines.map(|(field, value)| format!("{field}={}", value.replace('\n', " ")));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The fields of [`Fields::packed`].
pub fn unpacked(packed: &str) -> impl Iterator<Item = (&str, &str)> {
    packed.lines().filter_map(|line| line.split_once('='))
}

/// The fields of a line; none where it is about nothing that has a name.
#[must_use]
pub fn of(line: &Line) -> Fields {
    let mut fields = Fields::default();
    if let Some(kind) = Kind::of(line) {
        fields.put("EVENT", kind.name());
    }
    match line {
        Line::Vrrp(notice) => of_vrrp(&mut fields, notice),
        Line::Bfd(notice) => of_bfd(&mut fields, notice),
        Line::SessionTurned {
            instance, session, ..
        } => {
            fields.put("INSTANCE", instance);
            fields.put("BFD_SESSION", session);
        }
        Line::AddressDropped { instance, address }
        | Line::AddressRefused {
            instance, address, ..
        } => {
            fields.put("INSTANCE", instance);
            fields.put("ADDRESS", address);
        }
        Line::DeviceMade {
            instance,
            interface,
            ..
        }
        | Line::DeviceRemoved {
            instance,
            interface,
        } => {
            fields.put("INSTANCE", instance);
            fields.put("INTERFACE", interface);
        }
        Line::Announcing {
            instance,
            interface,
            address,
        } => {
            fields.put("INSTANCE", instance);
            fields.put("INTERFACE", interface);
            fields.put("ADDRESS", address);
        }
        Line::GratuitousArp { interface, address } => {
            fields.put("INTERFACE", interface);
            fields.put("ADDRESS", address);
        }
        Line::LinkState { interface, .. } => fields.put("INTERFACE", interface),
        Line::UnknownVrid { vrid, peer, .. } => {
            fields.put("VRID", vrid);
            fields.put("PEER", peer);
        }
        Line::Checked(checked) => {
            fields.put("REAL_SERVER", &checked.server);
            fields.put("VIRTUAL_SERVER", &checked.service);
        }
        Line::Pool(change) => of_change(&mut fields, change),
        Line::ShuttingDown { server, service } => {
            fields.put("REAL_SERVER", server);
            fields.put("VIRTUAL_SERVER", service);
        }
        Line::ScriptTurned { name, .. }
        | Line::ScriptReturns { name, .. }
        | Line::TrackScriptNotRun { name, .. } => fields.put("SCRIPT", name),
        Line::ProcessQuorum { name, .. } => fields.put("PROCESS", name),
        Line::Finding { code, .. } => fields.put("CODE", code),
        _ => {}
    }
    fields
}

fn of_vrrp(fields: &mut Fields, notice: &Notice) {
    match notice {
        Notice::EnteringMaster { instance }
        | Notice::EnteringBackup { instance, .. }
        | Notice::EnteringFault { instance, .. }
        | Notice::AdvertTimeout { instance }
        | Notice::SettingAddresses { instance }
        | Notice::RemovingAddresses { instance }
        | Notice::SentPriorityZero { instance }
        | Notice::BackupReceivedZero { instance }
        | Notice::MasterReceivedZero { instance }
        | Notice::PreemptDelay { instance, .. }
        | Notice::IntervalLearned { instance, .. }
        | Notice::IntervalReset { instance, .. }
        | Notice::TimerExpired { instance, .. }
        | Notice::SettingFirewall { instance }
        | Notice::RemovingFirewall { instance }
        | Notice::PriorityChanged { instance, .. }
        | Notice::OldChecksum { instance }
        | Notice::HandingOver { instance }
        | Notice::NobodyTookOver { instance }
        | Notice::TakingBack { instance }
        | Notice::Withheld { instance, .. }
        | Notice::SyncingSequence { instance } => fields.put("INSTANCE", instance),
        Notice::MasterSet {
            instance,
            master: peer,
        }
        | Notice::MasterChanged {
            instance, to: peer, ..
        }
        | Notice::LowerPriority { instance, peer, .. }
        | Notice::HigherPriority { instance, peer, .. }
        | Notice::HigherAddress { instance, peer, .. }
        | Notice::DiscardingLower { instance, peer, .. }
        | Notice::TwoOwners { instance, peer, .. }
        | Notice::ClockSkew { instance, peer, .. }
        | Notice::Rejected { instance, peer, .. }
        | Notice::AddressCount { instance, peer, .. }
        | Notice::AddressMissing { instance, peer, .. } => {
            fields.put("INSTANCE", instance);
            fields.put("PEER", peer);
        }
        Notice::GroupSyncing { group, .. } => fields.put("SYNC_GROUP", group),
        Notice::UnknownVrid { vrid, peer, .. } => {
            fields.put("VRID", vrid);
            fields.put("PEER", peer);
        }
        Notice::DelayingStartup { .. } => {}
    }
}

fn of_bfd(fields: &mut Fields, notice: &bfd::Notice) {
    use bfd::Notice;
    match notice {
        Notice::Agreed { session, .. }
        | Notice::Up { session }
        | Notice::Polling { session }
        | Notice::Expired { session, .. }
        | Notice::Down { session, .. } => fields.put("BFD_SESSION", session),
        Notice::Rejected { from, .. } => fields.put("PEER", &from.ip()),
    }
}

fn of_change(fields: &mut Fields, change: &Change) {
    match change {
        Change::Activating { server, service }
        | Change::ServerUp {
            server, service, ..
        }
        | Change::ServerDown {
            server, service, ..
        }
        | Change::Weight {
            server, service, ..
        }
        | Change::Operator {
            server, service, ..
        }
        | Change::Suspending {
            server, service, ..
        }
        | Change::Sorry {
            server, service, ..
        } => {
            fields.put("REAL_SERVER", server);
            fields.put("VIRTUAL_SERVER", service);
        }
        Change::File { server, .. } | Change::ServerGone { server } => {
            fields.put("REAL_SERVER", server);
        }
        Change::Session {
            server, session, ..
        } => {
            fields.put("REAL_SERVER", server);
            fields.put("BFD_SESSION", session);
        }
        Change::Place { place: service, .. }
        | Change::QuorumGained { service, .. }
        | Change::QuorumLost { service, .. }
        | Change::QuorumDown { service, .. }
        | Change::Alive { service, .. }
        | Change::ServiceGone { service } => fields.put("VIRTUAL_SERVER", service),
        Change::Address { address, .. } => fields.put("ADDRESS", address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_by_its_instance() {
        let instance: vrrp::Name = "VI_1".into();
        let fields = of(&Line::Vrrp(Notice::EnteringMaster { instance }));
        assert_eq!(fields.packed(), "EVENT=vrrp\nINSTANCE=VI_1");
        let pairs: Vec<_> = unpacked("EVENT=vrrp\nINSTANCE=a=b").collect();
        assert_eq!(pairs, [("EVENT", "vrrp"), ("INSTANCE", "a=b")]);
        assert_eq!(of(&Line::StartupComplete).packed(), "EVENT=daemon");
        assert_eq!(of(&Line::ReloadComplete).0.len(), 1);
    }
}
