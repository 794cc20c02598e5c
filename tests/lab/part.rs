//! A part of the stories, so that two kernels can share them.

use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

/// Of each `of` stories, the `first`th to the `last`th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    first: usize,
    last: usize,
    of: usize,
}

impl Part {
    /// Whether the story at this place is of this part; one that measures times is of the first part, wherever it stands.
    pub fn has(self, place: usize, timed: bool) -> bool {
        let turn = if timed { 1 } else { place % self.of + 1 };
        (self.first..=self.last).contains(&turn)
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text
            .split_once('/')
            .and_then(|(range, of)| Some((range.split_once('-')?, of)));
        let ((first, last), of) = parts.context("a part is FIRST-LAST/OF, as 1-3/5")?;
        let part = Self {
            first: first.parse()?,
            last: last.parse()?,
            of: of.parse()?,
        };
        ensure!(
            1 <= part.first && part.first <= part.last && part.last <= part.of,
            "of {} parts there is no {first}-{last}",
            part.of
        );
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_together_are_all_and_none_is_in_two() {
        let parts: [Part; 3] = ["1-3/6", "4-4/6", "5-6/6"].map(|text| text.parse().unwrap());
        for place in 0..30 {
            for timed in [false, true] {
                let having = parts.iter().filter(|part| part.has(place, timed)).count();
                assert_eq!(having, 1, "{place} {timed}");
            }
        }
        assert!((0..30).all(|place| parts[0].has(place, true)));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "1/2", "0-1/2", "2-1/2", "1-3/2", "1-2/0", "a-b/c"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }
}
