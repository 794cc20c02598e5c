//! `BFD_CHECK`.

use std::collections::HashSet;

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::lower::check::{Draft, Place};
use crate::model::{BfdCheck, Check, CheckKind, TrackKind};

impl Lower<'_> {
    /// `watched` are the sessions of the checks of the same real server that stand before it.
    pub(super) fn bfd_check(
        &mut self,
        block: Node<'_>,
        place: &Place<'_>,
        watched: &mut HashSet<String>,
    ) -> Option<Check> {
        let mut draft = Draft::new(place);
        let mut name: Option<String> = None;
        let mut skipped = false;
        for node in block.body() {
            match node.name() {
                "name" => match self.bfd_name(node, place, watched, name.as_deref()) {
                    Some(found) => name = Some(found),
                    None => skipped |= name.is_none(),
                },
                _ => self.shared(node, &mut draft),
            }
        }
        if name.is_none() && !skipped {
            let owner = place.label;
            let message =
                format!("({owner}) No name has been specified for BFD_CHECKER - skipping");
            let help = "write `name NAME`, the name of a bfd_instance";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
        }
        let name = name.filter(|_| !skipped)?;
        watched.insert(name.clone());
        Some(draft.check(CheckKind::Bfd(BfdCheck { name }), place))
    }

    fn bfd_name(
        &mut self,
        node: Node<'_>,
        place: &Place<'_>,
        watched: &HashSet<String>,
        known: Option<&str>,
    ) -> Option<String> {
        let owner = place.label;
        let Some(word) = node.argument(0).filter(|_| node.argument(1).is_none()) else {
            let span = node.argument(1).map_or(node.span(), |word| word.span);
            let message =
                format!("({owner}) BFD_CHECK - No or too many names specified - skipping checker");
            self.error_help(Code::InvalidName, span, message, "one name, as one word");
            return None;
        };
        let name = &word.text;
        if let Some(known) = known {
            let message = format!("({owner}) BFD_CHECK - BFD {name} already specified as {known}");
            let help = "one check watches one session: write another BFD_CHECK";
            self.error_help(Code::Duplicate, word.span, message, help);
            return None;
        }
        if watched.contains(&**name) {
            let message = format!("({owner}) BFD_CHECK - RS already monitoring {name}");
            self.error_help(Code::Duplicate, word.span, message, "once is enough");
            return None;
        }
        if !self.tracked.is_known(TrackKind::Bfd, name) {
            let message = format!("({owner}) BFD_CHECK - BFD {name} not configured");
            let help = self.unknown(TrackKind::Bfd, name);
            self.error_help(Code::UnknownTracker, word.span, message, help);
            return None;
        }
        Some(word.text.into_owned())
    }
}
