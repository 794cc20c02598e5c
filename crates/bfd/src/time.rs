//! Intervals as BFD carries them, and instants.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An interval in microseconds, as the fields of a packet have it (RFC 5880 4.1): at most 4295 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u32);

impl Micros {
    /// As a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_micros(u64::from(self.0))
    }
}

impl From<Duration> for Micros {
    /// Whole microseconds, rounded down; the longest interval for a duration that does not fit.
    fn from(duration: Duration) -> Micros {
        Micros(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(micros))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// How long after `earlier` this is; zero when it is not later.
    fn sub(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
