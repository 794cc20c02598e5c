//! How long the machine itself stood still: on the lab's kernel, with one processor and neighbours outside, a thread
//! may be woken late, and no daemon can be blamed for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long each nap of the meter is.
const NAP: Duration = Duration::from_millis(2);
/// More than this is never excused, so that a daemon that hogs the processor does not excuse itself.
const MOST: Duration = Duration::from_millis(250);

/// A meter that naps and sees how late it wakes.
#[derive(Debug)]
pub struct Meter {
    worst: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Meter {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        let (worst, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (seen, ended) = (Arc::clone(&worst), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let before = Instant::now();
                std::thread::sleep(NAP);
                let late = before.elapsed().saturating_sub(NAP);
                seen.fetch_max(
                    u64::try_from(late.as_micros()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
            }
        });
        Self { worst, stop }
    }

    /// The longest time by which it woke late so far, as far as it is excused.
    #[must_use]
    pub fn worst(&self) -> Duration {
        Duration::from_micros(self.worst.load(Ordering::Relaxed)).min(MOST)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nap_is_never_early_and_the_excuse_is_limited() {
        let meter = Meter::start();
        crate::wait::until("the first nap", Duration::from_secs(5), || {
            Ok((!meter.worst().is_zero()).then_some(()))
        })
        .unwrap();
        assert!(meter.worst() <= MOST);
    }
}
