//! The arithmetic of intervals (RFC 5880 6.8.2, 6.8.4, 6.8.7).

use std::num::NonZeroU8;
use std::time::Duration;

use crate::time::Micros;

/// A number that the driver draws anew for each call, each as likely as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chance(pub u16);

/// The interval from one packet to the next: `interval` without 0 to 25 % of it; with a multiplier of 1, 75 to 90 % of it.
#[must_use]
pub(crate) fn jittered(interval: Micros, multiplier: NonZeroU8, chance: Chance) -> Duration {
    let interval = u64::from(interval.0);
    let (most, span) = if multiplier == NonZeroU8::MIN {
        (90, 15)
    } else {
        (100, 25)
    };
    let less = interval * span * u64::from(chance.0) / (100 * 65_535);
    Duration::from_micros(interval * most / 100 - less)
}

/// How long after the last packet a session is down: the neighbour's multiplier times the interval that both agree on.
#[must_use]
pub(crate) fn detection(theirs: NonZeroU8, min_rx: Micros, their_min_tx: Micros) -> Duration {
    min_rx.max(their_min_tx).duration() * u32::from(theirs.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(multiplier: u8, chance: u16) -> u128 {
        let multiplier = NonZeroU8::new(multiplier).unwrap();
        jittered(Micros(1_000_000), multiplier, Chance(chance)).as_micros()
    }

    /// RFC 5880 6.8.7.
    #[test]
    fn jitter_takes_a_quarter_at_most_and_a_tenth_at_least_where_each_packet_counts() {
        assert_eq!(drawn(3, 0), 1_000_000);
        assert_eq!(drawn(3, u16::MAX), 750_000);
        assert_eq!(drawn(1, 0), 900_000);
        assert_eq!(drawn(1, u16::MAX), 750_000);
        let longest = jittered(Micros(u32::MAX), NonZeroU8::MAX, Chance(0));
        assert_eq!(longest, Duration::from_micros(u64::from(u32::MAX)));
    }

    /// Seen of keepalived 2.2.7: min_rx 100 ms here; 80 ms, later 1 s, and 4 there.
    #[test]
    fn detection_time() {
        let four = NonZeroU8::new(4).unwrap();
        let ours = Micros(100_000);
        assert_eq!(
            detection(four, ours, Micros(80_000)),
            Duration::from_millis(400)
        );
        assert_eq!(
            detection(four, ours, Micros(1_000_000)),
            Duration::from_secs(4)
        );
    }
}
