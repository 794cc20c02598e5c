//! The FIFOs of a configuration, each with the script that reads it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Script;
use super::fifo::Fifo;
use crate::journal::{Line, write};

/// A FIFO as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFifo {
    /// What is written to it.
    pub about: Topic,
    /// Where it is.
    pub path: PathBuf,
    /// User and group ids that it belongs to if it has to be made; ours without.
    pub owner: Option<(u32, u32)>,
    /// Run as long as the FIFO is there, with its path as the last argument.
    pub script: Option<Arc<Script>>,
}

/// What a FIFO is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Everything: `notify_fifo`.
    All,
    /// Instances and sync groups: `vrrp_notify_fifo`.
    Vrrp,
    /// Virtual and real servers: `lvs_notify_fifo`.
    Lvs,
}

/// Those that are open. Dropping it removes those that were made, and kills the scripts.
#[derive(Debug, Default)]
pub(super) struct Fifos(Vec<Open>);

#[derive(Debug)]
struct Open {
    wanted: WantedFifo,
    /// None where it could not be had.
    fifo: Option<Fifo>,
    reader: Option<Reader>,
}

#[derive(Debug)]
struct Reader {
    /// Dropped, it ends the script.
    _end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Fifos {
    /// Makes these the open ones. What did not change stays open, and its script runs on; one that has ended is started anew.
    pub fn bring(&mut self, wanted: Vec<WantedFifo>) {
        let mut before = std::mem::take(&mut self.0);
        // Before new ones: a FIFO that gets another owner is made again.
        before.retain(|open| open.fifo.is_some() && wanted.contains(&open.wanted));
        for wanted in wanted {
            let same = before.iter().position(|open| open.wanted == wanted);
            let mut open = match same {
                Some(at) => before.swap_remove(at),
                None => Open::new(wanted),
            };
            open.read();
            self.0.push(open);
        }
    }

    /// Writes a line to all that this is of interest to.
    pub fn write(&mut self, about: Topic, line: &dyn fmt::Display) {
        let hears = |open: &&mut Open| [about, Topic::All].contains(&open.wanted.about);
        for open in self.0.iter_mut().filter(hears) {
            if let Some(fifo) = &mut open.fifo {
                fifo.write(&line.to_string());
            }
        }
    }

    /// Tells the scripts to end, without waiting for them; the FIFOs stay.
    pub fn dismiss(&mut self) -> Vec<JoinHandle<()>> {
        let readers = self.0.iter_mut().filter_map(|open| open.reader.take());
        readers.map(|reader| reader.task).collect()
    }
}

impl Open {
    fn new(wanted: WantedFifo) -> Open {
        let fifo = match Fifo::open(&wanted.path, wanted.owner) {
            Ok(fifo) => Some(fifo),
            Err(error) => {
                write(&Line::FifoMissing {
                    path: wanted.path.clone(),
                    reason: error.to_string(),
                });
                None
            }
        };
        Open {
            wanted,
            fifo,
            reader: None,
        }
    }

    /// Lets its script run.
    fn read(&mut self) {
        let running = self.reader.as_ref();
        if self.fifo.is_none() || running.is_some_and(|reader| !reader.task.is_finished()) {
            return;
        }
        self.reader = self.wanted.script.as_ref().map(|script| {
            let mut argv = script.argv.clone();
            let path = self.wanted.path.to_string_lossy().into_owned();
            argv.push(path);
            let script = Script {
                argv,
                user: script.user,
            };
            let (end, ended) = oneshot::channel();
            Reader {
                _end: end,
                task: tokio::spawn(read(Arc::new(script), ended)),
            }
        });
    }
}

/// Runs the script until it ends, or is to end.
async fn read(script: Arc<Script>, end: oneshot::Receiver<()>) {
    let Some((mut child, group)) = script.start("FIFO") else {
        return;
    };
    tokio::select! {
        ended = child.wait() => {
            group.release();
            let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            write(&Line::FifoScriptEnded { script, status });
        }
        // Never sent: dropped.
        _ = end => group.end(&mut child).await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    fn wanted(about: Topic, path: &Path, said: &Path) -> WantedFifo {
        let said = said.display();
        let text = format!("while read -r line; do echo \"$line\" >> {said}; done < \"$0\"");
        let argv = ["/bin/sh", "-c", &text].map(str::to_owned).to_vec();
        WantedFifo {
            about,
            path: path.to_owned(),
            owner: None,
            script: Some(Arc::new(Script { argv, user: None })),
        }
    }

    async fn until(what: impl Fn() -> bool) {
        let start = Instant::now();
        while !what() {
            assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn scripts_read_what_concerns_them_and_run_on_over_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        let [all, lvs, heard_all, heard_lvs] =
            ["all", "lvs", "1", "2"].map(|name| folder.path().join(name));
        let both = vec![
            wanted(Topic::All, &all, &heard_all),
            wanted(Topic::Lvs, &lvs, &heard_lvs),
        ];
        let mut fifos = Fifos::default();
        fifos.bring(both.clone());
        fifos.write(Topic::Vrrp, &"one");
        fifos.write(Topic::Lvs, &"two");
        let heard = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        until(|| heard(&heard_all) == "one\ntwo\n" && heard(&heard_lvs) == "two\n").await;
        fifos.bring(both[..1].to_vec());
        assert!(all.exists() && !lvs.exists());
        fifos.write(Topic::Lvs, &"three");
        until(|| heard(&heard_all) == "one\ntwo\nthree\n").await;
        for task in fifos.dismiss() {
            task.await.unwrap();
        }
        drop(fifos);
        assert!(!all.exists());
    }

    #[tokio::test]
    async fn a_script_that_ended_is_started_by_the_next_reload() {
        let folder = tempfile::tempdir().unwrap();
        let [fifo, said] = ["fifo", "said"].map(|name| folder.path().join(name));
        let mut one = wanted(Topic::All, &fifo, &said);
        let argv = ["/bin/sh", "-c", &format!("echo run >> {}", said.display())];
        let argv = argv.map(str::to_owned).to_vec();
        one.script = Some(Arc::new(Script { argv, user: None }));
        let mut fifos = Fifos::default();
        for runs in 1..3 {
            fifos.bring(vec![one.clone()]);
            until(|| fs::read_to_string(&said).is_ok_and(|said| said.lines().count() == runs))
                .await;
            let reader = fifos.0[0].reader.as_mut().unwrap();
            (&mut reader.task).await.unwrap();
        }
    }
}
