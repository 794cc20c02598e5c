//! How many mails may be sent: many at once, then one now and then. Pure.

use std::time::{Duration, Instant};

/// So many at once.
const BURST: u32 = 60;
/// One more after each of these.
const EACH: Duration = Duration::from_secs(10);

/// What may still be sent.
#[derive(Debug)]
pub(super) struct Quota {
    left: u32,
    /// Up to when `left` is counted.
    since: Instant,
}

impl Quota {
    /// All of it, at `now`.
    pub fn new(now: Instant) -> Quota {
        Quota {
            left: BURST,
            since: now,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        while self.left < BURST && self.due() <= now {
            self.left += 1;
            self.since += EACH;
        }
        if self.left == BURST {
            self.since = now;
        }
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        true
    }

    /// When there will be one more.
    pub fn due(&self) -> Instant {
        self.since + EACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_at_once_and_then_one_each_ten_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut quota = Quota::new(start);
        let taken = |quota: &mut Quota, now| (0..100).filter(|_| quota.take(now)).count();
        assert_eq!(taken(&mut quota, start), 60);
        assert_eq!(taken(&mut quota, at(9)), 0);
        assert_eq!(quota.due(), at(10));
        assert_eq!(taken(&mut quota, at(10)), 1);
        assert_eq!(taken(&mut quota, at(45)), 3);
        assert_eq!(taken(&mut quota, at(3600)), 60);
    }
}
