//! `FILE_CHECK`.

use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::lower::check::{Draft, Place};
use crate::lower::{Lower, takes};
use crate::model::{Check, CheckKind, FileCheck, FileWeight, TrackKind, TrackWeight};
use crate::value::number;

impl Lower<'_> {
    pub(super) fn file_check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let (mut tracked, mut weight) = (None, None);
        for node in block.body() {
            match node.name() {
                "track_file" => {
                    let word = self.require(node)?;
                    tracked = self.tracked_file(&word).or(tracked);
                }
                "weight" => weight = self.product_weight(node).or(weight),
                _ => {}
            }
        }
        let Some((track_file, own)) = tracked else {
            let message = "FILE_CHECK has no track_file specified - ignoring";
            let help = "write `track_file NAME`, the name of a track_file block";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
            return None;
        };
        let own = FileWeight {
            factor: own.points.into(),
            reverse: own.reverse,
        };
        let weight = weight.unwrap_or(own);
        let kind = CheckKind::File(FileCheck { track_file, weight });
        Some(Draft::new(place).check(kind, place))
    }

    /// The name, and the weight that goes with it.
    fn tracked_file(&mut self, word: &Word<'_>) -> Option<(String, TrackWeight)> {
        let name = &word.text;
        let Some(weight) = self.tracked.weight(TrackKind::File, name) else {
            let message = format!("track_file {name} not found");
            let help = self.unknown(TrackKind::File, name);
            self.error_help(Code::UnknownTracker, word.span, message, help);
            return None;
        };
        Some((name.to_string(), weight))
    }

    /// `weight N [reverse|noreverse]`.
    fn product_weight(&mut self, node: Node<'_>) -> Option<FileWeight> {
        const MOST: i32 = i32::MAX;
        let Some(word) = node.argument(0) else {
            let message = "track file weight missing";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return None;
        };
        let found = number::signed(&word.text, -MOST..=MOST);
        let factor = self.settle(node, &word, found, |_| {
            format!("weight for track file must be in [-{MOST}..{MOST}] inclusive. Ignoring...")
        })?;
        let option = node.argument(1);
        let reverse = match option.as_ref().map(|word| &*word.text) {
            Some("reverse") => true,
            None | Some("noreverse") => false,
            Some(other) => {
                let message = format!("unknown track file weight option {other} - ignoring");
                let span = option.map_or(word.span, |word| word.span);
                self.error_help(Code::InvalidValue, span, message, "reverse or noreverse");
                false
            }
        };
        Some(FileWeight { factor, reverse })
    }
}
