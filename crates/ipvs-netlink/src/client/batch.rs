//! Performing operations: many to one system call.

use std::io;

use super::exchange::{Answer, Exchange};
use super::wire::Wire;
use crate::attr::CommandAttr;
use crate::error::{IpvsError, Verdict, verdict};
use crate::message::{Command, IpvsMessage};
use crate::operation::Operation;
use crate::repr::codec::{emit_destination, emit_destination_key, emit_key, emit_service};
use crate::repr::{Netmask, ServiceKey, ServiceSpec};

/// Messages to one system call. The longest message (a destination of a service) is under 200
/// bytes, so a batch stays well under 64 KiB.
pub(super) const BATCH: usize = 200;

/// How often one operation is sent, in whatever form.
const ATTEMPTS: usize = 3;

const ACT: &str = "change the IPVS table";

/// What became of a list of operations.
#[derive(Debug, Default)]
#[must_use = "operations may have failed"]
pub struct Applied {
    /// How many ended as asked, adopted ones included.
    pub done: usize,
    /// What the kernel refused or never got.
    pub failed: Vec<Failure>,
    /// Operations that found the kernel otherwise than expected (what was to be added was there,
    /// what was to be changed or deleted was not) and reached their end in another way.
    pub adopted: Vec<Operation>,
}

/// One operation that failed.
#[derive(Debug)]
pub struct Failure {
    /// What was asked.
    pub operation: Operation,
    /// Why it was not done.
    pub source: IpvsError,
}

/// An operation on its way: `sent` is the form it has taken.
struct Pending<'a> {
    asked: &'a Operation,
    sent: Operation,
}

pub(super) fn apply<W: Wire>(exchange: &mut Exchange<W>, operations: &[Operation]) -> Applied {
    let mut applied = Applied::default();
    for chunk in operations.chunks(BATCH) {
        let mut pending: Vec<Pending<'_>> = Vec::with_capacity(chunk.len());
        for asked in chunk {
            match contradiction(asked) {
                None => pending.push(Pending {
                    asked,
                    sent: asked.clone(),
                }),
                Some(reason) => applied.failed.push(Failure {
                    operation: asked.clone(),
                    source: IpvsError::Invalid {
                        operation: Box::new(asked.clone()),
                        reason,
                    },
                }),
            }
        }
        apply_chunk(exchange, pending, &mut applied);
    }
    applied
}

/// Sends a chunk, then again what is worth another attempt, in its old order.
fn apply_chunk<W: Wire>(
    exchange: &mut Exchange<W>,
    mut pending: Vec<Pending<'_>>,
    applied: &mut Applied,
) {
    let mut size = BATCH;
    for attempt in 1..=ATTEMPTS {
        let mut again = Vec::new();
        let mut lost = false;
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(size));
            let batch = std::mem::replace(&mut pending, rest);
            let messages = batch
                .iter()
                .map(|each| emit_operation(&each.sent))
                .collect();
            let answers = match exchange.batch(ACT, messages) {
                Ok(answers) => answers,
                Err(error) => {
                    let unsent = batch.iter().chain(&pending).chain(&again);
                    applied.failed.extend(unsent.map(|each| Failure {
                        operation: each.asked.clone(),
                        source: duplicate(&error),
                    }));
                    return;
                }
            };
            for (each, answer) in batch.into_iter().zip(answers) {
                lost |= answer == Answer::Lost;
                settle(each, answer, attempt == ATTEMPTS, &mut again, applied);
            }
        }
        if again.is_empty() {
            return;
        }
        pending = again;
        if lost {
            size = 1;
        }
    }
}

fn settle<'a>(
    each: Pending<'a>,
    answer: Answer,
    last: bool,
    again: &mut Vec<Pending<'a>>,
    applied: &mut Applied,
) {
    let Pending { asked, sent } = each;
    match answer {
        Answer::Done => {
            applied.done += 1;
            if sent != *asked {
                applied.adopted.push(asked.clone());
            }
        }
        Answer::Lost if last => applied.failed.push(Failure {
            operation: asked.clone(),
            source: IpvsError::Unanswered { act: ACT },
        }),
        Answer::Lost => again.push(Pending { asked, sent }),
        Answer::Refused(errno, message) => match verdict(&sent, errno) {
            Verdict::Done => {
                applied.done += 1;
                applied.adopted.push(asked.clone());
            }
            Verdict::Retry(sent) if !last => again.push(Pending { asked, sent }),
            Verdict::Retry(_) | Verdict::Report => applied.failed.push(Failure {
                operation: asked.clone(),
                source: IpvsError::Refused {
                    operation: Box::new(sent),
                    errno,
                    message,
                },
            }),
        },
    }
}

/// The same transport error for each operation that it hit.
fn duplicate(error: &IpvsError) -> IpvsError {
    let source = match error {
        IpvsError::Socket { source, .. } => match source.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(source.kind(), source.to_string()),
        },
        other => io::Error::other(other.to_string()),
    };
    IpvsError::Socket { act: ACT, source }
}

/// What the kernel would take in another sense than meant.
fn contradiction(operation: &Operation) -> Option<&'static str> {
    let (Operation::AddService(key, spec) | Operation::SetService(key, spec)) = operation else {
        return None;
    };
    match spec.persistence.as_ref()?.netmask {
        netmask if netmask.family() != key.family() => {
            Some("its netmask is of the other address family")
        }
        Netmask::V6(0 | 129..) => Some("its prefix length is not within 1 to 128"),
        _ => None,
    }
}

/// The message that asks for an operation.
pub(crate) fn emit_operation(operation: &Operation) -> IpvsMessage {
    let named = |key: &ServiceKey| CommandAttr::Service(emit_key(key));
    let described =
        |key: &ServiceKey, spec: &ServiceSpec| CommandAttr::Service(emit_service(key, spec));
    let (command, attributes) = match operation {
        Operation::AddService(key, spec) => (Command::NewService, vec![described(key, spec)]),
        Operation::SetService(key, spec) => (Command::SetService, vec![described(key, spec)]),
        Operation::DeleteService(key) => (Command::DelService, vec![named(key)]),
        Operation::AddDestination(key, address, spec) => {
            let destination = CommandAttr::Destination(emit_destination(address, spec));
            (Command::NewDest, vec![named(key), destination])
        }
        Operation::SetDestination(key, address, spec) => {
            let destination = CommandAttr::Destination(emit_destination(address, spec));
            (Command::SetDest, vec![named(key), destination])
        }
        Operation::DeleteDestination(key, address) => {
            let destination = CommandAttr::Destination(emit_destination_key(address));
            (Command::DelDest, vec![named(key), destination])
        }
        Operation::Flush => (Command::Flush, Vec::new()),
    };
    IpvsMessage::Command(command, attributes)
}
