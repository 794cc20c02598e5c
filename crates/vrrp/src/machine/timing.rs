//! How long to wait, in whole microseconds.

use crate::id::Priority;
use crate::time::{Centis, Micros};

/// Skew_Time of VRRPv2 (RFC 3768 6.1): `(256 - priority) / 256` seconds, so that a better backup is quicker.
#[must_use]
pub fn skew(priority: Priority) -> Micros {
    Micros::new((256 - u64::from(priority.get())) * 1_000_000 / 256)
}

/// Master_Down_Interval (RFC 3768 6.1): so many missed adverts, and the skew.
#[must_use]
pub fn master_down(priority: Priority, interval: Centis, adverts: u8) -> Micros {
    Micros::new(Micros::from(interval).get() * u64::from(adverts)) + skew(priority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(priority: u8, centis: u16, adverts: u8) -> u64 {
        master_down(
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
}
