//! The one place that tells: scripts, FIFOs, mail.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::audience::Told;
use super::fifos::{Fifos, Topic, WantedFifo};
use super::mail::{Mail, Mailing};
use super::post::Post;
use super::{Notifier, Script};

/// How long mails have to get away at a stop.
const LETTERS: Duration = Duration::from_secs(1);
/// How long scripts of FIFOs have to end at a stop.
const READERS: Duration = Duration::from_secs(1);

/// Tells whoever wants to know. Nothing here waits for anybody.
#[derive(Default)]
pub struct Herald {
    scripts: Notifier,
    fifos: Mutex<Fifos>,
    post: Post,
    /// Scripts of FIFOs that were told to end.
    dismissed: Mutex<Vec<JoinHandle<()>>>,
}

impl Herald {
    /// Makes these the FIFOs that are written to, and that where mail goes. Within a tokio runtime.
    pub fn bring(&self, fifos: Vec<WantedFifo>, mailing: Option<Mailing>) {
        self.fifos().bring(fifos);
        self.post.follow(mailing);
    }

    /// Where mail goes, if anywhere.
    #[must_use]
    pub fn mailing(&self) -> Option<Arc<Mailing>> {
        self.post.mailing()
    }

    /// Tells by mail.
    pub fn mail(&self, mail: Mail) {
        self.post.send(mail);
    }

    /// Tells of VRRP.
    pub fn vrrp(&self, told: Told) {
        for script in told.scripts {
            self.scripts.tell(&told.lane, script);
        }
        self.vrrp_words(told.line, told.mail);
    }

    fn vrrp_words(&self, line: Option<String>, mail: Option<Mail>) {
        if let Some(line) = line {
            self.fifos().write(Topic::Vrrp, &line);
        }
        if let Some(mail) = mail {
            self.post.send(mail);
        }
    }

    /// Tells of the last of VRRP: each script beside the others, since all of them together have a second.
    pub fn vrrp_stops(&self, told: Told) {
        for (at, script) in told.scripts.into_iter().enumerate() {
            let lane = format!("{} at the stop ({at})", told.lane);
            self.scripts.tell(&lane, script);
        }
        self.vrrp_words(told.line, told.mail);
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
        tokio::join!(self.scripts.stop(patience), self.post.close(LETTERS));
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
