//! What a page is searched for: `regex` and the lines that belong to it.
//!
//! keepalived behaviour: it finds no fault with any of them when it reads them (except a second pattern), so all that is
//! said here are notes.

use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, nearest};
use crate::lower::{Lower, takes};
use crate::model::{PageRegex, RegexOption};
use crate::span::Span;
use crate::value::{number, pattern, script};

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct RegexDraft {
    pattern: Option<(String, Span)>,
    negate: bool,
    options: Vec<RegexOption>,
    min_offset: Option<u32>,
    max_offset: Option<(u32, Span)>,
    stack: Option<(u32, u32)>,
    /// The first line that means nothing without a pattern.
    companion: Option<(&'static str, Span)>,
}

impl Lower<'_> {
    /// A line that is about a pattern, if it is one.
    pub(super) fn regex_line(&mut self, node: Node<'_>, draft: &mut RegexDraft) {
        match node.name() {
            "regex" => {
                self.url_regex(node, draft);
                return;
            }
            "regex_no_match" => draft.negate = true,
            "regex_options" => self.regex_options(node, &mut draft.options),
            "regex_min_offset" => {
                let offset = self.regex_number(node, node.argument(0));
                draft.min_offset = offset.map(|(n, _)| n).or(draft.min_offset);
            }
            "regex_max_offset" => {
                let offset = self.regex_number(node, node.argument(0));
                draft.max_offset = offset.or(draft.max_offset);
            }
            "regex_stack" => {
                let start = self.regex_number(node, node.argument(0));
                let most = start.and_then(|_| self.regex_number(node, node.argument(1)));
                if let (Some((start, span)), Some((most, _))) = (start, most) {
                    if start > most {
                        let message = "regex stack start cannot exceed max value";
                        let help = "the line is ignored";
                        self.regex_note(Code::Conflict, span, message, help);
                    } else {
                        draft.stack = Some((start, most));
                    }
                }
            }
            _ => return,
        }
        draft.companion.get_or_insert((node.name(), node.span()));
    }

    /// One word; keepalived behaviour: its quotes and escapes are those of a script, so a backslash is written twice.
    fn url_regex(&mut self, node: Node<'_>, draft: &mut RegexDraft) {
        let Some(word) = node.argument(0) else {
            let message = "`regex` without a pattern: the page is not searched";
            self.regex_note(Code::InvalidValue, node.span(), message, takes(node));
            return;
        };
        let Some(text) = script::first(self.sources.text(word.span)) else {
            return;
        };
        if let Some((old, _)) = &draft.pattern {
            let message = format!("Duplicate regex specified - replacing {old} with {text}");
            let help = "a page is searched for one pattern: `A|B` finds either";
            self.error_help(Code::Duplicate, word.span, message, help);
        }
        draft.pattern = Some((text, word.span));
    }

    fn regex_options(&mut self, node: Node<'_>, options: &mut Vec<RegexOption>) {
        if node.argument(0).is_none() {
            let message = "`regex_options` without an option has no effect";
            self.regex_note(Code::InvalidValue, node.span(), message, takes(node));
        }
        // To guess takes time: once a line.
        let mut guessed = false;
        for word in node.arguments() {
            let found = RegexOption::ALL
                .iter()
                .find(|option| option.name() == word.text);
            let Some(option) = found else {
                let message = format!("unknown regex option `{}` is ignored", word.text);
                let near = match std::mem::replace(&mut guessed, true) {
                    true => None,
                    false => nearest(&word.text, RegexOption::ALL.iter().map(|o| o.name())),
                };
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "see `regex_options` in keepalived.conf(5)".to_owned(),
                };
                self.regex_note(Code::InvalidValue, word.span, message, help);
                continue;
            };
            if !options.contains(option) {
                options.push(*option);
            }
        }
    }

    fn regex_number(&mut self, node: Node<'_>, word: Option<Word<'_>>) -> Option<(u32, Span)> {
        let Some(word) = word else {
            let message = format!("`{}` without its number has no effect", node.name());
            self.regex_note(Code::InvalidNumber, node.span(), message, takes(node));
            return None;
        };
        match number::unsigned(&word.text, 0..=u64::from(u32::MAX)) {
            Ok(value) => u32::try_from(value).ok().map(|value| (value, word.span)),
            Err(error) => {
                let message = error.say(&word.text);
                self.regex_note(Code::InvalidNumber, word.span, message, takes(node));
                None
            }
        }
    }

    /// What the lines amount to.
    pub(super) fn page_regex(&mut self, draft: RegexDraft) -> Option<Box<PageRegex>> {
        let Some((text, span)) = draft.pattern else {
            if let Some((name, span)) = draft.companion {
                let message = format!("`{name}` without `regex` has no effect");
                self.regex_note(
                    Code::Conflict,
                    span,
                    message,
                    "write the pattern as `regex`",
                );
            }
            return None;
        };
        if let Some(fault) = pattern::fault(&text, &draft.options) {
            let message = format!("`{text}` is no regular expression of PCRE2: {fault}");
            let help = "quotes and backslashes are taken away before: write `\\\\.` for `\\.`";
            self.regex_note(Code::InvalidValue, span, message, help);
        }
        let (mut min_offset, mut max_offset) = (draft.min_offset.unwrap_or(0), None);
        match draft.max_offset {
            Some((most, span)) if most < min_offset => {
                let message =
                    format!("regex min offset {min_offset} > regex_max_offset {most} - ignoring");
                let help = "both are ignored";
                self.regex_note(Code::Conflict, span, message, help);
                min_offset = 0;
            }
            most => max_offset = most.map(|(most, _)| most),
        }
        Some(Box::new(PageRegex {
            pattern: text,
            negate: draft.negate,
            options: draft.options,
            min_offset,
            max_offset,
            stack: draft.stack,
        }))
    }

    fn regex_note(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.sink
            .push(Diagnostic::note(code, span, message).help(help));
    }
}
