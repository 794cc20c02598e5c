//! Questions and answers, matched by sequence number.

use std::io;

use netlink_packet_core::{
    DecodeError, ErrorMessage, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP,
    NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator, parse_string,
};
use netlink_packet_generic::GenlMessage;
use nix::errno::Errno;

use super::wire::{Wire, errno};
use crate::error::IpvsError;
use crate::message::IpvsMessage;

/// How often an interrupted dump is tried in all.
pub(super) const DUMP_ATTEMPTS: u32 = 5;

/// Length of a netlink header, and where the next message of a datagram may start.
const HEADER: usize = 16;
const ALIGNMENT: usize = 4;

/// `NLMSGERR_ATTR_MSG` of linux/netlink.h.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A connection to the family IPVS of a kernel.
pub(crate) struct Exchange<W> {
    wire: W,
    family: u16,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What the kernel thought of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was done.
    Done,
    /// It was not.
    Refused(Errno, Option<String>),
    /// The kernel did not say: the answer was lost for want of room, or there was none.
    Lost,
}

impl<W: Wire> Exchange<W> {
    pub(crate) fn new(wire: W, family: u16) -> Exchange<W> {
        Exchange {
            wire,
            family,
            sequence: 0,
            buffer: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn wire(&self) -> &W {
        &self.wire
    }

    /// Appends one message to a datagram. Returns its sequence number.
    fn emit(&mut self, datagram: &mut Vec<u8>, message: IpvsMessage, flags: u16) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        let mut inner = GenlMessage::from_payload(message);
        inner.set_resolved_family_id(self.family);
        let mut message = NetlinkMessage::from(inner);
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = datagram.len();
        datagram.resize(start + message.buffer_len(), 0);
        if let Some(room) = datagram.get_mut(start..) {
            message.serialize(room);
        }
        self.sequence
    }

    /// Reads one datagram and hands each of its messages to `take`.
    fn receive(
        &mut self,
        act: &'static str,
        wait: bool,
        mut take: impl FnMut(&NetlinkHeader, NetlinkPayload<GenlMessage<IpvsMessage>>),
    ) -> Result<(), IpvsError> {
        self.buffer.clear();
        self.wire
            .receive(&mut self.buffer, wait)
            .map_err(|source| IpvsError::Socket { act, source })?;
        let parsed = each_message(&self.buffer, |message| {
            take(&message.header, message.payload);
        });
        if parsed.is_err() {
            self.drain();
        }
        parsed.map_err(|source| IpvsError::Malformed { act, source })
    }

    /// Reads what is still to come of an answer that is given up: a dump that is not read to its
    /// end blocks the next.
    fn drain(&mut self) {
        loop {
            self.buffer.clear();
            if self.wire.receive(&mut self.buffer, false).is_err() {
                return;
            }
        }
    }

    fn send(&mut self, act: &'static str, datagram: &[u8]) -> Result<(), IpvsError> {
        self.wire
            .send(datagram)
            .map_err(|source| IpvsError::Socket { act, source })
    }

    /// Asks one question that has one answer.
    pub(super) fn ask(
        &mut self,
        act: &'static str,
        question: IpvsMessage,
    ) -> Result<IpvsMessage, IpvsError> {
        let mut datagram = Vec::new();
        let sequence = self.emit(&mut datagram, question, NLM_F_REQUEST);
        self.send(act, &datagram)?;
        let mut answer = None;
        while answer.is_none() {
            self.receive(act, true, |header, payload| {
                if header.sequence_number != sequence {
                    return;
                }
                answer = match payload {
                    NetlinkPayload::InnerMessage(message) => Some(Ok(message.into_parts().1)),
                    NetlinkPayload::Error(error) => Some(Err(errno(&error))),
                    _ => None,
                };
            })?;
        }
        match answer {
            Some(Ok(message)) => Ok(message),
            Some(Err(errno)) => Err(IpvsError::Failed { act, errno }),
            None => Err(IpvsError::Malformed {
                act,
                source: "no answer".into(),
            }),
        }
    }

    /// Asks one question that has many answers. An interrupted dump is asked for again.
    pub(super) fn dump(
        &mut self,
        act: &'static str,
        question: &IpvsMessage,
    ) -> Result<Vec<IpvsMessage>, IpvsError> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(messages) = self.dump_once(act, question.clone())? {
                return Ok(messages);
            }
        }
        Err(IpvsError::DumpInterrupted {
            attempts: DUMP_ATTEMPTS,
        })
    }

    /// `None`: the table changed while it was read.
    fn dump_once(
        &mut self,
        act: &'static str,
        question: IpvsMessage,
    ) -> Result<Option<Vec<IpvsMessage>>, IpvsError> {
        let mut datagram = Vec::new();
        let sequence = self.emit(&mut datagram, question, NLM_F_REQUEST | NLM_F_DUMP);
        self.send(act, &datagram)?;
        let mut messages = Vec::new();
        let mut interrupted = false;
        let mut end = None;
        while end.is_none() {
            self.receive(act, true, |header, payload| {
                if header.sequence_number != sequence {
                    return;
                }
                interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
                match payload {
                    NetlinkPayload::InnerMessage(message) => messages.push(message.into_parts().1),
                    NetlinkPayload::Done(done) => end = Some(done.code),
                    NetlinkPayload::Error(error) => end = Some(error.raw_code()),
                    _ => {}
                }
            })?;
        }
        match end {
            Some(0) | None => Ok((!interrupted).then_some(messages)),
            Some(code) => Err(IpvsError::Failed {
                act,
                errno: Errno::from_raw(code.saturating_abs()),
            }),
        }
    }

    /// Sends many messages at once; only the last asks for an acknowledgement, so an answer to
    /// any other is an error. Returns one answer a message, in order.
    pub(super) fn batch(
        &mut self,
        act: &'static str,
        messages: Vec<IpvsMessage>,
    ) -> Result<Vec<Answer>, IpvsError> {
        let mut answers = vec![Answer::Done; messages.len()];
        let Some(last) = messages.len().checked_sub(1) else {
            return Ok(answers);
        };
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let acknowledge = if index == last { NLM_F_ACK } else { 0 };
            self.emit(&mut datagram, message, NLM_F_REQUEST | acknowledge);
        }
        self.send(act, &datagram)?;
        let mut heard = vec![false; answers.len()];
        let mut take = |header: &NetlinkHeader,
                        payload: NetlinkPayload<GenlMessage<IpvsMessage>>| {
            let NetlinkPayload::Error(error) = payload else {
                return;
            };
            let offset = header.sequence_number.wrapping_sub(first);
            let Ok(index) = usize::try_from(offset) else {
                return;
            };
            let (Some(answer), Some(heard)) = (answers.get_mut(index), heard.get_mut(index)) else {
                return;
            };
            *heard = true;
            if error.code.is_some() {
                *answer = Answer::Refused(errno(&error), reason(header.flags, &error));
            }
        };
        let mut complete = false;
        while !complete {
            // The kernel has answered before `send` returns, or it never will.
            let received = self.receive(act, false, |header, payload| {
                complete |= header.sequence_number == first.wrapping_add(offset_of(last));
                take(header, payload);
            });
            match received {
                Ok(()) => {}
                Err(error) if is_overrun(&error) => break,
                // netlink_rcv_skb() keeps silent of an operation that ends with EINTR.
                Err(error) if is_empty(&error) => {
                    if let Some(answer) = answers.last_mut() {
                        *answer = Answer::Lost;
                    }
                    return Ok(answers);
                }
                Err(error) => return Err(error),
            }
        }
        if complete {
            return Ok(answers);
        }
        // Answers were lost: take those that were not; everything that stays unheard is in doubt.
        loop {
            match self.receive(act, false, &mut take) {
                Ok(()) => {}
                Err(error) if is_overrun(&error) => {}
                Err(error) if is_empty(&error) => break,
                Err(error) => return Err(error),
            }
        }
        for (answer, heard) in answers.iter_mut().zip(heard) {
            if !heard {
                *answer = Answer::Lost;
            }
        }
        Ok(answers)
    }
}

fn offset_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn is_overrun(error: &IpvsError) -> bool {
    matches!(error, IpvsError::Socket { source, .. }
        if source.raw_os_error().map(Errno::from_raw) == Some(Errno::ENOBUFS))
}

fn is_empty(error: &IpvsError) -> bool {
    matches!(error, IpvsError::Socket { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
}

/// Cuts a datagram into its messages.
pub(super) fn each_message(
    mut bytes: &[u8],
    mut take: impl FnMut(NetlinkMessage<GenlMessage<IpvsMessage>>),
) -> Result<(), DecodeError> {
    while !bytes.is_empty() {
        let length = NetlinkBuffer::new_checked(bytes)?.length();
        take(NetlinkMessage::deserialize(bytes)?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let step = length.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        bytes = bytes.get(step..).unwrap_or_default();
    }
    Ok(())
}

/// The kernel's reason in words, which follows the refused message or its header alone.
fn reason(flags: u16, error: &ErrorMessage) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let refused = if flags & NLM_F_CAPPED != 0 {
        HEADER
    } else {
        let length = NetlinkBuffer::new_checked(error.header.as_slice()).ok()?;
        usize::try_from(length.length()).ok()?
    };
    NlasIterator::new(error.header.get(refused..)?)
        .filter_map(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)
        .and_then(|attribute| parse_string(attribute.value()).ok())
}
