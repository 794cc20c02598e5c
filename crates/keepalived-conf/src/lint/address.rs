//! Addresses that will not answer.

use super::{Instance, is_on, line};
use crate::diag::{Code, Diagnostic, Sink};

/// Strict mode drops every packet to the virtual addresses, pings and services alike, unless the instance accepts them or
/// owns them (RFC 5798 6.1, Accept_Mode).
pub(super) fn deaf(instances: &[Instance<'_>], strict: bool, sink: &mut Sink) {
    for instance in instances {
        let strict = line(instance.node, "strict_mode").map_or(strict, is_on);
        let owner = match instance.value("priority") {
            Some(priority) => &*priority.text == "255",
            None => instance
                .value("state")
                .is_some_and(|state| &*state.text == "MASTER"),
        };
        let accepts = line(instance.node, "accept").is_some();
        let Some(first) = instance.addresses.first() else {
            continue;
        };
        if strict && !owner && !accepts {
            let message = format!(
                "({}) strict mode makes its addresses deaf: packets to them are dropped on this host",
                instance.name.text
            );
            let help = "say `accept` in the instance if something here is to answer on them";
            sink.push(Diagnostic::note(Code::DeafAddress, first.span, message).help(help));
        }
    }
}
