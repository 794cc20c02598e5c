//! From outcomes to "up" and "down", and when to try next. Pure: it knows no clock.

use std::time::Duration;

use crate::outcome::{Health, Outcome};
use crate::spec::{Check, Probe, Timing};

/// What one check holds of its server so far.
///
/// keepalived behaviour, observed: a server that is up goes down with `retry + 1` failures in a row, except that
/// one failure is enough until everything has been seen to work once. One that is down comes up with one success;
/// but for web pages the one that failed has to work first, and then each of them once more, from the first on.
/// With `alpha` it starts down, otherwise up; the first failure is told in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    delay_loop: Duration,
    retry: u32,
    delay_before_retry: Duration,
    recheck: Duration,
    /// Between pages that came, while the server has not been seen to work.
    recovery: Duration,
    urls: usize,
    health: Health,
    told: bool,
    confirmed: bool,
    pages: bool,
    failures: u32,
    url: usize,
    passed: usize,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// The new verdict, if it is new; also the first one, where it counted as that until then without having been
    /// seen: `Up` when everything works for the first time, `Down` with the first failure where `alpha` held it down.
    pub change: Option<Health>,
    /// The attempt to come.
    pub next: Next,
}

/// When to try next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The delay. From the end of this attempt, except that a command's regular delay counts from its start.
    pub after: Duration,
    /// It is a retry: the server is up and this attempt failed.
    pub retry: bool,
    /// Which page, from 0.
    pub url: usize,
}

impl Verdict {
    /// The verdict before the first attempt. `urls` is the number of pages; 0 counts as 1.
    #[must_use]
    pub fn new(timing: &Timing, urls: usize) -> Verdict {
        Verdict {
            delay_loop: timing.delay_loop,
            retry: timing.retry,
            delay_before_retry: timing.delay_before_retry,
            recheck: timing.delay_loop,
            recovery: timing.delay_loop,
            urls: urls.max(1),
            health: if timing.alpha {
                Health::Down
            } else {
                Health::Up
            },
            told: !timing.alpha,
            confirmed: false,
            pages: false,
            failures: 0,
            url: 0,
            passed: 0,
        }
    }

    /// The verdict on `check` before its first attempt.
    ///
    /// keepalived behaviour: a web page that failed is not asked for faster than `delay_before_retry`, even where
    /// that is longer than `delay_loop`; other checks of a server that is down keep to `delay_loop`. With `fast_recovery`
    /// pages follow each other at once until all have been seen to work.
    #[must_use]
    pub fn of(check: &Check) -> Verdict {
        let verdict = Verdict::new(&check.timing, check.probe.urls());
        match *check.probe {
            Probe::Http(ref http) => Verdict {
                recheck: verdict.delay_loop.max(verdict.delay_before_retry),
                recovery: if http.fast_recovery {
                    Duration::ZERO
                } else {
                    verdict.delay_loop
                },
                pages: true,
                ..verdict
            },
            Probe::Tcp(_)
            | Probe::Misc(_)
            | Probe::Smtp(_)
            | Probe::Dns(_)
            | Probe::Udp(_)
            | Probe::Ping(_) => verdict,
        }
    }

    /// Goes by the times of `check`, which asks for the same, from now on. What it holds of the server stays (keepalived
    /// behaviour: a reload that changes `delay_loop` or `retry` brings no dead server back).
    pub fn retime(&mut self, check: &Check) {
        let Verdict {
            delay_loop,
            retry,
            delay_before_retry,
            recheck,
            recovery,
            ..
        } = Verdict::of(check);
        *self = Verdict {
            delay_loop,
            retry,
            delay_before_retry,
            recheck,
            recovery,
            ..self.clone()
        };
    }

    /// What it is now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Failures in a row so far.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes the outcome of the attempt that was due.
    pub fn handle(&mut self, outcome: &Outcome) -> Step {
        match outcome {
            Outcome::Success(_) => self.succeeded(),
            Outcome::Failure(_) => self.failed(),
        }
    }

    fn succeeded(&mut self) -> Step {
        let recovering = std::mem::take(&mut self.failures) > 0;
        let settled = self.health == Health::Up && self.confirmed;
        if self.pages && recovering && !settled {
            self.passed = 0;
            self.url = 0;
            return self.step(None, self.recovery, false);
        }
        self.url = self.following();
        self.passed += 1;
        let mut change = None;
        if !settled && self.passed >= self.urls {
            self.confirmed = true;
            self.health = Health::Up;
            self.told = true;
            change = Some(Health::Up);
        }
        let done = settled || change.is_some();
        if done {
            self.passed = 0;
        }
        let after = if done { self.delay_loop } else { self.recovery };
        self.step(change, after, false)
    }

    fn failed(&mut self) -> Step {
        self.failures = self.failures.saturating_add(1);
        self.passed = 0;
        let mut change = None;
        if self.health == Health::Up {
            if self.confirmed && self.failures <= self.retry {
                return self.step(None, self.delay_before_retry, true);
            }
            self.health = Health::Down;
            change = Some(Health::Down);
        } else if !self.told {
            change = Some(Health::Down);
        }
        self.told = true;
        self.step(change, self.recheck, false)
    }

    fn following(&self) -> usize {
        if self.url + 1 < self.urls {
            self.url + 1
        } else {
            0
        }
    }

    fn step(&self, change: Option<Health>, after: Duration, retry: bool) -> Step {
        Step {
            change,
            next: Next {
                after,
                retry,
                url: self.url,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::outcome::{Evidence, Failure};
    use crate::spec::{CheckId, Dial, HttpProbe, HttpVersion, Url};

    const LOOP: Duration = Duration::from_secs(10);
    const RETRY: Duration = Duration::from_secs(3);

    fn timing(retry: u32, alpha: bool) -> Timing {
        Timing {
            delay_loop: LOOP,
            retry,
            delay_before_retry: RETRY,
            warmup: LOOP,
            alpha,
        }
    }

    fn good() -> Outcome {
        Outcome::Success(Evidence::Connected)
    }

    fn bad() -> Outcome {
        Outcome::Failure(Failure::Refused)
    }

    fn tcp(timing: Timing) -> Check {
        Check {
            id: CheckId(1),
            probe: Probe::Tcp(Dial {
                target: "192.0.2.1:80".parse().unwrap(),
                timeout: LOOP,
                bind: None,
                bind_interface: None,
                fwmark: None,
            })
            .into(),
            timing: timing.into(),
        }
    }

    #[test]
    fn other_times_leave_the_verdict_and_what_led_to_it() {
        let mut verdict = Verdict::of(&tcp(timing(1, false)));
        let _ = verdict.handle(&good());
        assert!(verdict.handle(&bad()).next.retry);
        verdict.retime(&tcp(Timing {
            delay_loop: 2 * LOOP,
            ..timing(1, true)
        }));
        let step = verdict.handle(&bad());
        assert_eq!(step.change, Some(Health::Down));
        assert_eq!(step.next.after, 2 * LOOP);
        // A fresh one would be up, or say that it is down once more.
        verdict.retime(&tcp(timing(5, false)));
        assert_eq!(verdict.health(), Health::Down);
        let step = verdict.handle(&bad());
        assert_eq!((step.change, step.next.after), (None, LOOP));
    }

    fn http(timing: Timing, urls: usize) -> Check {
        let url = Url {
            path: "/".into(),
            digest: None,
            status: vec![],
            virtualhost: None,
            pattern: None,
            tls_compliant: false,
            tls_verify: false,
        };
        Check {
            id: CheckId(1),
            probe: Probe::Http(HttpProbe {
                dial: Dial {
                    target: "127.0.0.1:80".parse().unwrap(),
                    bind: None,
                    bind_interface: None,
                    fwmark: None,
                    timeout: LOOP,
                },
                tls: None,
                sni: false,
                version: HttpVersion::V1_0,
                fast_recovery: false,
                urls: vec![url; urls],
            })
            .into(),
            timing: timing.into(),
        }
    }

    fn changes(verdict: &mut Verdict, outcomes: &str) -> Vec<Option<Health>> {
        outcomes
            .chars()
            .map(|outcome| {
                verdict
                    .handle(&if outcome == '+' { good() } else { bad() })
                    .change
            })
            .collect()
    }

    const UP: Option<Health> = Some(Health::Up);
    const DOWN: Option<Health> = Some(Health::Down);

    #[test]
    fn the_first_attempt_decides_alone() {
        let mut verdict = Verdict::new(&timing(3, false), 1);
        assert_eq!(verdict.health(), Health::Up);
        let step = verdict.handle(&bad());
        assert_eq!(step.change, DOWN);
        assert_eq!(
            step.next,
            Next {
                after: LOOP,
                retry: false,
                url: 0
            }
        );
        assert_eq!(verdict.failures(), 1);
    }

    #[test]
    fn the_first_success_is_told_and_the_next_is_not() {
        let mut verdict = Verdict::new(&timing(3, false), 1);
        assert_eq!(changes(&mut verdict, "+++"), [UP, None, None]);
    }

    #[test]
    fn later_it_takes_one_failure_more_than_retry() {
        let mut verdict = Verdict::new(&timing(2, false), 1);
        assert_eq!(
            verdict.handle(&good()).next,
            Next {
                after: LOOP,
                retry: false,
                url: 0
            }
        );
        for _ in 0..2 {
            let step = verdict.handle(&bad());
            assert_eq!(
                (step.change, step.next),
                (
                    None,
                    Next {
                        after: RETRY,
                        retry: true,
                        url: 0
                    }
                )
            );
        }
        let step = verdict.handle(&bad());
        assert_eq!((step.change, step.next.after), (DOWN, LOOP));
        assert_eq!(verdict.failures(), 3);
        // After coming up again too.
        assert_eq!(changes(&mut verdict, "+---"), [UP, None, None, DOWN]);
    }

    #[test]
    fn a_success_in_between_counts_from_the_start_again() {
        let mut verdict = Verdict::new(&timing(1, false), 1);
        assert_eq!(
            changes(&mut verdict, "+-+-+-"),
            [UP, None, None, None, None, None]
        );
        assert_eq!(changes(&mut verdict, "-+"), [DOWN, UP]);
    }

    #[test]
    fn with_alpha_it_is_down_until_the_first_success() {
        let mut verdict = Verdict::new(&timing(1, true), 1);
        assert_eq!(verdict.health(), Health::Down);
        // keepalived runs notify_down for the first failure too.
        assert_eq!(changes(&mut verdict, "--+-"), [DOWN, None, UP, None]);
    }

    #[test]
    fn alpha_wants_every_page_once() {
        let mut verdict = Verdict::of(&http(timing(0, true), 2));
        assert_eq!(changes(&mut verdict, "++"), [None, UP]);
    }

    /// One attempt of a recorded story: the page, whether it worked, the time to the next attempt, the change.
    type Recorded = (usize, char, u64, Option<Health>);

    /// Plays a story that keepalived 2.2.7 was seen to tell with `delay_loop 2` and `delay_before_retry 1`.
    fn replay(retry: u32, urls: usize, story: &[Recorded]) {
        replay_with(retry, urls, false, story);
    }

    fn replay_with(retry: u32, urls: usize, fast_recovery: bool, story: &[Recorded]) {
        let seconds = Duration::from_secs;
        let timing = Timing {
            delay_loop: seconds(2),
            retry,
            delay_before_retry: seconds(1),
            warmup: Duration::ZERO,
            alpha: false,
        };
        let mut check = http(timing, urls);
        if let Probe::Http(http) = Arc::make_mut(&mut check.probe) {
            http.fast_recovery = fast_recovery;
        }
        let mut verdict = Verdict::of(&check);
        let mut url = 0;
        for (number, &(page, outcome, after, change)) in story.iter().enumerate() {
            assert_eq!(url, page, "attempt {number}");
            let step = verdict.handle(&if outcome == '+' { good() } else { bad() });
            assert_eq!(
                (step.change, step.next.after),
                (change, seconds(after)),
                "attempt {number}"
            );
            url = step.next.url;
        }
    }

    #[test]
    fn recorded_three_pages_of_which_the_second_fails_for_a_while() {
        let story: [Recorded; 17] = [
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, UP),
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, None),
            (0, '+', 2, None),
            (1, '-', 1, None),
            (1, '-', 2, DOWN),
            (1, '-', 2, None),
            (1, '-', 2, None),
            (1, '+', 2, None),
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, UP),
            (0, '+', 2, None),
            (1, '+', 2, None),
        ];
        replay(1, 3, &story);
    }

    #[test]
    fn recorded_the_first_page_is_asked_for_twice_after_it_failed() {
        let story: [Recorded; 9] = [
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, UP),
            (0, '-', 1, None),
            (0, '-', 2, DOWN),
            (0, '+', 2, None),
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, UP),
        ];
        replay(1, 3, &story);
    }

    #[test]
    fn recorded_a_single_page_too() {
        let story: [Recorded; 7] = [
            (0, '+', 2, UP),
            (0, '-', 1, None),
            (0, '-', 2, DOWN),
            (0, '-', 2, None),
            (0, '+', 2, None),
            (0, '+', 2, UP),
            (0, '+', 2, None),
        ];
        replay(1, 1, &story);
    }

    #[test]
    fn recorded_a_failure_before_the_first_full_pass_is_enough() {
        let story: [Recorded; 8] = [
            (0, '+', 2, None),
            (1, '-', 2, DOWN),
            (1, '-', 2, None),
            (1, '-', 2, None),
            (1, '+', 2, None),
            (0, '+', 2, None),
            (1, '+', 2, UP),
            (0, '+', 2, None),
        ];
        replay(3, 2, &story);
    }

    #[test]
    fn recorded_with_fast_recovery_nothing_waits_but_what_failed() {
        let dead_at_start: [Recorded; 7] = [
            (0, '-', 2, DOWN),
            (0, '-', 2, None),
            (0, '+', 0, None),
            (0, '+', 0, None),
            (1, '+', 0, None),
            (2, '+', 2, UP),
            (0, '+', 2, None),
        ];
        replay_with(1, 3, true, &dead_at_start);
        let single: [Recorded; 9] = [
            (0, '+', 2, UP),
            (0, '+', 2, None),
            (0, '-', 1, None),
            (0, '-', 1, None),
            (0, '-', 2, DOWN),
            (0, '-', 2, None),
            (0, '+', 0, None),
            (0, '+', 2, UP),
            (0, '+', 2, None),
        ];
        replay_with(2, 1, true, &single);
        let start: [Recorded; 6] = [
            (0, '+', 0, None),
            (1, '+', 0, None),
            (2, '+', 2, UP),
            (0, '+', 2, None),
            (1, '+', 2, None),
            (2, '+', 2, None),
        ];
        replay_with(1, 3, true, &start);
    }

    #[test]
    fn a_failing_page_of_a_server_that_is_down_waits_for_the_longer_delay() {
        let slow = Timing {
            delay_before_retry: 4 * LOOP,
            ..timing(0, false)
        };
        assert_eq!(
            Verdict::of(&http(slow.clone(), 1))
                .handle(&bad())
                .next
                .after,
            4 * LOOP
        );
        assert_eq!(Verdict::new(&slow, 1).handle(&bad()).next.after, LOOP);
    }

    proptest! {
        #[test]
        fn changes_agree_with_the_health(
            outcomes in proptest::collection::vec(any::<bool>(), 0..80),
            retry in 0_u32..5, urls in 1_usize..4, alpha: bool,
        ) {
            let mut verdict = Verdict::of(&http(timing(retry, alpha), urls));
            let mut seen_up = false;
            let mut first = true;
            for outcome in outcomes {
                let before = verdict.health();
                let step = verdict.handle(&if outcome { good() } else { bad() });
                match step.change {
                    Some(change) => {
                        prop_assert_eq!(change, verdict.health());
                        // New, or the first time that it was seen.
                        prop_assert!(change != before || !seen_up && change == Health::Up || first);
                        seen_up |= change == Health::Up;
                        first = false;
                    }
                    None => prop_assert_eq!(before, verdict.health()),
                }
                // A success never takes a server out, a failure never brings one in.
                prop_assert_ne!(step.change, Some(if outcome { Health::Down } else { Health::Up }));
                prop_assert!(step.next.url < urls);
                prop_assert!(!step.next.retry || (!outcome && verdict.health() == Health::Up));
            }
        }

        #[test]
        fn enough_of_the_same_always_decides(
            history in proptest::collection::vec(any::<bool>(), 0..40),
            retry in 0_u32..5, urls in 1_usize..4, alpha: bool,
        ) {
            let mut verdict = Verdict::of(&http(timing(retry, alpha), urls));
            for outcome in history {
                let _ = verdict.handle(&if outcome { good() } else { bad() });
            }
            let mut down = verdict.clone();
            for _ in 0..=retry {
                let _ = down.handle(&bad());
            }
            prop_assert_eq!(down.health(), Health::Down);
            // The failing page, then a full pass.
            for _ in 0..=urls {
                let _ = verdict.handle(&good());
            }
            prop_assert_eq!(verdict.health(), Health::Up);
        }
    }
}
