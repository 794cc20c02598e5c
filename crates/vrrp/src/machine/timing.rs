//! How long to wait, in whole microseconds.

use crate::config::Version;
use crate::id::Priority;
use crate::time::{Centis, Micros};

/// Skew_Time, so that a better backup is quicker: `(256 - priority) / 256` of a second in version 2 (RFC 3768 6.1), of the
/// master's interval in version 3 (RFC 9568 6.1).
#[must_use]
pub fn skew(version: Version, priority: Priority, interval: Centis) -> Micros {
    let whole = match version {
        Version::V2 => 1_000_000,
        Version::V3 => Micros::from(interval).get(),
    };
    Micros::new((256 - u64::from(priority.get())) * whole / 256)
}

/// Master_Down_Interval (RFC 3768 6.1, RFC 9568 6.1): so many missed adverts, and the skew. `interval` is the master's in
/// version 3.
#[must_use]
pub fn master_down(version: Version, priority: Priority, interval: Centis, adverts: u8) -> Micros {
    Micros::new(Micros::from(interval).get() * u64::from(adverts))
        + skew(version, priority, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(priority: u8, centis: u16, adverts: u8) -> u64 {
        master_down(
            Version::V2,
            Priority::new(priority).unwrap(),
            Centis::new(centis),
            adverts,
        )
        .get()
    }

    #[test]
    fn literals_worked_out_by_hand() {
        assert_eq!(down(100, 100, 3), 3_609_375);
        assert_eq!(down(255, 100, 3), 3_003_906);
        assert_eq!(down(254, 100, 3), 3_007_812);
        assert_eq!(down(1, 100, 3), 3_996_093);
        assert_eq!(down(100, 500, 3), 15_609_375);
        assert_eq!(down(128, 100, 1), 1_500_000);
        assert_eq!(down(128, 25_500, 100), 25_500_500_000);
    }

    #[test]
    fn version_3_skews_by_the_interval() {
        let priority = Priority::new(90).unwrap();
        let interval = Centis::new(1);
        // 166/256 of 10 ms, and three times 10 ms more.
        assert_eq!(skew(Version::V3, priority, interval).get(), 6_484);
        assert_eq!(
            master_down(Version::V3, priority, interval, 3).get(),
            36_484
        );
        let owner = Priority::OWNER;
        assert_eq!(
            master_down(Version::V3, owner, Centis::new(4095), 3).get(),
            123_009_960
        );
    }
}
