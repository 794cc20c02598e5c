//! A complaint as people read it.

use std::fmt::Write;

use super::{Diagnostic, Severity};
use crate::secret;
use crate::source::Sources;

/// So many columns of a line are shown.
const WIDTH: usize = 160;

/// `FILE:LINE:COL: error[code]: text`, the line, carets, what keepalived does instead, the hint.
pub(crate) fn render(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut out = String::new();
    let source = sources.source(diagnostic.span.source);
    if let Some(source) = source {
        let (line, column) = source.position(diagnostic.span.start);
        let _ = write!(out, "{}:{line}:{column}: ", source.path.display());
    }
    let _ = write!(
        out,
        "{severity}[{}]: {}",
        diagnostic.code,
        printable(&diagnostic.message)
    );
    // A file that is not there has no line to be shown.
    if let Some(source) = source.filter(|source| !source.bytes.is_empty()) {
        let (line, _) = source.position(diagnostic.span.start);
        let (start, text) = source.line(line);
        let (shown, carets) = excerpt(
            text,
            diagnostic.span.start - start,
            diagnostic.span.end.saturating_sub(start),
        );
        let _ = write!(out, "\n   {shown}\n   {carets}");
    }
    if let Some(line) = read_as(sources, diagnostic) {
        let _ = write!(out, "\n   = note: read as `{line}`");
    }
    for (name, text) in [("note", &diagnostic.also), ("help", &diagnostic.help)] {
        if let Some(text) = text {
            let _ = write!(out, "\n   = {name}: {}", printable(text));
        }
    }
    out
}

/// The line as it is with definitions replaced, if that shows more than the line in the file.
fn read_as(sources: &Sources, diagnostic: &Diagnostic) -> Option<String> {
    let span = diagnostic.expanded?;
    let text = sources.source(span.source)?;
    let (line, _) = text.position(span.start);
    let (start, line) = text.line(line);
    let file = sources.source(diagnostic.span.source)?;
    let (_, written) = file.line(file.position(diagnostic.span.start).0);
    let letters = |line: &[u8]| -> Vec<u8> {
        let letters = line.iter().filter(|b| !b.is_ascii_whitespace());
        letters.copied().collect()
    };
    if letters(line) == letters(written) {
        return None;
    }
    let (shown, _) = excerpt(line, span.start - start, span.end.saturating_sub(start));
    Some(shown.trim_start().to_owned())
}

/// A line and the carets under its bytes `start..end`, with secrets, tabs and control characters made harmless.
fn excerpt(line: &[u8], start: usize, end: usize) -> (String, String) {
    let hidden = secret::values(line);
    let (mut shown, mut from, mut to) = (String::new(), 0, 0);
    let (mut at, mut count) = (0, 0);
    let end = end.min(line.len()).max(start);
    // Only a window around the place is worth decoding.
    let mut first = start.saturating_sub(WIDTH / 2);
    while first > 0 && line.get(first).is_some_and(|b| b & 0xc0 == 0x80) {
        first -= 1;
    }
    let window = line
        .get(first..line.len().min(first + 4 * WIDTH))
        .unwrap_or_default();
    for chunk in window.utf8_chunks() {
        let invalid = (!chunk.invalid().is_empty())
            .then_some((char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
        for (c, length) in chunk
            .valid()
            .chars()
            .map(|c| (c, c.len_utf8()))
            .chain(invalid)
        {
            let offset = first + at;
            at += length;
            if count >= WIDTH {
                break;
            }
            let secret = hidden.iter().find(|range| range.contains(&offset));
            let before = count;
            match secret {
                Some(range) if range.start == offset || at == length => {
                    push(&mut shown, &mut count, "***")
                }
                Some(_) => {}
                None if c == '\t' => push(&mut shown, &mut count, " "),
                None if c.is_control() => {
                    for escaped in c.escape_default() {
                        shown.push(escaped);
                        count += 1;
                    }
                }
                None => {
                    shown.push(c);
                    count += 1;
                }
            }
            if offset <= start {
                from = before.min(count);
            }
            if offset < end {
                to = count;
            }
        }
    }
    if start >= first + at {
        from = count;
    }
    let carets = " ".repeat(from) + &"^".repeat(to.saturating_sub(from).max(1));
    (shown.trim_end().to_owned(), carets)
}

fn push(shown: &mut String, count: &mut usize, text: &str) {
    shown.push_str(text);
    *count += text.len();
}

/// A text without control characters, and not endless.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(2 * WIDTH) {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn carets_stand_under_the_word() {
        assert_eq!(
            excerpt(b"\tlvs_id X", 1, 7),
            (" lvs_id X".to_owned(), " ^^^^^^".to_owned())
        );
        assert_eq!(
            excerpt("# é lvs_id".as_bytes(), 5, 11),
            ("# é lvs_id".to_owned(), "    ^^^^^^".to_owned())
        );
        assert_eq!(
            excerpt(b"a\xff\x00b", 3, 4),
            ("a\u{fffd}\\u{0}b".to_owned(), "       ^".to_owned())
        );
    }

    #[test]
    fn secrets_are_hidden() {
        let line = b"  auth_pass LvSbAlancer # x";
        assert_eq!(
            excerpt(line, 12, 23),
            (
                "  auth_pass *** # x".to_owned(),
                "            ^^^".to_owned()
            )
        );
    }

    #[test]
    fn long_lines_are_cut() {
        let line = vec![b'x'; 10_000_000];
        let (shown, carets) = excerpt(&line, 5_000_000, 5_000_001);
        assert_eq!((shown.len(), carets.len()), (160, 81));
    }
}
