//! systemd's watchdog: the main loop says that it lives, and only while the failover thread answers it.
//!
//! Must not know: what either of them does. Enter at [`Watchdog::of_systemd`]. Tests: beside it; the package's test ends a daemon
//! that hangs.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::failover::handle::Failover;

/// Asked for by systemd, or not (`WATCHDOG_USEC`).
#[derive(Debug, Default)]
pub struct Watchdog {
    turn: Option<Interval>,
    /// What the failover thread was asked and has not been seen to answer.
    asked: Option<oneshot::Receiver<()>>,
}

impl Watchdog {
    /// As systemd wants it. Within a runtime.
    #[must_use]
    pub fn of_systemd() -> Watchdog {
        sd_notify::watchdog_enabled().map_or_else(Watchdog::default, Watchdog::within)
    }

    /// One that is heard at least once within that time.
    fn within(time: Duration) -> Watchdog {
        // An answer is looked for a turn after the question: two turns and some slack.
        let mut turn = interval((time / 4).max(Duration::from_millis(1)));
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watchdog {
            turn: Some(turn),
            asked: None,
        }
    }

    /// Waits for the next turn; for ever where nobody asked.
    pub async fn turn(&mut self) {
        match &mut self.turn {
            Some(turn) => {
                turn.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Whether to say that we live: what was asked the last time has been answered. Asks anew.
    pub fn lives(&mut self, failover: Option<&Failover>) -> bool {
        let answered = match &mut self.asked {
            None => true,
            Some(answer) => answer.try_recv().is_ok(),
        };
        if answered {
            self.asked = failover.and_then(Failover::ask_whether_it_lives);
            // A queue that is full is not worked off.
            return failover.is_none() || self.asked.is_some();
        }
        // The one that was asked may be gone, with its question: VRRP went with a reload.
        if failover.is_none() {
            self.asked = None;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::handle::Failover;

    #[tokio::test]
    async fn without_systemd_there_is_no_turn() {
        let mut watchdog = Watchdog::default();
        let waited = tokio::time::timeout(Duration::from_millis(1), watchdog.turn()).await;
        assert!(waited.is_err());
        assert!(watchdog.lives(None));
    }

    #[tokio::test]
    async fn a_failover_thread_that_does_not_answer_is_not_vouched_for() {
        let (failover, mut thread) = Failover::of_a_test();
        let mut watchdog = Watchdog::within(Duration::from_secs(60));
        watchdog.turn().await;
        assert!(watchdog.lives(Some(&failover)), "nothing was asked before");
        assert!(!watchdog.lives(Some(&failover)), "no answer");
        assert!(!watchdog.lives(Some(&failover)), "still none");
        thread.answer();
        assert!(watchdog.lives(Some(&failover)));
        assert!(!watchdog.lives(Some(&failover)));
        assert!(
            !watchdog.lives(None),
            "its answer is not waited for any more"
        );
        assert!(watchdog.lives(None));
    }
}
