//! `on`, `true`, `yes` and their opposites; keepalived minds the case.

/// The value of such a word.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::boolean;

    #[test]
    fn words() {
        assert_eq!(
            (boolean("on"), boolean("no"), boolean("True")),
            (Some(true), Some(false), None)
        );
    }
}
