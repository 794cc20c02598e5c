//! The messages that add and remove a rule (linux/fib_rules.h).

use std::ops::RangeInclusive;

use keepalived_conf::{Rule, RuleAction};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{
    RuleAction as Action, RuleAttribute, RuleFlags, RuleMessage, RulePortRange, RuleUidRange,
};

use super::route::family;

const FRA_FLOW: u16 = 11;
const FRA_IP_PROTO: u16 = 22;
/// `RT_TABLE_UNSPEC`.
const NO_TABLE: u8 = 0;

/// The message, which is the same for both.
pub(super) fn message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    let header = &mut message.header;
    header.family = family(rule.family);
    header.dst_len = rule.to.map_or(0, |to| to.prefix_len);
    header.src_len = rule.from.map_or(0, |from| from.prefix_len);
    header.tos = rule.tos;
    if rule.inverted {
        header.flags |= RuleFlags::Invert;
    }
    let attributes = &mut message.attributes;
    attributes.extend(rule.from.map(|from| RuleAttribute::Source(from.address)));
    attributes.extend(rule.to.map(|to| RuleAttribute::Destination(to.address)));
    attributes.push(RuleAttribute::Priority(rule.preference));
    if let Some(mark) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark.value));
        attributes.extend(mark.mask.map(RuleAttribute::FwMask));
    }
    attributes.extend(rule.input.clone().map(RuleAttribute::Iifname));
    attributes.extend(rule.output.clone().map(RuleAttribute::Oifname));
    attributes.extend(rule.tunnel.map(RuleAttribute::TunId));
    if let Some(users) = &rule.users {
        let range = RuleUidRange {
            start: *users.start(),
            end: *users.end(),
        };
        attributes.push(RuleAttribute::UidRange(range));
    }
    let ports = |ports: &RangeInclusive<u16>| RulePortRange {
        start: *ports.start(),
        end: *ports.end(),
    };
    attributes.extend(
        rule.source_ports
            .as_ref()
            .map(|range| RuleAttribute::SourcePortRange(ports(range))),
    );
    attributes.extend(
        rule.destination_ports
            .as_ref()
            .map(|range| RuleAttribute::DestinationPortRange(ports(range))),
    );
    if let Some(number) = rule.ip_protocol {
        let raw = DefaultNla::new(FRA_IP_PROTO, vec![number]);
        attributes.push(RuleAttribute::Other(raw));
    }
    let protocol = RouteProtocol::from(rule.protocol);
    attributes.push(RuleAttribute::Protocol(protocol));
    header.table = NO_TABLE;
    header.action = match &rule.action {
        RuleAction::Lookup(lookup) => {
            match u8::try_from(lookup.table) {
                Ok(small) => header.table = small,
                Err(_) => attributes.push(RuleAttribute::Table(lookup.table)),
            }
            let length = lookup.suppress_prefix_len;
            attributes.extend(length.map(RuleAttribute::SuppressPrefixLen));
            let group = lookup.suppress_group;
            attributes.extend(group.map(RuleAttribute::SuppressIfGroup));
            if let Some(realms) = lookup.realms {
                let number = u32::from(realms.source) << 16 | u32::from(realms.destination);
                let raw = DefaultNla::new(FRA_FLOW, number.to_ne_bytes().to_vec());
                attributes.push(RuleAttribute::Other(raw));
            }
            Action::ToTable
        }
        RuleAction::GoTo(target) => {
            attributes.push(RuleAttribute::Goto(*target));
            Action::Goto
        }
        RuleAction::Nop => Action::Nop,
        RuleAction::Blackhole => Action::Blackhole,
        RuleAction::Unreachable => Action::Unreachable,
        RuleAction::Prohibit => Action::Prohibit,
        RuleAction::L3Mdev => {
            attributes.push(RuleAttribute::L3MDev(true));
            Action::ToTable
        }
    };
    message
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::RouteNetlinkMessage;

    use super::*;
    use crate::kernel::captured::{self, emitted, split};
    use crate::kernel::routing::Change;
    use crate::kernel::routing::listed::tests::rule;

    /// `struct fib_rule_hdr`.
    const FIXED: usize = 12;
    const FRA_SRC: u16 = 2;

    #[test]
    fn rules_are_added_as_keepalived_does() {
        for (config, flags, bytes) in captured::lines(captured::RULES) {
            let (added, ours) = Change::AddRule(rule(config)).request();
            // REQUEST and ACK are every request's.
            assert_eq!(ours, flags & !0x5, "{config}");
            let mut expected = split(&bytes, FIXED);
            // `from all` need not be said: its length is 0.
            if expected.0[2] == 0 {
                expected.1.retain(|(kind, _)| *kind != FRA_SRC);
            }
            assert_eq!(split(&emitted(added), FIXED), expected, "{config}");
            let removed = RouteNetlinkMessage::DelRule(message(&rule(config)));
            assert_eq!(split(&emitted(removed), FIXED), expected, "{config}");
        }
    }
}
