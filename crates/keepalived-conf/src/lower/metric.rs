//! The options of a route that end in the kernel's metrics (`RTAX_*`).

use std::time::Duration;

use super::Lower;
use super::entry::Entry;
use crate::ast::Word;
use crate::diag::{Code, Diagnostic};
use crate::model::{Metric, RouteMetrics};
use crate::value::milliseconds::milliseconds;

/// Below that TCP's times make no sense, so keepalived raises them.
const LEAST: Duration = Duration::from_millis(200);

impl Lower<'_> {
    /// Reads the option if it is one of a metric; `Some(None)` drops the route.
    pub(super) fn metric_option(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        metrics: &mut RouteMetrics,
    ) -> Option<Option<()>> {
        let known = self.metric(option, entry, metrics);
        match known {
            Ok(()) => Some(Some(())),
            Err(Fault::Dropped) => Some(None),
            Err(Fault::Unknown) => None,
        }
    }

    fn metric(
        &mut self,
        option: &Word<'_>,
        entry: &mut Entry<'_, '_>,
        metrics: &mut RouteMetrics,
    ) -> Result<(), Fault> {
        let name = &*option.text;
        let value = |text: &str| format!("Invalid {name} value {text} specified for route");
        let bare = |text: &str| format!("Invalid {name} {text} specified for route");
        let time = |text: &str| format!("Invalid {name} {text} for route");
        match name {
            "mtu" => {
                let also = |text: &str| format!("Invalid MTU {text} specified for route");
                metrics.mtu = Some(self.lockable(entry, also).ok_or(Fault::Dropped)?);
            }
            "advmss" => {
                metrics.advertised_mss = Some(self.lockable(entry, bare).ok_or(Fault::Dropped)?);
            }
            "reordering" => {
                metrics.reordering = Some(self.lockable(entry, value).ok_or(Fault::Dropped)?);
            }
            "cwnd" => {
                metrics.congestion_window =
                    Some(self.lockable(entry, value).ok_or(Fault::Dropped)?);
            }
            "ssthresh" => {
                metrics.slow_start_threshold =
                    Some(self.lockable(entry, value).ok_or(Fault::Dropped)?);
            }
            "rtt" => {
                let found = self.time(entry, "rtt", 960, time);
                metrics.rtt = Some(found.ok_or(Fault::Dropped)?);
            }
            "rttvar" => {
                let found = self.time(entry, "rtt", 480, time);
                metrics.rtt_variance = Some(found.ok_or(Fault::Dropped)?);
            }
            "rto_min" => {
                let found = self.time(entry, "rto", 120, value);
                metrics.minimum_rto = Some(found.ok_or(Fault::Dropped)?);
            }
            "hoplimit" => {
                let word = self.need(entry).ok_or(Fault::Dropped)?;
                metrics.hop_limit = Some(self.entry_u8(word, bare).ok_or(Fault::Dropped)?);
            }
            "window" | "initcwnd" | "initrwnd" => {
                let word = self.need(entry).ok_or(Fault::Dropped)?;
                let found = self.entry_u32(word, value).ok_or(Fault::Dropped)?;
                *match name {
                    "window" => &mut metrics.window,
                    "initcwnd" => &mut metrics.initial_congestion_window,
                    _ => &mut metrics.initial_receive_window,
                } = Some(found);
            }
            "quickack" | "fastopen_no_cookie" => {
                let word = self.need(entry).ok_or(Fault::Dropped)?;
                let found = self.entry_number(word, 0..=1, value);
                let slot = match name {
                    "quickack" => &mut metrics.quick_ack,
                    _ => &mut metrics.fast_open_no_cookie,
                };
                *slot = Some(found.ok_or(Fault::Dropped)? == 1);
            }
            "features" => {
                let word = self.need(entry).ok_or(Fault::Dropped)?;
                if word.text == "ecn" {
                    metrics.ecn = true;
                } else {
                    let message = format!("feature {} not supported", word.text);
                    let help = "`ecn` is the only one";
                    self.error_help(Code::InvalidValue, word.span, message, help);
                }
            }
            "congctl" => {
                let locked = entry.next_if("lock");
                let word = self.need(entry).ok_or(Fault::Dropped)?;
                let value = word.text.to_string();
                metrics.congestion_control = Some(Metric { value, locked });
            }
            _ => return Err(Fault::Unknown),
        }
        Ok(())
    }

    /// `[lock] NUMBER`.
    fn lockable(
        &mut self,
        entry: &mut Entry<'_, '_>,
        also: impl FnOnce(&str) -> String,
    ) -> Option<Metric<u32>> {
        let locked = entry.next_if("lock");
        let word = self.need(entry)?;
        let value = self.entry_u32(word, also)?;
        Some(Metric { value, locked })
    }

    /// `[lock] TIME`, up to `most` seconds.
    fn time(
        &mut self,
        entry: &mut Entry<'_, '_>,
        what: &str,
        most: u64,
        also: impl FnOnce(&str) -> String,
    ) -> Option<Metric<Duration>> {
        let locked = entry.next_if("lock");
        let word = self.need(entry)?;
        let text = &*word.text;
        let help = format!(
            "milliseconds such as `500` or `500ms`, or seconds such as `0.5s`, from 200ms to {most}s"
        );
        match milliseconds(text, most * 1000) {
            Ok((mut value, more)) => {
                if more {
                    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                    let message = format!("number '{number}' has too many decimal places");
                    self.warning(Code::InvalidNumber, word.span, message, help);
                } else if value < LEAST {
                    let message = format!(
                        "{what} value {} below minimum 200ms, resetting",
                        value.as_millis()
                    );
                    self.warning(Code::InvalidNumber, word.span, message, help);
                }
                value = value.max(LEAST);
                Some(Metric { value, locked })
            }
            Err(error) => {
                let also = also(text);
                let mut diagnostic = match error {
                    Some((error, number)) => {
                        Diagnostic::error(Code::InvalidNumber, word.span, error.say(number))
                            .also(also)
                    }
                    None => Diagnostic::error(Code::InvalidNumber, word.span, also),
                };
                diagnostic.help = Some(help);
                self.sink.push(diagnostic);
                None
            }
        }
    }
}

/// Why an option was not read.
enum Fault {
    /// The route is dropped; the reason has been given.
    Dropped,
    /// It is no metric.
    Unknown,
}
