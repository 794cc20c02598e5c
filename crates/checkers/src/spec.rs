//! What to check and when: plain values, compared to see whether a reload changed a check.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Names a check for as long as it is configured. A check that changes gets a new id.
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

/// A web server's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// How to reach it.
    pub dial: Dial,
    /// Speak TLS; the peer's certificate is not verified.
    pub tls: bool,
    /// Send the page's virtual host as TLS server name.
    pub sni: bool,
    /// What the request says.
    pub version: HttpVersion,
    /// The pages, one an attempt in turn; at least one.
    pub urls: Vec<Url>,
}

/// The protocol version a request is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// `1.0`
    #[default]
    V1_0,
    /// `1.0c`: 1.0 with `Connection: close`.
    V1_0Close,
    /// `1.1`, with `Connection: close`.
    V1_1,
}

impl FromStr for HttpVersion {
    type Err = UnknownVersion;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "1.0" => Ok(HttpVersion::V1_0),
            "1.0c" | "1.0C" => Ok(HttpVersion::V1_0Close),
            "1.1" => Ok(HttpVersion::V1_1),
            _ => Err(UnknownVersion),
        }
    }
}

/// Not one of `1.0`, `1.0c`, `1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP version: one of 1.0, 1.0c, 1.1 is wanted")]
pub struct UnknownVersion;

/// One page and what it has to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// The path, sent as it stands.
    pub path: String,
    /// The MD5 of the body, where one is wanted.
    pub digest: Option<Digest>,
    /// Status codes that are well; empty means 200-299.
    pub status: Vec<RangeInclusive<u16>>,
    /// The `Host` header; without one it is the target's address and port.
    pub virtualhost: Option<String>,
}

/// An MD5 digest; prints as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 32 hexadecimal digits are wanted")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word.len() != 32 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotADigest);
        }
        u128::from_str_radix(word, 16)
            .map(|number| Digest(number.to_be_bytes()))
            .map_err(|_| NotADigest)
    }
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

    // MD5 of "hello\n", as md5sum prints it.
    const HELLO: &str = "b1946ac92492d2347c6235b4d2611184";

    #[test]
    fn a_digest_is_read_and_printed_as_md5sum_prints_it() {
        assert_eq!(HELLO.parse::<Digest>().unwrap().to_string(), HELLO);
        assert_eq!(
            HELLO.to_uppercase().parse::<Digest>().unwrap().to_string(),
            HELLO
        );
    }

    #[test]
    fn a_digest_is_32_digits() {
        for word in [
            "",
            "b1946ac9",
            "+1946ac92492d2347c6235b4d2611184",
            "g1946ac92492d2347c6235b4d2611184",
        ] {
            assert_eq!(word.parse::<Digest>(), Err(NotADigest), "{word}");
        }
        assert_eq!(format!("{HELLO}0").parse::<Digest>(), Err(NotADigest));
    }

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

    #[test]
    fn versions_are_spelled_as_in_keepalived() {
        assert_eq!("1.0c".parse(), Ok(HttpVersion::V1_0Close));
        assert_eq!("1.0C".parse(), Ok(HttpVersion::V1_0Close));
        assert_eq!("1.1".parse(), Ok(HttpVersion::V1_1));
        assert_eq!("2".parse::<HttpVersion>(), Err(UnknownVersion));
    }
}
