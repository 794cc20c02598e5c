//! Strict mode: what the RFC does not have is reset, with a complaint where the instance itself asked for it.

use std::net::{IpAddr, Ipv6Addr};

use super::Draft;
use crate::diag::{Code, Diagnostic};
use crate::lower::Lower;
use crate::model::InitialState;

/// The down timer of the RFC, in advert intervals.
const ADVERTS: u8 = 3;

impl Lower<'_> {
    /// Only the owner of the addresses begins as MASTER, and always does.
    pub(super) fn strict_state(&mut self, draft: &Draft, priority: u8, state: &mut InitialState) {
        let owner = priority == 255;
        if owner == (*state == InitialState::Master) {
            return;
        }
        let message = format!(
            "({}) State MASTER must match being address owner",
            draft.name
        );
        let span = draft.state.map_or(draft.span, |(_, span)| span);
        let help = "in strict mode `state MASTER` and `priority 255` go together";
        self.error_help(Code::Conflict, span, message, help);
        *state = if owner {
            InitialState::Master
        } else {
            InitialState::Backup
        };
    }

    pub(super) fn strict_unicast(&mut self, draft: &Draft) {
        let Some(span) = draft.unicast.keyword else {
            return;
        };
        let message = format!(
            "({}) Unicast peers are not supported in strict mode",
            draft.name
        );
        let help = "the daemon does not start; take out `unicast_peer`, or write `strict_mode off`";
        self.error_help(Code::StrictUnicast, span, message, help);
    }

    /// Whether a master keeps silent when it hears a lower priority; in strict mode it does.
    pub(super) fn lower_prio_no_advert(&mut self, draft: &Draft, strict: bool) -> bool {
        let said = draft.lower_prio_no_advert;
        if !strict {
            return said.map_or(self.global.vrrp_lower_prio_no_advert, |(on, _)| on);
        }
        if let Some((_, span)) = said.filter(|(on, _)| !on) {
            let message = format!(
                "({}) Strict mode requires no lower priority advert. resetting",
                draft.name
            );
            self.error(Code::Conflict, span, message);
        }
        true
    }

    /// Whether a master says so once more before it yields; in strict mode it does not.
    pub(super) fn higher_prio_send_advert(&mut self, draft: &Draft, strict: bool) -> bool {
        let said = draft.higher_prio_send_advert;
        if !strict {
            return said.map_or(self.global.vrrp_higher_prio_send_advert, |(on, _)| on);
        }
        if let Some((_, span)) = said.filter(|(on, _)| *on) {
            let message = format!(
                "({}) strict mode requires higher_prio_send_advert to be clear. resetting",
                draft.name
            );
            self.error(Code::Conflict, span, message);
        }
        false
    }

    pub(super) fn down_timer_adverts(&mut self, draft: &Draft, strict: bool) -> u8 {
        let said = draft.down_timer_adverts;
        let adverts = said.map_or(self.global.vrrp_down_timer_adverts, |(n, _)| n);
        if !strict || adverts == ADVERTS {
            return adverts;
        }
        let message = format!(
            "({}) down_timer_adverts is incompatible with strict mode - resetting",
            draft.name
        );
        let span = said.map_or(draft.span, |(_, span)| span);
        let help = "RFC 9568 has three advert intervals";
        self.error_help(Code::Conflict, span, message, help);
        ADVERTS
    }

    /// Whether packets to the addresses are taken: in strict mode only by their owner, unless version 3 says `accept`.
    pub(super) fn accept(
        &mut self,
        draft: &Draft,
        version: u8,
        priority: u8,
        strict: bool,
    ) -> bool {
        match draft.accept {
            Some((true, span)) if strict && version == 2 && priority != 255 => {
                let message = format!(
                    "({}) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting",
                    draft.name
                );
                let help = "strict mode makes the addresses deaf; `version 3` may have `accept`";
                self.warning(Code::Conflict, span, message, help);
                false
            }
            Some((accept, _)) => accept,
            None => !strict || priority == 255,
        }
    }

    /// RFC 9568 5.2.9: the first address of IPv6 is link-local.
    pub(super) fn first_address(&mut self, draft: &Draft, strict: bool) {
        let (Some(first), Some(span)) = (draft.addresses.first(), draft.first_address) else {
            return;
        };
        let IpAddr::V6(address) = first.address else {
            return;
        };
        if is_link_local(address) {
            return;
        }
        let name = &draft.name;
        let diagnostic = match strict {
            true => {
                let message = format!("({name}) the first IPv6 VIP address must be link local");
                Diagnostic::error(Code::InvalidAddress, span, message)
            }
            false => {
                let message = format!("({name}) the first IPv6 VIP address should be link local");
                Diagnostic::note(Code::InvalidAddress, span, message)
            }
        };
        let help = "put an address of fe80::/10 first; hosts take it for their gateway";
        self.sink.push(diagnostic.help(help));
    }
}

pub(super) fn is_link_local(address: Ipv6Addr) -> bool {
    address
        .segments()
        .first()
        .is_some_and(|first| first & 0xffc0 == 0xfe80)
}
