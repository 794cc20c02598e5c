//! A virtual or static address of the configuration, as the kernel is to have it on a link.

use keepalived_conf::{Lifetime, VirtualAddress};
use netlink_packet_route::address::AddressFlags;

use crate::kernel::{Assignment, Link};

/// The address on that link.
///
/// keepalived behaviour: duplicates are not looked for, which would keep a new master from answering for a second; how
/// long an address is preferred is said of IPv6 only.
pub(crate) fn assignment(link: &Link, address: &VirtualAddress) -> Assignment {
    let options = &address.options;
    let ipv6 = address.address.is_ipv6();
    let flags = [
        (ipv6 && !options.detect_duplicates, AddressFlags::Nodad),
        (options.home, AddressFlags::Homeaddress),
        (options.manage_temporary, AddressFlags::Managetempaddr),
        (options.no_prefix_route, AddressFlags::Noprefixroute),
        (options.autojoin, AddressFlags::Mcautojoin),
    ];
    Assignment {
        interface: link.index,
        interface_name: link.name.clone(),
        address: address.address,
        prefix_len: address.prefix_len,
        peer: options.peer,
        broadcast: address.broadcast,
        scope: address.scope,
        label: address.label.clone(),
        flags: flags
            .into_iter()
            .filter_map(|(set, flag)| set.then_some(flag))
            .collect(),
        preferred: match options.preferred {
            Lifetime::For(time) if ipv6 => u32::try_from(time.as_secs()).ok(),
            Lifetime::For(_) | Lifetime::Forever => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keepalived_conf::AddressOptions;

    use super::*;

    fn on_eth0(address: &str, prefix_len: u8, options: AddressOptions) -> Assignment {
        let link = Link {
            index: 3,
            name: "eth0".into(),
            up: true,
            ..Link::default()
        };
        let address = VirtualAddress {
            address: address.parse().unwrap(),
            prefix_len,
            device: None,
            label: None,
            broadcast: None,
            scope: 0,
            options,
        };
        assignment(&link, &address)
    }

    #[test]
    fn duplicates_are_looked_for_only_where_it_is_asked_for() {
        let plain = on_eth0("fd09::100", 64, AddressOptions::default());
        assert_eq!((plain.flags, plain.preferred), (AddressFlags::Nodad, None));
        let asked = AddressOptions {
            detect_duplicates: true,
            ..AddressOptions::default()
        };
        assert!(on_eth0("fd09::103", 64, asked).flags.is_empty());
        assert!(
            on_eth0("10.9.0.100", 24, AddressOptions::default())
                .flags
                .is_empty()
        );
    }

    #[test]
    fn each_option_has_its_flag() {
        let all = AddressOptions {
            home: true,
            manage_temporary: true,
            no_prefix_route: true,
            autojoin: true,
            ..AddressOptions::default()
        };
        // IFA_F_* of linux/if_addr.h.
        let flags = on_eth0("fd09::102", 64, all.clone()).flags;
        assert_eq!(flags.bits(), 0x02 | 0x10 | 0x100 | 0x200 | 0x400);
        assert_eq!(on_eth0("10.9.0.1", 24, all).flags.bits(), 0x710);
    }

    #[test]
    fn only_ipv6_is_preferred_for_a_time() {
        let options = AddressOptions {
            preferred: Lifetime::For(Duration::from_secs(100)),
            ..AddressOptions::default()
        };
        assert_eq!(
            on_eth0("fd09::106", 64, options.clone()).preferred,
            Some(100)
        );
        assert_eq!(on_eth0("10.9.5.1", 24, options).preferred, None);
    }
}
