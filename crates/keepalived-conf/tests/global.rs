//! What `global_defs`, the words outside of blocks and `SSL` come to in the model.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16, NonZeroU32};
use std::time::Duration;

use keepalived_conf::Severity;
use keepalived_conf::model::{
    AdvertBufferPolicy, AutoPriority, Destination, DynamicInterfaces, Firewall, GarpExtra, Global,
    IncludeCheck, IpvsNamespace, MailHost, SyncDaemon,
};
use support::read;

fn global(text: &str) -> Global {
    read(format!("global_defs {{\n{text}\n}}\n")).model.global
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn mail() {
    let nothing = global("").mail;
    assert_eq!(
        (nothing.connect_timeout, nothing.alert),
        (seconds(30), None)
    );
    assert!(nothing.faults && nothing.real_servers);

    let mail = global(
        "notification_email {\n a@b c@d\n \"E <e@f>\"\n}\nnotification_email_from lb@b\nsmtp_server 10.0.0.25 2525\n\
         smtp_helo_name lb\nsmtp_connect_timeout 0\nsmtp_alert\nsmtp_alert_checker off\nno_email_faults\nno_checker_emails",
    )
    .mail;
    assert_eq!(mail.to, ["a@b", "c@d", "E <e@f>"]);
    assert_eq!(mail.from.as_deref(), Some("lb@b"));
    let server = mail.server.unwrap();
    assert_eq!(server.host, MailHost::Address(IpAddr::from([10, 0, 0, 25])));
    assert_eq!(server.port.get(), 2525);
    assert_eq!(mail.connect_timeout, seconds(1));
    assert_eq!(
        (mail.alert, mail.alert_vrrp, mail.alert_checker),
        (Some(true), None, Some(false))
    );
    assert!(!mail.faults && !mail.real_servers);
    assert_eq!(
        global("smtp_server 10.0.0.25")
            .mail
            .server
            .unwrap()
            .port
            .get(),
        25
    );
}

#[test]
fn scheduling() {
    let nothing = global("").schedules;
    assert_eq!(nothing.raise, AutoPriority::Tell);
    assert_eq!(nothing.raise_after, seconds(1));
    assert_eq!(nothing.vrrp.realtime_limit, Duration::from_millis(10));

    let schedules = global(
        "vrrp_priority -20\nvrrp_no_swap\nvrrp_rt_priority 130\nvrrp_cpu_affinity 3 1 3\nvrrp_rlimit_rttime 1\n\
         checker_rt_priority -4\nchecker_cpu_affinity 1\nchecker_cpu_affinity 1 x\nbfd_rlimit_rtime 500\n\
         max_auto_priority\nmin_auto_priority_delay 5",
    )
    .schedules;
    assert_eq!(
        (schedules.vrrp.nice, schedules.vrrp.no_swap),
        (Some(-20), true)
    );
    assert_eq!(schedules.vrrp.realtime, NonZeroU8::new(99));
    assert_eq!(schedules.vrrp.cpus, [3, 1]);
    assert_eq!(schedules.vrrp.realtime_limit, Duration::from_micros(2));
    assert_eq!(schedules.checker.realtime, NonZeroU8::new(1));
    assert_eq!(schedules.checker.cpus, [0; 0]);
    assert_eq!(schedules.bfd.realtime_limit, Duration::from_micros(500));
    assert_eq!(
        schedules.raise,
        AutoPriority::UpTo(NonZeroU8::new(99).unwrap())
    );
    assert_eq!(schedules.raise_after, Duration::from_micros(5));
    assert_eq!(
        global("max_auto_priority -1").schedules.raise,
        AutoPriority::Nothing
    );
}

#[test]
fn lvs() {
    let timeouts = global("lvs_timeouts tcp 7200 udp 0 tcpfin 120").lvs_timeouts;
    assert_eq!(
        (timeouts.tcp, timeouts.tcp_fin, timeouts.udp),
        (Some(seconds(7200)), Some(seconds(120)), None)
    );
    let bare = SyncDaemon {
        interface: "eth1".to_owned(),
        instance: None,
        id: None,
        max_length: None,
        port: None,
        ttl: None,
        group: None,
    };
    let daemon = |text: &str| global(&format!("lvs_sync_daemon {text}")).lvs_sync_daemon;
    assert_eq!(daemon("eth1"), Some(bare.clone()));
    let named = SyncDaemon {
        instance: Some("A".to_owned()),
        id: Some(7),
        ..bare.clone()
    };
    assert_eq!(daemon("eth1 A 7"), Some(named.clone()));
    assert_eq!(daemon("eth1 inst A id 7"), Some(named.clone()));
    assert_eq!(daemon("eth1 A id 7 port x"), Some(named));
    let all = SyncDaemon {
        max_length: NonZeroU16::new(1400),
        port: NonZeroU16::new(8849),
        ttl: NonZeroU8::new(3),
        group: Some(IpAddr::V6("ff02::81".parse().unwrap())),
        ..bare
    };
    assert_eq!(
        daemon("eth1 maxlen 1400 port 8849 ttl 3 group ff02::81"),
        Some(all)
    );
}

#[test]
fn network() {
    let interfaces = global(
        "dynamic_interfaces allow_if_changes\ndefault_interface eth1\nvmac_prefix a\nvmac_prefix b\nvrrp_garp_extra_if all 60",
    )
    .interfaces;
    assert_eq!(interfaces.dynamic, DynamicInterfaces::Changing);
    assert_eq!(interfaces.default.as_deref(), Some("eth1"));
    assert_eq!(interfaces.vmac_prefix.as_deref(), Some("a"));
    let extra = GarpExtra {
        all: true,
        interval: seconds(60),
    };
    assert_eq!(interfaces.garp_extra, Some(extra));

    let policy = |text: &str| global(text).advert_buffer.policy;
    assert_eq!(global("").advert_buffer.multiplier.get(), 3);
    assert_eq!(policy(""), None);
    assert_eq!(
        policy("vrrp_rx_bufs_policy advert"),
        Some(AdvertBufferPolicy::Advert)
    );
    assert_eq!(
        policy("vrrp_rx_bufs_policy MTU ADVERT"),
        Some(AdvertBufferPolicy::Mtu)
    );
    assert_eq!(
        policy("vrrp_rx_bufs_policy MTU\nvrrp_rx_bufs_policy 5000"),
        Some(AdvertBufferPolicy::Bytes(5000))
    );

    assert_eq!(global("").firewall, Firewall::default());
    let firewall = global(
        "nftables_priority 5\nnftables\nnftables_ipvs t\nnftables_ipvs_priority 7\nnftables_ipvs_start_fwmark 5\nnftables_counters",
    )
    .firewall;
    // `nftables` takes the priority before it back.
    assert_eq!(
        (firewall.table.as_deref(), firewall.priority),
        (Some("keepalived"), -1)
    );
    assert_eq!(
        (firewall.ipvs_table.as_deref(), firewall.ipvs_priority),
        (Some("t"), 7)
    );
    assert_eq!(NonZeroU32::new(5), Some(firewall.ipvs_first_mark));
    assert!(firewall.counters);
    assert_eq!(
        global("vrrp_iptables").firewall.table.as_deref(),
        Some("keepalived")
    );
}

#[test]
fn vrrp() {
    let nothing = global("");
    let group6 = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
    assert_eq!(nothing.vrrp_mcast_group4, Ipv4Addr::new(224, 0, 0, 18));
    assert_eq!(nothing.vrrp_mcast_group6, group6);
    let global = global(
        "vrrp_mcast_group6 ff05::1\nvrrp_gna_interval 0.5\nvrrp_min_garp\nvrrp_strict\nvrrp_owner_ignore_adverts\n\
         v3_checksum_as_v2\nlog_unknown_vrids\nvrrp_startup_delay 1.5\nvrrp_delay_after_boot 60\nvrrp_check_unicast_src",
    );
    // It is used in spite of the warning.
    assert_eq!(
        global.vrrp_mcast_group6,
        "ff05::1".parse::<Ipv6Addr>().unwrap()
    );
    assert_eq!(global.vrrp_gna_interval, Duration::from_millis(500));
    assert_eq!(global.vrrp_startup_delay, Duration::from_millis(1500));
    assert_eq!(global.vrrp_delay_after_boot, seconds(60));
    assert!(global.vrrp_min_garp && global.vrrp_strict && global.vrrp_owner_ignore_adverts);
    assert!(global.v3_checksum_as_v2 && global.log_unknown_vrids && global.vrrp_check_unicast_src);
}

#[test]
fn files() {
    let files = |text: &str| global(text).files;
    assert_eq!((files("").umask, files("").json_version), (0o177, 1));
    assert_eq!(files("umask IRUSR|IRWXG | IXOTH").umask, 0o471);
    assert_eq!(files("umask 077").umask, 0o077);
    assert_eq!(files("include_check").include_check, IncludeCheck::ALL);
    let check = files("include_check\ninclude_check -read").include_check;
    assert_eq!((check.readable, check.found), (false, true));
    let reload = global("reload_check_config\nreload_file /run/x\nreload_repeat").reload;
    assert_eq!(reload.check, Some(Destination::Usual));
    assert_eq!(reload.marker, Some(Destination::File("/run/x".to_owned())));
    assert!(reload.repeat);
}

#[test]
fn the_words_outside_of_blocks() {
    let home = read("").model.global.home;
    assert_eq!(
        (home.child_wait_time, home.use_pid_dir),
        (seconds(5), false)
    );
    let home = read("instance left\nnet_namespace_ipvs\nchild_wait_time 9\n")
        .model
        .global
        .home;
    assert_eq!(home.instance.as_deref(), Some("left"));
    assert_eq!(home.net_namespace_ipvs, Some(IpvsNamespace::Initial));
    assert_eq!(home.child_wait_time, seconds(9));
    // A name of its own means files of its own.
    assert!(home.use_pid_dir);
}

#[test]
fn the_second_ssl_block_replaces_the_first() {
    let loaded = read("SSL {\n password one\n ca a\n}\nSSL {\n password two\n password three\n}\n");
    let ssl = loaded.model.ssl.as_ref().unwrap();
    assert_eq!(
        (ssl.password.as_deref(), ssl.authority.as_deref()),
        (Some("three"), None)
    );
    assert!(!format!("{ssl:?}").contains("three"));
    let said = support::rendered(&loaded);
    assert!(!said.contains("two") && !said.contains("three"), "{said}");
}

#[test]
fn what_stands_below_an_instance_holds_for_it() {
    let instance = "vrrp_instance A {\n interface eth1\n virtual_router_id 5\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";
    let loaded = read(format!("{instance}global_defs {{\n vrrp_version 3\n}}\n"));
    assert_eq!(loaded.model.instances[0].version, 3);
}

#[test]
fn interfaces_of_another_namespace_are_not_looked_for_here() {
    let instance = "vrrp_instance A {\n interface veth7\n virtual_router_id 5\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";
    let errors = |text: String| {
        let loaded = read(text);
        let found = loaded.diagnostics.iter();
        found
            .filter(|d| d.severity > Severity::Note && d.message.contains("interface veth7"))
            .count()
    };
    assert_eq!(errors(instance.to_owned()), 1);
    assert_eq!(errors(format!("{instance}net_namespace blue\n")), 0);
}
