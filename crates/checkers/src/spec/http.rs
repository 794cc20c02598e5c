//! `HTTP_GET` and `SSL_GET`: pages, and what they have to look like.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use pattern::{Pattern, Range};

use super::Dial;
use crate::tls::TlsClient;

/// A web server's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// How to reach it.
    pub dial: Dial,
    /// Speak TLS, as this client.
    pub tls: Option<Arc<TlsClient>>,
    /// Send the page's virtual host as TLS server name.
    pub sni: bool,
    /// What the request says.
    pub version: HttpVersion,
    /// While the server has not been seen to work, no time passes between a page that came and the next one.
    pub fast_recovery: bool,
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
    /// What the body is searched for.
    pub pattern: Option<PagePattern>,
    /// A page that ends without a TLS `close_notify` is a failure.
    pub tls_compliant: bool,
    /// The server's certificate has to be valid for the virtual host, or the address where there is none.
    pub tls_verify: bool,
}

/// What a body is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePattern {
    /// The pattern, shared by all pages that have the same.
    pub pattern: Arc<Pattern>,
    /// It must not be there.
    pub negate: bool,
    /// Where a match may begin.
    pub range: Range,
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
    fn versions_are_spelled_as_in_keepalived() {
        assert_eq!("1.0c".parse(), Ok(HttpVersion::V1_0Close));
        assert_eq!("1.0C".parse(), Ok(HttpVersion::V1_0Close));
        assert_eq!("1.1".parse(), Ok(HttpVersion::V1_1));
        assert_eq!("2".parse::<HttpVersion>(), Err(UnknownVersion));
    }
}
