//! `vrrp_sync_group`.

use std::collections::HashSet;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::model::SyncGroup;

impl Lower<'_> {
    /// `named` are the instances of the file, those that were dropped for their own reasons included.
    pub(super) fn sync_group(
        &mut self,
        block: Node<'_>,
        named: &HashSet<String>,
    ) -> Option<SyncGroup> {
        let name = block.argument(0)?;
        let span = name.span;
        let name = name.text.into_owned();
        let mut tracked = Vec::new();
        for node in block.body() {
            if node.name().starts_with("track_") {
                self.track_entries(node, &name, &mut tracked);
            }
        }
        let mut members: Vec<String> = Vec::new();
        let mut groups = block.body().filter(|node| node.name() == "group");
        let words: Vec<Word<'_>> = groups
            .next()
            .map(|node| node.entries().flatten().collect())
            .unwrap_or_default();
        for extra in groups {
            let message = format!("group already specified for sync group {name} - skipping");
            self.error(Code::Duplicate, extra.span(), message);
        }
        if words.is_empty() {
            let help = "list its instances in `group { .. }`";
            self.error_help(
                Code::SyncGroup,
                span,
                format!("Sync group {name} has no members - removing"),
                help,
            );
            return None;
        }
        for word in words {
            if named.contains(&*word.text) {
                members.push(word.text.into_owned());
            } else {
                let message = format!(
                    "Virtual router {} specified in sync group {name} doesn't exist - ignoring",
                    word.text
                );
                self.error_help(
                    Code::SyncGroup,
                    word.span,
                    message,
                    "no vrrp_instance has that name",
                );
            }
        }
        match members.len() {
            0 => {
                let message = format!(
                    "Sync group {name}, no matching virtual router found in group declaration - removing"
                );
                self.error(Code::SyncGroup, span, message);
                return None;
            }
            1 => {
                let message = format!(
                    "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
                );
                let help =
                    "a sync group keeps two or more instances together; with one it does nothing";
                self.warning(Code::SyncGroup, span, message, help);
            }
            _ => {}
        }
        Some(SyncGroup {
            name,
            members,
            tracked,
        })
    }
}
