//! What to check and when: plain values, compared to see whether a reload changed a check.

mod http;

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

pub use http::{Digest, HttpProbe, HttpVersion, NotADigest, PagePattern, UnknownVersion, Url};

/// Names a check for as long as it is configured. A check that asks for something else gets a new id; its
/// times may change under the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub u64);

/// One health check of one real server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name towards the caller.
    pub id: CheckId,
    /// What to try; shared with whoever keeps the configuration.
    pub probe: Arc<Probe>,
    /// When, and how often it may fail.
    pub timing: Arc<Timing>,
}

/// What one attempt does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `TCP_CHECK`: connects, and closes again.
    Tcp(Dial),
    /// `HTTP_GET` and `SSL_GET`: fetches one page, compares status and digest.
    Http(HttpProbe),
    /// `MISC_CHECK`: runs a command.
    Misc(MiscProbe),
    /// `SMTP_CHECK`: waits for the greeting, says `HELO` and `QUIT`.
    Smtp(SmtpProbe),
    /// `DNS_CHECK`: asks one question over UDP.
    Dns(DnsProbe),
    /// `UDP_CHECK`: sends one datagram, and may want an answer.
    Udp(Box<UdpProbe>),
    /// `PING_CHECK`: sends an ICMP echo request; the ports of the dial are the request's identifier, if anything.
    Ping(Dial),
}

impl Probe {
    /// Whether it needs a socket for ICMP.
    #[must_use]
    pub fn is_ping(&self) -> bool {
        matches!(self, Probe::Ping(_))
    }

    /// Whether it starts a command.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Probe::Misc(_))
    }

    /// How many pages a full pass takes: 1 for all but HTTP.
    #[must_use]
    pub fn urls(&self) -> usize {
        match self {
            Probe::Http(http) => http.urls.len().max(1),
            Probe::Tcp(_)
            | Probe::Misc(_)
            | Probe::Smtp(_)
            | Probe::Dns(_)
            | Probe::Udp(_)
            | Probe::Ping(_) => 1,
        }
    }
}

/// Where to connect to, from where, and how long an attempt may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Address and port to connect to.
    pub target: SocketAddr,
    /// Address and port to connect from; an unspecified address or port 0 leaves that part to the kernel.
    pub bind: Option<SocketAddr>,
    /// Interface to go out by (`SO_BINDTODEVICE`).
    pub bind_interface: Option<String>,
    /// Firewall mark of the packets (`SO_MARK`).
    pub fwmark: Option<u32>,
    /// For the whole attempt: connecting, TLS, sending and reading together.
    pub timeout: Duration,
}

/// A command whose exit status is the answer: 0 is success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiscProbe {
    /// The program and its arguments; run directly, by no shell.
    pub command: Vec<String>,
    /// After this its process group gets SIGTERM, and SIGKILL 2 s later.
    pub timeout: Duration,
    /// `misc_dynamic`: 2 to 255 are a success too, and mean weight 0 to 253.
    pub dynamic: bool,
    /// User and group ids to run as; our own without.
    pub user: Option<(u32, u32)>,
}

/// A mail server's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpProbe {
    /// How to reach it.
    pub dial: Dial,
    /// What we call ourselves.
    pub helo_name: String,
}

/// A name server's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsProbe {
    /// How to reach it.
    pub dial: Dial,
    /// The name asked for: labels with dots between them; `.` is the root. Nothing in it is an escape.
    pub name: String,
    /// The type asked for, by its number (RFC 1035 3.2.2): 1 is A, 6 is SOA.
    pub kind: u16,
}

/// The check of any server over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpProbe {
    /// How to reach it.
    pub dial: Dial,
    /// What is sent.
    pub payload: Vec<u8>,
    /// The answer that has to come; without one, silence is a success too.
    pub reply: Option<UdpReply>,
}

/// What an answer over UDP has to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpReply {
    /// How long it may be, in bytes. Counts only where there are `bytes`.
    pub length: RangeInclusive<u16>,
    /// Its first bytes, as far as it has them; empty takes any answer of any length.
    pub bytes: Vec<ReplyByte>,
}

/// A byte of an answer. Prints as in the configuration: two hexadecimal digits, `X` for four bits that may be
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyByte {
    /// What the bits of the mask must be; the others are 0.
    pub value: u8,
    /// The bits that count: all, or the upper or lower four.
    pub mask: u8,
}

impl ReplyByte {
    /// Whether `byte` is as wanted.
    #[must_use]
    pub fn accepts(self, byte: u8) -> bool {
        byte & self.mask == self.value
    }
}

impl fmt::Display for ReplyByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shift in [4, 0] {
            if self.mask >> shift & 0xf == 0 {
                f.write_str("X")?;
            } else {
                write!(f, "{:x}", self.value >> shift & 0xf)?;
            }
        }
        Ok(())
    }
}

/// When to try, and how many failures make a server go down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two attempts.
    pub delay_loop: Duration,
    /// Failures beyond the first, in a row, before a server that is up goes down.
    pub retry: u32,
    /// Between those.
    pub delay_before_retry: Duration,
    /// The first attempt comes at a random time up to this.
    pub warmup: Duration,
    /// The server is down until the first success.
    pub alpha: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_of_an_answer_may_be_half_of_it() {
        let half = ReplyByte {
            value: 0x30,
            mask: 0xf0,
        };
        assert!(half.accepts(0x3f) && !half.accepts(0x4f));
        assert_eq!(half.to_string(), "3X");
        let any = ReplyByte { value: 0, mask: 0 };
        assert!(any.accepts(0xff));
        assert_eq!(any.to_string(), "XX");
    }
}
