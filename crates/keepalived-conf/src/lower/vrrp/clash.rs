//! Two instances that would be the same virtual router.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::diag::Code;
use crate::lower::Lower;
use crate::model::{Family, Transport, VrrpInstance};
use crate::span::Span;

impl Lower<'_> {
    /// Adverts of the same id, family and group on one interface; with unicast, peers tell them apart.
    pub(super) fn clashes(&mut self, instances: &[(VrrpInstance, Span)]) {
        let mut seen: HashMap<(u8, &str, IpAddr), &str> = HashMap::new();
        for (instance, span) in instances {
            let (Some(interface), Transport::Multicast(group)) =
                (&instance.interface, &instance.transport)
            else {
                continue;
            };
            let key = (instance.vrid, interface.as_str(), *group);
            let Some(first) = seen.get(&key) else {
                seen.insert(key, &instance.name);
                continue;
            };
            let message = format!(
                "{first} and {} both use VRID {} with IPv{} on interface {interface}",
                instance.name,
                instance.vrid,
                match instance.family {
                    Family::Inet => 4,
                    Family::Inet6 => 6,
                },
            );
            let help = "each needs a virtual_router_id of its own; the daemon does not start";
            self.error_help(Code::VridClash, *span, message, help);
        }
    }
}
