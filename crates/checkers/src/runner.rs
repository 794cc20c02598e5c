//! The driver: begins each attempt when the agenda says so, asks the verdict and reports.
//!
//! Decides nothing: whose turn it is is the agenda's matter, delays are the schedule's, changes the verdict's.
//!
//! One task waits for the next turn and sends the reports; an attempt is a task of its own for as long as it
//! takes, so that a check that waits costs an entry in a table. What all share stands behind one lock, which nobody
//! holds across an await.

use std::any::Any;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;

use crate::agenda::{Agenda, Held, Time};
use crate::alarm::Alarm;
use crate::descriptors;
use crate::ephemeral;
use crate::memory::{Memory, Seen};
use crate::outcome::{Evidence, Failure, Outcome, Report};
use crate::probe;
use crate::schedule;
use crate::spec::{Check, CheckId, Probe};
use crate::verdict::Verdict;

/// How long a report may wait for others that nobody is in a hurry for.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often the kernel is asked which ports it gives.
const PORTS: Duration = Duration::from_secs(60);

/// So many wait at most.
const PARCEL: usize = 256;

/// So many attempts begin in a row. Before the next ones, what has come in for those under way is looked at: where more is due
/// than the processor can do, checks come late, and not their answers, which would make failures of servers that are well.
const TURN: usize = 32;

/// Runs all checks, and reports each attempt that tells something new. Dropping it ends them, commands included.
pub struct Runner {
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
}

/// What the checks of a [`Runner`] saw; nothing once it is gone.
#[derive(Clone, Default)]
pub struct Sight(Weak<Shared>);

impl fmt::Debug for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight").finish_non_exhaustive()
    }
}

impl Sight {
    /// What each of these saw last, and when it is tried next. Best a few at a time: no check begins meanwhile.
    #[must_use]
    pub fn seen(&self, ids: impl IntoIterator<Item = CheckId>) -> HashMap<CheckId, Seen> {
        let Some(shared) = self.0.upgrade() else {
            return HashMap::new();
        };
        let now = shared.now();
        let board = shared.lock();
        let seen = ids.into_iter().filter_map(|id| {
            let running = board.running.get(&id)?;
            Some((id, running.memory.seen(now, board.agenda.turn(id))))
        });
        seen.collect()
    }
}

/// What the driver, the attempts and the caller share.
struct Shared {
    began: Instant,
    board: Mutex<Board>,
    reports: mpsc::Sender<Report>,
    commands: Handle,
    /// Wakes the driver.
    news: Notify,
    panics: AtomicU64,
}

/// The checks, and what they have to say.
struct Board {
    agenda: Agenda,
    running: HashMap<CheckId, Running>,
    reports: VecDeque<Report>,
    /// When the reports have to be on their way.
    post_at: Option<Time>,
    /// Attempts begun so far.
    attempts: u64,
    /// When to ask again which ports the kernel gives.
    ports_at: Time,
}

/// A check at work, or paused.
struct Running {
    check: Check,
    verdict: Verdict,
    url: usize,
    paused: bool,
    attempt: Option<Attempt>,
    /// Of the last attempt: whether it was a success, and its dynamic weight.
    last: Option<(bool, Option<u8>)>,
    memory: Memory,
}

/// Of attempts that are due.
enum Begun {
    /// There is none; and when to look again, at the latest.
    None(Option<Time>),
    /// More may be.
    Some,
}

/// One that is under way, and its number: what another one found counts for nothing.
struct Attempt {
    number: u64,
    task: JoinHandle<()>,
}

impl Runner {
    /// A runner without checks that sends to `reports`; a full channel holds the checks up, and a closed one ends
    /// them. A report that tells something new is sent at once; one of a failure like the last may wait a tenth of a second
    /// for others, and a success like the last is nothing to report, only to be [`seen`](Sight::seen). Raises the limit of open files to what the system allows, since each attempt needs some.
    ///
    /// It runs on `runtime`, which needs time and I/O; best one with a single thread that has nothing else to do. Only
    /// attempts that start a command run on `commands`: starting one takes a while, and a command inherits how the thread that
    /// starts it is scheduled. `alarm` tells of each turn.
    #[must_use]
    pub fn new(
        reports: mpsc::Sender<Report>,
        runtime: &Handle,
        commands: &Handle,
        alarm: impl Alarm,
    ) -> Runner {
        Runner::limited(reports, runtime, commands, alarm, descriptors::available())
    }

    /// The same with so many file descriptors for all attempts together.
    #[must_use]
    pub fn limited(
        reports: mpsc::Sender<Report>,
        runtime: &Handle,
        commands: &Handle,
        alarm: impl Alarm,
        descriptors: u32,
    ) -> Runner {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            board: Mutex::new(Board {
                agenda: Agenda::new(descriptors),
                running: HashMap::new(),
                reports: VecDeque::new(),
                post_at: None,
                attempts: 0,
                ports_at: Time::ZERO,
            }),
            reports: reports.clone(),
            commands: commands.clone(),
            news: Notify::new(),
            panics: AtomicU64::new(0),
        });
        let driver = runtime.spawn(drive(shared.clone(), reports, alarm));
        Runner { shared, driver }
    }

    /// Makes `checks` the ones that run. A check that is there already with the same probe runs on and keeps its verdict,
    /// whatever becomes of its times; one that is gone or different is ended, and none of its attempts is reported once this
    /// returns. (Reports sent before may still be in the channel: a check with another probe should get a new id.)
    pub fn configure(&mut self, checks: Vec<Check>) {
        let mut board = self.shared.lock();
        let now = self.shared.now();
        let mut before = std::mem::take(&mut board.running);
        board.running.reserve(checks.len());
        let mut ended = Vec::new();
        for check in checks {
            let id = check.id;
            let running = match before.remove(&id) {
                Some(mut running) if running.check.probe == check.probe => {
                    if running.check.timing != check.timing {
                        let due = now.saturating_add(check.timing.delay_loop);
                        board.agenda.hasten(id, due);
                        running.verdict.retime(&check);
                        running.check = check;
                    }
                    running
                }
                other => {
                    ended.extend(other);
                    let due = now.saturating_add(schedule::first(check.timing.warmup, random()));
                    let needs = descriptors::needed(&check.probe);
                    board.agenda.insert(id, due, needs);
                    Running::new(check)
                }
            };
            // Of two with the same id the last one counts.
            ended.extend(board.running.insert(id, running));
        }
        for (id, running) in before {
            board.agenda.remove(id);
            ended.push(running);
        }
        let gone: HashSet<CheckId> = ended.iter().map(|running| running.check.id).collect();
        board.reports.retain(|report| !gone.contains(&report.id));
        drop(board);
        ended.iter().for_each(Running::end);
        self.shared.news.notify_one();
    }

    /// For whoever wants to see what the checks saw, on any thread.
    #[must_use]
    pub fn sight(&self) -> Sight {
        Sight(Arc::downgrade(&self.shared))
    }

    /// Stops trying: an attempt that runs is given up and its outcome counts for nothing. What was found before stays.
    pub fn pause(&mut self, id: CheckId) {
        let mut board = self.shared.lock();
        board.agenda.remove(id);
        let attempt = board.running.get_mut(&id).and_then(|running| {
            running.paused = true;
            running.attempt.take()
        });
        drop(board);
        if let Some(attempt) = attempt {
            attempt.task.abort();
        }
    }

    /// Goes on with a paused check, where it was: the next attempt comes within its `delay_loop`.
    pub fn resume(&mut self, id: CheckId) {
        let now = self.shared.now();
        let mut board = self.shared.lock();
        let board = &mut *board;
        let paused = |running: &&mut Running| running.paused;
        let Some(running) = board.running.get_mut(&id).filter(paused) else {
            return;
        };
        running.paused = false;
        let after = schedule::resumed(running.check.timing.delay_loop, random());
        let needs = descriptors::needed(&running.check.probe);
        board.agenda.insert(id, now.saturating_add(after), needs);
        self.shared.news.notify_one();
    }

    /// Ends all checks, and returns when their attempts are gone and their commands have been killed.
    pub async fn shutdown(&mut self) {
        self.driver.abort();
        for attempt in self.shared.clear() {
            attempt.task.abort();
            // Cancelled, as asked.
            let _ = attempt.task.await;
        }
    }

    /// Probes that panicked so far.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.driver.abort();
        for attempt in self.shared.clear() {
            attempt.task.abort();
        }
    }
}

impl Board {
    /// Sends the reports as far as there is room. Answers whether none is left.
    fn post(&mut self, reports: &mpsc::Sender<Report>) -> bool {
        while !self.reports.is_empty() {
            let Ok(place) = reports.try_reserve() else {
                return false;
            };
            if let Some(report) = self.reports.pop_front() {
                place.send(report);
            }
        }
        self.post_at = None;
        true
    }
}

impl Running {
    fn new(check: Check) -> Running {
        Running {
            verdict: Verdict::of(&check),
            check,
            url: 0,
            paused: false,
            attempt: None,
            last: None,
            memory: Memory::default(),
        }
    }

    fn end(&self) {
        if let Some(attempt) = &self.attempt {
            attempt.task.abort();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        self.began.elapsed()
    }

    /// Forgets all checks; what was under way is handed out.
    fn clear(&self) -> Vec<Attempt> {
        let mut board = self.lock();
        board.reports.clear();
        let running = std::mem::take(&mut board.running);
        for id in running.keys() {
            board.agenda.remove(*id);
        }
        drop(board);
        running
            .into_values()
            .filter_map(|running| running.attempt)
            .collect()
    }

    /// Begins what is due, but not too much of it.
    fn begin(self: &Arc<Shared>) -> Begun {
        let now = self.now();
        let mut board = self.lock();
        let board = &mut *board;
        if board.ports_at <= now {
            board.ports_at = now.saturating_add(PORTS);
            ephemeral::look();
        }
        for begun in 0..TURN {
            let Some((id, held)) = board.agenda.begin(now) else {
                if begun > 0 {
                    break;
                }
                let times = [board.agenda.next(), board.post_at];
                return Begun::None(times.into_iter().flatten().min());
            };
            let held = Descriptors {
                shared: self.clone(),
                held: Some(held),
            };
            if let Some(running) = board.running.get_mut(&id) {
                board.attempts += 1;
                let number = board.attempts;
                let work = attempt(id, number, running.check.probe.clone(), running.url, held);
                let task = match running.check.probe.is_command() {
                    true => self.commands.spawn(work),
                    false => tokio::spawn(work),
                };
                running.attempt = Some(Attempt { number, task });
            }
        }
        Begun::Some
    }

    /// An attempt is over: asks the verdict, keeps its report and sets the next turn.
    fn finish(
        &self,
        id: CheckId,
        number: u64,
        outcome: Outcome,
        started: Instant,
        held: Option<Held>,
    ) {
        let ended = Instant::now();
        let elapsed = ended.saturating_duration_since(started);
        let now = ended.saturating_duration_since(self.began);
        let mut guard = self.lock();
        let board = &mut *guard;
        let mut urgent = false;
        let mut news = held.is_some_and(|held| board.agenda.release(held));
        // One that was given up has nothing to say any more.
        let running = board.running.get_mut(&id).filter(|running| {
            let current = running.attempt.as_ref();
            current.is_some_and(|attempt| attempt.number == number)
        });
        if let Some(running) = running {
            running.attempt = None;
            let step = running.verdict.handle(&outcome);
            running.url = step.next.url;
            let Check { probe, timing, .. } = &running.check;
            let delay = schedule::following(probe, &step.next, elapsed);
            let due = now.saturating_add(delay);
            news |= board.agenda.again(id, elapsed, due);
            let dynamic_weight = dynamic_weight(probe, &outcome);
            let seen = Some((outcome.is_success(), dynamic_weight));
            urgent = step.change.is_some() || running.last != seen;
            running.last = seen;
            let changed = step.change.is_some();
            running.memory.take(&outcome, elapsed, changed, now);
            if urgent || !outcome.is_success() {
                board.reports.push_back(Report {
                    id,
                    dynamic_weight,
                    outcome,
                    change: step.change,
                    attempt: running.verdict.failures(),
                    retry: timing.retry,
                    elapsed,
                });
                if urgent || board.reports.len() >= PARCEL {
                    // At once and by whoever is here: the driver may have others to begin first.
                    if !board.post(&self.reports) {
                        board.post_at = Some(now);
                        news = true;
                    }
                } else if board.post_at.is_none() {
                    board.post_at = Some(now.saturating_add(PATIENCE));
                    news = true;
                }
            }
        }
        drop(guard);
        if news {
            self.news.notify_one();
        }
        if urgent {
            // Whoever takes it to the kernel may wait for this very processor; the other attempts have no such hurry.
            std::thread::yield_now();
        }
    }

    /// Sends the reports that have to be on their way by now. Answers whether somebody still takes them.
    async fn post(&self, reports: &mpsc::Sender<Report>) -> bool {
        loop {
            let count = {
                let board = self.lock();
                if board.post_at.is_none_or(|at| at > self.now()) {
                    return !reports.is_closed();
                }
                board.reports.len()
            };
            let Ok(places) = reports
                .reserve_many(count.min(reports.max_capacity()))
                .await
            else {
                return false;
            };
            // Sent under the lock: whoever has taken a check away under it will see no more of its reports.
            let mut board = self.lock();
            let count = board.reports.len().min(places.len());
            for (place, report) in places.zip(board.reports.drain(..count)) {
                place.send(report);
            }
            if board.reports.is_empty() {
                board.post_at = None;
            }
        }
    }
}

/// Waits for the next turn, the next report or the next change, again and again. While the reports find no room no
/// attempt begins, so that no more of them gather than attempts are under way.
async fn drive(shared: Arc<Shared>, reports: mpsc::Sender<Report>, alarm: impl Alarm) {
    while shared.post(&reports).await {
        let next = match shared.begin() {
            Begun::None(next) => next,
            // They connect before the alarm is set anew.
            Begun::Some => {
                yield_now().await;
                continue;
            }
        };
        let turn = async {
            match next {
                Some(next) => alarm.after(next.saturating_sub(shared.now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = turn => {}
            () = shared.news.notified() => {}
            () = reports.closed() => return,
        }
    }
}

/// The descriptors of an attempt, which are free again when its task is gone, however it ended.
struct Descriptors {
    shared: Arc<Shared>,
    held: Option<Held>,
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        if let Some(held) = self.held.take()
            && self.shared.lock().agenda.release(held)
        {
            self.shared.news.notify_one();
        }
    }
}

async fn attempt(
    id: CheckId,
    number: u64,
    probe: Arc<Probe>,
    url: usize,
    mut descriptors: Descriptors,
) {
    let started = Instant::now();
    let outcome = contain(probe::attempt(&probe, url))
        .await
        .unwrap_or_else(|message| {
            descriptors.shared.panics.fetch_add(1, Ordering::Relaxed);
            Outcome::Failure(Failure::Panicked { message })
        });
    let held = descriptors.held.take();
    descriptors
        .shared
        .finish(id, number, outcome, started, held);
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
mod tests;
