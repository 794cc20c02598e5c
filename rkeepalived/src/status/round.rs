//! The virtual servers one after another, for whoever looks: each is put together when its turn comes, so that no look
//! needs room for all of them. What the loop knew is of one moment; checks and the kernel are asked as it goes on.
//!
//! Tests: in [`super::document`]; the counters in the lab's stories.

use std::collections::BTreeMap;
use std::sync::Arc;

use checkers::Sight;
use ipvs_netlink::{Client, IpvsError, ServiceKey, Stats};

use super::gather::lvs::{Place, checks, virtual_server};
use super::view::VirtualServerView;
use crate::lvs::live::LiveService;

/// Those that are still to come.
#[derive(Debug)]
pub struct Round {
    services: std::vec::IntoIter<Arc<LiveService>>,
    sight: Sight,
    now_ms: u64,
    kernel: Kernel,
}

/// What the kernel is asked.
#[derive(Debug)]
enum Kernel {
    /// Nothing: there is no IPVS.
    No,
    /// Its services are still to be read.
    Begins,
    /// They have these counters; each one's real servers are read in its turn.
    Counts(BTreeMap<ServiceKey, Stats>),
    /// It could not be read, for this reason.
    Fails(String),
}

impl Round {
    /// All of these, with what the kernel counted if there is IPVS. Times are counted from `now_ms`.
    #[must_use]
    pub fn new(
        services: Vec<Arc<LiveService>>,
        sight: Sight,
        balances: bool,
        now_ms: u64,
    ) -> Round {
        Round {
            services: services.into_iter(),
            sight,
            now_ms,
            kernel: match balances {
                true => Kernel::Begins,
                false => Kernel::No,
            },
        }
    }

    /// How many virtual servers, real servers and checks are still to come.
    #[must_use]
    pub fn sizes(&self) -> [usize; 3] {
        let services = self.services.as_slice();
        let servers = services.iter().map(|live| live.servers.len());
        let all = services.iter().map(|live| checks(live).count());
        [services.len(), servers.sum(), all.sum()]
    }

    /// Whether the next turn asks the kernel.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self.kernel, Kernel::Begins | Kernel::Counts(_))
    }

    /// The kernel cannot be asked any more.
    pub fn fail(&mut self, reason: String) {
        self.kernel = Kernel::Fails(reason);
    }

    /// Why connections and counters are missing from some turn on.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.kernel {
            Kernel::Fails(reason) => Some(reason),
            Kernel::No | Kernel::Begins | Kernel::Counts(_) => None,
        }
    }

    /// Reads the kernel's services, if that is still to be done. A `client` that fails is taken away, here and below.
    pub fn begin(&mut self, client: &mut Option<Client>) {
        if let (Kernel::Begins, Some(asked)) = (&self.kernel, client.as_mut()) {
            match asked.services() {
                Ok(stats) => self.kernel = Kernel::Counts(stats),
                Err(error) => self.lose(client, &error),
            }
        }
    }

    /// The next one.
    pub fn next(&mut self, client: &mut Option<Client>) -> Option<VirtualServerView> {
        // Also where no virtual server is: whether the kernel can be read is a part of what is told.
        self.begin(client);
        let live = self.services.next()?;
        let mut places = Vec::new();
        if let (Kernel::Counts(stats), Some(asked)) = (&self.kernel, client.as_mut()) {
            match read(&live, stats, asked) {
                Ok(read) => places = read,
                Err(error) => self.lose(client, &error),
            }
        }
        let seen = self.sight.seen(checks(&live));
        Some(virtual_server(&live, &seen, self.now_ms, &places))
    }

    fn lose(&mut self, client: &mut Option<Client>, error: &IpvsError) {
        *client = None;
        self.fail(error.to_string());
    }
}

fn read(
    live: &LiveService,
    stats: &BTreeMap<ServiceKey, Stats>,
    client: &mut Client,
) -> Result<Vec<Place>, IpvsError> {
    let places = live.wanted.places.iter();
    let there = places.filter_map(|key| Some((*key, *stats.get(key)?)));
    there
        .map(|(key, stats)| {
            Ok(Place {
                key,
                stats,
                destinations: client.destinations(&key)?,
            })
        })
        .collect()
}
