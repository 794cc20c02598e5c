//! What is said at most so often. Pure.

use std::time::Duration;

use vrrp::Time;

/// Between two lines of a kind.
const PACE: Duration = Duration::from_secs(10);

/// When something was said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seldom(Option<Time>);

impl Seldom {
    /// Whether it may be said now; if so, it counts as said.
    pub fn may(&mut self, now: Time) -> bool {
        let recent = |said: Time| Duration::from(now - said) < PACE;
        let may = !self.0.is_some_and(recent);
        if may {
            self.0 = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_ten_seconds() {
        let at = |seconds: u64| Time::new(seconds * 1_000_000);
        let mut seldom = Seldom::default();
        assert!(seldom.may(at(0)));
        assert!(!seldom.may(at(9)));
        assert!(seldom.may(at(10)));
        assert!(!seldom.may(at(10)));
    }
}
