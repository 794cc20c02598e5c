//! What can be said of a regular expression without compiling it: only faults that are sure.
//!
//! The language is PCRE2's, which no pure crate speaks. So brackets are counted and repeats looked at, no more; where a
//! pattern may quote (`\Q`), comment or spell things its own way, nothing is said. The words are those of
//! `pcre2_get_error_message()`, which people search for.

use crate::model::RegexOption;

/// Why it will not compile, if that is sure.
pub(crate) fn fault(pattern: &str, options: &[RegexOption]) -> Option<&'static str> {
    // A `#` may begin a comment, in which anything may stand; a class may be empty.
    let own_ways = [RegexOption::Extended, RegexOption::AllowEmptyClass];
    if own_ways.iter().any(|option| options.contains(option)) {
        return None;
    }
    let special = ["\\Q", "(?", "(*", "\\N{", "\\c"];
    if special.iter().any(|special| pattern.contains(special)) {
        return None;
    }
    let mut depth = 0_usize;
    let mut rest = pattern;
    // Whether there is something before this place that can be repeated.
    let mut repeatable = false;
    while let Some(first) = rest.chars().next() {
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        (rest, repeatable) = match first {
            '\\' => {
                let escaped = tail.chars().next();
                let Some(escaped) = escaped else {
                    return Some("\\ at end of pattern");
                };
                // `\b` and its like match no character; whether they can be repeated is a matter of versions.
                (tail.get(escaped.len_utf8()..).unwrap_or_default(), true)
            }
            '[' => match class_end(tail) {
                Some(after) => (after, true),
                None => return Some("missing terminating ] for character class"),
            },
            '(' => {
                depth += 1;
                (tail, false)
            }
            ')' => {
                if depth == 0 {
                    return Some("unmatched closing parenthesis");
                }
                depth -= 1;
                (tail, true)
            }
            '|' => (tail, false),
            '*' | '+' | '?' => {
                if !repeatable {
                    return Some("quantifier does not follow a repeatable item");
                }
                (after_quantifier(tail), false)
            }
            '{' => match repeat(tail) {
                Some((least, most, _)) if most < least => {
                    return Some("numbers out of order in {} quantifier");
                }
                Some(_) if !repeatable => {
                    return Some("quantifier does not follow a repeatable item");
                }
                Some((_, _, after)) => (after_quantifier(after), false),
                // Text.
                None => (tail, true),
            },
            // Repeats of `^` are a matter of versions.
            _ => (tail, true),
        };
    }
    (depth > 0).then_some("missing closing parenthesis")
}

/// A `?` or `+` after a repeat belongs to it.
fn after_quantifier(rest: &str) -> &str {
    rest.strip_prefix(['?', '+']).unwrap_or(rest)
}

/// What comes after a class whose `[` was read.
fn class_end(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('^').unwrap_or(text);
    // A `]` at the beginning is one of its characters.
    rest = rest.strip_prefix(']').unwrap_or(rest);
    while let Some(first) = rest.chars().next() {
        let tail = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            ']' => return Some(tail),
            '\\' => {
                let length = tail.chars().next().map_or(0, char::len_utf8);
                tail.get(length..).unwrap_or_default()
            }
            '[' => match tail
                .strip_prefix(':')
                .and_then(|name| name.split_once(":]"))
            {
                Some((name, after))
                    if name.bytes().all(|b| b.is_ascii_lowercase() || b == b'^') =>
                {
                    after
                }
                _ => tail,
            },
            _ => tail,
        };
    }
    None
}

/// `N}`, `N,}`, `N,M}`: least, most and what comes after; anything else is text.
fn repeat(text: &str) -> Option<(u32, u32, &str)> {
    let (inside, after) = text.split_once('}')?;
    let number = |text: &str| text.parse::<u16>().ok().map(u32::from);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = match inside.split_once(',') {
        None if digits(inside) => (number(inside)?, number(inside)?),
        Some((least, "")) if digits(least) => (number(least)?, u32::MAX),
        Some((least, most)) if digits(least) && digits(most) => (number(least)?, number(most)?),
        _ => return None,
    };
    Some((least, most, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(pattern: &str) -> Option<&'static str> {
        fault(pattern, &[])
    }

    #[test]
    fn patterns_that_compile() {
        let good = [
            "passing",
            "BUILD: rpm-.{3,50} :: DATE: ../../.... .{12}",
            "IBM.*up",
            "^(a|b)+?$",
            "[]a]",
            "[^]]",
            "[[:alpha:]_]+",
            "a{,3}",
            "{\"status\":\"ok\"}",
            "\\(",
            "a++b",
            "a{2}+",
            "(?<name>x)",
            "(?x)a # comment (",
            "",
            "é*",
        ];
        for pattern in good {
            assert_eq!(faults(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn patterns_that_do_not() {
        let bad = [
            ("a(b", "missing closing parenthesis"),
            ("a)b", "unmatched closing parenthesis"),
            ("[a-z", "missing terminating ] for character class"),
            ("[]", "missing terminating ] for character class"),
            ("*.html", "quantifier does not follow a repeatable item"),
            ("a{2}{3}", "quantifier does not follow a repeatable item"),
            ("a|+", "quantifier does not follow a repeatable item"),
            ("a{5,2}", "numbers out of order in {} quantifier"),
            ("a\\", "\\ at end of pattern"),
        ];
        for (pattern, expected) in bad {
            assert_eq!(faults(pattern), Some(expected), "{pattern}");
        }
        assert_eq!(fault("a(b", &[RegexOption::Extended]), None);
    }
}
