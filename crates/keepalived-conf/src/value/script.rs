//! A script and its arguments: quotes and escapes, never a shell.
//!
//! keepalived behaviour: in these lines `'` and `"` quote, and a backslash escapes as in C. A line that is one
//! double-quoted string is the whole command, so its text is split once more.

/// The words of a command; empty if there is none.
///
/// # Errors
/// The quote that is not closed.
pub(crate) fn argv(text: &[u8]) -> Result<Vec<String>, char> {
    let words = split(text)?;
    match words.as_slice() {
        [Piece { text, double: true }] => Ok(split(text)?.into_iter().map(Piece::string).collect()),
        _ => Ok(words.into_iter().map(Piece::string).collect()),
    }
}

/// The first word alone, without its quotes and escapes; `None` if there is none, or a quote is not closed.
pub(crate) fn first(text: &[u8]) -> Option<String> {
    split(text).into_iter().flatten().next().map(Piece::string)
}

struct Piece {
    text: Vec<u8>,
    double: bool,
}

impl Piece {
    fn string(self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

fn split(text: &[u8]) -> Result<Vec<Piece>, char> {
    let mut pieces = Vec::new();
    let mut piece: Option<Piece> = None;
    let mut quote = None;
    let mut rest = text;
    while let [b, tail @ ..] = rest {
        rest = tail;
        match (*b, quote) {
            (b' ' | b'\t' | b'\r' | b'\n', None) => pieces.extend(piece.take()),
            (b'"' | b'\'', None) => {
                quote = Some(*b);
                piece.get_or_insert(Piece {
                    text: Vec::new(),
                    double: *b == b'"',
                });
            }
            (b, Some(q)) if b == q => quote = None,
            // Between double quotes another pair of quotes may come, to be split later: their escapes are theirs.
            (b'\\', q) if q != Some(b'\'') => {
                let (byte, tail) = escape(rest);
                rest = tail;
                piece
                    .get_or_insert(Piece {
                        text: Vec::new(),
                        double: false,
                    })
                    .text
                    .extend(byte);
            }
            (b, _) => piece
                .get_or_insert(Piece {
                    text: Vec::new(),
                    double: false,
                })
                .text
                .push(b),
        }
    }
    pieces.extend(piece);
    quote.map_or(Ok(pieces), |open| Err(char::from(open)))
}

/// What a backslash and the bytes after it stand for.
fn escape(text: &[u8]) -> (Option<u8>, &[u8]) {
    let digits = |from: &[u8], radix: u32, most: usize| -> (u8, usize) {
        let found = from
            .iter()
            .take(most)
            .map_while(|b| char::from(*b).to_digit(radix));
        found.fold((0_u8, 0), |(value, n), digit| {
            let radix = u8::try_from(radix).unwrap_or(8);
            (
                value
                    .wrapping_mul(radix)
                    .wrapping_add(u8::try_from(digit).unwrap_or(0)),
                n + 1,
            )
        })
    };
    let after = |n: usize| text.get(n..).unwrap_or_default();
    match text {
        [] => (None, text),
        [b'0'..=b'7', ..] => {
            let (value, n) = digits(text, 8, 3);
            (Some(value), after(n))
        }
        [b'x', tail @ ..] => match digits(tail, 16, 2) {
            (_, 0) => (Some(b'x'), tail),
            (value, n) => (Some(value), after(n + 1)),
        },
        [b'c', c, ..] => (Some(c & 0x1f), after(2)),
        [b, tail @ ..] => {
            let byte = match b {
                b'a' => 0x07,
                b'b' => 0x08,
                b'E' => 0x1b,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                other => *other,
            };
            (Some(byte), tail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::argv;

    fn words(text: &str) -> Vec<String> {
        argv(text.as_bytes()).unwrap()
    }

    #[test]
    fn commands() {
        assert_eq!(
            words("/bin/check 10.0.0.1 80"),
            ["/bin/check", "10.0.0.1", "80"]
        );
        assert_eq!(words("\"/bin/check -p 80\""), ["/bin/check", "-p", "80"]);
        assert_eq!(words("\"'/opt/my check' -p\""), ["/opt/my check", "-p"]);
        assert_eq!(
            words("/bin/check \"a b\" 'c d'"),
            ["/bin/check", "a b", "c d"]
        );
        assert_eq!(words("a\\ b \\x41\\101\\t"), ["a b", "AA\t"]);
        assert!(words("  ").is_empty());
        assert_eq!(argv(b"'/bin/open"), Err('\''));
    }
}
