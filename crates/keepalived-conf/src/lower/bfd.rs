//! `bfd_instance`.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::model::{BfdInstance, TrackKind, TrackWeight};
use crate::value::{address, number};

/// The longest time between packets, in microseconds.
const LONGEST: u64 = 4_294_967_000;
const SHORTEST: u64 = 1_000;
const SHORTEST_IDLE: u64 = 1_000_000;

/// What the lines say, without defaults.
#[derive(Debug, Default)]
struct Draft {
    neighbour: Option<IpAddr>,
    /// keepalived behaviour: an instance with a neighbour that is no address is dropped.
    malformed: bool,
    source: Option<IpAddr>,
    min_rx: Option<Duration>,
    min_tx: Option<Duration>,
    idle_tx: Option<Duration>,
    multiplier: Option<NonZeroU8>,
    passive: bool,
    ttl: Option<NonZeroU8>,
    /// `Some(None)`: they are not counted.
    max_hops: Option<Option<u8>>,
    multihop: bool,
    weight: TrackWeight,
    vrrp: bool,
    checker: bool,
}

impl Lower<'_> {
    pub(super) fn bfd_instance(&mut self, block: Node<'_>) -> Option<BfdInstance> {
        let name = block.argument(0)?.text.into_owned();
        let mut draft = Draft::default();
        for node in block.body() {
            self.bfd_line(node, &name, &mut draft);
        }
        let neighbour = self.neighbour(block, &name, &draft)?;
        let usual = if neighbour.is_ipv4() { u8::MAX } else { 64 };
        let ttl = draft
            .ttl
            .or(NonZeroU8::new(usual))
            .unwrap_or(NonZeroU8::MAX);
        let mut max_hops = draft.max_hops.unwrap_or(Some(0));
        if let Some(Some(hops)) = draft.max_hops
            && hops > ttl.get()
        {
            let message = format!(
                "BFD instance {name}: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit"
            );
            let help = format!("a packet with {ttl} hops to live comes no further");
            self.error_help(Code::Conflict, block.closing(), message, help);
            max_hops = Some(ttl.get());
        }
        self.tracked.define(TrackKind::Bfd, &name, draft.weight);
        let usual = Duration::from_millis(10);
        let everywhere = !draft.vrrp && !draft.checker;
        Some(BfdInstance {
            name,
            neighbour,
            source: draft.source,
            min_rx: draft.min_rx.unwrap_or(usual),
            min_tx: draft.min_tx.unwrap_or(usual),
            idle_tx: draft.idle_tx.unwrap_or(Duration::from_secs(1)),
            multiplier: draft
                .multiplier
                .or(NonZeroU8::new(5))
                .unwrap_or(NonZeroU8::MIN),
            passive: draft.passive,
            ttl,
            max_hops,
            multihop: draft.multihop,
            weight: draft.weight,
            vrrp: draft.vrrp || everywhere,
            checker: draft.checker || everywhere,
        })
    }

    /// The neighbour, if the instance can be kept with it.
    fn neighbour(&mut self, block: Node<'_>, name: &str, draft: &Draft) -> Option<IpAddr> {
        if draft.malformed {
            return None;
        }
        let begin = format!("Configuration error: BFD instance {name}");
        let Some(neighbour) = draft.neighbour else {
            let message = format!("{begin} has no neighbor address set, disabling instance");
            let help = "it needs a line `neighbor_ip ADDRESS`; what tracks it is dropped as well";
            self.error_help(Code::IncompleteBlock, block.closing(), message, help);
            return None;
        };
        if let Some(source) = draft.source
            && source.is_ipv4() != neighbour.is_ipv4()
        {
            let message = format!(
                "{begin} source address {source} and neighbor address {neighbour} are not of the same family, disabling instance"
            );
            let help = "both IPv4, or both IPv6";
            self.error_help(Code::InvalidAddress, block.closing(), message, help);
            return None;
        }
        if let Some(other) = self.tracked.neighbours.get(&(neighbour, draft.source)) {
            let message =
                format!("{begin} has duplicate neighbor address {neighbour}, ignoring instance");
            let help = format!("bfd_instance {other} has that neighbour, from the same source");
            self.error_help(Code::Duplicate, block.closing(), message, help);
            return None;
        }
        let session = (neighbour, draft.source);
        self.tracked.neighbours.insert(session, name.to_owned());
        Some(neighbour)
    }

    fn bfd_line(&mut self, node: Node<'_>, name: &str, draft: &mut Draft) {
        let begin = format!("Configuration error: BFD instance {name}");
        let keyword = node.name();
        match keyword {
            "neighbor_ip" | "neighbour_ip" => {
                let Some(word) = self.require(node) else {
                    return;
                };
                match address::ip(&word.text) {
                    Some(ip) => draft.neighbour = Some(ip),
                    None => {
                        draft.malformed = true;
                        let message = format!(
                            "{begin} has malformed neighbor address {}, ignoring instance",
                            word.text
                        );
                        self.error_help(Code::InvalidAddress, word.span, message, takes(node));
                    }
                }
            }
            "source_ip" => {
                let Some(word) = self.require(node) else {
                    return;
                };
                match address::ip(&word.text) {
                    Some(ip) => draft.source = Some(ip),
                    None => {
                        let message = format!(
                            "{begin} has malformed source address {}, ignoring",
                            word.text
                        );
                        self.error_help(Code::InvalidAddress, word.span, message, takes(node));
                    }
                }
            }
            "min_rx" => draft.min_rx = self.bfd_time(node, &begin, SHORTEST).or(draft.min_rx),
            "min_tx" => draft.min_tx = self.bfd_time(node, &begin, SHORTEST).or(draft.min_tx),
            "idle_tx" => {
                draft.idle_tx = self.bfd_time(node, &begin, SHORTEST_IDLE).or(draft.idle_tx);
            }
            "multiplier" | "ttl" | "hoplimit" => {
                let what = if keyword == "multiplier" {
                    keyword
                } else {
                    "ttl/hoplimit"
                };
                let also = |text: &str| {
                    format!(
                        "{begin} {what} value {text} not valid (must be in range [1-255]), ignoring"
                    )
                };
                let found = self.u8(node, 1..=255, also).and_then(NonZeroU8::new);
                let slot = if keyword == "multiplier" {
                    &mut draft.multiplier
                } else {
                    &mut draft.ttl
                };
                *slot = found.or(*slot);
            }
            "max_hops" => {
                let Some(word) = self.require(node) else {
                    return;
                };
                let found = number::signed(&word.text, -1..=255);
                let hops = self.settle(node, &word, found, |text| {
                    format!("{begin} max_hops value {text} not valid (must be in range [-1-255]), ignoring")
                });
                if let Some(hops) = hops {
                    draft.max_hops = Some(u8::try_from(hops).ok());
                }
            }
            "passive" => draft.passive = true,
            "multihop" => {
                let found = self.boolean(node, |text| {
                    format!("{begin} multihop value {text} not valid, ignoring")
                });
                draft.multihop = found.unwrap_or(draft.multihop);
            }
            "weight" => {
                let found = self.own_weight(
                    node,
                    253,
                    |text| {
                        format!("{begin} weight value {text} not valid (must be in range [-253-253]), ignoring")
                    },
                    |text| format!("{begin} unknown weight option {text}"),
                );
                draft.weight = found.unwrap_or(draft.weight);
            }
            "vrrp" => draft.vrrp = true,
            "checker" => draft.checker = true,
            _ => {}
        }
    }

    /// Milliseconds with three decimals; `least` in microseconds.
    fn bfd_time(&mut self, node: Node<'_>, begin: &str, least: u64) -> Option<Duration> {
        let word = self.require(node)?;
        match number::decimal(&word.text, least..=LONGEST, 3) {
            Ok(micros) => Some(Duration::from_micros(micros)),
            Err(error) => {
                let message = error.say(&word.text);
                let also = format!(
                    "{begin} {} value {} is not valid (must be in range [{}-4294967]), ignoring",
                    node.name(),
                    word.text,
                    least / 1000
                );
                let diagnostic = Diagnostic::error(Code::InvalidNumber, word.span, message);
                self.sink.push(diagnostic.also(also).help(takes(node)));
                None
            }
        }
    }
}
