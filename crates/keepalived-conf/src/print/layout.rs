//! One file in canonical layout: four spaces a level, one statement a line, comments kept, nothing resolved.
//!
//! Lines that are resolved before braces count (conditions, definitions, sequences, includes) keep their text.

use crate::lexer::LONGEST_LINE;

const INDENT: usize = 4;

/// The canonical layout of the bytes of a file. What they mean does not change, nor do bytes that are no UTF-8 in words.
#[must_use]
pub fn layout(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut page = Page::default();
    let mut goes_on = false;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let trimmed = trim(line);
        if goes_on || line.len() >= LONGEST_LINE {
            goes_on = goes_on && line.ends_with(b"\\");
            page.verbatim(line);
        } else if is_definition(trimmed) {
            goes_on = trimmed.ends_with(b"\\");
            page.verbatim(trimmed);
        } else if trimmed.is_empty() {
            page.blank();
        } else if is_resolved_first(trimmed) {
            page.conditional(trimmed);
        } else {
            page.line(trimmed);
        }
    }
    page.finish()
}

/// What a plain line is made of.
enum Piece<'l> {
    Words(&'l [u8]),
    Open,
    Close,
    Comment(&'l [u8]),
}

#[derive(Default)]
struct Page {
    out: Vec<u8>,
    depth: usize,
    /// A blank line is due before the next one.
    blank: bool,
    /// The last line is words alone, which a `{` may join.
    joinable: bool,
    /// The last line opened a block: no blank line after it.
    opened: bool,
    /// How the braces of the line before balance, if it was a conditional one: of a row of alternatives only one counts.
    alternative: Option<isize>,
}

impl Page {
    fn blank(&mut self) {
        self.blank = !self.out.is_empty() && !self.opened;
    }

    fn put(&mut self, text: &[u8], indent: usize) {
        if std::mem::take(&mut self.blank) {
            self.out.push(b'\n');
        }
        // A line that has just room enough must not become too long to be read.
        let indent = Some(indent).filter(|indent| indent + text.len() + 1 < LONGEST_LINE);
        self.out.resize(self.out.len() + indent.unwrap_or(0), b' ');
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
        self.joinable = false;
        self.opened = false;
        self.alternative = None;
    }

    fn verbatim(&mut self, text: &[u8]) {
        self.put(text, 0);
    }

    fn conditional(&mut self, text: &[u8]) {
        let balance = balance(text);
        // The other alternative stands beside the first.
        let again = self.alternative == Some(balance);
        let depth = self.depth;
        if !again {
            self.depth = depth.saturating_add_signed(balance);
        }
        let other = if again && balance > 0 {
            depth.saturating_sub(balance.unsigned_abs())
        } else {
            depth
        };
        self.put(text, other.min(self.depth) * INDENT);
        self.alternative = text.starts_with(b"@").then_some(balance);
    }

    fn line(&mut self, text: &[u8]) {
        // A definition may hold braces and lines, and what comes after a brace is read as a line of its own.
        let resolved =
            |piece: &Piece| matches!(piece, Piece::Words(words) if is_resolved_first(words));
        let keep = |pieces: &Vec<Piece>| {
            !(pieces.len() > 1 && text.contains(&b'$') || pieces.iter().any(resolved))
        };
        let Some(pieces) = pieces(text).filter(keep) else {
            let balance = balance(text);
            self.depth = self.depth.saturating_add_signed(balance.min(0));
            self.put(text, self.depth * INDENT);
            self.depth = self.depth.saturating_add_signed(balance.max(0));
            return;
        };
        let mut first = true;
        for piece in pieces {
            match piece {
                Piece::Words(words) => {
                    self.put(&squeezed(words), self.depth * INDENT);
                    self.joinable = !words.contains(&b'$');
                }
                Piece::Open => {
                    if std::mem::take(&mut self.joinable) && !self.blank {
                        self.append(b" {");
                    } else {
                        self.put(b"{", self.depth * INDENT);
                    }
                    self.opened = true;
                    self.depth += 1;
                }
                Piece::Close => {
                    self.blank = false;
                    self.depth = self.depth.saturating_sub(1);
                    self.put(b"}", self.depth * INDENT);
                }
                Piece::Comment(comment) if first => self.put(comment, self.depth * INDENT),
                Piece::Comment(comment) => {
                    self.append(b" ");
                    self.append(comment);
                    self.joinable = false;
                }
            }
            first = false;
        }
    }

    fn append(&mut self, text: &[u8]) {
        self.out.pop();
        self.out.extend_from_slice(text);
        self.out.push(b'\n');
    }

    fn finish(self) -> Vec<u8> {
        self.out
    }
}

fn is_definition(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"$") else {
        return false;
    };
    let name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let length = rest.iter().take_while(name).count();
    rest.get(length) == Some(&b'=')
}

fn is_resolved_first(line: &[u8]) -> bool {
    line.starts_with(b"@")
        || line.starts_with(b"~")
        || line.starts_with(b"$")
        || line.starts_with(b"include")
}

/// How many more braces a line opens than it closes.
fn balance(line: &[u8]) -> isize {
    pieces(line).map_or(0, |pieces| {
        pieces.iter().fold(0, |sum, piece| match piece {
            Piece::Open => sum + 1,
            Piece::Close => sum - 1,
            Piece::Words(_) | Piece::Comment(_) => sum,
        })
    })
}

/// The pieces of a line; `None` if a quote is not closed.
fn pieces(line: &[u8]) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let (mut at, mut start) = (0, 0);
    let words = |from: usize, to: usize| {
        let text = trim(line.get(from..to).unwrap_or_default());
        (!text.is_empty()).then_some(Piece::Words(text))
    };
    while let Some(byte) = line.get(at) {
        let rest = line.get(at + 1..).unwrap_or_default();
        match byte {
            b'"' => at += rest.iter().position(|b| *b == b'"')? + 1,
            b'\\' => at += 1,
            b'$' if rest.starts_with(b"{") => {
                // A reference is a word, whatever is in its braces.
                at += rest
                    .iter()
                    .position(|b| *b == b'}')
                    .map_or(0, |end| end + 1);
            }
            b'#' | b'!' => {
                pieces.extend(words(start, at));
                pieces.push(Piece::Comment(line.get(at..).unwrap_or_default()));
                return Some(pieces);
            }
            b'{' | b'}' => {
                pieces.extend(words(start, at));
                pieces.push(if *byte == b'{' {
                    Piece::Open
                } else {
                    Piece::Close
                });
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    pieces.extend(words(start, line.len()));
    Some(pieces)
}

/// Words with one blank between them, unless blanks may mean something in them.
fn squeezed(words: &[u8]) -> Vec<u8> {
    if words
        .iter()
        .any(|byte| matches!(byte, b'"' | b'\'' | b'\\'))
    {
        return words.to_vec();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let words = words.split(blank).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// Without blanks at its ends; a form feed, say, is none and belongs to a word.
fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = line.iter().position(|byte| !blank(byte));
    let end = line.iter().rposition(|byte| !blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => line.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::layout;

    fn laid_out(text: &str) -> String {
        String::from_utf8(layout(text.as_bytes())).unwrap_or_default()
    }

    #[test]
    fn blocks_are_indented_and_comments_stay() {
        let text = "! top\nvrrp_instance   VI_1\n{\n\tstate\tMASTER   # the first\n\n\n  virtual_ipaddress {10.0.0.1 }\n\n}\n";
        let expected = "! top\nvrrp_instance VI_1 {\n    state MASTER # the first\n\n    virtual_ipaddress {\n        10.0.0.1\n    }\n}\n";
        assert_eq!(laid_out(text), expected);
        assert_eq!(laid_out(expected), expected);
    }

    #[test]
    fn a_brace_does_not_move_past_a_comment() {
        let text = "global_defs # all\n{\n}\n";
        assert_eq!(laid_out(text), text);
    }

    #[test]
    fn what_is_resolved_first_keeps_its_text() {
        let text = "$A=1  2 { \\\n   b }\n@one  vrrp_instance A {\n@^one vrrp_instance B {\npriority   1\n}\n~SEQ(X, 2)  a { $X }\ninclude  /etc/{a,b}.conf\n";
        let expected = "$A=1  2 { \\\n   b }\n@one  vrrp_instance A {\n@^one vrrp_instance B {\n    priority 1\n}\n~SEQ(X, 2)  a { $X }\ninclude  /etc/{a,b}.conf\n";
        assert_eq!(laid_out(text), expected);
    }

    #[test]
    fn quoted_text_and_references_keep_their_blanks_and_braces() {
        let text = "notify_up \"/bin/a  {b}  #c\"   x\nrouter_id  ${A}b \\# c\n";
        let expected = "notify_up \"/bin/a  {b}  #c\"   x\nrouter_id  ${A}b \\# c\n";
        assert_eq!(laid_out(text), expected);
    }
}
