//! How the processes are named and scheduled.

use std::num::NonZeroU8;
use std::time::Duration;

use super::{Lower, takes};
use crate::ast::{Node, Word};
use crate::diag::Code;
use crate::model::{AutoPriority, Global, ReceiveBuffer, Scheduling};

/// The largest size of a set of CPUs that Linux hands out.
const CPUS: u32 = 1024;

impl Lower<'_> {
    pub(super) fn process_word(&mut self, node: Node<'_>) -> bool {
        let name = node.name();
        match name {
            "process_names" => self.global.process_names = true,
            "process_name"
            | "vrrp_process_name"
            | "checker_process_name"
            | "lvs_process_name"
            | "bfd_process_name" => {
                let long =
                    |text: &str| format!("Process name {text} more than 15 characters, truncating");
                let value = self.short_name(node, 15, long);
                self.keep_some(value, |global| match name {
                    "process_name" => &mut global.process_name,
                    "vrrp_process_name" => &mut global.vrrp_process_name,
                    "bfd_process_name" => &mut global.bfd_process_name,
                    _ => &mut global.checker_process_name,
                });
            }
            "max_auto_priority" => self.auto_priority(node),
            "min_auto_priority_delay" => {
                let delay = self
                    .expect(node, "min_auto_priority_delay requires delay time")
                    .and_then(|word| {
                        self.signed(node, &word, 1..=10_000_000, |text| {
                            format!(
                                "min_auto_priority_delay '{text}' must be in [1, 10000000] - ignoring"
                            )
                        })
                    })
                    .and_then(|micros| u64::try_from(micros).ok());
                self.keep(delay.map(Duration::from_micros), |global| {
                    &mut global.schedules.raise_after
                });
            }
            _ => {
                if let Some(buffer) = name.strip_suffix("_rcv_bufs") {
                    return self.receive_buffer(node, buffer);
                }
                if let Some(buffer) = name.strip_suffix("_rcv_bufs_force") {
                    let value = self.global_switch(node);
                    return self.receive_buffer_of(buffer, |buffer| {
                        buffer.force = value.unwrap_or(buffer.force);
                    });
                }
                let Some((process, word)) = name.split_once('_') else {
                    return false;
                };
                return Process::named(process)
                    .is_some_and(|process| self.scheduling(node, process, word));
            }
        }
        true
    }

    fn auto_priority(&mut self, node: Node<'_>) {
        let Some(word) = node.argument(0) else {
            let most = NonZeroU8::MIN.saturating_add(98);
            self.global.schedules.raise = AutoPriority::UpTo(most);
            return;
        };
        let value = self.signed(node, &word, -1..=99, |text| {
            format!("max_auto_priority '{text}' must be in [0, 99] (or -1 to disable) - ignoring")
        });
        let value = value.map(|most| match u8::try_from(most).map(NonZeroU8::new) {
            Err(_) => AutoPriority::Nothing,
            Ok(None) => AutoPriority::Tell,
            Ok(Some(most)) => AutoPriority::UpTo(most),
        });
        self.keep(value, |global| &mut global.schedules.raise);
    }

    /// The part of a scheduling word after the name of its process.
    fn scheduling(&mut self, node: Node<'_>, process: Process, word: &str) -> bool {
        let name = process.name();
        match word {
            "priority" => {
                let nice = self
                    .expect(node, format!("No {name} process priority specified"))
                    .and_then(|word| {
                        self.signed(node, &word, -20..=19, |_| {
                            format!("Invalid {name} process priority specified")
                        })
                    })
                    .and_then(|nice| i8::try_from(nice).ok());
                self.keep_some(nice, |global| &mut process.schedule(global).nice);
            }
            "rt_priority" => {
                let message = format!("No {name} process real-time priority specified");
                if let Some(word) = self.expect(node, message) {
                    let priority = self.realtime(node, &word, name);
                    self.keep_some(priority, |global| &mut process.schedule(global).realtime);
                }
            }
            "no_swap" => process.schedule(&mut self.global).no_swap = true,
            "cpu_affinity" => {
                if self
                    .expect(node, format!("No {name} cpu_id set specified"))
                    .is_some()
                {
                    // keepalived behaviour: one that is wrong, and none counts.
                    let cpus = self.cpus(node, name).unwrap_or_default();
                    process.schedule(&mut self.global).cpus = cpus;
                }
            }
            "rlimit_rttime" | "rlimit_rtime" => {
                let also = |text: &str| format!("Invalid {name} real-time limit - {text}");
                // The kernel takes 1 for none at all.
                let limit = self
                    .u32(node, 1..=u32::MAX, also)
                    .map(|micros| Duration::from_micros(u64::from(micros.max(2))));
                self.keep(limit, |global| &mut process.schedule(global).realtime_limit);
            }
            _ => return false,
        }
        true
    }

    fn realtime(&mut self, node: Node<'_>, word: &Word<'_>, name: &str) -> Option<NonZeroU8> {
        let text = &word.text;
        let found = self.signed(node, word, i32::MIN..=i32::MAX, |_| {
            format!("{name} process real-time priority '{text}' invalid")
        })?;
        let used = found.clamp(1, 99);
        if used != found {
            let (what, which) = if used > found {
                ("less than minimum", "minimum")
            } else {
                ("greater than maximum", "maximum")
            };
            let message = format!(
                "{name} process real-time priority {text} {what} {used} - setting to {which}"
            );
            self.error_help(Code::InvalidNumber, word.span, message, takes(node));
        }
        u8::try_from(used).ok().and_then(NonZeroU8::new)
    }

    fn cpus(&mut self, node: Node<'_>, name: &str) -> Option<Vec<u16>> {
        let last = self.loader.cpus().clamp(1, CPUS) - 1;
        let last = i32::try_from(last).unwrap_or(i32::MAX);
        let mut cpus = Vec::new();
        for word in node.arguments() {
            let cpu = self.signed(node, &word, 0..=last, |text| {
                let digits = text.trim_start_matches('-');
                let end = digits
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(digits.len());
                let read = match text.get(..text.len() - digits.len() + end) {
                    None | Some("" | "-") => "0",
                    Some(read) => read,
                };
                format!("Invalid cpu_id:{read} specified for {name} process")
            })?;
            let cpu = u16::try_from(cpu).ok()?;
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
        Some(cpus)
    }

    fn receive_buffer(&mut self, node: Node<'_>, buffer: &str) -> bool {
        let name = node.name();
        let size = self
            .expect(node, format!("{name} size missing"))
            .and_then(|word| {
                self.unsigned(node, &word, 0..=u32::MAX, |text| {
                    format!("{name} size ({text}) invalid")
                })
            });
        self.receive_buffer_of(buffer, |buffer| {
            buffer.size = size.map_or(buffer.size, std::num::NonZeroU32::new);
        })
    }

    fn receive_buffer_of(&mut self, buffer: &str, change: impl FnOnce(&mut ReceiveBuffer)) -> bool {
        let buffers = &mut self.global.receive_buffers;
        change(match buffer {
            "vrrp_netlink_cmd" => &mut buffers.vrrp_commands,
            "vrrp_netlink_monitor" => &mut buffers.vrrp_monitor,
            "lvs_netlink_cmd" => &mut buffers.lvs_commands,
            "lvs_netlink_monitor" => &mut buffers.lvs_monitor,
            "process_monitor" => &mut buffers.processes,
            _ => return false,
        });
        true
    }
}

/// Whose scheduling it is.
#[derive(Clone, Copy)]
enum Process {
    Vrrp,
    Checker,
    Bfd,
}

impl Process {
    fn named(name: &str) -> Option<Self> {
        match name {
            "vrrp" => Some(Self::Vrrp),
            "checker" => Some(Self::Checker),
            "bfd" => Some(Self::Bfd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Vrrp => "vrrp",
            Self::Checker => "checker",
            Self::Bfd => "bfd",
        }
    }

    fn schedule(self, global: &mut Global) -> &mut Scheduling {
        match self {
            Self::Vrrp => &mut global.schedules.vrrp,
            Self::Checker => &mut global.schedules.checker,
            Self::Bfd => &mut global.schedules.bfd,
        }
    }
}
