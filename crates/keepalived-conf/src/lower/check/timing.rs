//! The times and the patience of a check, which real and virtual servers may say for all of theirs.

use std::time::Duration;

use crate::ast::Node;
use crate::lower::virtual_server::DELAY_LOOP;
use crate::lower::{Lower, nothing};
use crate::value::number::FOREVER;

/// The longest `connect_timeout`, in microseconds.
const LONGEST_CONNECT: u64 = 4_294_967_295;

/// The times of a check; each may be said at the check, the real server or the virtual server.
#[derive(Debug, Clone, Default)]
pub(in crate::lower) struct Timing {
    pub delay_loop: Option<Duration>,
    pub retry: Option<u32>,
    pub delay_before_retry: Option<Duration>,
    pub warmup: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub alpha: Option<bool>,
}

impl Timing {
    /// What is not said here is taken from around.
    pub(in crate::lower) fn or(&self, around: &Self) -> Self {
        Self {
            delay_loop: self.delay_loop.or(around.delay_loop),
            retry: self.retry.or(around.retry),
            delay_before_retry: self.delay_before_retry.or(around.delay_before_retry),
            warmup: self.warmup.or(around.warmup),
            connect_timeout: self.connect_timeout.or(around.connect_timeout),
            alpha: self.alpha.or(around.alpha),
        }
    }

    pub(in crate::lower) fn delay_loop(&self) -> Duration {
        self.delay_loop.unwrap_or(DELAY_LOOP)
    }
}

/// Where a time is said: the complaints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lower) enum Level {
    VirtualServer,
    RealServer,
    Check,
}

impl Level {
    fn complaint(self, name: &str, text: &str) -> String {
        match (self, name) {
            (Self::Check, "retry") => format!("Invalid retry connection value '{text}'"),
            (_, "retry") => format!("retry value invalid - {text}"),
            // keepalived behaviour: it has no more to say of a time that is no number at all.
            (_, "delay_before_retry" | "warmup") if !is_numeric(text) => nothing(text),
            (Self::Check, "delay_loop") => format!("delay_loop '{text}' is invalid - ignoring"),
            (Self::Check, "connect_timeout") => {
                format!("connect_timeout {text} invalid - ignoring")
            }
            (Self::Check, _) => format!("Invalid {name} connection value '{text}'"),
            (Self::VirtualServer, "connect_timeout") => {
                format!("virtual server connect_timeout {text} invalid - ignoring")
            }
            (Self::VirtualServer, _) => {
                let words = name.replace('_', " ");
                format!("virtual server {words} '{text}' invalid - ignoring")
            }
            (Self::RealServer, "connect_timeout") => {
                format!("real server connect_timeout {text} invalid - ignoring")
            }
            (Self::RealServer, _) => format!("real server {name} '{text}' invalid - ignoring"),
        }
    }
}

/// Digits with a point or a sign, whatever its size.
fn is_numeric(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

impl Lower<'_> {
    /// A line with a time, in seconds, or a count of tries; `false` if it is none.
    pub(in crate::lower) fn timing(
        &mut self,
        node: Node<'_>,
        timing: &mut Timing,
        level: Level,
    ) -> bool {
        let name = node.name();
        let also = |text: &str| level.complaint(name, text);
        match name {
            "delay_loop" => {
                timing.delay_loop = self.seconds(node, 1..=FOREVER, also).or(timing.delay_loop);
            }
            "retry" => {
                let least = u32::from(level != Level::Check);
                timing.retry = self.u32(node, least..=u32::MAX, also).or(timing.retry);
            }
            "delay_before_retry" => {
                timing.delay_before_retry = self
                    .seconds(node, 0..=FOREVER, also)
                    .or(timing.delay_before_retry);
            }
            "warmup" => timing.warmup = self.seconds(node, 0..=FOREVER, also).or(timing.warmup),
            "connect_timeout" => {
                timing.connect_timeout = self
                    .seconds(node, 1..=LONGEST_CONNECT, also)
                    .or(timing.connect_timeout);
            }
            _ => return false,
        }
        true
    }
}
