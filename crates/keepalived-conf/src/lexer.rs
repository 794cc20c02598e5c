//! Bytes -> tokens: words, braces, ends of lines. Comments and blanks vanish here.
//!
//! keepalived behaviour: `#` and `!` begin a comment anywhere outside double quotes, `\#` and `\!` do not; a brace splits a
//! word wherever it stands; a physical line longer than 1024 bytes is not read.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{recognize, value};
use nom::multi::many1_count;
use nom::sequence::{delimited, pair};
use nom::{IResult, Parser};

use crate::span::{SourceId, Span};

/// The longest physical line that is read, in bytes.
pub(crate) const LONGEST_LINE: usize = 1024;

/// A word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'s> {
    /// Its text, without double quotes; bytes that are not UTF-8 are replaced.
    pub text: Cow<'s, str>,
    /// Where, quotes included.
    pub span: Span,
}

/// What a text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    Word(Word<'s>),
    Open(Span),
    Close(Span),
    EndOfLine,
    /// A quote that its line does not close; the rest of the line.
    Unterminated(Span),
    /// A line that is not read.
    LineTooLong(Span),
}

#[derive(Clone, Copy)]
enum Raw {
    Blank,
    Word,
    Open,
    Close,
    EndOfLine,
    Unterminated,
}

/// The tokens of one source, made as they are asked for.
pub(crate) struct Lexer<'s> {
    source: SourceId,
    bytes: &'s [u8],
    pos: usize,
    line_end: usize,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(source: SourceId, bytes: &'s [u8]) -> Self {
        // A byte-order mark is no text. (keepalived takes it for a part of the first word.)
        let pos = if bytes.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self {
            source,
            bytes,
            pos,
            line_end: 0,
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: self.source,
            start,
            end,
        }
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            if self.pos >= self.line_end {
                let rest = self.bytes.get(self.pos..).filter(|rest| !rest.is_empty())?;
                let length = rest
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(rest.len(), |at| at + 1);
                self.line_end = self.pos + length;
                if length > LONGEST_LINE {
                    let start = std::mem::replace(&mut self.pos, self.line_end);
                    return Some(Token::LineTooLong(self.span(start, self.line_end)));
                }
            }
            let line = self.bytes.get(self.pos..self.line_end)?;
            let (rest, raw) = token(line).unwrap_or((&[], Raw::Blank));
            let start = self.pos;
            self.pos = self.line_end - rest.len();
            let span = self.span(start, self.pos);
            return Some(match raw {
                Raw::Blank => continue,
                Raw::Open => Token::Open(span),
                Raw::Close => Token::Close(span),
                Raw::EndOfLine => Token::EndOfLine,
                Raw::Unterminated => Token::Unterminated(span),
                Raw::Word => {
                    let text = self.bytes.get(span.start..span.end).unwrap_or_default();
                    Token::Word(Word {
                        text: plain(text),
                        span,
                    })
                }
            });
        }
    }
}

/// One token of a line; there is always one unless the line is empty.
fn token(line: &[u8]) -> IResult<&[u8], Raw> {
    // The first byte tells most of them apart, which is faster than to try one grammar after the other.
    match line {
        [b'{', rest @ ..] => Ok((rest, Raw::Open)),
        [b'}', rest @ ..] => Ok((rest, Raw::Close)),
        [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] | [b'\r', rest @ ..] => {
            Ok((rest, Raw::EndOfLine))
        }
        [b' ' | b'\t', ..] => value(Raw::Blank, take_while1(is_blank)).parse(line),
        [b'#' | b'!', ..] => value(Raw::Blank, take_while1(|b| !is_end(b))).parse(line),
        _ => alt((
            value(
                Raw::Word,
                many1_count(alt((run, quoted, reference, escaped, lone))),
            ),
            value(
                Raw::Unterminated,
                pair(char('"'), take_while(|b| !is_end(b))),
            ),
        ))
        .parse(line),
    }
}

fn quoted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let text = take_while(|b| b != b'"' && b != b'\n' && b != b'\r');
    recognize(delimited(char('"'), text, char('"'))).parse(input)
}

/// `${NAME}`: the braces of a reference are no blocks.
fn reference(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize(delimited(
        tag("${"),
        take_while(|b| !is_end(b) && b != b'}' && b != b'{'),
        char('}'),
    ))
    .parse(input)
}

/// `\#` and `\!` begin no comment.
fn escaped(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize(pair(char('\\'), one_of("#!"))).parse(input)
}

/// A backslash or a dollar sign that means nothing more.
fn lone(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize(one_of("\\$")).parse(input)
}

fn run(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let special = |b: u8| {
        is_blank(b) || is_end(b) || matches!(b, b'{' | b'}' | b'"' | b'#' | b'!' | b'\\' | b'$')
    };
    take_while1(move |b| !special(b)).parse(input)
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

fn is_end(b: u8) -> bool {
    matches!(b, b'\n' | b'\r')
}

/// A word without its quotes and without the backslash before `#` and `!`.
pub(crate) fn plain(text: &[u8]) -> Cow<'_, str> {
    if !text.iter().any(|b| matches!(b, b'"' | b'\\')) {
        return String::from_utf8_lossy(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    let mut inside = false;
    while let Some(b) = bytes.next() {
        match b {
            b'"' => inside = !inside,
            b'\\' if !inside && matches!(bytes.peek(), Some(b'#' | b'!')) => {}
            _ => out.push(b),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &[u8]) -> String {
        let tokens = Lexer::new(SourceId(0), text).map(|token| match token {
            Token::Word(word) => format!("<{}>", word.text),
            Token::Open(_) => "{".to_owned(),
            Token::Close(_) => "}".to_owned(),
            Token::EndOfLine => "/".to_owned(),
            Token::Unterminated(_) => "?".to_owned(),
            Token::LineTooLong(_) => "~".to_owned(),
        });
        tokens.collect()
    }

    #[test]
    fn words_and_braces() {
        assert_eq!(
            show(b"global_defs{\r\n\trouter_id LVS\n}"),
            "<global_defs>{/<router_id><LVS>/}"
        );
        assert_eq!(
            show(b"TCP_CHECK { connect_timeout 3 }"),
            "<TCP_CHECK>{<connect_timeout><3>}"
        );
    }

    #[test]
    fn comments() {
        assert_eq!(
            show(b"state MASTER # x { y\n! all\nprio"),
            "<state><MASTER>//<prio>"
        );
        assert_eq!(
            show(b"a \\# b \"c # ! { } d\" e#f"),
            "<a><#><b><c # ! { } d><e>"
        );
    }

    #[test]
    fn quotes() {
        assert_eq!(
            show(b"router_id \"a b\" c\nrouter_id \"a"),
            "<router_id><a b><c>/<router_id>?"
        );
        assert_eq!(
            show(b"path C:\\x ${NAME}/y $Z"),
            "<path><C:\\x><${NAME}/y><$Z>"
        );
    }

    #[test]
    fn odd_bytes() {
        assert_eq!(show(b"\xef\xbb\xbfvrrp_version 3"), "<vrrp_version><3>");
        assert_eq!(show(b"a\0b \xff\n$ \\ \"\""), "<a\0b><\u{fffd}>/<$><\\><>");
        let mut long = vec![b'x'; 1024];
        long.extend(b"\nfoo");
        assert_eq!(show(&long), "~<foo>");
    }
}
