//! The answer, read piece by piece: the header is kept up to a limit, the body only hashed.

use md5::{Digest as _, Md5};

use crate::outcome::Failure;
use crate::spec::Digest;

/// Bytes of header that are kept; a longer one is a failure.
pub const HEADER_LIMIT: usize = 64 * 1024;

/// An HTTP answer as far as it has come.
///
/// keepalived behaviour: the digest is over the bytes after the header as received, no more than `Content-Length`
/// says; a chunked body is not decoded, and less than `Content-Length` says is no failure.
pub struct Response {
    hashed: bool,
    header: Vec<u8>,
    body: Option<Body>,
    received: u64,
}

struct Body {
    left: Option<u64>,
    length: u64,
    hash: Option<Md5>,
}

/// What a whole answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code, where the header starts with a status line.
    pub status: Option<u16>,
    /// How it begins, fit to be shown; empty where there is a status.
    pub begins: String,
    /// The MD5 of the body, where it was wanted.
    pub digest: Option<Digest>,
    /// The body's length in bytes.
    pub length: u64,
}

impl Response {
    /// Before the first byte. `hashed`: the digest of the body is wanted.
    #[must_use]
    pub fn new(hashed: bool) -> Response {
        Response {
            hashed,
            header: Vec::new(),
            body: None,
            received: 0,
        }
    }

    /// Bytes that came so far, header and body.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The header with its empty line, once it is complete.
    #[must_use]
    pub fn header(&self) -> Option<&[u8]> {
        self.body.is_some().then_some(self.header.as_slice())
    }

    /// Takes the next piece. Answers the part of it that belongs to the body.
    ///
    /// # Errors
    /// [`Failure::HeaderTooLong`]; the answer is useless from then on.
    pub fn handle<'piece>(&mut self, piece: &'piece [u8]) -> Result<&'piece [u8], Failure> {
        self.received = self.received.saturating_add(length(piece));
        let rest = match self.body {
            Some(_) => piece,
            None => match self.take_header(piece)? {
                Some(rest) => rest,
                None => return Ok(&[]),
            },
        };
        Ok(self.body.as_mut().map_or(&[], |body| body.handle(rest)))
    }

    /// The peer has closed: this is all.
    ///
    /// # Errors
    /// [`Failure::ClosedEarly`] without a complete header.
    pub fn end(self) -> Result<Answer, Failure> {
        let Some(body) = self.body else {
            return Err(Failure::ClosedEarly {
                received: self.received,
            });
        };
        let status = status(&self.header);
        Ok(Answer {
            status,
            begins: match status {
                Some(_) => String::new(),
                None => beginning(&self.header),
            },
            digest: body.hash.map(|hash| Digest(hash.finalize().into())),
            length: body.length,
        })
    }

    /// Completes the header from `piece`, if it is there; what follows it is the answer.
    fn take_header<'piece>(
        &mut self,
        piece: &'piece [u8],
    ) -> Result<Option<&'piece [u8]>, Failure> {
        const END: &[u8] = b"\r\n\r\n";
        let before = self.header.len();
        // The empty line may have begun in an earlier piece.
        let from = before.saturating_sub(END.len() - 1);
        let room = HEADER_LIMIT - before;
        self.header
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
        let end = self
            .header
            .get(from..)
            .and_then(|tail| tail.windows(END.len()).position(|window| window == END))
            .map(|place| from + place + END.len());
        match end {
            Some(end) => {
                self.header.truncate(end);
                self.body = Some(Body::new(content_length(&self.header), self.hashed));
                Ok(Some(piece.get(end - before..).unwrap_or_default()))
            }
            None if piece.len() >= room => Err(Failure::HeaderTooLong {
                limit: HEADER_LIMIT,
            }),
            None => Ok(None),
        }
    }
}

impl Body {
    fn new(left: Option<u64>, hashed: bool) -> Body {
        Body {
            left,
            length: 0,
            hash: hashed.then(Md5::new),
        }
    }

    fn handle<'piece>(&mut self, piece: &'piece [u8]) -> &'piece [u8] {
        let taken = match self.left {
            None => piece,
            Some(left) => {
                let count = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                piece.get(..count).unwrap_or_default()
            }
        };
        self.left = self.left.map(|left| left.saturating_sub(length(taken)));
        self.length = self.length.saturating_add(length(taken));
        if let Some(hash) = &mut self.hash {
            hash.update(taken);
        }
        taken
    }
}

fn length(piece: &[u8]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

/// The code of a status line (RFC 9112 section 4): `HTTP/1.1 200 OK`.
fn status(header: &[u8]) -> Option<u16> {
    let line = header.split(|&byte| byte == b'\r').next()?;
    let mut words = line
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    words.next()?.strip_prefix(b"HTTP/")?;
    let code = words.next()?;
    (code.len() == 3 && code.iter().all(u8::is_ascii_digit))
        .then(|| number(code))
        .flatten()
}

/// The first bytes of what is no header.
fn beginning(header: &[u8]) -> String {
    const SHOWN: usize = 40;
    let (shown, more) = match header.get(..SHOWN) {
        Some(shown) => (shown, ".."),
        None => (header.trim_ascii_end(), ""),
    };
    format!("{}{more}", shown.escape_ascii())
}

/// `Content-Length`, if it is a number (RFC 9112 section 6.3); the last one counts.
fn content_length(header: &[u8]) -> Option<u64> {
    header
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            name.eq_ignore_ascii_case(b"content-length")
                .then(|| number(value.get(1..)?.trim_ascii()))
                .flatten()
        })
        .next_back()
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // From md5sum.
    const HELLO: &str = "b1946ac92492d2347c6235b4d2611184";
    const NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";
    // From the genhash of keepalived 2.2.7: the body of CHUNKED as it stands.
    const CHUNKED_AS_IT_STANDS: &str = "8aea47faa8ff765544508726bbcd3b9d";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n";

    fn whole(bytes: &[u8]) -> Result<Answer, Failure> {
        let mut response = Response::new(true);
        response.handle(bytes)?;
        response.end()
    }

    #[test]
    fn digests_are_those_of_keepalived() {
        let cases: [(&[u8], &str); 7] = [
            (b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nhello\n", HELLO),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\nTRAILING",
                HELLO,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nhello\n",
                HELLO,
            ),
            (
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nnope!\n",
                "f69aab2b735f5912b03225b72dee6a96",
            ),
            (b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n", NOTHING),
            (
                b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\nhello\n",
                NOTHING,
            ),
            (CHUNKED, CHUNKED_AS_IT_STANDS),
        ];
        for (bytes, digest) in cases {
            assert_eq!(whole(bytes).unwrap().digest.unwrap().to_string(), digest);
        }
    }

    #[test]
    fn the_status_line_is_read() {
        assert_eq!(
            whole(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap().status,
            Some(404)
        );
        assert_eq!(whole(b"HTTP/1.0 204\r\n\r\n").unwrap().status, Some(204));
        for line in [
            "asdf asdf",
            "HTTP/1.1",
            "HTTP/1.1 20",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 +20 OK",
            "ICY 200 OK",
        ] {
            assert_eq!(
                whole(format!("{line}\r\n\r\n").as_bytes()).unwrap().status,
                None,
                "{line}"
            );
        }
    }

    #[test]
    fn without_an_empty_line_there_is_no_answer() {
        assert_eq!(whole(b""), Err(Failure::ClosedEarly { received: 0 }));
        assert_eq!(
            whole(b"HTTP/1.0 200 OK\n\nhello\n"),
            Err(Failure::ClosedEarly { received: 23 })
        );
    }

    #[test]
    fn the_header_has_a_limit_and_the_body_has_none() {
        let mut long = b"HTTP/1.0 200 OK\r\nX: ".to_vec();
        long.resize(HEADER_LIMIT - 4, b'a');
        long.extend(b"\r\n\r\nhello\n");
        assert_eq!(whole(&long).unwrap().digest.unwrap().to_string(), HELLO);
        long.insert(20, b'a');
        assert_eq!(
            whole(&long),
            Err(Failure::HeaderTooLong {
                limit: HEADER_LIMIT
            })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm_and_pieces_make_no_difference(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "HTTP/1\\.[01] [0-9]{0,4}( OK)?\r?\n(Content-Length: [0-9]{0,25}\r\n)?\r?\n?[a-z]{0,40}"
                    .prop_map(String::into_bytes),
            ],
            cuts in proptest::collection::vec(1_usize..40, 1..60),
        ) {
            let mut response = Response::new(true);
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                response.handle(piece)?;
                rest = after;
            }
            response.handle(rest)?;
            prop_assert_eq!(response.received(), bytes.len() as u64);
            prop_assert_eq!(response.end(), whole(&bytes));
        }
    }
}
