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
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use vrrp::HandoverRefusal;

use super::gather::{self, Facts};
use super::history::History;
use super::now_ms;
use super::round::Round;
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
    kernel: Arc<Mutex<Option<Client>>>,
}

impl Desk {
    /// A desk, and where its questions come out.
    #[must_use]
    pub fn open(namespace: Option<File>) -> (Desk, mpsc::Receiver<Ask>) {
        let (asks, outlet) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared {
            history: History::default(),
            namespace,
            kernel: Arc::default(),
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
        let (mut status, mut round) = self.look().await?;
        let mut client = self.client(&mut round).await;
        let gathered = move || {
            while let Some(service) = round.next(&mut client) {
                status.virtual_servers.push(service);
            }
            status.kernel_error = round.failure().map(ToOwned::to_owned);
            status
        };
        tokio::task::spawn_blocking(gathered).await.ok()
    }

    /// The same, with the virtual servers still to be put together.
    pub async fn look(&self) -> Option<(Status, Round)> {
        let mut known = self.known(false).await?;
        let now_ms = now_ms();
        let services = std::mem::take(&mut known.facts.services);
        let sight = std::mem::take(&mut known.facts.sight);
        let round = Round::new(services, sight, known.balances, now_ms);
        Some((told(known, now_ms).await, round))
    }

    /// Whether the kernel's table can be read; nothing while the daemon stops.
    pub async fn reads(&self) -> Option<Result<(), String>> {
        let (_, mut round) = self.look().await?;
        let mut client = self.client(&mut round).await;
        let read = move || {
            round.begin(&mut client);
            round.failure().map_or(Ok(()), |why| Err(why.to_owned()))
        };
        tokio::task::spawn_blocking(read).await.ok()
    }

    /// All without the virtual servers, which may be many.
    pub async fn vrrp(&self) -> Option<Status> {
        Some(told(self.known(true).await?, now_ms()).await)
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

    /// The connection to the kernel, for one piece of a round: it is there if the round is to ask and it can be had.
    pub(super) async fn client(&self, round: &mut Round) -> Connection {
        let mut place = self.shared.kernel.clone().lock_owned().await;
        if round.asks() && place.is_none() {
            match kernel::ipvs::open(self.shared.namespace.as_ref()).await {
                Ok(client) => *place = Some(client),
                Err(reason) => round.fail(reason),
            }
        }
        place
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

/// What the parts say of all but the virtual servers.
async fn told(known: Known, now_ms: u64) -> Status {
    let report = match known.witness {
        Some(witness) => witness.report().await,
        None => None,
    };
    gather::status(known.facts, report.as_ref(), now_ms)
}

/// The desk's own connection to the kernel, which nobody else has meanwhile.
pub(super) type Connection = OwnedMutexGuard<Option<Client>>;

/// The real servers of one service, with their counters.
pub type Destinations = BTreeMap<SocketAddr, DestinationView>;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lvs::live::LiveService;

    /// A desk behind which somebody knows these virtual servers, and tells it once.
    pub(crate) fn knowing(services: Vec<Arc<LiveService>>) -> Desk {
        let (desk, mut asks) = Desk::open(None);
        tokio::spawn(async move {
            if let Some(Ask::Facts { answer, .. }) = asks.recv().await {
                let facts = Facts {
                    services,
                    ..Facts::default()
                };
                drop(answer.send(Known {
                    facts,
                    witness: None,
                    balances: false,
                }));
            }
        });
        desk
    }
}
