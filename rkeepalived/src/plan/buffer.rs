//! How much may wait in the socket that hears an instance's adverts: `vrrp_rx_bufs_policy`, `vrrp_rx_bufs_multiplier`, `kernel_rx_buf_size`.

use keepalived_conf::{AdvertBuffer, AdvertBufferPolicy, Authentication, Family, VrrpInstance};

/// Bytes of an IPv4 header, a VRRP header, and what version 2 adds.
const IPV4: u32 = 20;
const IPV6: u32 = 40;
const VRRP: u32 = 8;
const PASSWORD: u32 = 8;
/// Bytes of an authentication header, and of the trailer of `auth_hmac`.
const AH: u32 = 24;
const HMAC: u32 = 28;

/// An instance's part of the receive buffer. Instances that share a socket add theirs up, as with keepalived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffer {
    /// What the daemon takes unless told otherwise.
    #[default]
    Usual,
    /// So many bytes.
    Bytes(u32),
    /// So many packets of the interface's MTU.
    Packets(u32),
}

impl Buffer {
    /// What is asked for an instance.
    pub(super) fn of(instance: &VrrpInstance, all: AdvertBuffer) -> Buffer {
        let packets = all.multiplier.get();
        match (instance.kernel_rx_buf_size, all.policy) {
            (Some(bytes), _) | (None, Some(AdvertBufferPolicy::Bytes(bytes))) => {
                Buffer::Bytes(bytes)
            }
            (None, Some(AdvertBufferPolicy::Advert)) => {
                Buffer::Bytes(packets.saturating_mul(advert(instance)))
            }
            (None, Some(AdvertBufferPolicy::Mtu)) => Buffer::Packets(packets),
            (None, None) => Buffer::Usual,
        }
    }

    /// Its bytes on an interface of that MTU; none for the usual ones.
    #[must_use]
    pub fn bytes(self, mtu: u32) -> Option<u32> {
        match self {
            Buffer::Usual => None,
            Buffer::Bytes(bytes) => Some(bytes),
            Buffer::Packets(packets) => Some(packets.saturating_mul(mtu)),
        }
    }
}

/// Bytes of an instance's adverts with their IP header.
fn advert(instance: &VrrpInstance) -> u32 {
    // At most 255 are in it.
    let count = u32::try_from(instance.addresses.len()).unwrap_or(u32::MAX);
    let (header, address) = match instance.family {
        Family::Inet => (IPV4, 4),
        Family::Inet6 => (IPV6, 16),
    };
    let password = if instance.version == 2 { PASSWORD } else { 0 };
    let more = match instance.auth {
        Authentication::None | Authentication::Simple(_) => 0,
        Authentication::Ah(_) => AH,
        Authentication::Hmac(_) => HMAC,
    };
    (header + VRRP + password + more).saturating_add(count.saturating_mul(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::model;

    fn buffer(global: &'static str, instance: &'static str) -> Buffer {
        let text = format!(
            "global_defs {{\n{global}\n}}\nvrrp_instance V {{\ninterface eth1\nvirtual_router_id 1\n{instance}\n\
             virtual_ipaddress {{\n10.0.0.1\n10.0.0.2\n}}\n}}\n"
        );
        let model = model(Box::leak(text.into()));
        Buffer::of(&model.instances[0], model.global.advert_buffer)
    }

    #[test]
    fn policies_sizes_and_packets() {
        let ah = "authentication {\nauth_type AH\nauth_pass x\n}";
        for (global, instance, expected) in [
            ("", "", Buffer::Usual),
            ("vrrp_rx_bufs_policy MTU", "", Buffer::Packets(3)),
            (
                "vrrp_rx_bufs_policy MTU\nvrrp_rx_bufs_multiplier 5",
                "",
                Buffer::Packets(5),
            ),
            ("vrrp_rx_bufs_policy 40000", "", Buffer::Bytes(40_000)),
            // 44 bytes each, as captured of keepalived with two addresses.
            ("vrrp_rx_bufs_policy ADVERT", "", Buffer::Bytes(132)),
            ("vrrp_rx_bufs_policy ADVERT", ah, Buffer::Bytes(204)),
            (
                "vrrp_rx_bufs_policy ADVERT",
                "version 3",
                Buffer::Bytes(108),
            ),
            (
                "vrrp_rx_bufs_policy MTU",
                "kernel_rx_buf_size 9000",
                Buffer::Bytes(9000),
            ),
        ] {
            assert_eq!(buffer(global, instance), expected, "{global} {instance}");
        }
        assert_eq!(Buffer::Packets(3).bytes(1500), Some(4500));
    }
}
