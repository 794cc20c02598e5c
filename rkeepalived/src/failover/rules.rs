//! Brings rules of nftables to the kernel, beside the failover thread's own work: the last ones that were asked for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use super::groups::{TABLE, Vmacs};
use crate::journal::{Line, Part, write};
use crate::kernel::nft;

/// How long the start and the end wait for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Rules for VMACs.
pub(super) struct Rules {
    wanted: Vmacs,
    table: String,
    asked: u64,
    scripts: watch::Sender<(u64, String)>,
    done: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Rules {
    /// No rules yet. To be called within the failover thread.
    pub fn new() -> Rules {
        let (scripts, receiver) = watch::channel((0, String::new()));
        let (performed, done) = watch::channel(0);
        Rules {
            wanted: Vmacs::default(),
            table: TABLE.to_owned(),
            asked: 0,
            scripts,
            done,
            task: spawn_local(perform(receiver, performed)),
        }
    }

    /// Asks for rules for these VMACs, unless that was asked for last.
    pub fn want(&mut self, vmacs: Vmacs, table: Option<&str>) {
        let table = table.unwrap_or(TABLE);
        if table != self.table {
            // A reload cannot change it: the rules would be there twice. What is there goes on under its name.
            if self.wanted.is_empty() {
                table.clone_into(&mut self.table);
            }
        }
        if vmacs != self.wanted {
            // The task lives as long as we do.
            self.asked += 1;
            let script = vmacs.script(&self.table);
            let _ = self.scripts.send((self.asked, script));
            self.wanted = vmacs;
        }
    }

    /// Waits until what was asked for last is there, or cannot be had.
    pub async fn performed(&mut self) {
        let asked = self.asked;
        let there = self.done.wait_for(|done| *done >= asked);
        if tokio::time::timeout(PATIENCE, there).await.is_err() {
            complain("no answer");
        }
    }

    /// Takes all rules away, and waits for that.
    pub async fn end(mut self) {
        self.want(Vmacs::default(), None);
        drop(self.scripts);
        if tokio::time::timeout(PATIENCE, self.task).await.is_err() {
            complain("no answer");
        }
    }
}

async fn perform(mut scripts: watch::Receiver<(u64, String)>, performed: watch::Sender<u64>) {
    let mut fails = false;
    while scripts.changed().await.is_ok() {
        let (number, script) = scripts.borrow_and_update().clone();
        match nft::perform(script, None).await {
            Ok(()) => fails = false,
            Err(error) if !fails => {
                fails = true;
                complain(&error);
            }
            Err(_) => {}
        }
        performed.send_replace(number);
    }
}

fn complain(error: &str) {
    write(&Line::Trouble {
        part: Part::Vrrp,
        reason: format!(
            "reports of multicast groups leave by the VMACs themselves, with their MAC addresses: {error}"
        ),
    });
}
