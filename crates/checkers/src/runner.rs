//! The driver: one tokio task a check, which waits, probes, asks the verdict and reports.
//!
//! Decides nothing: delays are the schedule's, changes the verdict's.

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::descriptors;
use crate::outcome::{Evidence, Failure, Outcome, Report};
use crate::probe;
use crate::schedule;
use crate::spec::{Check, CheckId, Probe};
use crate::verdict::Verdict;

/// Runs all checks, and reports each attempt. Dropping it ends them, commands included.
pub struct Runner {
    running: BTreeMap<CheckId, Running>,
    shared: Arc<Shared>,
}

/// What all checks share.
struct Shared {
    reports: mpsc::Sender<Report>,
    descriptors: Semaphore,
    panics: AtomicU64,
}

/// A check at work, or paused.
struct Running {
    check: Arc<Check>,
    task: Option<JoinHandle<()>>,
    held: Held,
}

/// What a check holds of its server, and the right to report: taken back, no outcome counts any more, not even one of
/// a task that is just about to report it.
#[derive(Clone)]
struct Held(Arc<Mutex<Standing>>);

#[derive(Clone)]
struct Standing {
    granted: bool,
    verdict: Verdict,
    url: usize,
}

impl Held {
    fn new(verdict: Verdict) -> Held {
        Held(Arc::new(Mutex::new(Standing {
            granted: true,
            verdict,
            url: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same with a right of its own.
    fn renewed(&self) -> Held {
        let standing = self.lock().clone();
        Held(Arc::new(Mutex::new(Standing {
            granted: true,
            ..standing
        })))
    }
}

impl Running {
    fn end(&self) {
        self.held.lock().granted = false;
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

impl Runner {
    /// A runner without checks that sends to `reports`; a full channel holds the checks up, and a closed one ends
    /// them. Raises the limit of open files to what the system allows, since each attempt needs some.
    ///
    /// Within a tokio runtime with time and I/O.
    #[must_use]
    pub fn new(reports: mpsc::Sender<Report>) -> Runner {
        Runner {
            running: BTreeMap::new(),
            shared: Arc::new(Shared {
                reports,
                descriptors: Semaphore::new(descriptors::available()),
                panics: AtomicU64::new(0),
            }),
        }
    }

    /// Makes `checks` the ones that run. A check that is there already and equal runs on and keeps its verdict;
    /// one that is gone or different is ended, and none of its attempts is reported once this returns. (Reports
    /// sent before may still be in the channel: a check that changes should get a new id.)
    pub fn configure(&mut self, checks: Vec<Check>) {
        let mut before = std::mem::take(&mut self.running);
        for check in checks {
            let running = match before.remove(&check.id) {
                Some(running) if *running.check == check => running,
                _ => self.start(check),
            };
            // Of two with the same id the last one counts.
            self.running.insert(running.check.id, running);
        }
    }

    /// Stops trying: an attempt that runs is given up and its outcome counts for nothing. What was found before stays.
    pub fn pause(&mut self, id: CheckId) {
        if let Some(running) = self.running.get_mut(&id) {
            running.end();
            running.task = None;
        }
    }

    /// Goes on with a paused check, where it was: the next attempt comes within its `warmup`.
    pub fn resume(&mut self, id: CheckId) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        if running.task.is_none() {
            running.held = running.held.renewed();
            let (check, held) = (running.check.clone(), running.held.clone());
            let after = schedule::resumed(check.timing.warmup, random());
            running.task = Some(tokio::spawn(run(check, self.shared.clone(), held, after)));
        }
    }

    /// Ends all checks, and returns when their tasks are gone and their commands have been killed.
    pub async fn shutdown(&mut self) {
        let running = std::mem::take(&mut self.running);
        running.values().for_each(Running::end);
        for mut running in running.into_values() {
            // Cancelled, as asked.
            if let Some(task) = running.task.take() {
                let _ = task.await;
            }
        }
    }

    /// Probes that panicked so far.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }

    fn start(&self, check: Check) -> Running {
        let check = Arc::new(check);
        let held = Held::new(Verdict::of(&check));
        let after = schedule::first(check.timing.warmup, random());
        let task = run(check.clone(), self.shared.clone(), held.clone(), after);
        Running {
            check,
            task: Some(tokio::spawn(task)),
            held,
        }
    }
}

async fn run(check: Arc<Check>, shared: Arc<Shared>, held: Held, mut after: Duration) {
    loop {
        sleep(after).await;
        let url = held.lock().url;
        let Some((outcome, elapsed)) = attempt(&check.probe, url, &shared).await else {
            return;
        };
        let Ok(place) = shared.reports.reserve().await else {
            return;
        };
        let mut standing = held.lock();
        if !standing.granted {
            return;
        }
        let step = standing.verdict.handle(&outcome);
        standing.url = step.next.url;
        place.send(Report {
            id: check.id,
            dynamic_weight: dynamic_weight(&check.probe, &outcome),
            outcome,
            change: step.change,
            attempt: standing.verdict.failures(),
            retry: check.timing.retry,
            elapsed,
        });
        drop(standing);
        after = schedule::following(&check.probe, &step.next, elapsed);
    }
}

/// One attempt, as soon as there are file descriptors for it; waiting for them is not the server's fault.
async fn attempt(probe: &Probe, url: usize, shared: &Shared) -> Option<(Outcome, Duration)> {
    let needed = descriptors::needed(probe);
    let _held = shared.descriptors.acquire_many(needed).await.ok()?;
    let started = Instant::now();
    let outcome = contain(probe::attempt(probe, url))
        .await
        .unwrap_or_else(|message| {
            shared.panics.fetch_add(1, Ordering::Relaxed);
            Outcome::Failure(Failure::Panicked { message })
        });
    Some((outcome, started.elapsed()))
}

/// Runs `work`; a panic in it becomes an error with its message.
async fn contain<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        // After a panic the future is dropped and never polled again, so that its broken state is seen by nobody.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic")
        .to_owned()
}

/// keepalived behaviour: with `misc_dynamic` the exit statuses 2 to 255 mean weight 0 to 253.
fn dynamic_weight(probe: &Probe, outcome: &Outcome) -> Option<u8> {
    match (probe, outcome) {
        (Probe::Misc(misc), Outcome::Success(Evidence::Exited { status })) if misc.dynamic => {
            status.checked_sub(2)
        }
        _ => None,
    }
}

/// A random number. Nothing is kept secret by it: it only spreads the checks over time.
fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::MiscProbe;

    #[tokio::test]
    async fn a_panic_is_contained() {
        let broken = async {
            if random().is_multiple_of(1) {
                panic!("bug {}", 7)
            }
        };
        assert_eq!(contain(broken).await, Err("bug 7".into()));
        assert_eq!(contain(async { 7 }).await, Ok(7));
    }

    #[test]
    fn exit_statuses_from_2_are_weights() {
        let misc = |dynamic| {
            Probe::Misc(MiscProbe {
                command: vec!["/bin/check".into()],
                timeout: Duration::from_secs(1),
                dynamic,
                user: None,
            })
        };
        let exited = |status| Outcome::Success(Evidence::Exited { status });
        assert_eq!(dynamic_weight(&misc(true), &exited(2)), Some(0));
        assert_eq!(dynamic_weight(&misc(true), &exited(255)), Some(253));
        assert_eq!(dynamic_weight(&misc(true), &exited(0)), None);
        assert_eq!(dynamic_weight(&misc(false), &exited(0)), None);
    }

    #[test]
    fn random_numbers_differ() {
        let numbers: std::collections::BTreeSet<u32> = (0..100).map(|_| random()).collect();
        assert!(numbers.len() > 90);
    }
}
