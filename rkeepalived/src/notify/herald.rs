//! The one place that tells: scripts, FIFOs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::audience::Told;
use super::fifos::{Fifos, Topic, WantedFifo};
use super::{Notifier, Script};

/// How long scripts of FIFOs have to end at a stop.
const READERS: Duration = Duration::from_secs(1);

/// Tells whoever wants to know. Nothing here waits for anybody.
#[derive(Default)]
pub struct Herald {
    scripts: Notifier,
    fifos: Mutex<Fifos>,
    /// Scripts of FIFOs that were told to end.
    dismissed: Mutex<Vec<JoinHandle<()>>>,
}

impl Herald {
    /// Makes these the FIFOs that are written to. Within a tokio runtime.
    pub fn bring(&self, fifos: Vec<WantedFifo>) {
        self.fifos().bring(fifos);
    }

    /// Tells of VRRP.
    pub fn vrrp(&self, told: Told) {
        for script in told.scripts {
            self.scripts.tell(&told.lane, script);
        }
        if let Some(line) = told.line {
            self.fifos().write(Topic::Vrrp, &line);
        }
    }

    /// Tells of the last of VRRP: each script beside the others, since all of them together have a second.
    pub fn vrrp_stops(&self, told: Told) {
        for (at, script) in told.scripts.into_iter().enumerate() {
            let lane = format!("{} at the stop ({at})", told.lane);
            self.scripts.tell(&lane, script);
        }
        if let Some(line) = told.line {
            self.fifos().write(Topic::Vrrp, &line);
        }
    }

    /// Tells of virtual or real servers: runs what is to be run, in that lane, and writes the line.
    pub fn lvs(&self, lane: &str, script: Option<Arc<Script>>, line: &dyn fmt::Display) {
        if let Some(script) = script {
            self.scripts.tell(lane, script);
        }
        self.fifos().write(Topic::Lvs, line);
    }

    /// A stop begins: scripts that run are told to end, those that wait are not run any more (keepalived behaviour: the
    /// first is true of all that run).
    pub fn hush(&self) {
        self.scripts.hush();
        let readers = self.fifos().dismiss();
        let mut dismissed = self
            .dismissed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        dismissed.extend(readers);
    }

    /// Waits until all has been run, at most for `patience`; then ends what still runs, and removes the FIFOs.
    pub async fn stop(&self, patience: Duration) {
        self.scripts.stop(patience).await;
        let readers = {
            let mut dismissed = self
                .dismissed
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *dismissed)
        };
        let gone = async {
            for reader in readers {
                // One that panicked is gone as well.
                let _ = reader.await;
            }
        };
        // Those that do not go are killed with the runtime.
        let _ = timeout(READERS, gone).await;
        self.fifos().bring(Vec::new());
    }

    fn fifos(&self) -> std::sync::MutexGuard<'_, Fifos> {
        self.fifos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
