//! What instances and groups track, and which of it cannot count.

use std::collections::{HashMap, HashSet};

use super::Draft;
use crate::diag::Code;
use crate::lower::Lower;
use crate::model::{TrackEntry, TrackKind, TrackWeight, VrrpInstance};
use crate::span::Span;

/// What is tracked, and where it is said.
#[derive(Debug, Default)]
pub(in crate::lower) struct TrackingDraft {
    pub entries: Vec<TrackEntry>,
    /// One for each of the entries.
    spans: Vec<Span>,
    /// What was ever among them: an instance may track thousands, and each new one is looked for.
    names: HashSet<(TrackKind, String)>,
}

impl TrackingDraft {
    /// Adds what the word at `span` names.
    pub(in crate::lower) fn push(&mut self, entry: TrackEntry, span: Span) {
        self.names.insert((entry.kind, entry.name.clone()));
        self.entries.push(entry);
        self.spans.push(span);
    }

    pub(in crate::lower) fn has(&self, kind: TrackKind, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&(kind, name.to_owned()))
    }

    /// Keeps some of the entries.
    fn retain(&mut self, mut keep: impl FnMut(&TrackEntry, Span) -> bool) {
        let entries = std::mem::take(&mut self.entries);
        let spans = std::mem::take(&mut self.spans);
        let kept = entries.into_iter().zip(spans);
        (self.entries, self.spans) = kept.filter(|(entry, span)| keep(entry, *span)).unzip();
    }
}

/// Why a weight cannot count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// The instance is in a group whose members fail over as one.
    Group,
    /// Priority 255 never changes.
    Owner,
}

impl Lower<'_> {
    /// The interface of the instance is tracked in any case.
    pub(super) fn own_interface(&mut self, draft: &mut Draft) {
        let Some((interface, _)) = &draft.interface else {
            return;
        };
        let name = &draft.name;
        draft.tracking.retain(|entry, span| {
            let own = entry.kind == TrackKind::Interface && entry.name == *interface;
            if own {
                let message =
                    format!("({name}) Ignoring track_interface {interface} since own interface");
                let help = match draft.dont_track_primary {
                    true => "take out `dont_track_primary` to have it tracked",
                    false => "it is tracked in any case; take the line out",
                };
                self.error_help(Code::Conflict, span, message, help);
            }
            !own
        });
    }

    /// What a group tracks for all of its members: none of them tracks the same interface by itself, and none of them may
    /// be an owner where a weight is to count.
    pub(super) fn group_tracking(
        &mut self,
        group: &str,
        tracking: &mut TrackingDraft,
        members: &[&VrrpInstance],
    ) {
        let spans = tracking.entries.iter().zip(&tracking.spans);
        let interfaces: HashMap<&str, Span> = spans
            .filter(|(entry, _)| entry.kind == TrackKind::Interface)
            .map(|(entry, span)| (entry.name.as_str(), *span))
            .collect();
        for member in members {
            let own = member.interface.as_deref();
            let own = own.filter(|_| !member.dont_track_primary);
            let others = member.tracked.iter();
            let others = others.filter(|entry| entry.kind == TrackKind::Interface);
            for interface in own
                .into_iter()
                .chain(others.map(|entry| entry.name.as_str()))
            {
                let Some(span) = interfaces.get(interface) else {
                    continue;
                };
                let message = format!(
                    "({}) track_interface {interface} is configured on VRRP instance and sync group. Remove vrrp instance or sync group config",
                    member.name
                );
                let help = "the interface of an instance is tracked in any case";
                self.error_help(Code::Conflict, *span, message, help);
            }
        }
        if members.iter().all(|member| member.priority != 255) {
            return;
        }
        for (entry, span) in tracking.entries.iter_mut().zip(&tracking.spans) {
            if entry.weight.points == 0 {
                continue;
            }
            let (kind, instead) = match entry.kind {
                TrackKind::Interface => ("interface", "clearing weight"),
                TrackKind::Script => ("script", "clearing weight"),
                TrackKind::File => ("file", "setting weight 0"),
                TrackKind::Process => ("process", "setting weight 0"),
                TrackKind::Bfd => ("bfd", "setting weight 0"),
            };
            let message = format!(
                "({group}) Cannot have weighted track {kind} '{}' with member having priority 255 - {instead}",
                entry.name
            );
            let help = "priority 255 never changes; without a weight a failure is FAULT";
            self.error_help(Code::Conflict, *span, message, help);
            entry.weight = TrackWeight::default();
        }
    }

    /// Weights of an owner, or of a member of a group that does not let its members differ.
    pub(super) fn useless_weights(&mut self, draft: &mut Draft, priority: u8, grouped: bool) {
        let because = match grouped {
            true => Because::Group,
            false if priority == 255 => Because::Owner,
            false => return,
        };
        let name = &draft.name;
        draft.tracking.retain(|entry, span| {
            let Some(ignoring) = ignoring(entry, because).filter(|_| entry.weight.points != 0)
            else {
                return true;
            };
            let message = format!("({name}) {ignoring}");
            let help = match because {
                Because::Group => {
                    "the members of a group fail over as one: track it in the group, or write `sync_group_tracking_weight` there"
                }
                Because::Owner => "priority 255 never changes; without a weight a failure is FAULT",
            };
            self.warning(Code::Conflict, span, message, help);
            false
        });
    }
}

/// keepalived's words, which differ from kind to kind; of processes and BFD sessions it says nothing.
fn ignoring(entry: &TrackEntry, because: Because) -> Option<String> {
    let name = &entry.name;
    let message = match (entry.kind, because) {
        (TrackKind::Process | TrackKind::Bfd, _) => return None,
        (TrackKind::Interface, Because::Group) => {
            format!("ignoring {name} tracked interface weight due to SYNC group")
        }
        (TrackKind::Interface, Because::Owner) => {
            format!("ignoring {name} tracked interface due to address owner")
        }
        (TrackKind::Script, Because::Group) => {
            format!("ignoring tracked script {name} with weights due to SYNC group")
        }
        (TrackKind::Script, Because::Owner) => {
            format!("ignoring tracked script {name} with weights due to address_owner")
        }
        (TrackKind::File, Because::Group) => {
            format!("ignoring weight from tracked file {name} due to SYNC group. specify weight 0")
        }
        (TrackKind::File, Because::Owner) => format!(
            "ignoring tracked file {name} with weight {} due to address_owner",
            entry.weight.points
        ),
    };
    Some(message)
}
