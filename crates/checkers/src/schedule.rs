//! When attempts happen. Pure: durations and a random fraction come in.

use std::time::Duration;

use crate::spec::Probe;
use crate::verdict::Next;

/// No first attempt comes before this.
pub const FIRST_AT_LEAST: Duration = Duration::from_secs(1);

/// The time from a check's start to its first attempt. `fraction` is a random number, its whole range standing
/// for 0 to 1.
///
/// keepalived behaviour, observed: 1 s where `warmup` is 0, spread evenly between 1 s and `warmup` where it is 4 s.
#[must_use]
pub fn first(warmup: Duration, fraction: u32) -> Duration {
    FIRST_AT_LEAST.saturating_add(scale(warmup.saturating_sub(FIRST_AT_LEAST), fraction))
}

/// The time from the moment that a paused check goes on to its next attempt: evenly spread up to `delay_loop`, so that
/// many that go on together do not come at once.
///
/// keepalived behaviour, observed: it comes when it would have been due without the pause, so within a `delay_loop`.
#[must_use]
pub fn resumed(delay_loop: Duration, fraction: u32) -> Duration {
    scale(delay_loop, fraction)
}

/// `duration * fraction / 2^32`; exact below 584 years, the whole duration above.
fn scale(duration: Duration, fraction: u32) -> Duration {
    let nanos = duration.as_nanos().saturating_mul(u128::from(fraction)) >> 32;
    u64::try_from(nanos).map_or(duration, Duration::from_nanos)
}

/// The time from the end of an attempt that took `elapsed` to the next one.
///
/// keepalived behaviour, observed: a command's delays, that before a retry too, count from its start, and one that
/// overran starts again at once; every other delay counts from the end.
#[must_use]
pub fn following(probe: &Probe, next: &Next, elapsed: Duration) -> Duration {
    match probe {
        Probe::Misc(_) => next.after.saturating_sub(elapsed),
        Probe::Tcp(_)
        | Probe::Http(_)
        | Probe::Smtp(_)
        | Probe::Dns(_)
        | Probe::Udp(_)
        | Probe::Ping(_) => next.after,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{Dial, MiscProbe};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_attempt_comes_within_the_warmup_but_not_at_once() {
        assert_eq!(first(60 * SECOND, 0), SECOND);
        assert_eq!(first(61 * SECOND, 1 << 31), 31 * SECOND);
        assert_eq!(first(61 * SECOND, 3 << 30), 46 * SECOND);
        assert!(first(61 * SECOND, u32::MAX) < 61 * SECOND);
        assert_eq!(first(Duration::ZERO, u32::MAX), SECOND);
    }

    #[test]
    fn a_command_runs_from_start_to_start_and_others_from_the_end() {
        let misc = Probe::Misc(MiscProbe {
            command: vec!["/bin/check".into()],
            timeout: SECOND,
            dynamic: false,
            user: None,
        });
        let tcp = Probe::Tcp(Dial {
            target: "127.0.0.1:80".parse().unwrap(),
            bind: None,
            bind_interface: None,
            fwmark: None,
            timeout: SECOND,
        });
        let next = |retry| Next {
            after: 10 * SECOND,
            retry,
            url: 0,
        };
        assert_eq!(following(&misc, &next(false), 3 * SECOND), 7 * SECOND);
        assert_eq!(following(&misc, &next(false), 30 * SECOND), Duration::ZERO);
        assert_eq!(following(&misc, &next(true), 3 * SECOND), 7 * SECOND);
        assert_eq!(following(&tcp, &next(false), 3 * SECOND), 10 * SECOND);
    }

    proptest! {
        #[test]
        fn the_first_attempt_never_comes_after_the_warmup(warmup: Duration, fraction: u32) {
            prop_assert!(first(warmup, fraction) <= warmup.max(FIRST_AT_LEAST));
        }
    }
}
