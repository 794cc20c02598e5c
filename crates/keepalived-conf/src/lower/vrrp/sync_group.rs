//! `vrrp_sync_group`.

use std::collections::{HashMap, HashSet};

use super::tracking::TrackingDraft;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::lower::Lower;
use crate::model::{Notify, SyncGroup, VrrpInstance};
use crate::span::Span;

/// A group whose lines were read.
#[derive(Debug, Default)]
pub(in crate::lower) struct GroupDraft {
    name: String,
    /// Its name.
    span: Span,
    pub(super) members: Vec<(String, Span)>,
    tracking: TrackingDraft,
    pub(super) tracking_weight: bool,
    notify: Notify,
    smtp_alert: Option<bool>,
    priority_changes: Option<bool>,
}

impl Lower<'_> {
    /// `None` if nothing is left of it.
    pub(in crate::lower) fn sync_group(&mut self, block: Node<'_>) -> Option<GroupDraft> {
        let name = block.argument(0)?;
        let mut group = GroupDraft {
            span: name.span,
            name: name.text.into_owned(),
            ..GroupDraft::default()
        };
        let mut listed = false;
        for node in block.body() {
            self.group_line(node, &mut group, &mut listed);
        }
        if group.members.is_empty() {
            let message = format!("Sync group {} has no members - removing", group.name);
            let help = "list its instances in `group { .. }`";
            self.error_help(Code::SyncGroup, block.closing(), message, help);
            return None;
        }
        Some(group)
    }

    fn group_line(&mut self, node: Node<'_>, group: &mut GroupDraft, listed: &mut bool) {
        let name = group.name.clone();
        match node.name() {
            "group" if *listed => {
                let message = format!("Group list already specified for sync group {name}");
                let help = "one `group { .. }` with all of them; the first counts";
                self.error_help(Code::Duplicate, node.span(), message, help);
            }
            "group" => {
                *listed = true;
                let words: Vec<Word<'_>> = node.entries().flatten().collect();
                if words.is_empty() {
                    let message = format!("Warning - sync group {name} has empty group block");
                    let help = "name its instances, one or more a line";
                    self.warning(Code::SyncGroup, node.closing(), message, help);
                }
                let members = words.into_iter();
                group
                    .members
                    .extend(members.map(|word| (word.text.into_owned(), word.span)));
            }
            "track_interface" | "track_script" | "track_file" | "track_process" | "track_bfd" => {
                self.track_entries(node, &name, &mut group.tracking);
            }
            "smtp_alert" => {
                let value = self.boolean(node, |text| {
                    format!("Invalid vrrp_group smtp_alert parameter {text}")
                });
                group.smtp_alert = value.or(group.smtp_alert);
            }
            "notify_priority_changes" => {
                let value = self.boolean(node, |text| {
                    format!(
                        "({name}) Invalid value '{text}' for sync group notify_priority_changes specified"
                    )
                });
                group.priority_changes = value.or(group.priority_changes);
            }
            "sync_group_tracking_weight" => group.tracking_weight = true,
            "global_tracking" => {
                group.tracking_weight = true;
                let message = format!(
                    "({name}) global_tracking is deprecated. Use track_interface/script/file on the sync group"
                );
                let help = "`sync_group_tracking_weight` does what it did";
                self.error_help(Code::Deprecated, node.span(), message, help);
            }
            keyword if keyword.starts_with("notify") => {
                self.notify_line(node, &mut group.notify, name);
            }
            _ => {}
        }
    }

    /// The groups that have members, each of which is in one group. `named` are the instances of the file, those that
    /// were dropped for their own reasons included.
    pub(super) fn complete_groups(
        &mut self,
        drafts: Vec<GroupDraft>,
        named: &HashSet<String>,
        instances: &[(VrrpInstance, Span)],
    ) -> Vec<SyncGroup> {
        let known: HashMap<&str, &VrrpInstance> = instances
            .iter()
            .map(|(instance, _)| (instance.name.as_str(), instance))
            .collect();
        let mut homes: HashMap<String, String> = HashMap::new();
        let mut groups = Vec::with_capacity(drafts.len());
        for mut draft in drafts {
            let span = draft.span;
            let mut tracking = std::mem::take(&mut draft.tracking);
            let Some(mut group) = self.complete_group(draft, named, &mut homes) else {
                continue;
            };
            // An instance that was dropped has had its own complaint.
            let kept = |member: &String| known.contains_key(member.as_str());
            group.members.retain(kept);
            let members = group.members.iter();
            let members: Vec<&VrrpInstance> = members
                .filter_map(|member| known.get(member.as_str()).copied())
                .collect();
            self.owners(&group.name, span, &members);
            self.group_tracking(&group.name, &mut tracking, &members);
            group.tracked = tracking.entries;
            if !group.members.is_empty() {
                groups.push(group);
            }
        }
        groups
    }

    fn complete_group(
        &mut self,
        draft: GroupDraft,
        named: &HashSet<String>,
        homes: &mut HashMap<String, String>,
    ) -> Option<SyncGroup> {
        let name = draft.name;
        let mut members: Vec<String> = Vec::with_capacity(draft.members.len());
        for (member, span) in draft.members {
            if !named.contains(&member) {
                let message = format!(
                    "Virtual router {member} specified in sync group {name} doesn't exist - ignoring"
                );
                let help = match self
                    .tracked
                    .guesses
                    .nearest(&member, named.iter().map(String::as_str))
                {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "no vrrp_instance has that name".to_owned(),
                };
                self.error_help(Code::SyncGroup, span, message, help);
            } else if let Some(home) = homes.get(&member) {
                let message = format!(
                    "Virtual router {member} cannot exist in more than one sync group; ignoring {name}"
                );
                let help = format!("it is in {home} already");
                self.error_help(Code::SyncGroup, span, message, help);
            } else {
                homes.insert(member.clone(), name.clone());
                members.push(member);
            }
        }
        match members.len() {
            0 => {
                let message = format!(
                    "Sync group {name}, no matching virtual router found in group declaration - removing"
                );
                self.error(Code::SyncGroup, draft.span, message);
                return None;
            }
            1 => {
                let message = format!(
                    "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
                );
                let help =
                    "a sync group keeps two or more instances together; with one it does nothing";
                self.warning(Code::SyncGroup, draft.span, message, help);
            }
            _ => {}
        }
        let mail = &self.global.mail;
        let smtp_alert = draft.smtp_alert.or(mail.alert_vrrp).or(mail.alert);
        Some(SyncGroup {
            name,
            members,
            tracked: Vec::new(),
            tracking_weight: draft.tracking_weight,
            notify: Notify {
                smtp_alert: smtp_alert.unwrap_or(false),
                priority_changes: draft
                    .priority_changes
                    .unwrap_or(self.global.fifos.priority_changes),
                ..draft.notify
            },
        })
    }

    /// An owner takes its addresses whatever the others of its group do.
    fn owners(&mut self, group: &str, span: Span, members: &[&VrrpInstance]) {
        let owners = members.iter().filter(|member| member.priority == 255);
        if (1..members.len()).contains(&owners.count()) {
            let message =
                format!("Sync group {group} has both address owners and non address owners");
            let help = "an instance with priority 255 wants its addresses at once, the others wait for their masters";
            self.note(Code::SyncGroup, span, message, help);
        }
    }
}
