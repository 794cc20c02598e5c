//! What instances and sync groups come to in the model.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use keepalived_conf::{
    AntiReplay, Authentication, Code, Device, Family, HmacMode, InitialState, IpvlanMode, Loaded,
    NotifyDeleted, Transport, UnicastChecksum, VrrpInstance,
};
use support::{read, rendered};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn lines(lines: &str) -> Loaded {
    read(format!(
        "vrrp_instance V {{\ninterface eth1\nvirtual_router_id 7\n{lines}\nvirtual_ipaddress {{\n10.0.0.1\n}}\n}}\n"
    ))
}

fn instance(text: &str) -> VrrpInstance {
    let loaded = lines(text);
    let found = loaded.model.instances.first().cloned();
    found.unwrap_or_else(|| unreachable!("{}", rendered(&loaded)))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A text without any complaint.
fn clean(text: &str) -> VrrpInstance {
    let loaded = lines(text);
    assert_eq!(loaded.test_status(), 0, "{}", rendered(&loaded));
    loaded.model.instances[0].clone()
}

#[test]
fn unicast_peers_and_their_limits() {
    let instance = clean(
        "version 3\nunicast_src_ip 10.0.0.5\nunicast_ttl 64\nold_unicast_checksum never\n\
         unicast_peer {\n10.0.0.6\n10.0.0.7 min_ttl 250 max_ttl 254\n}",
    );
    let Transport::Unicast(unicast) = instance.transport else {
        unreachable!("{:?}", instance.transport);
    };
    let peers: Vec<_> = unicast
        .peers
        .iter()
        .map(|peer| (peer.address, peer.min_ttl, peer.max_ttl))
        .collect();
    assert_eq!(
        peers,
        [(ip("10.0.0.6"), 0, 255), (ip("10.0.0.7"), 250, 254)]
    );
    // Limits switch the check on.
    assert!(unicast.check_source);
    assert_eq!(
        (unicast.ttl, unicast.checksum, unicast.fault_no_peer),
        (Some(64), UnicastChecksum::New, false)
    );
    assert_eq!(instance.source, Some(ip("10.0.0.5")));
}

#[test]
fn unicast_words_without_peers_are_multicast() {
    let instance = instance("unicast_src_ip 10.0.0.5\ncheck_unicast_src");
    assert_eq!(instance.transport, Transport::Multicast(ip("224.0.0.18")));
}

#[test]
fn the_first_address_makes_the_family() {
    let loaded = read(
        "vrrp_instance V {\ninterface eth1\nvirtual_router_id 7\nversion 2\nvirtual_ipaddress {\nfe80::1\n}\n}\n",
    );
    let instance = &loaded.model.instances[0];
    assert_eq!((instance.family, instance.version), (Family::Inet6, 3));
    assert_eq!(instance.transport, Transport::Multicast(ip("ff02::12")));
}

#[test]
fn a_vmac_of_five_bytes_ends_in_the_router_id() {
    let Device::Vmac(vmac) = clean("use_vmac name va 2:a:b:c:d group 4 netlink_notify_msg").device
    else {
        unreachable!();
    };
    assert_eq!(vmac.mac, Some([2, 0xa, 0xb, 0xc, 0xd, 7]));
    assert_eq!(
        (vmac.name.as_deref(), vmac.group.as_deref()),
        (Some("va"), Some("4"))
    );
    assert!(vmac.netlink_notify && !vmac.transmit_base);
}

#[test]
fn a_vmac_with_unicast_sends_from_its_base() {
    let device = instance("use_vmac\nunicast_peer {\n10.0.0.6\n}").device;
    assert!(matches!(device, Device::Vmac(vmac) if vmac.transmit_base));
}

#[test]
fn an_ipvlan() {
    let Device::Ipvlan(ipvlan) = clean("use_ipvlan iv 10.0.0.5/24 vepa").device else {
        unreachable!();
    };
    assert_eq!(ipvlan.address, Some((ip("10.0.0.5"), 24)));
    assert_eq!(
        (ipvlan.name.as_deref(), ipvlan.mode),
        (Some("iv"), IpvlanMode::Vepa)
    );
}

#[test]
fn hmac_takes_the_place_of_a_password() {
    let instance = clean(&format!(
        "authentication {{\nauth_type PASS\nauth_pass secret\n}}\nadvert_int 4\n\
         auth_hmac {{\nkey 1 {KEY}\nkey 2 hex:{}\nactive_key 2\nmode permissive\nanti_replay monotonic\n}}",
        "0aF0".repeat(16)
    ));
    let Authentication::Hmac(hmac) = &instance.auth else {
        unreachable!("{:?}", instance.auth);
    };
    assert_eq!((hmac.keys.len(), hmac.active.get()), (2, 2));
    assert_eq!(hmac.keys[1].secret.0, [0x0a, 0xf0].repeat(16));
    // Three intervals.
    assert_eq!(hmac.window, Duration::from_secs(12));
    assert_eq!(
        (hmac.mode, hmac.replay),
        (HmacMode::Permissive, AntiReplay::Monotonic)
    );
    assert!(!format!("{instance:?}").contains("0123456789abcdef"));
}

#[test]
fn an_hmac_block_that_is_not_right_disables_itself() {
    for wrong in [
        "active_key 1",
        &format!("key 1 {KEY}"),
        &format!("key 1 {KEY}\nactive_key 2"),
        "key 1 short\nactive_key 1",
    ] {
        let loaded = lines(&format!("auth_hmac {{\n{wrong}\n}}"));
        assert_eq!(loaded.model.instances[0].auth, Authentication::None);
        let last = loaded.diagnostics.iter().rfind(|d| d.late).unwrap();
        assert_eq!(last.code, Code::Authentication);
        let shown = rendered(&loaded);
        assert!(
            !shown.contains("key 1 short") && !shown.contains(KEY),
            "{shown}"
        );
    }
}

#[test]
fn ah_never_begins_as_master() {
    let instance =
        instance("state MASTER\npriority 100\nauthentication {\nauth_type AH\nauth_pass secret\n}");
    assert!(matches!(instance.auth, Authentication::Ah(_)));
    assert_eq!(instance.state, InitialState::Backup);
}

#[test]
fn strict_mode_resets_what_the_rfc_does_not_have() {
    let instance = instance(
        "strict_mode\nstate MASTER\npriority 100\npreempt_delay 5\ndown_timer_adverts 7\naccept\n\
         lower_prio_no_advert off\nhigher_prio_send_advert\ngarp_lower_prio_repeat 3\nuse_vmac 2:0:0:0:0:1",
    );
    assert_eq!(
        (
            instance.state,
            instance.preempt_delay,
            instance.down_timer_adverts
        ),
        (InitialState::Backup, Duration::ZERO, 3)
    );
    assert_eq!(
        (
            instance.accept,
            instance.lower_prio_no_advert,
            instance.higher_prio_send_advert,
            instance.garp.lower_prio_repeat
        ),
        (false, true, false, 0)
    );
    assert!(matches!(instance.device, Device::Vmac(vmac) if vmac.mac.is_none()));
}

#[test]
fn scripts_and_mails() {
    let loaded = read(format!(
        "global_defs {{\nsmtp_alert\n}}\n{}",
        "vrrp_instance V {\ninterface eth1\nvirtual_router_id 7\nnotify_deleted\nnotify_master \"/bin/x a\"\n\
         virtual_ipaddress {\n10.0.0.1\n}\n}\n\
         vrrp_instance W {\ninterface eth1\nvirtual_router_id 8\nsmtp_alert off\nvirtual_ipaddress {\n10.0.0.2\n}\n}\n"
    ));
    let [first, second] = loaded.model.instances.as_slice() else {
        unreachable!();
    };
    assert_eq!(
        (first.notify.smtp_alert, second.notify.smtp_alert),
        (true, false)
    );
    assert_eq!(first.notify_deleted, NotifyDeleted::Deleted);
    assert_eq!(first.notify.master.as_ref().unwrap().argv, ["/bin/x", "a"]);
    assert_eq!(second.notify_deleted, NotifyDeleted::AsFault);
}

#[test]
fn a_member_is_in_one_group() {
    let member = |name: &str, id: u8| {
        format!(
            "vrrp_instance {name} {{\ninterface eth1\nvirtual_router_id {id}\nvirtual_ipaddress {{\n10.0.0.{id}\n}}\n}}\n"
        )
    };
    let loaded = read(format!(
        "vrrp_sync_group G {{\ngroup {{\nA\nB\n}}\nsync_group_tracking_weight\n}}\n\
         vrrp_sync_group H {{\ngroup {{\nB\nC\nX\n}}\n}}\n{}{}{}",
        member("A", 1),
        member("B", 2),
        member("C", 3)
    ));
    let groups: Vec<_> = loaded
        .model
        .sync_groups
        .iter()
        .map(|group| {
            (
                group.name.as_str(),
                group.members.join(" "),
                group.tracking_weight,
            )
        })
        .collect();
    assert_eq!(
        groups,
        [("G", "A B".to_owned(), true), ("H", "C".to_owned(), false)]
    );
}

#[test]
fn a_missing_interface_ends_the_verdict() {
    let loaded = read(
        "vrrp_instance V {\ninterface eth9\nnopreempt\npreempt_delay 5\n}\nvrrp_sync_group G {\ngroup {\nX\n}\n}\n",
    );
    let said: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.severity > keepalived_conf::Severity::Note)
        .map(|d| d.code)
        .collect();
    assert_eq!(said, [Code::InterfaceMissing]);
    assert_eq!((loaded.test_status(), loaded.start_status()), (5, Some(2)));
}

#[test]
fn a_key_file_that_others_can_read_is_a_security_fault() {
    use keepalived_conf::{Loader, load};
    use std::io;
    use std::path::Path;

    struct Host(bool);

    impl Loader for Host {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            match path.to_str() {
                Some("/etc/key") => Ok(KEY.into()),
                _ => Ok("vrrp_instance V {\ninterface eth1\nvirtual_router_id 7\nauth_hmac {\nkey 1 file:/etc/key\nactive_key 1\n}\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n".into()),
            }
        }

        fn has_interface(&self, _: &str) -> bool {
            true
        }

        fn is_private(&self, path: &Path) -> bool {
            self.0 || path != Path::new("/etc/key")
        }
    }

    // behaviours.md 3: an HMAC key file readable by others is status 6.
    let status = |private| load(Path::new("test.conf"), &Host(private)).test_status();
    assert_eq!((status(true), status(false)), (0, 6));
}
