//! A pretended kernel at the end of the wire: it keeps a table, understands our messages and
//! refuses as a 6.1 kernel does. Below it, the client's tests on it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkHeader,
    NetlinkPayload,
};
use netlink_packet_generic::GenlMessage;
use nix::errno::Errno;
use proptest::prelude::*;

use super::batch::apply;
use super::exchange::{Exchange, each_message};
use super::read::snapshot;
use super::wire::Wire;
use crate::attr::{CommandAttr, DestinationAttr, ServiceAttr};
use crate::message::{Command, IpvsMessage};
use crate::repr::codec::*;
use crate::sample;
use crate::*;

const FAMILY: u16 = 28;

#[derive(Default)]
struct Kernel {
    table: Table,
    /// What the client may receive.
    inbox: VecDeque<Vec<u8>>,
    /// How many answers fit in the inbox.
    room: Option<usize>,
    overrun: bool,
    /// How many acknowledgements yet are kept back, with what they are for left undone.
    silences: usize,
    /// How many dumps yet are interrupted.
    interruptions: usize,
    /// Messages in each datagram that came.
    datagrams: Vec<usize>,
}

impl Kernel {
    fn holding(table: &Table) -> Kernel {
        Kernel {
            table: table.clone(),
            ..Kernel::default()
        }
    }

    fn answer(&mut self, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
        if self.room == Some(self.inbox.len()) {
            self.overrun = true;
            return;
        }
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(16 + body.len()).unwrap();
        header.message_type = kind;
        header.flags = flags;
        header.sequence_number = sequence;
        let mut bytes = vec![0; 16];
        header.emit(&mut bytes);
        bytes.extend(body);
        self.inbox.push_back(bytes);
    }

    fn answer_message(&mut self, sequence: u32, message: IpvsMessage) {
        let message = GenlMessage::from_payload(message);
        let mut body = vec![0; message.buffer_len()];
        message.emit(&mut body);
        let interrupted = if self.interruptions > 0 {
            NLM_F_DUMP_INTR
        } else {
            0
        };
        self.answer(FAMILY, NLM_F_MULTIPART | interrupted, sequence, &body);
    }

    fn dump(&mut self, command: Command, attributes: &[CommandAttr], sequence: u32) {
        if command == Command::GetService {
            for (key, service) in self.table.services.clone() {
                let list = emit_service(&key, &service.spec);
                let message =
                    IpvsMessage::Command(Command::NewService, vec![CommandAttr::Service(list)]);
                self.answer_message(sequence, message);
            }
        } else {
            let key = key_of(service_of(attributes));
            let service = self.table.services.get(&key).cloned();
            for (address, spec) in service.iter().flat_map(|each| &each.destinations) {
                let list = emit_destination(address, spec);
                let message =
                    IpvsMessage::Command(Command::NewDest, vec![CommandAttr::Destination(list)]);
                self.answer_message(sequence, message);
            }
        }
        let interrupted = if self.interruptions > 0 {
            NLM_F_DUMP_INTR
        } else {
            0
        };
        self.interruptions = self.interruptions.saturating_sub(1);
        self.answer(3, NLM_F_MULTIPART | interrupted, sequence, &[0; 4]);
    }

    fn perform(&mut self, command: Command, attributes: &[CommandAttr]) -> Result<(), Errno> {
        if command == Command::Flush {
            self.table.services.clear();
            return Ok(());
        }
        let list = service_of(attributes);
        let key = key_of(list);
        let services = &mut self.table.services;
        let described = || parse_service(list).map(|(_, spec, _)| spec).unwrap();
        match command {
            Command::NewService if services.contains_key(&key) => return Err(Errno::EEXIST),
            Command::NewService => {
                // The kernel does not find the scheduler.
                if described().scheduler.as_str() == "nosuch" {
                    return Err(Errno::ENOENT);
                }
                let service = Service {
                    spec: described(),
                    destinations: Default::default(),
                };
                services.insert(key, service.into());
                return Ok(());
            }
            Command::DelService => {
                return services.remove(&key).map(|_| ()).ok_or(Errno::ESRCH);
            }
            _ => {}
        }
        let service = Arc::make_mut(services.get_mut(&key).ok_or(Errno::ESRCH)?);
        if command == Command::SetService {
            service.spec = described();
            return Ok(());
        }
        let list = attributes.iter().find_map(|attribute| match attribute {
            CommandAttr::Destination(list) => Some(list),
            _ => None,
        });
        let mut list = list.unwrap().clone();
        if command == Command::DelDest {
            list.push(DestinationAttr::ForwardingMethod(0));
        }
        let (address, view) = parse_destination(key.family(), &list).unwrap();
        let there = service.destinations.contains_key(&address);
        match (command, there) {
            (Command::NewDest, true) => return Err(Errno::EEXIST),
            (Command::SetDest | Command::DelDest, false) => return Err(Errno::ENOENT),
            (Command::DelDest, true) => drop(service.destinations.shift_remove(&address)),
            _ => drop(service.destinations.insert(address, view.spec)),
        }
        Ok(())
    }
}

fn service_of(attributes: &[CommandAttr]) -> &[ServiceAttr] {
    let Some(CommandAttr::Service(list)) = attributes.first() else {
        panic!("no service in {attributes:?}");
    };
    list
}

fn key_of(list: &[ServiceAttr]) -> ServiceKey {
    let mut list = list.to_vec();
    list.push(ServiceAttr::SchedulerName("rr".to_owned()));
    list.push(ServiceAttr::Netmask([255; 4]));
    list.push(ServiceAttr::Flags(crate::attr::Flags { flags: 0, mask: 0 }));
    parse_service(&list).unwrap().0
}

impl Wire for Kernel {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut messages = Vec::new();
        each_message(bytes, |message| messages.push(message)).unwrap();
        self.datagrams.push(messages.len());
        for message in messages {
            let header = message.header;
            let sequence = header.sequence_number;
            let NetlinkPayload::InnerMessage(inner) = message.payload else {
                panic!("not a message of IPVS");
            };
            let IpvsMessage::Command(command, attributes) = inner.into_parts().1 else {
                panic!("an answer");
            };
            if header.flags & NLM_F_DUMP == NLM_F_DUMP {
                self.dump(command, &attributes, sequence);
                continue;
            }
            if header.flags & NLM_F_ACK != 0 && self.silences > 0 {
                self.silences -= 1;
                continue;
            }
            let code = match self.perform(command, &attributes) {
                Ok(()) if header.flags & NLM_F_ACK == 0 => continue,
                Ok(()) => 0,
                Err(errno) => number(errno),
            };
            let mut body = code.to_ne_bytes().to_vec();
            body.extend([0; 16]);
            self.answer(2, 0x100, sequence, &body);
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, wait: bool) -> io::Result<()> {
        if std::mem::take(&mut self.overrun) {
            return Err(Errno::ENOBUFS.into());
        }
        match self.inbox.pop_front() {
            Some(bytes) => buffer.extend(bytes),
            None if wait => panic!("the client waits for an answer that never comes"),
            None => return Err(io::ErrorKind::WouldBlock.into()),
        }
        Ok(())
    }
}

/// The negated number of an errno that this kernel uses, from asm-generic/errno-base.h.
fn number(errno: Errno) -> i32 {
    match errno {
        Errno::ENOENT => -2,
        Errno::ESRCH => -3,
        Errno::EEXIST => -17,
        other => panic!("{other}"),
    }
}

/// A client on a kernel that holds this table.
fn client(kernel: Kernel) -> Exchange<Kernel> {
    Exchange::new(kernel, FAMILY)
}

fn key(port: u16) -> ServiceKey {
    ServiceKey::Socket(Protocol::Tcp, SocketAddr::from(([10, 0, 0, 1], port)))
}

fn server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 80))
}

fn spec() -> DestinationSpec {
    DestinationSpec::new(Forwarding::Masquerade, 1)
}

fn service() -> ServiceSpec {
    ServiceSpec::new(Scheduler::RR)
}

fn many(ports: u16) -> Vec<Operation> {
    let add = |port| Operation::AddService(key(port), service());
    (1..=ports).map(add).collect()
}

#[test]
fn a_thousand_operations_take_five_datagrams() {
    let mut client = client(Kernel::default());
    let applied = apply(&mut client, &many(1000));
    assert_eq!((applied.done, applied.failed.len()), (1000, 0));
    assert_eq!(client.wire().datagrams, [200; 5]);
}

#[test]
fn what_is_there_already_is_adopted() {
    let mut client = client(Kernel::default());
    let _ = apply(&mut client, &many(1));
    let mut other = service();
    other.scheduler = Scheduler::WLC;
    let operations = [
        Operation::AddService(key(1), other.clone()),
        Operation::AddDestination(key(1), server(1), spec()),
        Operation::AddDestination(
            key(1),
            server(1),
            DestinationSpec {
                weight: 9,
                ..spec()
            },
        ),
        Operation::SetDestination(key(1), server(2), spec()),
        Operation::SetService(key(2), service()),
        Operation::AddDestination(key(2), server(3), spec()),
        Operation::DeleteDestination(key(1), server(7)),
        Operation::DeleteDestination(key(7), server(7)),
        Operation::DeleteService(key(7)),
    ];
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, operations.len(), "{:?}", applied.failed);
    assert_eq!(applied.adopted.len(), 7);
    let table = &client.wire().table;
    assert_eq!(table.services[&key(1)].spec, other);
    assert_eq!(table.services[&key(1)].destinations[&server(1)].weight, 9);
    assert_eq!(table.services[&key(1)].destinations.len(), 2);
    assert_eq!(table.services[&key(2)].destinations.len(), 1);
}

#[test]
fn what_cannot_be_is_reported_and_does_not_stop_the_rest() {
    let mut client = client(Kernel::default());
    let nosuch = ServiceSpec::new(Scheduler::new("nosuch").unwrap());
    let mut mixed = service();
    mixed.persistence = Some(Persistence {
        timeout: 1,
        netmask: Netmask::V6(64),
        engine: None,
    });
    let operations = [
        Operation::AddService(key(1), nosuch),
        Operation::AddDestination(key(1), server(1), spec()),
        Operation::AddService(key(3), mixed),
        Operation::AddService(key(2), service()),
    ];
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, 1);
    let reasons: Vec<_> = applied
        .failed
        .iter()
        .map(|f| f.source.to_string())
        .collect();
    assert_eq!(
        reasons,
        [
            "cannot add service TCP 10.0.0.1:3: scheduler rr persistent 1 s netmask 64: its netmask \
             is of the other address family",
            "cannot add service TCP 10.0.0.1:1: scheduler nosuch: the kernel has no scheduler \
             `nosuch` (load it: modprobe ip_vs_nosuch)",
            "cannot add destination 192.0.2.1:80 to TCP 10.0.0.1:1: Masq weight 1: there is no \
             service TCP 10.0.0.1:1",
        ]
    );
}

#[test]
fn lost_answers_are_asked_for_one_by_one() {
    let mut client = client(Kernel {
        room: Some(3),
        ..Kernel::default()
    });
    let _ = apply(&mut client, &many(9));
    let bad = Operation::AddService(key(1), ServiceSpec::new(Scheduler::new("nosuch").unwrap()));
    let mut operations: Vec<_> = (20..40)
        .map(|port| Operation::AddDestination(key(port), server(1), spec()))
        .collect();
    operations.push(Operation::DeleteService(key(1)));
    operations.push(bad);
    let applied = apply(&mut client, &operations);
    assert_eq!(applied.done, 1);
    assert_eq!(applied.failed.len(), 21);
    for failure in &applied.failed {
        assert!(
            matches!(failure.source, IpvsError::Refused { .. }),
            "{failure:?}"
        );
    }
    assert_eq!(client.wire().table.services.len(), 8);
}

// netlink_rcv_skb() sends no acknowledgement for an operation that ends with EINTR.
#[test]
fn an_operation_without_an_answer_is_asked_for_again() {
    let mut client = client(Kernel {
        silences: 1,
        ..Kernel::default()
    });
    let applied = apply(&mut client, &many(3));
    assert_eq!((applied.done, applied.failed.len()), (3, 0));
    assert_eq!(client.wire().datagrams, [3, 1]);
    assert_eq!(client.wire().table.services.len(), 3);
}

#[test]
fn an_operation_that_is_never_answered_is_reported() {
    let mut client = client(Kernel {
        silences: usize::MAX,
        ..Kernel::default()
    });
    let applied = apply(&mut client, &many(3));
    assert_eq!(applied.done, 2);
    assert!(matches!(
        applied.failed[0].source,
        IpvsError::Unanswered { .. }
    ));
}

#[test]
fn an_interrupted_dump_is_asked_for_again() {
    let mut client = client(Kernel {
        interruptions: 2,
        ..Kernel::default()
    });
    let _ = apply(&mut client, &many(3));
    assert_eq!(snapshot(&mut client).unwrap().services.len(), 3);
    // One datagram made them; three dumps of services, one of destinations for each.
    assert_eq!(client.wire().datagrams.len(), 1 + 3 + 3);
}

#[test]
fn a_dump_that_is_always_interrupted_is_an_error() {
    let mut client = client(Kernel {
        interruptions: usize::MAX,
        ..Kernel::default()
    });
    assert!(matches!(
        snapshot(&mut client),
        Err(IpvsError::DumpInterrupted { attempts: 5 })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn applying_a_diff_gives_what_was_wanted(have in sample::table(), want in sample::table()) {
        let mut client = client(Kernel::holding(&have));
        let operations = diff(&have, &want);
        let applied = apply(&mut client, &operations);
        prop_assert_eq!(applied.done, operations.len());
        prop_assert!(applied.adopted.is_empty());
        prop_assert_eq!(&client.wire().table, &want);
        prop_assert_eq!(snapshot(&mut client).unwrap().into_table(), want);
    }

    // The kernel holds something else than was believed: for services and destinations that are
    // wanted the end is the same.
    #[test]
    fn a_diff_against_an_outdated_table_still_makes_what_is_wanted(
        believed in sample::table(), held in sample::table(), want in sample::table(),
    ) {
        let mut client = client(Kernel::holding(&held));
        let operations = diff(&believed, &want);
        let applied = apply(&mut client, &operations);
        prop_assert_eq!(applied.done + applied.failed.len(), operations.len());
        let known = |key: &ServiceKey| believed.services.get(key) != want.services.get(key);
        for (key, service) in want.services.iter().filter(|(key, _)| known(key)) {
            if believed.services.contains_key(key) {
                continue;
            }
            let have = &client.wire().table.services[key];
            prop_assert_eq!(&have.spec, &service.spec);
            for (address, spec) in &service.destinations {
                prop_assert_eq!(&have.destinations[address], spec);
            }
        }
    }
}
