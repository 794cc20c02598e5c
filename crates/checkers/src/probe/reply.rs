//! A mail server's reply (RFC 5321 4.2). Pure: bytes in, replies out.

use std::fmt;

/// RFC 5321 4.5.3.1.5: a line with its end.
pub const LONGEST_LINE: usize = 512;

/// All lines of a reply together; RFC 5321 knows no limit.
pub const LONGEST: usize = 65_536;

/// What of a reply's text is kept, in bytes.
const KEPT: usize = 100;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its code, 200 to 559.
    pub code: u16,
    /// The beginning of its first line's text; what is not printable in it is replaced.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        match self.text.as_str() {
            "" => Ok(()),
            text => write!(f, " {text}"),
        }
    }
}

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// A line that does not end.
    #[error("a line of more than {LONGEST_LINE} bytes")]
    LongLine,
    /// Lines that do not end.
    #[error("more than {LONGEST} bytes")]
    Long,
    /// A line that does not begin with a code, and a blank, a hyphen or nothing after it.
    #[error("a line without a code")]
    NoCode,
    /// The lines of one reply have several codes.
    #[error("lines with different codes")]
    Codes,
}

/// Collects one reply. Keeps a line at most.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    first: Option<Reply>,
    received: usize,
}

impl Reader {
    /// A reader that has nothing yet.
    #[must_use]
    pub fn new() -> Reader {
        Reader::default()
    }

    /// Takes what came. With the reply complete, answers it and the bytes after it; the reader is then to be given up.
    ///
    /// # Errors
    /// Why this can never become a reply.
    pub fn handle<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(Reply, &'b [u8])>, Malformed> {
        let mut rest = bytes;
        loop {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.keep(rest)?;
                return Ok(None);
            };
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            self.keep(line)?;
            let line = std::mem::take(&mut self.line);
            let (reply, last) = parse(&line).ok_or(Malformed::NoCode)?;
            let first = self.first.get_or_insert_with(|| reply.clone());
            if first.code != reply.code {
                return Err(Malformed::Codes);
            }
            if last {
                return Ok(Some((first.clone(), rest)));
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        self.received = self.received.saturating_add(piece.len());
        if self.line.len().saturating_add(piece.len()) > LONGEST_LINE {
            return Err(Malformed::LongLine);
        }
        if self.received > LONGEST {
            return Err(Malformed::Long);
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }
}

/// A line with its end, which may be a newline alone, and whether it is the last one.
///
/// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF`; the digits of a code are
/// 2 to 5, 0 to 5, 0 to 9.
fn parse(line: &[u8]) -> Option<(Reply, bool)> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (&[a @ b'2'..=b'5', b @ b'0'..=b'5', c @ b'0'..=b'9'], rest) = line.split_first_chunk()?
    else {
        return None;
    };
    let digit = |digit: u8| u16::from(digit - b'0');
    let code = digit(a) * 100 + digit(b) * 10 + digit(c);
    let (last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    let text = text.get(..KEPT).unwrap_or(text);
    let text = String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    Some((Reply { code, text }, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<(u16, String, Vec<u8>)>, Malformed> {
        let read = Reader::new().handle(bytes)?;
        Ok(read.map(|(reply, rest)| (reply.code, reply.text, rest.to_vec())))
    }

    fn complete(code: u16, text: &str) -> Result<Option<(u16, String, Vec<u8>)>, Malformed> {
        Ok(Some((code, text.into(), Vec::new())))
    }

    #[test]
    fn one_line() {
        // RFC 5321 D.1.
        assert_eq!(
            read(b"220 foo.com Simple Mail Transfer Service Ready\r\n"),
            complete(220, "foo.com Simple Mail Transfer Service Ready")
        );
        assert_eq!(read(b"220\r\n"), complete(220, ""));
        assert_eq!(read(b"220 \n"), complete(220, ""));
        assert_eq!(read(b"220 foo"), Ok(None));
    }

    #[test]
    fn several_lines() {
        // RFC 5321 D.1, the reply to EHLO.
        assert_eq!(
            read(b"250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n"),
            complete(250, "foo.com greets bar.com")
        );
        assert_eq!(read(b"250-8BITMIME\r\n"), Ok(None));
        assert_eq!(read(b"220-a\r\n554 b\r\n"), Err(Malformed::Codes));
    }

    #[test]
    fn what_comes_after_it_is_handed_back() {
        assert_eq!(
            read(b"220 a\r\n250 b\r\n"),
            Ok(Some((220, "a".into(), b"250 b\r\n".to_vec())))
        );
    }

    #[test]
    fn what_is_no_reply() {
        for line in [
            "hello\r\n",
            "\r\n",
            "22\r\n",
            "2200 a\r\n",
            "220\ta\r\n",
            "120 a\r\n",
            "260 a\r\n",
            " 220 a\r\n",
        ] {
            assert_eq!(read(line.as_bytes()), Err(Malformed::NoCode), "{line:?}");
        }
    }

    #[test]
    fn a_line_has_512_bytes_at_most() {
        let line = |length: usize| format!("220 {}\r\n", "x".repeat(length - 6)).into_bytes();
        assert_eq!(read(&line(512)), complete(220, &"x".repeat(100)));
        assert_eq!(read(&line(513)), Err(Malformed::LongLine));
        assert_eq!(read(&[b'2'; 513]), Err(Malformed::LongLine));
    }

    #[test]
    fn a_reply_ends() {
        let endless = "220-a\r\n".repeat(20_000);
        assert_eq!(read(endless.as_bytes()), Err(Malformed::Long));
    }

    #[test]
    fn nothing_unprintable_goes_on() {
        assert_eq!(
            read(b"554 a\x1b[2J\xff\r\n"),
            complete(554, "a\u{fffd}[2J\u{fffd}")
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in "[25]{2}0[ -][a\r\n]{0,4}\r?\n(220[ -]b?\n){0,3}",
            cut in prop::collection::vec(0_usize..40, 0..5),
        ) {
            let bytes = bytes.as_bytes();
            let whole = read(bytes);
            let mut cut: Vec<usize> = cut.into_iter().map(|at| at.min(bytes.len())).collect();
            cut.extend([0, bytes.len()]);
            cut.sort_unstable();
            let mut reader = Reader::new();
            let mut seen = Ok(None);
            for window in cut.windows(2) {
                match reader.handle(&bytes[window[0]..window[1]]) {
                    Ok(None) => {}
                    Ok(Some((reply, rest))) => {
                        let rest = [rest, &bytes[window[1]..]].concat();
                        seen = Ok(Some((reply.code, reply.text, rest)));
                        break;
                    }
                    Err(error) => {
                        seen = Err(error);
                        break;
                    }
                }
            }
            prop_assert_eq!(seen, whole);
        }
    }
}
