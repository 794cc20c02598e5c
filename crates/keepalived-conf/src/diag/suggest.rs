//! Guesses what was meant.

/// The candidate that is closest to a word, if one is close enough to be meant.
///
/// A broken file asks ten thousand times, each time among hundreds, so what cannot be near is not measured.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    // A longer word is no typing mistake for any keyword, and would cost time.
    if word.len() < 2 || word.len() > 40 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let letters = letters(&lower);
    candidates
        .filter_map(|candidate| {
            let most = word.len().max(candidate.len()) / 4 + usize::from(word.len() > 2);
            let missing = letters & !self::letters(candidate);
            let added = self::letters(candidate) & !letters;
            // Each difference mends one letter of either.
            if usize::try_from(missing.count_ones().max(added.count_ones())).ok()? > most {
                return None;
            }
            let distance = strsim::osa_distance(&lower, &candidate.to_ascii_lowercase());
            (distance <= most).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Which letters a word has, in either case; other characters share places.
fn letters(word: &str) -> u32 {
    word.bytes()
        .fold(0, |letters, byte| letters | 1_u32 << (byte & 31))
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
