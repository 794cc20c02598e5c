//! Durations, instants and advertisement intervals, each with its unit in its type.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A duration in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

impl Micros {
    /// No time at all.
    pub const ZERO: Micros = Micros(0);

    /// So many microseconds.
    #[must_use]
    pub const fn new(micros: u64) -> Micros {
        Micros(micros)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Micros {
        // A u32 of seconds is at most 4.3e15 us, far inside a u64.
        Micros(1_000_000_u64.saturating_mul(widen(seconds)))
    }

    /// The number of microseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How far two of them are apart.
    #[must_use]
    pub const fn distance(self, other: Micros) -> Micros {
        Micros(self.0.abs_diff(other.0))
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// `u64::from` in a `const fn`, which the trait does not offer.
const fn widen(value: u32) -> u64 {
    let [a, b, c, d] = value.to_be_bytes();
    u64::from_be_bytes([0, 0, 0, 0, a, b, c, d])
}

impl Add for Micros {
    type Output = Micros;

    fn add(self, other: Micros) -> Micros {
        Micros(self.0.saturating_add(other.0))
    }
}

impl From<Duration> for Micros {
    /// Whole microseconds, rounded down; the greatest number for a duration that does not fit.
    fn from(duration: Duration) -> Micros {
        Micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(micros: Micros) -> Duration {
        Duration::from_micros(micros.0)
    }
}

impl fmt::Display for Micros {
    /// Seconds and six decimals, as in `3.609375`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// An instant: microseconds on the driver's monotonic clock, whose zero is the driver's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The instant so many microseconds after the clock's zero.
    #[must_use]
    pub const fn new(micros: u64) -> Time {
        Time(micros)
    }

    /// Microseconds since the clock's zero.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Add<Micros> for Time {
    type Output = Time;

    fn add(self, duration: Micros) -> Time {
        Time(self.0.saturating_add(duration.0))
    }
}

impl Sub for Time {
    type Output = Micros;

    /// How long after `earlier` this is; zero when it is not later.
    fn sub(self, earlier: Time) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

/// An advertisement interval in hundredths of a second. VRRPv2 sends whole seconds (RFC 3768 5.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centis(u16);

impl Centis {
    /// So many hundredths of a second.
    #[must_use]
    pub const fn new(centis: u16) -> Centis {
        Centis(centis)
    }

    /// So many whole seconds, as VRRPv2 carries them.
    #[must_use]
    pub fn from_secs(seconds: u8) -> Centis {
        Centis(u16::from(seconds).saturating_mul(100))
    }

    /// The number of hundredths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Milliseconds, for the log.
    #[must_use]
    pub fn millis(self) -> u32 {
        u32::from(self.0) * 10
    }

    /// Whole seconds, rounded down, as VRRPv2 carries them (RFC 3768 5.3.7); at most 255.
    #[must_use]
    pub fn whole_secs(self) -> u8 {
        u8::try_from(self.0 / 100).unwrap_or(u8::MAX)
    }
}

impl From<Centis> for Micros {
    fn from(centis: Centis) -> Micros {
        Micros(u64::from(centis.0) * 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_and_a_duration_make_an_instant() {
        assert_eq!(Time::new(7) + Micros::from_secs(2), Time::new(2_000_007));
        assert_eq!(Time::new(9) - Time::new(4), Micros::new(5));
        assert_eq!(Time::new(4) - Time::new(9), Micros::ZERO);
        assert_eq!(Time::new(u64::MAX) + Micros::new(1), Time::new(u64::MAX));
    }

    #[test]
    fn units_convert() {
        assert_eq!(Micros::from(Centis::new(150)), Micros::new(1_500_000));
        assert_eq!(Micros::from(Duration::from_millis(3)), Micros::new(3_000));
        assert_eq!(Centis::from_secs(3).get(), 300);
        assert_eq!(Centis::new(399).whole_secs(), 3);
        assert_eq!(Micros::new(3_609_375).to_string(), "3.609375");
        assert_eq!(Micros::from_secs(u32::MAX).get(), 4_294_967_295_000_000);
    }
}
