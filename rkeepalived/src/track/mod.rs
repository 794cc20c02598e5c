//! What VRRP instances depend on besides their links: scripts that are run again and again, files whose number counts,
//! processes that run.
//!
//! What this is: [`Trackers`] runs and watches what the configuration names and tells the failover thread how each stands.
//!
//! What it must not know: priorities, states, what follows from a result: that is `vrrp`'s.
//!
//! Enter at [`Trackers::configure`]. Pure: [`verdict`], [`census`], [`quorum`]. Tests: beside the code; with the daemons in the stories `track/..`.

pub mod census;
mod process;
pub mod quorum;
pub mod results;
mod script;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use keepalived_conf::TrackKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vrrp::Standing;

use self::process::Wanted;
use self::results::{Results, Slate};
use crate::failover::handle::Tracking;
use crate::journal::{Line, Part, write};
use crate::kernel::processes::ProcessEvents;
use crate::plan::{TrackPlan, TrackedFile, TrackedScript};
use crate::watch::{FileWatch, Reading};

/// Readings of files that may wait.
const READINGS: usize = 16;

/// Runs scripts and watches files for VRRP. Dropping it ends them, running scripts included.
pub struct Trackers {
    failover: Tracking,
    scripts: BTreeMap<String, (TrackedScript, JoinHandle<()>)>,
    files: FileWatch,
    names: tokio::sync::watch::Sender<BTreeMap<PathBuf, BTreeSet<String>>>,
    teller: JoinHandle<()>,
    known: BTreeSet<String>,
    slate: Slate,
    processes: tokio::sync::watch::Sender<Wanted>,
    counter: JoinHandle<()>,
}

impl Trackers {
    /// Tracks nothing yet. Within a tokio runtime of several threads.
    #[must_use]
    pub fn start(failover: Tracking, events: Option<ProcessEvents>) -> Trackers {
        let (processes, wanted) = tokio::sync::watch::channel(Wanted::default());
        let counter = tokio::spawn(process::run(wanted, failover.clone(), events));
        let (readings, inlet) = mpsc::channel(READINGS);
        let (names, watched) = tokio::sync::watch::channel(BTreeMap::new());
        Trackers {
            scripts: BTreeMap::new(),
            files: FileWatch::start(readings),
            teller: tokio::spawn(tell(inlet, watched, failover.clone())),
            names,
            failover,
            known: BTreeSet::new(),
            slate: Slate::default(),
            processes,
            counter,
        }
    }

    /// Makes `plan` what is tracked. A script that did not change runs on and keeps what is known of it.
    pub fn configure(&mut self, plan: TrackPlan) {
        let mut before = std::mem::take(&mut self.scripts);
        for script in plan.scripts {
            let running = match before.remove(&script.name) {
                Some((same, task)) if same == script && !task.is_finished() => (same, task),
                other => {
                    if let Some((_, task)) = other {
                        task.abort();
                    }
                    let task = tokio::spawn(script::run(
                        script.clone(),
                        self.failover.clone(),
                        self.slate.clone(),
                    ));
                    (script, task)
                }
            };
            self.scripts.insert(running.0.name.clone(), running);
        }
        before.into_values().for_each(|(_, task)| task.abort());
        self.slate.keep(|name| self.scripts.contains_key(name));
        self.follow(plan.files);
        let wanted = Wanted {
            processes: plan.processes,
            buffer: plan.process_buffer,
        };
        self.processes.send_if_modified(|before| {
            let changed = *before != wanted;
            *before = wanted;
            changed
        });
    }

    /// What scripts last came to.
    #[must_use]
    pub fn results(&self) -> Results {
        self.slate.copy()
    }

    /// What files that are new say: instances begin with that. To be asked before the failover thread is given a
    /// configuration that tracks them.
    #[must_use]
    pub fn prepare(&self, plan: &TrackPlan) -> Vec<(TrackKind, String, Standing)> {
        let new = |file: &&TrackedFile| !self.known.contains(&file.name);
        let mut standings = Vec::new();
        for file in plan.files.iter().filter(new) {
            // One that does not fit is told of by the watch.
            let number = crate::watch::read(&file.path).unwrap_or(0);
            standings.push((TrackKind::File, file.name.clone(), Standing::Number(number)));
        }
        let counted = process::prepare(&self.processes.borrow(), &plan.processes);
        standings.extend(
            counted
                .into_iter()
                .map(|(name, standing)| (TrackKind::Process, name, standing)),
        );
        standings
    }

    fn follow(&mut self, files: Vec<TrackedFile>) {
        let mut names: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for file in files {
            known.insert(file.name.clone());
            names.entry(file.path).or_default().insert(file.name);
        }
        self.known = known;
        let paths: BTreeSet<PathBuf> = names.keys().cloned().collect();
        self.names.send_replace(names);
        // The names first: what is followed anew is told at once.
        self.files.follow(paths);
    }
}

impl Drop for Trackers {
    fn drop(&mut self) {
        self.teller.abort();
        self.counter.abort();
        for (_, task) in self.scripts.values() {
            task.abort();
        }
    }
}

/// Tells the failover thread what files say, and again when one gets another name.
async fn tell(
    mut readings: mpsc::Receiver<Reading>,
    mut names: tokio::sync::watch::Receiver<BTreeMap<PathBuf, BTreeSet<String>>>,
    failover: Tracking,
) {
    let mut numbers: BTreeMap<PathBuf, i32> = BTreeMap::new();
    loop {
        let paths: Vec<PathBuf> = tokio::select! {
            reading = readings.recv() => match reading {
                Some(Reading { path, number: Ok(number) }) => {
                    numbers.insert(path.clone(), number);
                    vec![path]
                }
                Some(Reading { path, number: Err(error) }) => {
                    write(&Line::Trouble {
                        part: Part::Vrrp,
                        reason: format!(
                            "tracked file {} holds {}, which does not fit 32 bits; the last number still counts",
                            path.display(), error.0
                        ),
                    });
                    continue;
                }
                None => return,
            },
            changed = names.changed() => match changed {
                Ok(()) => {
                    let present = names.borrow_and_update();
                    numbers.retain(|path, _| present.contains_key(path));
                    present.keys().cloned().collect()
                }
                Err(_) => return,
            },
        };
        for path in paths {
            let named = names.borrow().get(&path).cloned().unwrap_or_default();
            let Some(number) = numbers.get(&path) else {
                continue;
            };
            for name in named {
                failover
                    .tell(TrackKind::File, name, Standing::Number(*number))
                    .await;
            }
        }
    }
}
