//! A line -> tokens: words and braces. Comments and blanks vanish here.
//!
//! keepalived behaviour: `#` and `!` begin a comment anywhere outside double quotes, `\#` and `\!` do not; a brace splits a
//! word wherever it stands, that of a `${NAME}` which is not defined too.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{recognize, value};
use nom::multi::many1_count;
use nom::sequence::{delimited, pair};
use nom::{IResult, Parser};

use crate::span::Span;

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

/// What a line is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    Word(Word<'s>),
    Open(Span),
    Close(Span),
    EndOfLine,
    /// A quote that its line does not close; the rest of the line.
    Unterminated(Span),
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

/// The tokens of one line, made as they are asked for.
pub(crate) struct Lexer<'s> {
    bytes: &'s [u8],
    line: Span,
}

impl<'s> Lexer<'s> {
    /// Of a line that stands in these bytes.
    pub(crate) fn new(bytes: &'s [u8], line: Span) -> Self {
        Self { bytes, line }
    }

    /// What has not been read of it, unless that is only its end.
    pub(crate) fn rest(&self) -> Option<Span> {
        let rest = self.bytes.get(self.line.start..self.line.end)?;
        (!rest.trim_ascii_start().is_empty()).then_some(self.line)
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let line = self.bytes.get(self.line.start..self.line.end)?;
            if line.is_empty() {
                return None;
            }
            let (rest, raw) = token(line).unwrap_or((&[], Raw::Blank));
            let span = self.line.head(line.len() - rest.len());
            self.line.start = span.end;
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
            value(Raw::Word, many1_count(alt((run, quoted, escaped, lone)))),
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

/// `\#` and `\!` begin no comment.
fn escaped(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize(pair(char('\\'), one_of("#!"))).parse(input)
}

/// A backslash that means nothing more.
fn lone(input: &[u8]) -> IResult<&[u8], &[u8]> {
    recognize(char('\\')).parse(input)
}

fn run(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let special =
        |b: u8| is_blank(b) || is_end(b) || matches!(b, b'{' | b'}' | b'"' | b'#' | b'!' | b'\\');
    take_while1(move |b| !special(b)).parse(input)
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

fn is_end(b: u8) -> bool {
    matches!(b, b'\n' | b'\r')
}

/// Where a comment begins in a line, if there is one.
pub(crate) fn comment(line: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    line.iter().position(|b| {
        quoted ^= *b == b'"';
        let begins = !quoted && !escaped && matches!(b, b'#' | b'!');
        escaped = *b == b'\\' && !quoted;
        begins
    })
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
        let line = Span {
            end: text.len(),
            ..Span::default()
        };
        let tokens = Lexer::new(text, line).map(|token| match token {
            Token::Word(word) => format!("<{}>", word.text),
            Token::Open(_) => "{".to_owned(),
            Token::Close(_) => "}".to_owned(),
            Token::EndOfLine => "/".to_owned(),
            Token::Unterminated(_) => "?".to_owned(),
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
            "<path><C:\\x><$>{<NAME>}</y><$Z>"
        );
    }

    #[test]
    fn odd_bytes() {
        assert_eq!(show(b"a\0b \xff\n$ \\ \"\""), "<a\0b><\u{fffd}>/<$><\\><>");
    }
}
