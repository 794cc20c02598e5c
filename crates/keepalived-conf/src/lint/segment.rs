//! Instances that would hear each other.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Address, Instance};
use crate::diag::{Code, Diagnostic, Sink};

/// Two instances with one virtual router id on different interfaces, whose addresses are of one network: if the interfaces
/// lead into one segment, each takes the other's advertisements for its own group's. (On one interface it is an error.)
pub(super) fn shared_router_ids(instances: &[Instance<'_>], sink: &mut Sink) {
    let mut seen: HashMap<u8, Vec<&Instance<'_>>> = HashMap::new();
    for instance in instances {
        let Some(id) = instance.value("virtual_router_id") else {
            continue;
        };
        let Ok(number) = id.text.parse::<u8>() else {
            continue;
        };
        let others = seen.entry(number).or_default();
        // A large file is not compared with itself line by line.
        let near = others
            .iter()
            .take(64)
            .find(|other| share_a_segment(instance, other));
        if let Some(other) = near {
            let message = format!(
                "({}) has the virtual router id {number} of {}, and an address of the same network",
                instance.name.text, other.name.text
            );
            let help = "if both interfaces lead into one segment, give one of them another id";
            sink.push(Diagnostic::note(Code::VridOnSegment, id.span, message).help(help));
        }
        others.push(instance);
    }
}

fn share_a_segment(one: &Instance<'_>, other: &Instance<'_>) -> bool {
    let unicast = |instance: &Instance<'_>| super::line(instance.node, "unicast_peer").is_some();
    one.interface() != other.interface()
        && !unicast(one)
        && !unicast(other)
        && one
            .addresses
            .iter()
            .take(64)
            .any(|a| other.addresses.iter().take(64).any(|b| overlap(a, b)))
}

/// Whether two addresses with the same prefix length, which is not that of a single host, are of one network.
fn overlap(a: &Address, b: &Address) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    };
    let ((x, width), (y, other)) = (bits(a.ip), bits(b.ip));
    if width != other || a.prefix_len != b.prefix_len || u32::from(a.prefix_len) >= width {
        return false;
    }
    let hosts = width - u32::from(a.prefix_len);
    x.checked_shr(hosts) == y.checked_shr(hosts)
}
