//! How late timers are served, as a histogram. Pure.

use std::time::Duration;

/// The most that each bucket holds, in microseconds; behind the last there is one without bound.
/// Finer around a millisecond, which is what an advert interval of 10 ms can bear.
const BOUNDS: [u64; 18] = [
    50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000,
    100_000, 200_000, 500_000, 1_000_000,
];
const BUCKETS: usize = BOUNDS.len() + 1;

/// What was seen since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    counts: [u64; BUCKETS],
    sum_us: u64,
    worst_us: u64,
}

impl Lateness {
    /// A timer was served so late.
    pub fn note(&mut self, late: Duration) {
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS.iter().filter(|bound| **bound < late).count();
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.sum_us = self.sum_us.saturating_add(late);
        self.worst_us = self.worst_us.max(late);
    }

    /// Each bucket: the most that it holds, in microseconds, and how many were in it and in none before.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = BOUNDS.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts)
    }

    /// All timers.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their lateness together, in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The latest, in microseconds.
    #[must_use]
    pub fn worst_us(&self) -> u64 {
        self.worst_us
    }

    /// So many of a thousand were at most so late, in microseconds: the bound of a bucket, or the worst where that is less.
    #[must_use]
    pub fn permille(&self, permille: u64) -> u64 {
        let count = self.count();
        let wanted = (count.saturating_mul(permille)).div_ceil(1000);
        let mut seen = 0;
        for (bound, here) in self.buckets() {
            seen += here;
            if seen >= wanted {
                return bound.map_or(self.worst_us, |bound| bound.min(self.worst_us));
            }
        }
        self.worst_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lateness_has_its_bucket() {
        let mut lateness = Lateness::default();
        assert_eq!((lateness.count(), lateness.permille(999)), (0, 0));
        for late in [0, 50, 51, 1_000_000, 1_000_001] {
            lateness.note(Duration::from_micros(late));
        }
        let filled: Vec<_> = lateness.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            filled,
            [
                (Some(50), 2),
                (Some(100), 1),
                (Some(1_000_000), 1),
                (None, 1)
            ]
        );
        assert_eq!((lateness.count(), lateness.worst_us()), (5, 1_000_001));
        assert_eq!(lateness.sum_us(), 2_000_102);
    }

    #[test]
    fn quantiles_are_bounds_of_buckets() {
        let mut lateness = Lateness::default();
        for _ in 0..998 {
            lateness.note(Duration::from_micros(30));
        }
        assert_eq!(lateness.permille(999), 30);
        lateness.note(Duration::from_micros(1_700));
        lateness.note(Duration::from_micros(7_000));
        assert_eq!(lateness.permille(500), 50);
        assert_eq!(lateness.permille(999), 2_000);
        assert_eq!(lateness.permille(1000), 7_000);
    }
}
