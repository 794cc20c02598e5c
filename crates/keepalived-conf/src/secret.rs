//! Which words of a line are secrets: they are never shown.

use std::ops::Range;

/// Whether the words after this one are secret: `auth_pass`, `password`, and what a typing mistake makes of them;
/// `key` of `auth_hmac`.
pub(crate) fn is_secret_keyword(word: &str) -> bool {
    let word = word.as_bytes();
    let begins = |start: &[u8]| {
        word.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    word.windows(4)
        .any(|part| part.eq_ignore_ascii_case(b"pass"))
        || begins(b"auth_p")
        || is_near_key(word)
        || word.eq_ignore_ascii_case(b"auth_data")
}

/// `key`, and what a typing mistake makes of it.
fn is_near_key(word: &[u8]) -> bool {
    let letter = |b: &u8| matches!(b.to_ascii_lowercase(), b'e' | b'y');
    matches!(word, [b'k' | b'K', rest @ ..] if rest.len() <= 3 && rest.iter().any(letter))
}

/// The byte ranges of a line that are secret: all words after such a keyword, up to a comment.
pub(crate) fn values(line: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut secret = false;
    let mut at = 0;
    // A line that long is not read, and only shown in part; its head is enough to know it.
    let line = line.get(..line.len().min(1 << 16)).unwrap_or_default();
    while let Some(start) = line
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| !is_gap(*b)))
        .map(|n| at + n)
    {
        if matches!(line.get(start), Some(b'#' | b'!')) {
            break;
        }
        let mut quoted = false;
        let length = line.get(start..).unwrap_or_default().iter().position(|b| {
            quoted ^= *b == b'"';
            !quoted && (is_gap(*b) || !secret && matches!(b, b'{' | b'}'))
        });
        let end = length.map_or(line.len(), |n| start + n.max(1));
        let word = line.get(start..end).unwrap_or_default();
        if secret {
            ranges.push(start..end);
        } else if let Some(equals) = word.iter().position(|b| *b == b'=')
            && word.first() == Some(&b'$')
            && is_secret_keyword(&String::from_utf8_lossy(
                word.get(..equals).unwrap_or_default(),
            ))
            && start + equals + 1 < end
        {
            // The definition of one.
            ranges.push(start + equals + 1..end);
        }
        secret |= is_secret_keyword(&String::from_utf8_lossy(word));
        at = end;
    }
    ranges
}

fn is_gap(b: u8) -> bool {
    b.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_after_the_keyword() {
        assert_eq!(values(b" auth_pass abc def # ghi"), [11..14, 15..18]);
        assert_eq!(
            values(b"authentication { auth_pass \"a # b\" }"),
            [27..34, 35..36]
        );
        assert_eq!(values(b"$VRRP_PASS=abc def"), [11..14, 15..18]);
        assert_eq!(values(b"kye 1 x"), [4..5, 6..7]);
        assert!(values(b"priority 100").is_empty());
        assert_eq!(values(b"auth{auth_pass x y"), [15..16, 17..18]);
    }
}
