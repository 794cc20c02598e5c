//! Guesses what was meant.

use std::cell::Cell;

/// So many names of the user's own are compared with wrong ones, in all: a file with thousands of both is not helped by as
/// many guesses.
const MOST_GUESSES: usize = 20_000;

/// Guesses among names that the user gave, which may be many.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Cell<usize>);

impl Guesses {
    /// The name that is closest to a word.
    pub(crate) fn nearest<'c>(
        &self,
        word: &str,
        names: impl ExactSizeIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        let spent = self.0.get().saturating_add(names.len());
        self.0.set(spent);
        if spent > MOST_GUESSES {
            return None;
        }
        nearest(word, names)
    }
}

/// A longer word is no typing mistake for any keyword, and would cost time.
const LONGEST: usize = 40;

/// The candidate that is closest to a word, if one is close enough to be meant.
///
/// A broken file asks ten thousand times, each time among hundreds, so what cannot be near is not measured.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    if word.len() < 2 || word.len() > LONGEST {
        return None;
    }
    let letters = letters(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.filter(|candidate| candidate.len() <= LONGEST) {
        let near = word.len().max(candidate.len()) / 4 + usize::from(word.len() > 2);
        // Of two that are as near it is the first by its letters, however they come: names are often in a set.
        let most = best.map_or(near, |(distance, _)| near.min(distance));
        let theirs = self::letters(candidate);
        let missing = (letters & !theirs).count_ones();
        let added = (theirs & !letters).count_ones();
        // Each mistake mends one letter of either.
        let least = usize::try_from(missing.max(added)).unwrap_or(usize::MAX);
        if least <= most
            && let Some(distance) = distance(word.as_bytes(), candidate.as_bytes(), most)
            && best.is_none_or(|best| (distance, candidate) < best)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Which letters a word has, in either case; other characters share places.
fn letters(word: &str) -> u32 {
    word.bytes()
        .fold(0, |letters, byte| letters | 1_u32 << (byte & 31))
}

/// How many bytes are to be inserted, left out, replaced or swapped with the next to make one word of the other, in either
/// case; `None` if more than `most`. (Optimal string alignment, row by row; a row of which all is too much ends it.)
fn distance(a: &[u8], b: &[u8], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most || b.len() > LONGEST {
        return None;
    }
    let mut rows = [[0_usize; LONGEST + 1]; 3];
    let [above, row, next] = &mut rows;
    row.iter_mut().enumerate().for_each(|(j, cell)| *cell = j);
    let cell = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(LONGEST);
    let (mut x_before, mut i) = (None, 0);
    for x in a.iter().map(u8::to_ascii_lowercase) {
        i += 1;
        let (mut y_before, mut left, mut least) = (None, i, i);
        if let Some(first) = next.first_mut() {
            *first = i;
        }
        for (j, y) in (1..).zip(b.iter().map(u8::to_ascii_lowercase)) {
            let replaced = cell(row, j - 1) + usize::from(x != y);
            let mut cost = replaced.min(left + 1).min(cell(row, j) + 1);
            if j > 1 && y_before == Some(x) && x_before == Some(y) {
                cost = cost.min(cell(above, j - 2) + 1);
            }
            if let Some(cell) = next.get_mut(j) {
                *cell = cost;
            }
            (y_before, left, least) = (Some(y), cost, least.min(cost));
        }
        if least > most {
            return None;
        }
        x_before = Some(x);
        std::mem::swap(above, row);
        std::mem::swap(row, next);
    }
    let found = cell(row, b.len());
    (found <= most).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Guesses, distance, nearest};

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

    #[test]
    fn the_order_of_candidates_does_not_matter() {
        let near = |words: [&'static str; 3]| nearest("VI_9", words.into_iter());
        assert_eq!(near(["VI_3", "VI_1", "web"]), Some("VI_1"));
        assert_eq!(near(["web", "VI_1", "VI_3"]), Some("VI_1"));
    }

    #[test]
    fn guesses_come_to_an_end() {
        let guesses = Guesses::default();
        assert_eq!(guesses.nearest("web3", ["web1"].into_iter()), Some("web1"));
        let many = vec!["web1"; 30_000];
        assert_eq!(guesses.nearest("web3", many.into_iter()), None);
        assert_eq!(guesses.nearest("web3", ["web1"].into_iter()), None);
    }

    proptest! {
        #[test]
        fn as_another_measures_it(a in "[abc]{0,9}", b in "[abc]{0,9}", most in 0_usize..9) {
            let told = strsim::osa_distance(&a, &b);
            let found = distance(a.as_bytes(), b.as_bytes(), most);
            prop_assert_eq!(found, (told <= most).then_some(told));
        }
    }
}
