//! What the stories share: packets made by hand, and actions as short lines.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::Ipv4Addr;

use vrrp::wire::ipv4::Header;
use vrrp::wire::v2::Advert;
use vrrp::{
    Action, Actions, Auth, Config, Event, GroupConfig, InstanceConfig, Interface, Name,
    NotifyState, Priority, Router, Subject, Time, Vrid,
};

/// Seconds as an instant.
pub fn at(seconds: u64) -> Time {
    Time::new(seconds * 1_000_000)
}

/// Instance `name` on interface 1 with the virtual router id 51, PASS `secretlo` and 10.9.0.100.
pub fn instance(name: &str, priority: u8) -> InstanceConfig {
    on(name, 1, 51, priority)
}

/// The same, elsewhere: 10.9.0.100 on interface 1, 10.9.1.100 on interface 2.
pub fn on(name: &str, interface: u32, vrid: u8, priority: u8) -> InstanceConfig {
    InstanceConfig {
        auth: Auth::Simple(*b"secretlo"),
        addresses: vec![[10, 9, u8::try_from(interface).unwrap() - 1, 100].into()],
        ..InstanceConfig::new(
            Name::from(name),
            interface,
            Vrid::new(vrid).unwrap(),
            Priority::new(priority).unwrap(),
        )
    }
}

pub fn alone(instance: InstanceConfig) -> Config {
    Config {
        instances: vec![instance],
        ..Config::default()
    }
}

/// V1 on interface 1 and V2 on interface 2, in the group G.
pub fn pair(priority: u8) -> Config {
    Config {
        instances: vec![on("V1", 1, 51, priority), on("V2", 2, 52, priority)],
        groups: vec![GroupConfig::new(
            Name::from("G"),
            vec![Name::from("V1"), Name::from("V2")],
        )],
        ..Config::default()
    }
}

/// Interface 1 is 10.9.0.1, interface 2 is 10.9.1.1.
pub fn link(index: u32, up: bool) -> Interface {
    let source = Ipv4Addr::new(10, 9, u8::try_from(index).unwrap() - 1, 1);
    Interface {
        index,
        up,
        source: Some(source),
        source6: None,
    }
}

pub fn links() -> [Interface; 2] {
    [link(1, true), link(2, true)]
}

/// A router that runs `config` since the instant 0.
pub fn started(config: Config) -> Router {
    let mut router = Router::new();
    let _ = router.configure(at(0), config, &links());
    router
}

/// A router that has become master of everything; its deadline has just been handled.
pub fn master(config: Config) -> (Router, Time) {
    let mut router = started(config);
    let mut now = at(0);
    while router
        .view()
        .iter()
        .any(|one| one.state != vrrp::StateView::Master)
    {
        now = router.deadline().unwrap();
        let _ = router.handle(now, Event::Timer);
    }
    (router, now)
}

/// What 10.9.0.2 would send for the virtual router id 51.
pub fn advert(priority: u8) -> Advert {
    Advert {
        vrid: 51,
        priority,
        auth_type: 1,
        interval: 1,
        addresses: vec![Ipv4Addr::new(10, 9, 0, 100)],
        auth_data: *b"secretlo",
    }
}

pub fn header(source: Ipv4Addr) -> Header {
    Header {
        identification: 0,
        ttl: 255,
        protocol: 112,
        source,
        destination: Ipv4Addr::new(224, 0, 0, 18),
    }
}

/// Hands over a PDU from 10.9.0.`last` by interface 1.
pub fn hear_bytes(router: &mut Router, now: Time, last: u8, pdu: &[u8]) -> Vec<String> {
    let packet = header(Ipv4Addr::new(10, 9, 0, last)).emit(pdu).unwrap();
    lines(router.handle(
        now,
        Event::Datagram {
            interface: 1,
            bytes: &packet,
        },
    ))
}

/// Hands over an advert of that priority from 10.9.0.`last` by interface 1.
pub fn hear(router: &mut Router, now: Time, last: u8, priority: u8) -> Vec<String> {
    hear_bytes(router, now, last, &advert(priority).emit())
}

pub fn tick(router: &mut Router, now: Time) -> Vec<String> {
    lines(router.handle(now, Event::Timer))
}

/// The packets to be sent: protocol, identification, and what follows the IP header.
pub fn sends(actions: Actions) -> Vec<(u8, u16, Vec<u8>)> {
    let sent = |action| match action {
        Action::Send {
            protocol,
            identification,
            payload,
            ..
        } => Some((protocol, identification, payload)),
        _ => None,
    };
    actions.into_iter().filter_map(sent).collect()
}

/// Each action as a short line: `send V1 150`, `set V1`, `clear V1`, `announce V1 5`, `notify V1 MASTER 150`, log lines
/// as they are.
pub fn lines(actions: Actions) -> Vec<String> {
    let line = |action| match action {
        Action::Send {
            instance,
            protocol,
            payload,
            ..
        } => {
            // The third byte of the PDU, which stands behind an authentication header of 24 bytes.
            let at = if protocol == 51 { 26 } else { 2 };
            format!("send {instance} {}", payload[at])
        }
        Action::SetAddresses { instance } => format!("set {instance}"),
        Action::ClearAddresses { instance } => format!("clear {instance}"),
        Action::Announce { instance, rounds } => format!("announce {instance} {rounds}"),
        Action::Remind { instance } => format!("remind {instance}"),
        Action::Notify {
            subject,
            state,
            priority,
        } => {
            let subject = match subject {
                Subject::Instance(name) => name.to_string(),
                Subject::Group(name) => format!("group {name}"),
            };
            let state = match state {
                NotifyState::Master => "MASTER",
                NotifyState::Backup => "BACKUP",
                NotifyState::Fault => "FAULT",
                NotifyState::Stop => "STOP",
                NotifyState::Deleted => "DELETED",
                NotifyState::MasterRxLowerPriority => "MASTER_RX_LOWER_PRI",
                NotifyState::MasterPriority => "MASTER_PRIORITY",
                NotifyState::BackupPriority => "BACKUP_PRIORITY",
            };
            format!("notify {subject} {state} {priority}")
        }
        Action::Log(notice) => notice.to_string(),
    };
    actions.into_iter().map(line).collect()
}
