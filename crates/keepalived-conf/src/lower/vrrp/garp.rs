//! The gratuitous ARPs of an instance.

use std::time::Duration;

use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::lower::{Lower, takes};
use crate::model::{Garp, GarpExtra};
use crate::span::Span;
use crate::value::number;

/// What `garp_master_delay` and `garp_master_repeat` are without a word, and without `vrrp_min_garp`.
const MASTER_DELAY: Duration = Duration::from_secs(5);
const MASTER_REPEAT: u32 = 5;

/// What was said of gratuitous ARPs.
#[derive(Debug, Default)]
pub(super) struct GarpDraft {
    delay: Option<Duration>,
    repeat: Option<u32>,
    refresh: Option<Duration>,
    refresh_repeat: Option<u32>,
    lower_prio_delay: Option<(Duration, Span)>,
    lower_prio_repeat: Option<(u32, Span)>,
    extra: Option<GarpExtra>,
}

impl Lower<'_> {
    pub(super) fn garp_line(&mut self, node: Node<'_>, owner: &str, garp: &mut GarpDraft) {
        let keyword = node.name();
        let span = node.argument(0).map_or(node.span(), |word| word.span);
        let invalid = |text: &str| format!("({owner}): {keyword} '{text}' invalid - ignoring");
        let wrong = |text: &str| format!("({owner}): Invalid {keyword} '{text}'");
        match keyword {
            "garp_master_delay" => {
                garp.delay = self.whole_seconds(node, 4294, invalid).or(garp.delay);
            }
            "garp_master_refresh" => {
                let also = |text: &str| wrong(text) + " - ignoring";
                garp.refresh = self.whole_seconds(node, u32::MAX, also).or(garp.refresh);
            }
            "garp_master_repeat" => {
                let repeat = self.at_least_one(node, &format!("({owner}): "), invalid);
                garp.repeat = repeat.or(garp.repeat);
            }
            "garp_master_refresh_repeat" => {
                let repeat = self.at_least_one(node, &format!("({owner}): "), invalid);
                garp.refresh_repeat = repeat.or(garp.refresh_repeat);
            }
            "garp_lower_prio_delay" => {
                let delay = self.whole_seconds(node, 4294, invalid);
                garp.lower_prio_delay = delay.map(|d| (d, span)).or(garp.lower_prio_delay);
            }
            "garp_lower_prio_repeat" => {
                let repeat = self.u32(node, 0..=0x7fff_ffff, wrong);
                garp.lower_prio_repeat = repeat.map(|n| (n, span)).or(garp.lower_prio_repeat);
            }
            "garp_extra_if" => self.instance_garp_extra(node, owner, garp),
            "vmac_garp_intvl" => {
                let message =
                    "Keyword \"vmac_garp_intvl\" is deprecated - please use \"garp_extra_if\"";
                let help = "the meaning is the same";
                self.error_help(Code::Deprecated, node.span(), message, help);
                self.instance_garp_extra(node, owner, garp);
            }
            _ => {}
        }
    }

    /// `[all] SECONDS`; 0 switches off what `global_defs` says.
    fn instance_garp_extra(&mut self, node: Node<'_>, owner: &str, garp: &mut GarpDraft) {
        let keyword = node.name();
        let all = node.argument(0).is_some_and(|word| word.text == "all");
        let Some(word) = node.argument(usize::from(all)) else {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            let message = format!("({owner}): {keyword} specified without time - ignoring");
            self.error_help(Code::InvalidNumber, span, message, takes(node));
            return;
        };
        match number::unsigned(&word.text, 0..=86400) {
            Ok(seconds) => {
                let interval = Duration::from_secs(seconds);
                garp.extra = Some(GarpExtra { all, interval });
            }
            Err(error) => {
                let also = format!("({owner}): {keyword} '{}' invalid - ignoring", word.text);
                let message = error.say(&word.text);
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also).help(takes(node)));
            }
        }
    }

    /// With the defaults of `global_defs`. In strict mode nothing is sent because of a lower priority.
    pub(super) fn garp(&mut self, garp: &GarpDraft, owner: &str, strict: bool) -> Garp {
        if strict {
            if let Some((_, span)) = garp.lower_prio_repeat.filter(|(repeat, _)| *repeat > 0) {
                let message = format!("({owner}) Strict mode requires no repeat garps. resetting");
                self.error(Code::Conflict, span, message);
            }
            if let Some((_, span)) = garp.lower_prio_delay.filter(|(delay, _)| !delay.is_zero()) {
                let message =
                    format!("({owner}) Strict mode requires no repeat garp delay. resetting");
                self.error(Code::Conflict, span, message);
            }
        }
        let global = &self.global;
        let (usual_delay, usual_repeat) = match global.vrrp_min_garp {
            true => (Duration::ZERO, 1),
            false => (MASTER_DELAY, MASTER_REPEAT),
        };
        let delay = garp.delay.or(global.vrrp_garp_master_delay);
        let delay = delay.unwrap_or(usual_delay);
        let repeat = garp.repeat.or(global.vrrp_garp_master_repeat);
        let repeat = repeat.unwrap_or(usual_repeat);
        let lower_delay = garp.lower_prio_delay.map(|(delay, _)| delay);
        let lower_repeat = garp.lower_prio_repeat.map(|(repeat, _)| repeat);
        let (lower_prio_delay, lower_prio_repeat) = match strict {
            true => (Duration::ZERO, 0),
            false => (
                lower_delay
                    .or(global.vrrp_garp_lower_prio_delay)
                    .unwrap_or(delay),
                lower_repeat
                    .or(global.vrrp_garp_lower_prio_repeat)
                    .unwrap_or(repeat),
            ),
        };
        let extra = garp.extra.or(global.interfaces.garp_extra);
        Garp {
            delay,
            repeat,
            refresh: garp.refresh.unwrap_or(global.vrrp_garp_master_refresh),
            refresh_repeat: garp
                .refresh_repeat
                .unwrap_or(global.vrrp_garp_master_refresh_repeat),
            lower_prio_delay,
            lower_prio_repeat,
            interval: global.vrrp_garp_interval,
            advertisement_interval: global.vrrp_gna_interval,
            extra: extra.filter(|extra| !extra.interval.is_zero()),
        }
    }
}
