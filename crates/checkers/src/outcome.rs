//! What an attempt saw. Each outcome carries its evidence, so that a log line can say why.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::spec::{CheckId, Digest};
pub use datagram::{DatagramFailure, Stray};
pub use smtp::{SmtpFailure, SmtpFault, SmtpStep};

mod datagram;
mod smtp;

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As wanted.
    Success(Evidence),
    /// Not as wanted.
    Failure(Failure),
}

impl Outcome {
    /// Whether it is a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Success(_))
    }
}

/// What a success saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The connection was made.
    Connected,
    /// A page came.
    Answered {
        /// Its status code.
        status: u16,
        /// The MD5 of its body, where one was wanted.
        digest: Option<Digest>,
        /// The body's length in bytes.
        length: u64,
    },
    /// The command ended with this status: 0, or with `misc_dynamic` 0 and 2 to 255.
    Exited {
        /// The exit status.
        status: u8,
    },
    /// A mail server spoke, up to its farewell.
    Spoke,
    /// A name server answered.
    Resolved {
        /// Records in its answer; none is well, too.
        answers: u16,
    },
    /// A datagram came back, or an echo.
    Replied,
    /// Nothing came back, no complaint either.
    Silent,
}

/// What a failure saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The socket could not be made ready.
    Socket {
        /// What was tried: `bind to 192.0.2.1:0`.
        act: String,
        /// The kernel's answer.
        reason: String,
    },
    /// The peer refused.
    Refused,
    /// The connection failed in another way.
    Unreachable {
        /// The kernel's answer.
        reason: String,
    },
    /// No connection in time.
    ConnectTimedOut {
        /// The time allowed.
        after: Duration,
    },
    /// The TLS handshake failed.
    Tls {
        /// OpenSSL's words.
        reason: String,
    },
    /// The TLS handshake did not end in time.
    TlsTimedOut {
        /// The time allowed for the attempt.
        after: Duration,
    },
    /// The peer did not take the request in time.
    SendTimedOut {
        /// The time allowed for the attempt.
        after: Duration,
    },
    /// The answer was not complete in time.
    NoAnswer {
        /// The time allowed for the attempt.
        after: Duration,
        /// Bytes that did come.
        received: u64,
    },
    /// The connection broke.
    Lost {
        /// Why.
        reason: String,
        /// Bytes that came before.
        received: u64,
    },
    /// The peer closed before the header was complete.
    ClosedEarly {
        /// Bytes that came before.
        received: u64,
    },
    /// The TLS connection ended without `close_notify`, where that is asked for.
    NoGoodbye {
        /// Bytes that came before.
        received: u64,
    },
    /// The answer is no HTTP.
    NotHttp {
        /// How it begins, fit to be shown.
        begins: String,
    },
    /// The header is longer than we keep.
    HeaderTooLong {
        /// Bytes that we keep.
        limit: usize,
    },
    /// The page has another status.
    Status {
        /// The one it has.
        seen: u16,
        /// Those that are well.
        wanted: Vec<RangeInclusive<u16>>,
    },
    /// The page has another body.
    Digest {
        /// Its digest.
        seen: Digest,
        /// The one configured.
        wanted: Digest,
    },
    /// The page does not have what was searched for.
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The body's length in bytes.
        length: u64,
    },
    /// The page has what it must not have.
    Match {
        /// The pattern.
        pattern: String,
        /// Bytes of the body before it.
        at: u64,
    },
    /// To search the page takes too many steps.
    TooCostly {
        /// The pattern.
        pattern: String,
        /// Bytes of the body before the place that is to blame.
        at: u64,
    },
    /// The check has no such page, or no page at all.
    NoUrl,
    /// The command could not be run.
    NotStarted {
        /// The program.
        program: String,
        /// The kernel's answer.
        reason: String,
    },
    /// The command ended with a failing status.
    Exited {
        /// That status.
        status: i32,
    },
    /// The command was ended by a signal.
    Signalled {
        /// Its number.
        signal: i32,
    },
    /// The command did not end in time, and was killed.
    CommandTimedOut {
        /// The time allowed.
        after: Duration,
    },
    /// The mail server did not speak as it should.
    Smtp(SmtpFailure),
    /// The answer to a datagram did not come, or was another one.
    Datagram(DatagramFailure),
    /// The probe has a bug: it panicked.
    Panicked {
        /// The panic's message.
        message: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Socket { act, reason } => write!(f, "cannot {act}: {reason}"),
            Failure::Refused => f.write_str("connection refused"),
            Failure::Unreachable { reason } => write!(f, "cannot connect: {reason}"),
            Failure::ConnectTimedOut { after } => {
                write!(f, "connect timed out after {}", Seconds(*after))
            }
            Failure::Tls { reason } => write!(f, "TLS handshake failed: {reason}"),
            Failure::TlsTimedOut { after } => {
                write!(f, "no TLS handshake within {}", Seconds(*after))
            }
            Failure::SendTimedOut { after } => {
                write!(f, "request not taken within {}", Seconds(*after))
            }
            Failure::NoAnswer { after, received: 0 } => {
                write!(f, "no answer within {}", Seconds(*after))
            }
            Failure::NoAnswer { after, received } => {
                write!(
                    f,
                    "no answer within {} ({} so far)",
                    Seconds(*after),
                    Bytes(*received)
                )
            }
            Failure::Lost { reason, received } => {
                write!(f, "connection lost after {}: {reason}", Bytes(*received))
            }
            Failure::ClosedEarly { received: 0 } => f.write_str("closed without an answer"),
            Failure::ClosedEarly { received } => {
                write!(f, "closed within the header, after {}", Bytes(*received))
            }
            Failure::NoGoodbye { received } => {
                write!(f, "no TLS close_notify after {}", Bytes(*received))
            }
            Failure::NotHttp { begins } => write!(f, "the answer is not HTTP: \"{begins}\""),
            Failure::HeaderTooLong { limit } => write!(f, "header longer than {limit} bytes"),
            Failure::Status { seen, wanted } => {
                write!(f, "status {seen}, wanted ")?;
                ranges(f, wanted)
            }
            Failure::Digest { seen, wanted } => write!(f, "digest {seen}, wanted {wanted}"),
            Failure::NoMatch { pattern, length } => {
                write!(f, "`{pattern}` is not in {}", Bytes(*length))
            }
            Failure::Match { pattern, at } => {
                write!(f, "`{pattern}` after {}, wanted nowhere", Bytes(*at))
            }
            Failure::TooCostly { pattern, at } => {
                write!(f, "`{pattern}` takes too many steps after {}", Bytes(*at))
            }
            Failure::NoUrl => f.write_str("no page to ask for"),
            Failure::NotStarted { program, reason } => write!(f, "cannot run {program}: {reason}"),
            Failure::Exited { status } => write!(f, "exited with status {status}"),
            Failure::Signalled { signal } => write!(f, "due to signal {signal}"),
            Failure::CommandTimedOut { after } => write!(f, "timed out after {}", Seconds(*after)),
            Failure::Smtp(failure) => failure.fmt(f),
            Failure::Datagram(failure) => failure.fmt(f),
            Failure::Panicked { message } => write!(f, "the check itself failed: {message}"),
        }
    }
}

impl std::error::Error for Failure {}

fn ranges(f: &mut fmt::Formatter<'_>, wanted: &[RangeInclusive<u16>]) -> fmt::Result {
    for (place, range) in wanted.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        if range.start() == range.end() {
            write!(f, "{}", range.start())?;
        } else {
            write!(f, "{}-{}", range.start(), range.end())?;
        }
    }
    Ok(())
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Below a tenth of a second one place would say "0.0 s".
        let places = if self.0 < Duration::from_millis(100) {
            3
        } else {
            1
        };
        write!(f, "{:.places$} s", self.0.as_secs_f64())
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// What the check holds of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// It may have clients.
    Up,
    /// It may not.
    Down,
}

/// One attempt, told to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose attempt.
    pub id: CheckId,
    /// What was seen.
    pub outcome: Outcome,
    /// The new verdict, where it changed by this attempt; `Up` also when everything works for the first time, so
    /// that it can be told.
    pub change: Option<Health>,
    /// Failures in a row, this one included; 0 for a success.
    pub attempt: u32,
    /// `retry` as configured.
    pub retry: u32,
    /// How long the attempt took.
    pub elapsed: Duration,
    /// The weight that a `misc_dynamic` command asks for, 0 to 253. `None` with a success means that the
    /// server has its configured weight, also when an earlier attempt asked for another.
    pub dynamic_weight: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_seen() {
        let seconds = Duration::from_secs;
        let cases = [
            (
                Failure::ConnectTimedOut { after: seconds(3) },
                "connect timed out after 3.0 s",
            ),
            (Failure::Refused, "connection refused"),
            (
                Failure::Status {
                    seen: 503,
                    wanted: vec![200..=299],
                },
                "status 503, wanted 200-299",
            ),
            (
                Failure::Status {
                    seen: 200,
                    wanted: vec![301..=301, 400..=404],
                },
                "status 200, wanted 301, 400-404",
            ),
            (
                Failure::Digest {
                    seen: Digest([0x1a; 16]),
                    wanted: Digest([0x3c; 16]),
                },
                "digest 1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a, wanted 3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c",
            ),
            (Failure::Exited { status: 1 }, "exited with status 1"),
            (
                Failure::NoAnswer {
                    after: seconds(1),
                    received: 12,
                },
                "no answer within 1.0 s (12 bytes so far)",
            ),
            (
                Failure::NoAnswer {
                    after: Duration::from_millis(50),
                    received: 0,
                },
                "no answer within 0.050 s",
            ),
            (
                Failure::ClosedEarly { received: 1 },
                "closed within the header, after 1 byte",
            ),
        ];
        for (failure, text) in cases {
            assert_eq!(failure.to_string(), text);
        }
    }
}
