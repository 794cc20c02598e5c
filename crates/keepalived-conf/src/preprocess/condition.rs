//! `@ID line`, `@^ID line`: lines for one host, or for all others.

/// What became of a condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The line counts, from this byte on.
    Met(usize),
    Unmet,
}

/// The condition that a line begins with; it begins with `@`.
pub(super) fn condition(line: &[u8], id: &str) -> Condition {
    let name = line.get(1..).unwrap_or_default();
    let (name, other) = match name {
        [b'^', name @ ..] => (name, true),
        name => (name, false),
    };
    let length = name.iter().position(|b| b.is_ascii_whitespace());
    let Some(length) = length else {
        return Condition::Unmet;
    };
    let same = name.get(..length) == Some(id.as_bytes());
    if same == other {
        return Condition::Unmet;
    }
    Condition::Met(1 + usize::from(other) + length)
}

#[cfg(test)]
mod tests {
    use super::{Condition, condition};

    #[test]
    fn one_host_and_all_others() {
        // Seen: `keepalived -t -i vm`.
        assert_eq!(condition(b"@vm x", "vm"), Condition::Met(3));
        assert_eq!(condition(b"@vm\tx", "vm"), Condition::Met(3));
        assert_eq!(condition(b"@^vmx x", "vm"), Condition::Met(5));
        assert_eq!(condition(b"@^ x", "vm"), Condition::Met(2));
        for line in [
            "@vmx x",
            "@^vm x",
            "@ x",
            "@vm",
            "@^vmx",
            "@vm@vm x",
            "@\"vm\" x",
        ] {
            assert_eq!(condition(line.as_bytes(), "vm"), Condition::Unmet, "{line}");
        }
    }
}
