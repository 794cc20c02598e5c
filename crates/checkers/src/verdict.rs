//! From outcomes to "up" and "down", and when to try next. Pure: it knows no clock.

use std::time::Duration;

use crate::outcome::{Health, Outcome};
use crate::spec::{Check, Probe, Timing};

/// What one check holds of its server so far.
///
/// keepalived behaviour: a server that is up goes down with `retry + 1` failures in a row, except that the very
/// first attempt decides alone. One that is down comes up with one success, or for several pages with one
/// success each. With `alpha` it starts down, otherwise up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    delay_loop: Duration,
    retry: u32,
    delay_before_retry: Duration,
    recheck: Duration,
    urls: usize,
    health: Health,
    first: bool,
    failures: u32,
    url: usize,
    passed: usize,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// The new verdict, if it is new.
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
            urls: urls.max(1),
            health: if timing.alpha {
                Health::Down
            } else {
                Health::Up
            },
            first: true,
            failures: 0,
            url: 0,
            passed: 0,
        }
    }

    /// The verdict on `check` before its first attempt.
    ///
    /// keepalived behaviour: a web page that failed is not asked for faster than `delay_before_retry`, even where
    /// that is longer than `delay_loop`; other checks of a server that is down keep to `delay_loop`.
    #[must_use]
    pub fn of(check: &Check) -> Verdict {
        let verdict = Verdict::new(&check.timing, check.probe.urls());
        match check.probe {
            Probe::Http(_) => Verdict {
                recheck: verdict.delay_loop.max(verdict.delay_before_retry),
                ..verdict
            },
            Probe::Tcp(_) | Probe::Misc(_) => verdict,
        }
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
        let first = std::mem::take(&mut self.first);
        match outcome {
            Outcome::Success(_) => self.succeeded(),
            Outcome::Failure(_) => self.failed(first),
        }
    }

    fn succeeded(&mut self) -> Step {
        let recovering = std::mem::take(&mut self.failures) > 0;
        let mut change = None;
        match self.health {
            Health::Up => self.url = self.following(),
            // keepalived behaviour: once the failing page works, all are asked for again.
            Health::Down if recovering && self.url != 0 => {
                self.passed = 0;
                self.url = 0;
            }
            Health::Down => {
                self.passed += 1;
                self.url = self.following();
                if self.passed >= self.urls {
                    self.passed = 0;
                    self.health = Health::Up;
                    change = Some(Health::Up);
                }
            }
        }
        self.step(change, self.delay_loop, false)
    }

    fn failed(&mut self, first: bool) -> Step {
        self.failures = self.failures.saturating_add(1);
        self.passed = 0;
        let mut change = None;
        if self.health == Health::Up {
            if !first && self.failures <= self.retry {
                return self.step(None, self.delay_before_retry, true);
            }
            self.health = Health::Down;
            change = Some(Health::Down);
        }
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
