//! Guesses what was meant.

/// The candidate that is closest to a word, if one is close enough to be meant.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    // A longer word is no typing mistake for any keyword, and would cost time.
    if word.len() < 2 || word.len() > 40 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    candidates
        .map(|c| {
            (
                strsim::damerau_levenshtein(&lower, &c.to_ascii_lowercase()),
                c,
            )
        })
        .filter(|(distance, c)| {
            *distance <= word.len().max(c.len()) / 4 + usize::from(word.len() > 2)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_and_far() {
        let words = ["persistence_timeout", "priority", "state", "weight"];
        let near = |word| nearest(word, words.into_iter());
        assert_eq!(near("persistense_timeout"), Some("persistence_timeout"));
        assert_eq!(near("prioirty"), Some("priority"));
        assert_eq!(near("Weight"), Some("weight"));
        assert_eq!(near("lvs_id"), None);
        assert_eq!(near("x"), None);
    }
}
