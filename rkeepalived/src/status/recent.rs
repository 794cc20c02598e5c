//! What the checks saw last, for people to look at. Pure: times come in.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use checkers::{CheckId, Evidence, Outcome, Report};

use super::view::{AttemptView, FailureView};

/// So many attempts are remembered by whether they were a success.
const REMEMBERED: u32 = u32::BITS;

/// The last outcomes of all checks.
#[derive(Debug, Default)]
pub struct Recent(HashMap<CheckId, Memory>);

/// Of one check. There may be very many of them, so the successes are bits and the texts are few.
#[derive(Debug)]
pub struct Memory {
    /// The newest in the lowest bit.
    successes: u32,
    count: u32,
    at_ms: u64,
    took: Duration,
    last: Outcome,
    failure: Option<(u64, Box<str>)>,
    changed_ms: Option<u64>,
}

impl Recent {
    /// An attempt ended at `now_ms`.
    pub fn take(&mut self, report: &Report, now_ms: u64) {
        let success = report.outcome.is_success();
        let failure = match &report.outcome {
            Outcome::Failure(failure) => Some((now_ms, failure.to_string().into())),
            Outcome::Success(_) => None,
        };
        let changed_ms = report.change.map(|_| now_ms);
        let memory = self.0.entry(report.id).or_insert_with(|| Memory {
            successes: 0,
            count: 0,
            at_ms: now_ms,
            took: report.elapsed,
            last: report.outcome.clone(),
            failure: None,
            changed_ms: None,
        });
        memory.successes = memory.successes << 1 | u32::from(success);
        memory.count = memory.count.saturating_add(1).min(REMEMBERED);
        memory.at_ms = now_ms;
        memory.took = report.elapsed;
        memory.last = report.outcome.clone();
        memory.failure = failure.or(memory.failure.take());
        memory.changed_ms = changed_ms.or(memory.changed_ms);
    }

    /// Only these checks are there from now on.
    pub fn keep(&mut self, checks: impl Iterator<Item = CheckId>) {
        let checks: HashSet<CheckId> = checks.collect();
        self.0.retain(|id, _| checks.contains(id));
    }

    /// What a check saw, if it was tried.
    #[must_use]
    pub fn of(&self, check: CheckId) -> Option<&Memory> {
        self.0.get(&check)
    }
}

impl Memory {
    /// `++-+`, the newest last.
    #[must_use]
    pub fn shown(&self) -> String {
        let bits = (0..self.count).rev();
        bits.map(|bit| match self.successes >> bit & 1 {
            1 => '+',
            _ => '-',
        })
        .collect()
    }

    /// The last attempt.
    #[must_use]
    pub fn attempt(&self) -> AttemptView {
        AttemptView {
            at_ms: self.at_ms,
            took_us: u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            ok: self.last.is_success(),
            seen: match &self.last {
                Outcome::Failure(failure) => failure.to_string(),
                Outcome::Success(evidence) => seen(evidence),
            },
        }
    }

    /// The last failure.
    #[must_use]
    pub fn failure(&self) -> Option<FailureView> {
        let (at_ms, seen) = self.failure.as_ref()?;
        Some(FailureView {
            at_ms: *at_ms,
            seen: seen.to_string(),
        })
    }

    /// When the check last changed its mind.
    #[must_use]
    pub fn changed_ms(&self) -> Option<u64> {
        self.changed_ms
    }
}

fn seen(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Connected => "connected".to_owned(),
        Evidence::Answered { status, length, .. } => format!("status {status}, {length} bytes"),
        Evidence::Exited { status } => format!("exit status {status}"),
        Evidence::Spoke => "mail server spoke".to_owned(),
        Evidence::Resolved { answers } => format!("{answers} records"),
        Evidence::Replied => "replied".to_owned(),
        Evidence::Silent => "no complaint".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use checkers::{Failure, Health};

    use super::*;

    fn report(outcome: Outcome, change: Option<Health>) -> Report {
        Report {
            id: CheckId(7),
            outcome,
            change,
            attempt: 0,
            retry: 0,
            elapsed: Duration::from_micros(1500),
            dynamic_weight: None,
        }
    }

    #[test]
    fn the_newest_is_last_and_the_last_failure_stays() {
        let mut recent = Recent::default();
        let good = || Outcome::Success(Evidence::Connected);
        recent.take(&report(good(), None), 10);
        let bad = Outcome::Failure(Failure::Refused);
        recent.take(&report(bad, Some(Health::Down)), 20);
        recent.take(&report(good(), None), 30);
        let memory = recent.of(CheckId(7)).unwrap();
        assert_eq!(memory.shown(), "+-+");
        let last = memory.attempt();
        assert_eq!((last.at_ms, last.took_us, last.ok), (30, 1500, true));
        assert_eq!(last.seen, "connected");
        let failure = memory.failure().unwrap();
        assert_eq!(failure.at_ms, 20);
        assert_eq!(failure.seen, "connection refused");
        assert_eq!(memory.changed_ms(), Some(20));
        for at in 0..100 {
            recent.take(&report(good(), None), 40 + at);
        }
        assert_eq!(recent.of(CheckId(7)).unwrap().shown(), "+".repeat(32));
        recent.keep([CheckId(8)].into_iter());
        assert!(recent.of(CheckId(7)).is_none());
    }
}
