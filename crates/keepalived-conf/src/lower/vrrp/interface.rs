//! `interface` and `vrf`: where an instance is.

use super::Draft;
use super::device::LONGEST_NAME;
use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;

/// For the instance's own interface, without which VRRP ends before it looks at anything else.
const NO_SUCH_INTERFACE: &str = "`ip link` lists the interfaces of this host; the daemon does not start without it, \
                                 unless global_defs says `dynamic_interfaces`";

const TOO_LONG: &str = "the name of an interface has 15 bytes at most";

impl Lower<'_> {
    pub(super) fn interface(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let text = &word.text;
        if text == "lo" {
            let message = format!(
                "({}) cannot use a loopback interface ({text}) for vrrp - ignoring",
                draft.name
            );
            let help = "nobody else is there to hear adverts";
            self.error_help(Code::UnknownInterface, word.span, message, help);
            return;
        }
        if text.len() > LONGEST_NAME {
            let message = format!("Interface name '{text}' too long - ignoring");
            self.error_help(Code::InvalidName, word.span, message, TOO_LONG);
            return;
        }
        if !self.may_have_interface(text) {
            let message = format!(
                "WARNING - interface {text} for vrrp_instance {} doesn't exist",
                draft.name
            );
            self.missing_interface(word.span, message, NO_SUCH_INTERFACE);
        }
        draft.interface = Some((text.to_string(), word.span));
    }

    pub(super) fn vrf(&mut self, node: Node<'_>, draft: &mut Draft) {
        let Some(word) = self.require(node) else {
            return;
        };
        let (name, text) = (&draft.name, &word.text);
        if draft.interface.is_some() {
            let message = format!("({name}) Cannot specify VRF interface and interface - ignoring");
            let help = "`interface` says where the instance is; an interface is in a VRF by itself";
            self.error_help(Code::Conflict, word.span, message, help);
            return;
        }
        if text.len() > LONGEST_NAME {
            let message = format!("({name}) VRF interface name '{text}' too long - ignoring");
            self.error_help(Code::InvalidName, word.span, message, TOO_LONG);
            return;
        }
        if !self.may_have_interface(text) {
            let message = format!("({name}) WARNING - VRF interface {text} doesn't exist");
            self.missing_interface(word.span, message, NO_SUCH_INTERFACE);
        }
        draft.vrf = Some((text.to_string(), node.span()));
    }
}
