//! `track_group`: the instances that static addresses, routes and rules go with.

use super::Lower;
use crate::ast::Node;
use crate::diag::Code;
use crate::model::TrackGroup;

impl Lower<'_> {
    pub(super) fn track_group(&mut self, block: Node<'_>) -> Option<TrackGroup> {
        let name = block.argument(0)?.text.into_owned();
        let mut members: Option<Vec<String>> = None;
        for node in block.body().filter(|node| node.name() == "group") {
            if members.is_some() {
                let message = format!("Group list already specified for sync group {name}");
                let help = "the first list counts: put all instances into it";
                self.error_help(Code::Duplicate, node.span(), message, help);
                continue;
            }
            let words = node.entries().flatten();
            let found: Vec<String> = words.map(|word| word.text.into_owned()).collect();
            if found.is_empty() {
                let message = format!("Warning - track group {name} has empty group block");
                let help = "list instances between its braces";
                self.warning(Code::IncompleteBlock, node.closing(), message, help);
            }
            members = Some(found);
        }
        Some(TrackGroup {
            name,
            members: members.unwrap_or_default(),
        })
    }
}
