//! Who is told: scripts of the user's that run when something changed.
//!
//! What this is: [`Notifier`] runs them, those of one lane (a virtual server) one after the other, so that none
//! overtakes another, unless one does not end; lanes run beside each other, up to a limit. Nobody waits for them. [`Herald`] tells by them and by
//! FIFOs; [`audience`] knows who is told of which change of VRRP.
//!
//! What it must not know: why somebody is told. That is the virtual servers' and VRRP's.
//!
//! Enter at [`Herald`]. Pure: [`audience`]. Tests: beside the code; with the daemons in the stories `alive/..`, `hooks/..`.

pub mod audience;
mod fifo;
mod fifos;
mod herald;
pub mod hook;
mod lane;
pub mod mail;
mod post;
mod quota;
mod script;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

pub use self::fifos::{Topic, WantedFifo};
pub use self::herald::Herald;
pub use self::script::Script;
use crate::journal::{Line, write};

/// Scripts that may wait in one lane. One that does not end must not make us grow.
const WAITING: usize = 256;
/// Scripts that run at the same time, one a lane.
const RUNNING: usize = 64;
/// How long the next one of a lane waits for one that does not end; then it runs beside it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of one lane so many that do not end go on; a further one is ended.
const ENDLESS: usize = 4;
/// How long scripts that were told to end at a stop have for that.
const GRACE: Duration = Duration::from_secs(1);

/// Runs scripts. Dropping it kills those that run.
pub struct Notifier {
    /// The last one takes what is told; those before it are ending.
    crews: Mutex<Vec<Crew>>,
}

/// Lanes that begin and end together.
struct Crew {
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
}

/// What scripts may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Run.
    Run,
    /// End: SIGTERM, and no more of them.
    Terminate,
    /// Be gone: SIGKILL.
    Kill,
}

/// What all lanes share.
struct Shared {
    lanes: Mutex<HashMap<String, VecDeque<Arc<Script>>>>,
    places: Semaphore,
    /// Scripts that others of their lane do not wait for any more, by lane.
    endless: Mutex<HashMap<String, usize>>,
    /// Lanes at work, and endless scripts.
    working: watch::Sender<usize>,
}

impl Shared {
    fn lanes(&self) -> std::sync::MutexGuard<'_, HashMap<String, VecDeque<Arc<Script>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another one of this lane waits.
    fn waits(&self, name: &str) -> bool {
        let lanes = self.lanes();
        lanes.get(name).is_some_and(|waiting| !waiting.is_empty())
    }

    fn endless(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        self.endless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more of a lane goes on although others do not wait for it; not if there are too many of them.
    fn let_go(&self, name: &str) -> bool {
        let mut endless = self.endless();
        let count = endless.entry(name.to_owned()).or_default();
        let may = *count < ENDLESS;
        if may {
            *count += 1;
            self.working.send_modify(|count| *count += 1);
        }
        may
    }

    /// One of those has ended.
    fn gone(&self, name: &str) {
        let mut endless = self.endless();
        if let Some(count) = endless.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                endless.remove(name);
            }
        }
        self.working.send_modify(|count| *count -= 1);
    }

    /// The next script of a lane; `None` closes the lane.
    fn next(&self, name: &str) -> Option<Arc<Script>> {
        let mut lanes = self.lanes();
        let next = lanes.get_mut(name).and_then(VecDeque::pop_front);
        if next.is_none() {
            lanes.remove(name);
        }
        next
    }
}

impl Default for Notifier {
    fn default() -> Notifier {
        Notifier {
            crews: Mutex::new(vec![Crew::default()]),
        }
    }
}

impl Default for Crew {
    fn default() -> Crew {
        Crew {
            shared: Arc::new(Shared {
                lanes: Mutex::new(HashMap::new()),
                places: Semaphore::new(RUNNING),
                endless: Mutex::new(HashMap::new()),
                working: watch::Sender::new(0),
            }),
            phase: watch::Sender::new(Phase::Run),
        }
    }
}

impl Crew {
    fn tell(&self, lane: &str, script: Arc<Script>) {
        let mut lanes = self.shared.lanes();
        if let Some(waiting) = lanes.get_mut(lane) {
            if waiting.len() < WAITING {
                waiting.push_back(script);
            } else {
                write(&Line::ScriptDropped {
                    lane: lane.to_owned(),
                    script,
                    waiting: WAITING,
                });
            }
            return;
        }
        lanes.insert(lane.to_owned(), VecDeque::from([script]));
        self.shared.working.send_modify(|count| *count += 1);
        tokio::spawn(lane::run(
            lane.to_owned(),
            self.shared.clone(),
            self.phase.subscribe(),
        ));
    }
}

impl Notifier {
    fn crews(&self) -> std::sync::MutexGuard<'_, Vec<Crew>> {
        self.crews.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a script after all that its lane was told before. Returns at once. Within a tokio runtime with I/O and time.
    pub fn tell(&self, lane: &str, script: Arc<Script>) {
        if let Some(crew) = self.crews().last() {
            crew.tell(lane, script);
        }
    }

    /// Tells all that runs to end, and forgets what waits. What is told from now on does not wait for it.
    pub fn hush(&self) {
        let mut crews = self.crews();
        for crew in crews.iter() {
            crew.phase.send_replace(Phase::Terminate);
        }
        crews.push(Crew::default());
    }

    /// Waits until all has been run, at most for `patience`; then ends what still runs.
    ///
    /// keepalived behaviour: scripts that run when it stops get SIGTERM, those that a stop itself starts have a second.
    pub async fn stop(&self, patience: Duration) {
        for (phase, patience) in [(Phase::Terminate, patience), (Phase::Kill, GRACE)] {
            if timeout(patience, self.idle()).await.is_ok() {
                return;
            }
            for crew in self.crews().iter() {
                crew.phase.send_replace(phase);
            }
        }
        // What has been killed is gone as soon as the kernel has time for it.
        let _ = timeout(GRACE, self.idle()).await;
    }

    /// Waits until nothing runs.
    async fn idle(&self) {
        let working: Vec<_> = {
            let crews = self.crews();
            let counts = crews.iter().map(|crew| crew.shared.working.subscribe());
            counts.collect()
        };
        for mut working in working {
            // The sender lives as long as we do.
            let _ = working.wait_for(|count| *count == 0).await;
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Kill);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A shell command; `$0` is a file that it may write to.
    fn shell(text: &str, file: &Path) -> Arc<Script> {
        let argv = ["/bin/sh", "-c", text, &file.to_string_lossy()];
        Arc::new(Script {
            argv: argv.map(str::to_owned).to_vec(),
            user: None,
        })
    }

    fn lines(file: &Path) -> Vec<String> {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn until(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < LONG, "waited in vain");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn scripts_of_a_lane_keep_their_order_and_lanes_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let gate = folder.path().join("gate");
        let notifier = Notifier::default();
        let slow = format!(
            "until [ -e {} ]; do sleep 0.01; done; echo a1 >> $0",
            gate.display()
        );
        notifier.tell("a", shell(&slow, &file));
        notifier.tell("a", shell("echo a2 >> $0", &file));
        notifier.tell("b", shell("echo b1 >> $0", &file));
        until(|| lines(&file) == ["b1"]).await;
        fs::write(&gate, "").unwrap();
        notifier.stop(LONG).await;
        assert_eq!(lines(&file), ["b1", "a1", "a2"]);
        // A lane that was empty meanwhile works on.
        notifier.tell("a", shell("echo a3 >> $0", &file));
        notifier.stop(LONG).await;
        assert_eq!(lines(&file), ["b1", "a1", "a2", "a3"]);
    }

    #[tokio::test]
    async fn one_that_cannot_be_run_does_not_stop_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let notifier = Notifier::default();
        let nothing = Script {
            argv: vec!["/nonexistent/script".into()],
            user: None,
        };
        notifier.tell("a", Arc::new(nothing));
        notifier.tell("a", shell("exit 3", &file));
        notifier.tell("a", shell("echo well >> $0", &file));
        notifier.stop(LONG).await;
        assert_eq!(lines(&file), ["well"]);
    }

    #[tokio::test]
    async fn a_stop_ends_what_does_not_end_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let notifier = Notifier::default();
        let polite = "trap 'echo term >> $0; exit' TERM; echo begin >> $0; sleep 100 & wait";
        let stubborn = "trap '' TERM; echo begin >> $0; while :; do sleep 100; done";
        notifier.tell("a", shell(polite, &file));
        notifier.tell("a", shell("echo never >> $0", &file));
        notifier.tell("b", shell(stubborn, &file));
        until(|| lines(&file).len() == 2).await;
        let start = Instant::now();
        notifier.stop(Duration::ZERO).await;
        assert!(start.elapsed() < LONG);
        assert_eq!(lines(&file), ["begin", "begin", "term"]);
        assert!(notifier.crews()[0].shared.lanes().is_empty());
    }

    #[tokio::test]
    async fn last_words_do_not_wait_for_what_runs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let notifier = Notifier::default();
        notifier.tell("a", shell("echo begin >> $0; sleep 100", &file));
        notifier.tell("a", shell("echo never >> $0", &file));
        until(|| lines(&file) == ["begin"]).await;
        notifier.hush();
        notifier.tell("a", shell("echo last >> $0", &file));
        notifier.stop(LONG).await;
        assert_eq!(lines(&file), ["begin", "last"]);
    }

    /// Time passes by itself where nothing else is to be done.
    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("said");
        let notifier = Notifier::default();
        let endless = "echo $$ >> $0; exec sleep 100";
        for _ in 0..ENDLESS + 2 {
            notifier.tell("a", shell(endless, &file));
        }
        notifier.tell("a", shell("echo last >> $0", &file));
        until(|| lines(&file).contains(&"last".to_owned())).await;
        let said = lines(&file);
        assert_eq!(said.len(), ENDLESS + 3, "{said:?}");
        // The first ones go on, the others were ended for those behind them.
        let runs = |pid: &String| Path::new(&format!("/proc/{pid}/stat")).exists();
        let running: Vec<bool> = said.iter().map(runs).collect();
        assert_eq!(running, [true, true, true, true, false, false, false]);
        notifier.stop(Duration::ZERO).await;
        until(|| !said.iter().any(runs)).await;
    }

    #[tokio::test]
    async fn a_lane_that_is_stuck_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = Notifier::default();
        for _ in 0..WAITING * 2 {
            notifier.tell("a", shell("sleep 100", folder.path()));
        }
        assert_eq!(notifier.crews()[0].shared.lanes()["a"].len(), WAITING);
        notifier.stop(Duration::ZERO).await;
    }
}
