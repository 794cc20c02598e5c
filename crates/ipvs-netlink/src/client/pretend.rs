//! A pretended kernel at the end of the wire: it keeps a table, understands our messages and refuses as a 6.1 kernel
//! does. For tests, and (feature `pretended`) for measurements of a whole daemon where the kernel has no IPVS.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkHeader,
    NetlinkPayload,
};
use netlink_packet_generic::GenlMessage;
use nix::errno::Errno;

use super::exchange::each_message;
use super::wire::Wire;
use crate::attr::{CommandAttr, DestinationAttr, Flags, InfoAttr, ServiceAttr};
use crate::message::{Command, IpvsMessage};
use crate::repr::codec::{emit_destination, emit_service, parse_destination, parse_service};
use crate::repr::{ServiceKey, Timeouts};
use crate::table::{Service, Table};

/// The number of IPVS among the families of generic netlink; each kernel has its own.
pub(super) const FAMILY: u16 = 28;

/// `IP_VS_VERSION_CODE` of Linux 6.1.
const VERSION: u32 = 0x01_02_01;

/// What all connections to one kernel see.
#[derive(Debug, Default)]
pub(super) struct Held {
    table: Table,
    timeouts: Timeouts,
}

/// One connection to it.
#[derive(Default)]
pub(super) struct Kernel {
    pub(super) held: Arc<Mutex<Held>>,
    /// What the client may receive.
    pub(super) inbox: VecDeque<Vec<u8>>,
    /// How many answers fit in the inbox.
    pub(super) room: Option<usize>,
    pub(super) overrun: bool,
    /// How many acknowledgements yet are kept back, with what they are for left undone.
    pub(super) silences: usize,
    /// How many dumps yet are interrupted.
    pub(super) interruptions: usize,
    /// Messages in each datagram that came.
    pub(super) datagrams: Vec<usize>,
}

impl Kernel {
    /// A further connection to what others see, too.
    #[cfg(feature = "pretended")]
    pub(super) fn sharing(held: &Arc<Mutex<Held>>) -> Kernel {
        Kernel {
            held: Arc::clone(held),
            ..Kernel::default()
        }
    }

    #[cfg(test)]
    pub(super) fn holding(table: &Table) -> Kernel {
        let kernel = Kernel::default();
        kernel.with(|held| held.table = table.clone());
        kernel
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> Table {
        self.with(|held| held.table.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&mut self, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
        if self.room == Some(self.inbox.len()) {
            self.overrun = true;
            return;
        }
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
        header.message_type = kind;
        header.flags = flags;
        header.sequence_number = sequence;
        let mut bytes = vec![0; 16];
        header.emit(&mut bytes);
        bytes.extend(body);
        self.inbox.push_back(bytes);
    }

    fn answer_message(&mut self, flags: u16, sequence: u32, message: IpvsMessage) {
        let message = GenlMessage::from_payload(message);
        let mut body = vec![0; message.buffer_len()];
        message.emit(&mut body);
        self.answer(FAMILY, flags, sequence, &body);
    }

    fn dump(
        &mut self,
        command: Command,
        attributes: &[CommandAttr],
        sequence: u32,
    ) -> io::Result<()> {
        let mut flags = NLM_F_MULTIPART;
        if self.interruptions > 0 {
            self.interruptions -= 1;
            flags |= NLM_F_DUMP_INTR;
        }
        let told: Vec<(Command, CommandAttr)> = match command {
            Command::GetService => self.with(|held| {
                let services = held.table.services.iter();
                let list = services.map(|(key, service)| emit_service(key, &service.spec));
                list.map(|list| (Command::NewService, CommandAttr::Service(list)))
                    .collect()
            }),
            Command::GetDest => {
                let key = key_of(service_of(attributes)?)?;
                self.with(|held| {
                    let service = held.table.services.get(&key);
                    let destinations = service.iter().flat_map(|service| &service.destinations);
                    let list = destinations.map(|(address, spec)| emit_destination(address, spec));
                    list.map(|list| (Command::NewDest, CommandAttr::Destination(list)))
                        .collect()
                })
            }
            // No synchronisation daemon runs here.
            _ => Vec::new(),
        };
        for (command, attribute) in told {
            let message = IpvsMessage::Command(command, vec![attribute]);
            self.answer_message(flags, sequence, message);
        }
        self.answer(3, flags, sequence, &[0; 4]);
        Ok(())
    }

    /// Answers what has one answer; `false` for everything else.
    fn ask(&mut self, command: Command, sequence: u32) -> bool {
        let message = match command {
            Command::GetInfo => IpvsMessage::Info(vec![
                InfoAttr::Version(VERSION),
                InfoAttr::ConnectionTableSize(4096),
            ]),
            Command::GetConfig => {
                let timeouts = self.with(|held| held.timeouts);
                let attributes = vec![
                    CommandAttr::TimeoutTcp(timeouts.tcp),
                    CommandAttr::TimeoutTcpFin(timeouts.tcp_fin),
                    CommandAttr::TimeoutUdp(timeouts.udp),
                ];
                IpvsMessage::Command(Command::SetConfig, attributes)
            }
            _ => return false,
        };
        self.answer_message(0, sequence, message);
        true
    }

    fn perform(
        &mut self,
        command: Command,
        attributes: &[CommandAttr],
    ) -> io::Result<Result<(), Errno>> {
        self.with(|held| match command {
            Command::Flush => {
                held.table.services.clear();
                Ok(Ok(()))
            }
            Command::Zero => Ok(Ok(())),
            Command::SetConfig => {
                for attribute in attributes {
                    let (place, seconds) = match attribute {
                        CommandAttr::TimeoutTcp(seconds) => (&mut held.timeouts.tcp, *seconds),
                        CommandAttr::TimeoutTcpFin(seconds) => {
                            (&mut held.timeouts.tcp_fin, *seconds)
                        }
                        CommandAttr::TimeoutUdp(seconds) => (&mut held.timeouts.udp, *seconds),
                        _ => continue,
                    };
                    if seconds != 0 {
                        *place = seconds;
                    }
                }
                Ok(Ok(()))
            }
            Command::NewService
            | Command::SetService
            | Command::DelService
            | Command::NewDest
            | Command::SetDest
            | Command::DelDest => change(&mut held.table, command, attributes),
            other => Err(misspelt(&format!("{other:?} is not pretended"))),
        })
    }
}

/// One change of the table, as the kernel makes it.
fn change(
    table: &mut Table,
    command: Command,
    attributes: &[CommandAttr],
) -> io::Result<Result<(), Errno>> {
    let list = service_of(attributes)?;
    let key = key_of(list)?;
    let services = &mut table.services;
    let described = || {
        parse_service(list)
            .map(|(_, spec, _)| spec)
            .map_err(strange)
    };
    match command {
        Command::NewService if services.contains_key(&key) => return Ok(Err(Errno::EEXIST)),
        Command::NewService => {
            let spec = described()?;
            // The kernel does not find the scheduler.
            if spec.scheduler.as_str() == "nosuch" {
                return Ok(Err(Errno::ENOENT));
            }
            let destinations = Default::default();
            services.insert(key, Service { spec, destinations }.into());
            return Ok(Ok(()));
        }
        Command::DelService => {
            return Ok(services.remove(&key).map(|_| ()).ok_or(Errno::ESRCH));
        }
        _ => {}
    }
    let Some(service) = services.get_mut(&key).map(Arc::make_mut) else {
        return Ok(Err(Errno::ESRCH));
    };
    if command == Command::SetService {
        service.spec = described()?;
        return Ok(Ok(()));
    }
    let list = attributes.iter().find_map(|attribute| match attribute {
        CommandAttr::Destination(list) => Some(list),
        _ => None,
    });
    let mut list = list
        .ok_or_else(|| misspelt("a destination is not named"))?
        .clone();
    if command == Command::DelDest {
        list.push(DestinationAttr::ForwardingMethod(0));
    }
    let (address, view) = parse_destination(key.family(), &list).map_err(strange)?;
    let there = service.destinations.contains_key(&address);
    Ok(match (command, there) {
        (Command::NewDest, true) => Err(Errno::EEXIST),
        (Command::SetDest | Command::DelDest, false) => Err(Errno::ENOENT),
        (Command::DelDest, true) => {
            service.destinations.shift_remove(&address);
            Ok(())
        }
        _ => {
            service.destinations.insert(address, view.spec);
            Ok(())
        }
    })
}

fn service_of(attributes: &[CommandAttr]) -> io::Result<&[ServiceAttr]> {
    match attributes.first() {
        Some(CommandAttr::Service(list)) => Ok(list),
        _ => Err(misspelt("a service is not named")),
    }
}

fn key_of(list: &[ServiceAttr]) -> io::Result<ServiceKey> {
    let mut list = list.to_vec();
    list.push(ServiceAttr::SchedulerName("rr".to_owned()));
    list.push(ServiceAttr::Netmask([255; 4]));
    list.push(ServiceAttr::Flags(Flags { flags: 0, mask: 0 }));
    parse_service(&list).map(|(key, ..)| key).map_err(strange)
}

fn strange(error: DecodeError) -> io::Error {
    misspelt(&error.to_string())
}

fn misspelt(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("pretended IPVS: {why}"))
}

impl Wire for Kernel {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut messages = Vec::new();
        each_message(bytes, |message| messages.push(message)).map_err(strange)?;
        self.datagrams.push(messages.len());
        for message in messages {
            let header = message.header;
            let sequence = header.sequence_number;
            let NetlinkPayload::InnerMessage(inner) = message.payload else {
                return Err(misspelt("not a message of IPVS"));
            };
            let IpvsMessage::Command(command, attributes) = inner.into_parts().1 else {
                return Err(misspelt("an answer"));
            };
            if header.flags & NLM_F_DUMP == NLM_F_DUMP {
                self.dump(command, &attributes, sequence)?;
                continue;
            }
            if self.ask(command, sequence) {
                continue;
            }
            if header.flags & NLM_F_ACK != 0 && self.silences > 0 {
                self.silences -= 1;
                continue;
            }
            let code = match self.perform(command, &attributes)? {
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
            None if wait => return Err(misspelt("an answer is awaited that never comes")),
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
        _ => -22,
    }
}
