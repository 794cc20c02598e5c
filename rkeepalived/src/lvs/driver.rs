//! The hands of the pool: brings what it wants to the kernel, and what the checks found to it.
//!
//! Decides nothing. Keeps the table as the kernel is known to have it, so that each change goes out as
//! the difference and nothing that did not change is touched.

use std::collections::BTreeSet;

use checkers::Report;
use ipvs_netlink::{Operation, ServiceKey, Table, diff};

use super::pool::Pool;
use super::wanted::WantedService;
use crate::journal::{Line, write};
use crate::kernel::Ipvs;

/// The virtual servers with the kernel behind them.
pub struct Driver<K> {
    kernel: K,
    pool: Pool,
    have: Table,
}

/// What a change of configuration came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Operations that the kernel performed.
    pub done: usize,
    /// Operations that it refused.
    pub failed: usize,
}

impl<K: Ipvs> Driver<K> {
    /// A driver that knows nothing of the kernel's table yet.
    pub fn new(kernel: K) -> Driver<K> {
        Driver {
            kernel,
            pool: Pool::default(),
            have: Table::default(),
        }
    }

    /// The pool, to look at.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Reads from the kernel what is there already under those keys of `wanted` that are not ours yet: what a killed run left, or
    /// somebody else made. Other services are none of ours and stay.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn adopt(&mut self, wanted: &[WantedService]) -> Result<(), ipvs_netlink::IpvsError> {
        let known = |key: &ServiceKey| self.have.services.contains_key(key);
        let keys: BTreeSet<ServiceKey> = wanted
            .iter()
            .map(|service| service.key)
            .filter(|key| !known(key))
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut table = self.kernel.dump()?;
        table.services.retain(|key, _| keys.contains(key));
        self.have.services.extend(table.services);
        Ok(())
    }

    /// Empties the kernel's whole table (`lvs_flush`).
    pub fn flush(&mut self) -> Outcome {
        self.have = Table::default();
        self.apply(&[Operation::Flush])
    }

    /// Takes over a configuration: at start after [`Driver::adopt`], and at each reload.
    pub fn configure(&mut self, wanted: Vec<WantedService>) -> Outcome {
        for change in self.pool.configure(wanted) {
            write(&Line::Pool(change));
        }
        let want = self.pool.table();
        let operations = diff(&self.have, &want);
        self.have = want;
        self.apply(&operations)
    }

    /// Takes a check's report to the pool, and what follows from it to the kernel. The kernel comes first:
    /// clients wait for that, nobody waits for the log.
    pub fn handle(&mut self, report: &Report) {
        let (key, changes) = self.pool.handle(report);
        if let Some(key) = key {
            self.settle(key);
        }
        for change in changes {
            write(&Line::Pool(change));
        }
    }

    /// Removes all that is ours from the kernel; deleting a service deletes its servers.
    pub fn shutdown(&mut self) -> Outcome {
        let operations = diff(&self.have, &Table::default());
        self.have = Table::default();
        let outcome = self.apply(&operations);
        for (server, service) in self.pool.servers() {
            write(&Line::ShuttingDown { server, service });
        }
        outcome
    }

    fn settle(&mut self, key: ServiceKey) {
        let have = Table {
            services: self.have.services.remove_entry(&key).into_iter().collect(),
        };
        let want = Table {
            services: self
                .pool
                .service(key)
                .map(|service| (key, service))
                .into_iter()
                .collect(),
        };
        let operations = diff(&have, &want);
        self.have.services.extend(want.services);
        self.apply(&operations);
    }

    fn apply(&mut self, operations: &[Operation]) -> Outcome {
        if operations.is_empty() {
            return Outcome::default();
        }
        let applied = self.kernel.apply(operations);
        for failure in &applied.failed {
            write(&Line::IpvsRefused {
                reason: failure.source.to_string(),
            });
        }
        if !applied.failed.is_empty() {
            self.reread();
        }
        Outcome {
            done: applied.done,
            failed: applied.failed.len(),
        }
    }

    /// After a refusal only the kernel knows what it has, so that the next difference tries again.
    fn reread(&mut self) {
        match self.kernel.dump() {
            Ok(mut table) => {
                table
                    .services
                    .retain(|key, _| self.have.services.contains_key(key));
                self.have = table;
            }
            Err(error) => write(&Line::IpvsUnreadable {
                reason: error.to_string(),
            }),
        }
    }
}
