//! `global_defs`, and the words outside of blocks: a file a noun, each saying whether the word was one of its own.
//!
//! keepalived behaviour: its main process reads these words of the whole text first, and the others begin with what it
//! found. So what stands below an instance holds for it as well; only among these words themselves the order counts.

mod files;
mod home;
mod lvs;
mod mail;
mod network;
mod notify;
mod process;
mod scripts;
mod vrrp;

use std::ops::RangeInclusive;

use super::{Lower, takes};
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::keyword::Shape;
use crate::model::Global;
use crate::value::number;

impl Lower<'_> {
    fn global_defs(&mut self, block: Node<'_>) {
        for node in block.body() {
            self.global_word(node);
        }
    }

    /// A statement of the outermost level, if it is one that the main process reads.
    pub(super) fn outermost_word(&mut self, node: Node<'_>) {
        match node.name() {
            "global_defs" => self.global_defs(node),
            _ if node.keyword.shape == Shape::Word => self.home_word(node),
            _ => {}
        }
    }

    fn global_word(&mut self, node: Node<'_>) {
        let known = self.vrrp_word(node)
            || self.network_word(node)
            || self.lvs_word(node)
            || self.mail_word(node)
            || self.script_word(node)
            || self.process_word(node)
            || self.notify_word(node)
            || self.files_word(node);
        debug_assert!(known, "{} is in the table and nowhere else", node.name());
    }

    /// What was said, if it was understood.
    fn keep<T>(&mut self, value: Option<T>, slot: impl FnOnce(&mut Global) -> &mut T) {
        if let Some(value) = value {
            *slot(&mut self.global) = value;
        }
    }

    /// The same for a value that may be left out.
    fn keep_some<T>(&mut self, value: Option<T>, slot: impl FnOnce(&mut Global) -> &mut Option<T>) {
        if value.is_some() {
            *slot(&mut self.global) = value;
        }
    }

    /// `[BOOL]` of a keyword whose complaint names it, and not the word.
    fn named_switch(&mut self, node: Node<'_>) -> Option<bool> {
        self.boolean(node, |_| {
            format!("Invalid value for {} specified", node.name())
        })
    }

    /// `[BOOL]` of a keyword whose complaint names both.
    fn global_switch(&mut self, node: Node<'_>) -> Option<bool> {
        let name = match node.name() {
            // keepalived's own typing mistake, by which people find the message.
            "data_use_instance" => "date_use_instance",
            name => name,
        };
        self.boolean(node, |text| {
            format!("Invalid value '{text}' for global {name} specified")
        })
    }

    /// The word that must follow; keepalived goes on without it, with this complaint.
    fn expect<'n>(&mut self, node: Node<'n>, complaint: impl Into<String>) -> Option<Word<'n>> {
        let word = node.argument(0);
        if word.is_none() {
            self.error_help(Code::InvalidValue, node.span(), complaint, takes(node));
        }
        word
    }

    /// The text that must follow; keepalived goes on without it, with this complaint.
    fn expect_text(&mut self, node: Node<'_>, complaint: impl Into<String>) -> Option<String> {
        self.expect(node, complaint)
            .map(|word| word.text.into_owned())
    }

    /// The text that must follow, or keepalived stops.
    fn required_text(&mut self, node: Node<'_>) -> Option<String> {
        self.require(node).map(|word| word.text.into_owned())
    }

    /// A number that a word must be, of those that keepalived reads with a sign.
    fn signed(
        &mut self,
        node: Node<'_>,
        word: &Word<'_>,
        range: RangeInclusive<i32>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<i32> {
        let found = number::signed(&word.text, range);
        self.settle(node, word, found, also)
    }

    /// The number that a word must be, of those without a sign.
    fn unsigned(
        &mut self,
        node: Node<'_>,
        word: &Word<'_>,
        range: RangeInclusive<u32>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        let found = number::unsigned(&word.text, range);
        self.settle(node, word, found, also)
            .and_then(|n| u32::try_from(n).ok())
    }

    /// A second one of what can be there once.
    fn again(&mut self, node: Node<'_>, message: impl Into<String>) {
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        let help = format!("the first `{}` stays", node.name());
        self.error_help(Code::Duplicate, span, message, help);
    }

    /// A name that holds until the end of the process; a second one is left out.
    fn once(
        &mut self,
        node: Node<'_>,
        value: String,
        message: impl Into<String>,
        slot: impl FnOnce(&mut Global) -> &mut Option<String>,
    ) {
        let slot = slot(&mut self.global);
        if slot.is_some() {
            self.again(node, message);
        } else {
            *slot = Some(value);
        }
    }

    /// A count that is raised to 1 with a complaint; `owner` begins that.
    pub(super) fn at_least_one(
        &mut self,
        node: Node<'_>,
        owner: &str,
        also: impl Fn(&str) -> String,
    ) -> Option<u32> {
        let repeat = self.u32(node, 0..=u32::MAX, also)?;
        if repeat == 0 {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            let message = format!(
                "{owner}{} must be greater than 0, setting to 1",
                node.name()
            );
            self.error(Code::InvalidNumber, span, message);
        }
        Some(repeat.max(1))
    }
}
