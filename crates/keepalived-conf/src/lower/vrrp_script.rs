//! `vrrp_script`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::script::{RunAs, Runner, opens_only, quoted, runs_as_root};
use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::model::{Script, TrackKind, TrackWeight, VrrpScript};
use crate::source::Program;
use crate::span::Span;
use crate::value::number;

/// The longest interval, in milliseconds.
const LONGEST: u64 = 4_294_967_295;

/// One that was accepted, and where its command stands.
pub(super) struct Accepted {
    script: VrrpScript,
    span: Span,
}

impl Lower<'_> {
    pub(super) fn vrrp_script(&mut self, block: Node<'_>) -> Option<Accepted> {
        let name = block.argument(0)?;
        let word = name.span;
        let name = name.text.into_owned();
        let mut command: Option<(Vec<String>, Span)> = None;
        let mut run_as = RunAs::Default;
        let (mut interval, mut timeout) = (None, None);
        let mut weight = TrackWeight::default();
        let (mut rise, mut fall) = (NonZeroU32::MIN, NonZeroU32::MIN);
        for node in block.body() {
            match node.name() {
                // keepalived behaviour: without a word it is as if it were not there.
                "script" if node.argument(0).is_some() => {
                    let found = self.script_words(node);
                    command = found.or(command);
                }
                "interval" => interval = self.script_time(node, &name, "interval").or(interval),
                "timeout" => timeout = self.script_time(node, &name, "timeout").or(timeout),
                "weight" => weight = self.script_weight(node, &name).unwrap_or(weight),
                "rise" => rise = self.script_count(node, &name).unwrap_or(rise),
                "fall" => fall = self.script_count(node, &name).unwrap_or(fall),
                "user" => {
                    let argv = command.as_ref().map(|(argv, _)| quoted(argv));
                    let script = argv.unwrap_or_else(|| name.clone());
                    let user = self.user(node, |_| {
                        format!("Unable to set uid/gid for script {script}")
                    });
                    run_as = user.unwrap_or(run_as);
                }
                _ => {}
            }
        }
        let Some((argv, span)) = command else {
            let message = format!("No script set for vrrp_script {name} - removing");
            let help =
                "it needs a line `script \"/path arguments\"`; what tracks it is dropped as well";
            self.error_help(Code::IncompleteBlock, block.closing(), message, help);
            return None;
        };
        let script = self.script_of_block(block, argv, run_as, |_| {
            format!("Unable to set default user for vrrp script {name} - removing")
        })?;
        if !self.tracked.define(TrackKind::Script, &name, weight) {
            let message = format!("vrrp_script {name} is defined twice: the first one is tracked");
            self.note(Code::Duplicate, word, message, "give it a name of its own");
            return None;
        }
        let interval = interval.unwrap_or(Duration::from_secs(1));
        let timeout = timeout.unwrap_or(interval);
        Some(Accepted {
            script: VrrpScript {
                name,
                script,
                interval,
                timeout,
                weight,
                rise,
                fall,
            },
            span,
        })
    }

    /// Seconds with three decimals; nothing is made a second.
    fn script_time(&mut self, node: Node<'_>, owner: &str, what: &str) -> Option<Duration> {
        let word = self.require(node)?;
        let found = number::decimal(&word.text, 0..=LONGEST, 3);
        let millis = self.settle(node, &word, found, |text| match what {
            "interval" => {
                format!(
                    "({owner}): vrrp script interval '{text}' must be between 1 and 4294 - ignoring"
                )
            }
            _ => format!("({owner}): vrrp script timeout '{text}' invalid - ignoring"),
        })?;
        if millis == 0 {
            let message =
                format!("({owner}): vrrp script {what} must be greater than 0, setting to 1");
            self.error_help(Code::InvalidNumber, word.span, message, takes(node));
            return Some(Duration::from_secs(1));
        }
        Some(Duration::from_millis(millis))
    }

    fn script_weight(&mut self, node: Node<'_>, owner: &str) -> Option<TrackWeight> {
        let text = node.argument(0).map(|word| word.text);
        let found = self.own_weight(
            node,
            253,
            |text| format!("vrrp_script {owner} weight {text} must be in [-253, 253]"),
            |text| format!("vrrp_script {owner} unknown weight option {text}"),
        );
        // keepalived behaviour: one out of range is complained of, and used: as far as it can count.
        found.or_else(|| {
            let points: i64 = text?.parse().ok()?;
            let points = i16::try_from(points.clamp(-253, 253)).ok()?;
            let reverse = node.argument(1).is_some_and(|word| word.text == "reverse");
            Some(TrackWeight { points, reverse })
        })
    }

    fn script_count(&mut self, node: Node<'_>, owner: &str) -> Option<NonZeroU32> {
        let what = node.name();
        let word = self.require(node)?;
        let found = number::unsigned(&word.text, 1..=0x7fff_ffff);
        let count = self.settle(node, &word, found, |text| {
            format!("({owner}): vrrp script {what} value '{text}' invalid, defaulting to 1")
        });
        NonZeroU32::new(u32::try_from(count.unwrap_or(1)).ok()?)
    }

    /// Once all is read: those that the host can run. `vrrp`: whether VRRP comes so far.
    pub(super) fn vrrp_scripts(&mut self, accepted: Vec<Accepted>, vrrp: bool) -> Vec<VrrpScript> {
        let before = self.sink.set_late(true);
        let mut scripts = Vec::with_capacity(accepted.len());
        for Accepted { script, span } in accepted {
            if !vrrp || self.can_run(&script.name, &script.script, span) {
                scripts.push(script);
            }
        }
        self.sink.set_late(before);
        scripts
    }

    fn can_run(&mut self, name: &str, script: &Script, span: Span) -> bool {
        let program = script.argv.first().map_or("", String::as_str);
        if opens_only(program) {
            return true;
        }
        let (code, why, help) = match self.program_of(script) {
            Program::Missing => (
                Code::ScriptMissing,
                "since not found/accessible",
                format!("the host has no program `{program}`; what tracks the script is dropped"),
            ),
            Program::Insecure(reason)
                if runs_as_root(script) && self.global.enable_script_security =>
            {
                (Code::ScriptUnsafe, "due to insecure", reason)
            }
            _ => {
                self.look_at_script(Runner::Vrrp, script, span);
                return true;
            }
        };
        let message = format!("Disabling track script {name} {why}");
        self.error_help(code, span, message, help);
        false
    }
}
