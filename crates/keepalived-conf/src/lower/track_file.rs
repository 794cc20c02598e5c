//! `track_file`, and `vrrp_track_file` as it was called before.

use std::path::Path;

use super::{Lower, takes};
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::model::{FileInit, TrackFile, TrackKind, TrackWeight};
use crate::value::number;

impl Lower<'_> {
    pub(super) fn track_file(&mut self, block: Node<'_>) -> Option<TrackFile> {
        let name = block.argument(0)?;
        let span = name.span;
        let name = name.text.into_owned();
        let mut path: Option<String> = None;
        let mut weight: Option<TrackWeight> = None;
        let mut init = None;
        for node in block.body() {
            match node.name() {
                "file" => self.tracked_path(node, &name, &mut path),
                "weight" => self.file_weight(node, &name, &mut weight),
                "init_file" => init = self.file_init(node, &name).or(init),
                _ => {}
            }
        }
        let Some(path) = path else {
            let message = format!("No file set for track_file {name} - ignoring");
            let help = "it needs a line `file /path`; what tracks it is dropped as well";
            self.error_help(Code::IncompleteBlock, block.closing(), message, help);
            return None;
        };
        // keepalived creates the file, but no folder for it.
        let folder = Path::new(&path).parent();
        let folder = folder.filter(|folder| init.is_some() && folder.is_absolute());
        if let Some(folder) = folder.filter(|folder| self.loader.kind(folder).is_err()) {
            let message = format!("realpath() error 2 (No such file or directory) for {name}");
            let help = format!(
                "there is no folder {}; what tracks the file is dropped",
                folder.display()
            );
            self.error_help(Code::PathMissing, block.closing(), message, help);
            return None;
        }
        let weight = weight.unwrap_or(TrackWeight {
            points: 1,
            reverse: false,
        });
        if !self.tracked.define(TrackKind::File, &name, weight) {
            let message = format!("track_file {name} is defined twice: the first one is tracked");
            self.note(Code::Duplicate, span, message, "give it a name of its own");
            return None;
        }
        Some(TrackFile {
            name,
            path,
            weight,
            init,
        })
    }

    fn tracked_path(&mut self, node: Node<'_>, owner: &str, path: &mut Option<String>) {
        let Some(word) = node.argument(0) else {
            let message = "track file file name missing";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        };
        if path.is_some() {
            let message = format!(
                "File already set for track file {owner} - ignoring {}",
                word.text
            );
            let help = "a track_file has one file; define another one";
            self.error_help(Code::Duplicate, word.span, message, help);
        } else {
            *path = Some(word.text.into_owned());
        }
    }

    fn file_weight(&mut self, node: Node<'_>, owner: &str, weight: &mut Option<TrackWeight>) {
        let Some(word) = node.argument(0) else {
            let message = format!("No weight specified for track file {owner} - ignoring");
            self.error_help(Code::InvalidNumber, node.span(), message, takes(node));
            return;
        };
        if weight.is_some() {
            let message = format!(
                "Weight already set for track file {owner} - ignoring {}",
                word.text
            );
            self.error_help(Code::Duplicate, word.span, message, "the first one counts");
            return;
        }
        *weight = self.own_weight(
            node,
            254,
            |text| {
                format!("Weight ({text}) for track_file {owner} must be between [-254..254] inclusive. Ignoring...")
            },
            |text| format!("track_file {owner} unknown weight option {text}"),
        );
    }

    /// `[VALUE] [overwrite]`.
    fn file_init(&mut self, node: Node<'_>, owner: &str) -> Option<FileInit> {
        let mut init = FileInit {
            value: 0,
            overwrite: false,
        };
        for word in node.arguments() {
            if word.text == "overwrite" {
                init.overwrite = true;
            } else if is_number(&word) {
                init.value = self.init_value(&word, owner)?;
            } else {
                let message = format!("Unknown track file init option {}", word.text);
                self.error_help(Code::InvalidValue, word.span, message, takes(node));
            }
        }
        Some(init)
    }

    fn init_value(&mut self, word: &Word<'_>, owner: &str) -> Option<i32> {
        match number::signed(&word.text, i32::MIN..=i32::MAX) {
            Ok(value) => Some(value),
            Err(error) => {
                let message = error.say(&word.text);
                let also = format!("Track file {owner} init value {} is invalid", word.text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink
                    .push(diagnostic.also(also).help("a whole number of 32 bits"));
                None
            }
        }
    }
}

fn is_number(word: &Word<'_>) -> bool {
    let digits = word.text.strip_prefix(['-', '+']).unwrap_or(&word.text);
    digits.starts_with(|c: char| c.is_ascii_digit())
}
