//! What happened, in order, as far as it is remembered.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::journal::Level;
use crate::journal::event::{Kind, Told};

/// So many events are remembered.
pub const REMEMBERED: usize = 4096;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts up from 1 at the start of the daemon. Where one is missing, events came faster than they could be kept.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is about.
    pub kind: Kind,
    /// How important it is.
    pub level: Level,
    /// An instance, a server, an interface: its name in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Of a check: whether it holds its server for up now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// The line, as in the log.
    pub text: String,
}

/// The last [`REMEMBERED`] events. Nobody holds its lock across an await, and the failover thread never takes it.
#[derive(Debug)]
pub struct History {
    ring: Mutex<VecDeque<Event>>,
    last: watch::Sender<u64>,
}

impl Default for History {
    fn default() -> History {
        History {
            ring: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }
}

impl History {
    /// Takes all events until nobody tells any more.
    pub async fn keep(&self, mut told: mpsc::Receiver<Told>) {
        while let Some(told) = told.recv().await {
            self.push(told);
        }
    }

    /// One more. Its number is the next, but for those that were lost.
    pub fn push(&self, told: Told) {
        let seq = self.last().saturating_add(told.lost).saturating_add(1);
        let mut ring = self.lock();
        if ring.len() >= REMEMBERED {
            ring.pop_front();
        }
        ring.push_back(Event {
            seq,
            at_ms: told.at_ms,
            kind: told.kind,
            level: told.level,
            subject: told.subject,
            up: told.up,
            text: told.text,
        });
        drop(ring);
        self.last.send_replace(seq);
    }

    /// Those after the one with this number, at most `most`, the oldest first.
    #[must_use]
    pub fn after(&self, seq: u64, most: usize) -> Vec<Event> {
        let ring = self.lock();
        let from = ring.partition_point(|event| event.seq <= seq);
        ring.iter().skip(from).take(most).cloned().collect()
    }

    /// The number of the last one; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Changes with each event.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lost: u64) -> Told {
        Told {
            at_ms: 0,
            kind: Kind::Server,
            level: Level::Info,
            subject: None,
            text: String::new(),
            up: None,
            lost,
        }
    }

    #[test]
    fn the_oldest_is_forgotten_and_a_loss_is_a_gap() {
        let history = History::default();
        (0..REMEMBERED).for_each(|_| history.push(told(0)));
        history.push(told(3));
        assert_eq!(history.last(), 4100);
        let seqs = |after, most| -> Vec<u64> {
            let events = history.after(after, most).into_iter();
            events.map(|event| event.seq).collect()
        };
        assert_eq!(seqs(0, 2), [2, 3]);
        assert_eq!(seqs(4095, 10), [4096, 4100]);
        assert!(seqs(4100, 10).is_empty());
    }
}
