//! Where questions about the daemon are asked, from any task: sockets, HTTP.
//!
//! What the main loop knows it is asked for, and answers between two events. The kernel's counters and what the failover
//! thread knows are fetched by whoever asks, so that nobody who has work to do waits for a large table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ipvs_netlink::{Client, DestinationView, IpvsError, ServiceKey, Snapshot, Table};
use tokio::sync::{Mutex, mpsc, oneshot};
use vrrp::HandoverRefusal;

use super::gather::{self, Facts};
use super::history::History;
use super::now_ms;
use super::view::{ReloadView, Status};
use crate::failover::handle::Witness;
use crate::kernel;
use crate::lvs::operator::{Operator, Steered, Target, Unknown};

/// Questions that may wait for the main loop.
const WAITING: usize = 64;

/// What the main loop is asked.
#[derive(Debug)]
pub enum Ask {
    /// What it knows.
    Facts {
        /// Without the virtual servers.
        vrrp_only: bool,
        /// Where to.
        answer: oneshot::Sender<Known>,
    },
    /// Where real servers are in the kernel's table.
    Seats(Target, oneshot::Sender<Result<Seats, Unknown>>),
    /// An operator asks something of real servers; nothing is `enable`.
    Steer(
        Target,
        Option<Operator>,
        oneshot::Sender<Result<Vec<Steered>, Unknown>>,
    ),
    /// The kernel's table as the daemon left it.
    Table(oneshot::Sender<Table>),
    /// What a reload would change, perhaps with another file.
    Foresee(Option<PathBuf>, oneshot::Sender<Result<Foreseen, String>>),
    /// Reload; answered when it is through.
    Reload(oneshot::Sender<(Option<Foreseen>, ReloadView)>),
    /// Give mastership away, or take it back; no answer where VRRP ended.
    Handover(
        String,
        bool,
        oneshot::Sender<Option<Result<(), HandoverRefusal>>>,
    ),
}

/// Real servers in the kernel's table.
pub type Seats = Vec<(ServiceKey, SocketAddr)>;

/// What a reload would change.
#[derive(Debug)]
pub struct Foreseen {
    /// Of VRRP and the checks, a line a change.
    pub lines: Vec<String>,
    /// What was found in the file.
    pub findings: Vec<String>,
    /// Our part of the kernel's table as it stands.
    pub have: Table,
    /// As it would stand.
    pub want: Table,
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
        } = self.known(false).await?;
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

    /// The same without the virtual servers, which may be many.
    pub async fn vrrp(&self) -> Option<Status> {
        let Known { facts, witness, .. } = self.known(true).await?;
        let report = match witness {
            Some(witness) => witness.report().await,
            None => None,
        };
        Some(gather::status(facts, report.as_ref(), None, now_ms()))
    }

    async fn known(&self, vrrp_only: bool) -> Option<Known> {
        self.ask(|answer| Ask::Facts { vrrp_only, answer }).await
    }

    /// Asks the main loop.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        self.asks.send(ask(answer)).await.ok()?;
        wait.await.ok()
    }

    /// The kernel's table with its counters.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, String> {
        self.kernel(Client::dump_services).await
    }

    /// The real servers of some services in the kernel's table, with their counters.
    pub(crate) async fn destinations(
        &self,
        keys: BTreeSet<ServiceKey>,
    ) -> Result<BTreeMap<ServiceKey, Destinations>, String> {
        let read = move |client: &mut Client| {
            let each = keys.into_iter();
            each.map(|key| Ok((key, client.destinations(&key)?)))
                .collect()
        };
        self.kernel(read).await
    }

    /// Asks the kernel on a thread of its own, over a connection of its own.
    async fn kernel<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Client) -> Result<T, IpvsError> + Send + 'static,
    ) -> Result<T, String> {
        let mut place = self.shared.kernel.lock().await;
        let mut client = match place.take() {
            Some(client) => client,
            None => kernel::ipvs::open(self.shared.namespace.as_ref()).await?,
        };
        let asked = move || (ask(&mut client), client);
        let (answer, client) = tokio::task::spawn_blocking(asked)
            .await
            .map_err(|error| format!("reading the IPVS table: {error}"))?;
        // After a failure a new one is opened the next time.
        let answer = answer.map_err(|error| error.to_string())?;
        *place = Some(client);
        Ok(answer)
    }
}

/// The real servers of one service, with their counters.
pub type Destinations = BTreeMap<SocketAddr, DestinationView>;
