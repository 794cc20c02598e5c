//! Where questions about the daemon are asked, from any task: sockets, HTTP.
//!
//! What the main loop knows it is asked for, and answers between two events. The kernel's counters and what the failover
//! thread knows are fetched by whoever asks, so that nobody who has work to do waits for a large table.

use std::fs::File;
use std::sync::Arc;

use ipvs_netlink::{Client, Snapshot};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::gather::{self, Facts};
use super::history::History;
use super::now_ms;
use super::view::Status;
use crate::failover::thread::Witness;
use crate::kernel;

/// Questions that may wait for the main loop.
const WAITING: usize = 64;

/// What the main loop is asked.
#[derive(Debug)]
pub enum Ask {
    /// What it knows.
    Facts(oneshot::Sender<Known>),
}

/// What the main loop knows, and whom to ask for the rest.
pub struct Known {
    /// Its own part.
    pub facts: Facts,
    /// VRRP's, while it runs.
    pub witness: Option<Witness>,
    /// Whether there are virtual servers.
    pub balances: bool,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// The desk. Copies are the same one.
#[derive(Clone)]
pub struct Desk {
    asks: mpsc::Sender<Ask>,
    shared: Arc<Shared>,
}

struct Shared {
    history: History,
    /// The network namespace that IPVS is in, where that is another than ours.
    namespace: Option<File>,
    /// A connection of its own: the main loop's is never waited for.
    kernel: Mutex<Option<Client>>,
}

impl Desk {
    /// A desk, and where its questions come out.
    #[must_use]
    pub fn open(namespace: Option<File>) -> (Desk, mpsc::Receiver<Ask>) {
        let (asks, outlet) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared {
            history: History::default(),
            namespace,
            kernel: Mutex::default(),
        });
        (Desk { asks, shared }, outlet)
    }

    /// What happened.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.shared.history
    }

    /// All as it stands now; nothing while the daemon stops.
    pub async fn status(&self) -> Option<Status> {
        let Known {
            facts,
            witness,
            balances,
        } = self.ask(Ask::Facts).await?;
        let report = match witness {
            Some(witness) => witness.report().await,
            None => None,
        };
        let kernel = match balances {
            true => Some(self.snapshot().await),
            false => None,
        };
        let gathered = move || gather::status(facts, report.as_ref(), kernel, now_ms());
        tokio::task::spawn_blocking(gathered).await.ok()
    }

    /// Asks the main loop.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        self.asks.send(ask(answer)).await.ok()?;
        wait.await.ok()
    }

    async fn snapshot(&self) -> Result<Snapshot, String> {
        let mut place = self.shared.kernel.lock().await;
        let mut client = match place.take() {
            Some(client) => client,
            None => kernel::ipvs::open(self.shared.namespace.as_ref()).await?,
        };
        let read = move || {
            let snapshot = client.dump_services();
            (snapshot, client)
        };
        let (snapshot, client) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| format!("reading the IPVS table: {error}"))?;
        // After a failure a new one is opened the next time.
        let snapshot = snapshot.map_err(|error| error.to_string())?;
        *place = Some(client);
        Ok(snapshot)
    }
}
