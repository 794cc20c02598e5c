//! The rules of nftables that belong to VRRP, brought about beside the failover thread, which waits for no program.
//!
//! A script says the whole of what is to stand, so that of several that wait only the newest is performed.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::nft;
use crate::journal::{Line, Part, write};

/// What a stop waits for the last script.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that performs scripts in the network namespace of the one that opened it.
pub struct Firewall {
    scripts: Sender<String>,
    ended: Receiver<()>,
}

impl Firewall {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub fn open() -> io::Result<Firewall> {
        let (scripts, wanted) = channel::<String>();
        let (end, ended) = channel();
        std::thread::Builder::new()
            .name("firewall".into())
            .spawn(move || {
                while let Ok(mut script) = wanted.recv() {
                    while let Ok(newer) = wanted.try_recv() {
                        script = newer;
                    }
                    if let Err(reason) = nft::run(&script, None) {
                        write(&Line::Trouble {
                            part: Part::Vrrp,
                            reason: format!(
                                "nftables: packets to virtual addresses are not dropped or accepted as they should be: {reason}"
                            ),
                        });
                    }
                }
                // Whoever opened it may have waited long enough.
                let _ = end.send(());
            })?;
        Ok(Firewall { scripts, ended })
    }

    /// Has a script performed soon.
    pub fn bring(&self, script: String) {
        // The thread ends only after this end is dropped.
        let _ = self.scripts.send(script);
    }

    /// Waits until the last script was performed.
    pub fn close(self) {
        drop(self.scripts);
        if self.ended.recv_timeout(PATIENCE).is_err() {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!(
                    "nftables: `{}` does not end; its rules may have stayed behind",
                    nft::PROGRAM
                ),
            });
        }
    }
}
