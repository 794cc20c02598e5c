//! What a page has to look like, and what its server has to be.

use std::ops::RangeInclusive;

use pattern::{Costly, Search};

use super::response::Answer;
use crate::outcome::{Evidence, Failure};
use crate::spec::{HttpProbe, Url};
use crate::tls::{Name, Wish};

/// Status codes that are well where the configuration names none.
const WELL: RangeInclusive<u16> = 200..=299;

/// A page that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was.
    pub answer: Answer,
    /// Where in its body the pattern was found.
    pub found: Option<u64>,
}

/// What the handshake for a page is to be like.
pub fn wish<'a>(http: &HttpProbe, url: &'a Url) -> Wish<'a> {
    let virtualhost = url.virtualhost.as_deref();
    Wish {
        sni: virtualhost.filter(|_| http.sni),
        compliant: url.tls_compliant,
        verify: url.tls_verify.then(|| match virtualhost {
            Some(name) => host(name),
            None => Name::Address(http.dial.target.ip()),
        }),
    }
}

/// A virtual host without its port.
fn host(name: &str) -> Name<'_> {
    let name = match name.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => name,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    bare.parse().map_or(Name::Host(name), Name::Address)
}

/// keepalived behaviour: the status counts also where a digest or a pattern is configured.
///
/// # Errors
/// The first thing that is not as wanted.
pub fn judge(url: &Url, seen: &Seen) -> Result<Evidence, Failure> {
    let Answer {
        status,
        digest,
        length,
        ..
    } = seen.answer;
    let Some(status) = status else {
        return Err(Failure::NotHttp {
            begins: seen.answer.begins.clone(),
        });
    };
    let well: &[RangeInclusive<u16>] = if url.status.is_empty() {
        &[WELL]
    } else {
        &url.status
    };
    if !well.iter().any(|range| range.contains(&status)) {
        return Err(Failure::Status {
            seen: status,
            wanted: well.to_vec(),
        });
    }
    if let (Some(wanted), Some(seen)) = (url.digest, digest)
        && wanted != seen
    {
        return Err(Failure::Digest { seen, wanted });
    }
    if let Some(wanted) = &url.pattern {
        let pattern = || wanted.pattern.text().to_owned();
        match (seen.found, wanted.negate) {
            (None, false) => {
                return Err(Failure::NoMatch {
                    pattern: pattern(),
                    length,
                });
            }
            (Some(at), true) => {
                return Err(Failure::Match {
                    pattern: pattern(),
                    at,
                });
            }
            _ => {}
        }
    }
    Ok(Evidence::Answered {
        status,
        digest,
        length,
    })
}

/// A search that had to be given up.
pub fn costly(search: &Search<'_>, costly: Costly) -> Failure {
    Failure::TooCostly {
        pattern: search.pattern().text().to_owned(),
        at: costly.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_host_is_verified_without_its_port() {
        assert_eq!(host("www.example.org"), Name::Host("www.example.org"));
        assert_eq!(host("www.example.org:8443"), Name::Host("www.example.org"));
        assert_eq!(host("192.0.2.1:443"), Name::Address([192, 0, 2, 1].into()));
        let address = Name::Address("2001:db8::1".parse().unwrap());
        assert_eq!(host("[2001:db8::1]:443"), address);
        assert_eq!(host("[2001:db8::1]"), address);
        assert_eq!(host("odd:"), Name::Host("odd:"));
    }
}
