//! `vrrp_track_process`.

use std::time::Duration;

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::model::{ParamMatch, TrackKind, TrackProcess};
use crate::span::Span;
use crate::value::script;

/// An hour, in microseconds.
const LONGEST_DELAY: u64 = 3_600_000_000;

impl Lower<'_> {
    pub(super) fn track_process(&mut self, block: Node<'_>) -> Option<TrackProcess> {
        let name = block.argument(0)?;
        let span = name.span;
        let mut process = TrackProcess {
            name: name.text.into_owned(),
            argv: Vec::new(),
            parameters: None,
            full_command: false,
            weight: Default::default(),
            quorum: 1,
            quorum_max: None,
            terminate_delay: Duration::ZERO,
            fork_delay: Duration::ZERO,
        };
        let mut quorum_max: Option<(u16, Span)> = None;
        for node in block.body() {
            let owner = process.name.as_str();
            let invalid = |what: &str, range: &str| {
                let (what, range) = (what.to_owned(), range.to_owned());
                move |text: &str| {
                    format!(
                        "{what} ({text}) for vrrp_track_process {owner} must be between [{range}] inclusive. Ignoring..."
                    )
                }
            };
            match node.name() {
                "process" => {
                    let argv = self.process_words(node);
                    if argv.is_empty() {
                        continue;
                    }
                    process.full_command |= argv.len() > 1;
                    if argv.len() > 1 {
                        process.parameters.get_or_insert(ParamMatch::Exact);
                    }
                    process.argv = argv;
                }
                "param_match" => {
                    if let Some(how) = self.param_match(node) {
                        process.parameters = Some(how);
                        process.full_command = true;
                    }
                }
                "full_command" => process.full_command = true,
                "weight" if node.argument(0).is_none() => {
                    let message =
                        format!("No weight specified for track process {owner} - ignoring");
                    self.error_help(Code::InvalidNumber, node.span(), message, takes(node));
                }
                "weight" => {
                    let found = self.own_weight(
                        node,
                        254,
                        |text| format!("Weight ({text}) for vrrp_track_process {owner} must be between [-254..254] inclusive. Ignoring..."),
                        |text| format!("vrrp_track_process {owner} unknown weight option {text}"),
                    );
                    process.weight = found.unwrap_or(process.weight);
                }
                "quorum" => {
                    let found = self.u32(node, 1..=65535, invalid("Quorum", "1..65535"));
                    let found = found.and_then(|n| u16::try_from(n).ok());
                    process.quorum = found.unwrap_or(process.quorum);
                }
                "quorum_max" => {
                    let found = self.u32(node, 0..=65535, invalid("quorum_max", "0..65535"));
                    let found = found.and_then(|n| u16::try_from(n).ok());
                    let span = node.argument(0).map_or(node.span(), |word| word.span);
                    quorum_max = found.map(|most| (most, span)).or(quorum_max);
                }
                "delay" | "terminate_delay" | "fork_delay" => {
                    let also = invalid(node.name(), "0.000001..3600");
                    let Some(delay) = self.seconds(node, 1..=LONGEST_DELAY, also) else {
                        continue;
                    };
                    if node.name() != "fork_delay" {
                        process.terminate_delay = delay;
                    }
                    if node.name() != "terminate_delay" {
                        process.fork_delay = delay;
                    }
                }
                _ => {}
            }
        }
        if process.argv.is_empty() {
            let message = format!(
                "track process '{}' process name not specified",
                process.name
            );
            let help = "it needs a line `process NAME`; what tracks it is dropped as well";
            self.error_help(Code::IncompleteBlock, block.closing(), message, help);
            return None;
        }
        self.process_quorum(&mut process, quorum_max);
        if !self
            .tracked
            .define(TrackKind::Process, &process.name, process.weight)
        {
            let message = format!(
                "vrrp_track_process {} is defined twice: the first one is tracked",
                process.name
            );
            self.note(Code::Duplicate, span, message, "give it a name of its own");
            return None;
        }
        Some(process)
    }

    /// Path or name, then parameters. Quotes within quotes are no fault here.
    fn process_words(&mut self, node: Node<'_>) -> Vec<String> {
        let Some(first) = self.require(node) else {
            return Vec::new();
        };
        let last = node
            .words()
            .next_back()
            .map_or(first.span, |word| word.span);
        let text = self.sources.text(first.span.to(last));
        script::argv(text).unwrap_or_else(|_| {
            node.arguments()
                .map(|word| word.text.into_owned())
                .collect()
        })
    }

    fn param_match(&mut self, node: Node<'_>) -> Option<ParamMatch> {
        let Some(word) = node.argument(0) else {
            return Some(ParamMatch::Exact);
        };
        match &*word.text {
            "initial" => Some(ParamMatch::Initial),
            "partial" => Some(ParamMatch::Partial),
            other => {
                let message = format!("Invalid param_match type {other} - ignoring");
                self.error_help(Code::InvalidValue, word.span, message, takes(node));
                None
            }
        }
    }

    /// None at all may run where the most is 0; else it is no less than the quorum.
    fn process_quorum(&mut self, process: &mut TrackProcess, most: Option<(u16, Span)>) {
        let Some((most, span)) = most else { return };
        if most == 0 {
            process.quorum = 0;
        } else if most < process.quorum {
            let message = "quorum_max is less than quorum - ignoring";
            let help = format!(
                "{} must run, so no fewer may; it is as if quorum_max were not said",
                process.quorum
            );
            self.error_help(Code::Conflict, span, message, help);
            return;
        }
        process.quorum_max = Some(most);
    }
}
