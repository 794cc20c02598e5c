//! The hands of the pool: brings what it wants to the kernel, and what the checks found to it.
//!
//! Decides nothing. Keeps the table as the kernel is known to have it, so that each change goes out as
//! the difference and nothing that did not change is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use checkers::{Health, Report};
use ipvs_netlink::{Daemon, IpvsError, Operation, ServiceKey, Table, differences};

use super::change::{Cause, Effects, cause, server_mail};
use super::marks::Marks;
use super::operator::{Operator, Steered, Target, Unknown};
use super::pool::{Pool, ServiceAt};
use super::settings::{OnStop, WantedTimeouts};
use super::sync::Sync;
use super::timeouts::Idle;
use super::wanted::WantedService;
use crate::journal::{Line, write};
use crate::kernel::Ipvs;
use crate::notify::Herald;

/// How long scripts that a stop started may run (keepalived behaviour, observed).
const LAST_SCRIPTS: Duration = Duration::from_secs(1);
/// Operations handed to the kernel at a time.
const PIECE: usize = 1000;

/// The virtual servers with the kernel behind them.
pub struct Driver<K> {
    kernel: K,
    pool: Pool,
    have: Table,
    idle: Idle,
    sync: Sync,
    marks: Marks,
    herald: Arc<Herald>,
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
    /// A driver that knows nothing of the kernel's table yet, and tells by `herald`.
    pub fn new(kernel: K, herald: Arc<Herald>) -> Driver<K> {
        Driver {
            kernel,
            pool: Pool::default(),
            have: Table::default(),
            idle: Idle::default(),
            sync: Sync::default(),
            marks: Marks::default(),
            herald,
        }
    }

    /// The pool, to look at.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Gives those services their marks whose addresses one stands for, before anything else is done with them.
    pub fn mark(&mut self, wanted: &mut [WantedService], first: NonZeroU32) {
        self.marks.give(wanted, first);
    }

    /// Reads from the kernel what is there already under those keys of `wanted` that are not ours yet: what a
    /// killed run left, or somebody else made. Other services are none of ours and stay.
    ///
    /// # Errors
    /// When the kernel's table cannot be read.
    pub fn adopt(&mut self, wanted: &[WantedService]) -> Result<(), IpvsError> {
        let known = |key: &ServiceKey| self.have.services.contains_key(key);
        let keys: BTreeSet<ServiceKey> = wanted
            .iter()
            .flat_map(|service| service.places.iter().copied())
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

    /// Gives services the marks that a reload would give them. Nothing is touched.
    pub fn foresee_marks(&self, wanted: &mut [WantedService], first: NonZeroU32) {
        self.marks.clone().give(wanted, first);
    }

    /// The kernel's table as it was left: what others did to it meanwhile is not in it.
    pub fn left(&self) -> &Table {
        &self.have
    }

    /// The table as it is, and as a reload would have it. Nothing is touched.
    #[must_use]
    pub fn foresee(&self, wanted: Vec<WantedService>) -> (Table, Table) {
        let mut pool = self.pool.clone();
        // Nobody is told of what only might be.
        drop(pool.configure(wanted));
        (self.have.clone(), pool.table())
    }

    /// Empties the kernel's whole table (`lvs_flush`).
    pub fn flush(&mut self) -> Outcome {
        self.have = Table::default();
        self.apply(&[Operation::Flush])
    }

    /// Takes over a configuration: at start after [`Driver::adopt`], and at each reload.
    pub fn configure(&mut self, wanted: Vec<WantedService>) -> Outcome {
        let effects = self.pool.configure(wanted);
        let want = self.pool.table();
        let outcome = self.reach(want);
        self.tell(effects, |up| Some(if up { "Starting" } else { "Removing" }));
        outcome
    }

    /// Says what a file holds, before a configuration that wants to know it.
    pub fn note(&mut self, path: &Arc<Path>, number: i32) {
        self.pool.note(path, number);
    }

    /// Takes what a file says to the pool, and what follows from it to the kernel.
    pub fn read(&mut self, path: &Path, number: i32) {
        let (services, effects) = self.pool.read(path, number);
        for service in services {
            self.settle(service);
        }
        self.tell(effects, |up| {
            Some(match up {
                true => "FILE CHECK succeed on service",
                false => "FILE CHECK failed on service",
            })
        });
    }

    /// Takes how the BFD sessions stand to the pool, and what follows from it to the kernel.
    pub fn settle_sessions(&mut self, sessions: &BTreeMap<Arc<str>, bool>) {
        self.pool.keep_sessions(|name| sessions.contains_key(name));
        for (name, up) in sessions {
            let (services, effects) = self.pool.settle_session(name, *up);
            for service in services {
                self.settle(service);
            }
            self.tell(effects, |up| {
                Some(match up {
                    true => "BFD CHECK succeed on service",
                    false => "BFD CHECK failed on service",
                })
            });
        }
    }

    /// Takes the addresses that are on the host to the pool. The table stays as it is.
    pub fn settle_addresses(&mut self, addresses: BTreeSet<IpAddr>) {
        let effects = self.pool.settle_addresses(addresses);
        self.tell(effects, |_| None);
    }

    fn tell(&self, effects: Effects, cause: Cause) {
        let mails = match self.herald.mailing() {
            Some(_) => effects.mails(cause),
            None => Vec::new(),
        };
        for change in effects.changes {
            write(&Line::Pool(change));
        }
        for notice in effects.notices {
            self.herald.lvs(
                &format!("VS {}", notice.service),
                notice.script.clone(),
                &notice,
            );
        }
        mails.into_iter().for_each(|mail| self.herald.mail(mail));
    }

    /// Takes a check's report to the pool, and what follows from it to the kernel. The kernel comes first:
    /// clients wait for that, nobody waits for the log, where `said` is what the check says of its attempt.
    pub fn handle(&mut self, report: &Report, said: Option<&Line>) {
        let before = self.pool.health(report.id);
        let (service, effects) = self.pool.handle(report);
        if let Some(service) = service {
            self.settle(service);
        }
        said.into_iter().for_each(write);
        self.mail_check(report, before, &effects);
        self.tell(effects, |_| None);
    }

    /// Tells by mail what a check found of a real server.
    ///
    /// keepalived behaviour: each check that changes its mind; with `no_checker_emails` only where the server comes or goes.
    fn mail_check(&self, report: &Report, before: Option<Health>, effects: &Effects) {
        let turns = effects.turns_server();
        // What was believed to be up from the start, and is, is no news.
        let changes = before != self.pool.health(report.id);
        if !changes && !turns {
            return;
        }
        let Some(mailing) = self.herald.mailing() else {
            return;
        };
        let told = match mailing.each_check {
            true => changes,
            false => turns,
        };
        if !told || !self.pool.mails(report.id) {
            return;
        }
        let (Some((server, service)), Some(check)) =
            (self.pool.subject(report.id), self.pool.check(report.id))
        else {
            return;
        };
        let up = report.outcome.is_success();
        self.herald
            .mail(server_mail(&server, &service, up, cause(&check.probe, up)));
    }

    /// Does to real servers what an operator asks for, in the kernel at once. Answers what became of each.
    ///
    /// # Errors
    /// When no server is meant.
    pub fn steer(
        &mut self,
        target: &Target,
        operator: Option<Operator>,
    ) -> Result<Vec<Steered>, Unknown> {
        let (steered, services, effects) = self.pool.steer(target, operator)?;
        for service in services {
            self.settle(service);
        }
        self.tell(effects, |_| Some("An operator's wish"));
        Ok(steered)
    }

    /// Sets the idle timeouts that are asked for, and sets back those that are not any more.
    pub fn timeouts(&mut self, wanted: WantedTimeouts) {
        if let Err(error) = self.idle.bring(&mut self.kernel, wanted) {
            refused(&error);
        }
    }

    /// Brings the synchronisation daemons to these.
    pub fn sync(&mut self, wanted: &[Daemon]) {
        self.sync
            .bring(&mut self.kernel, wanted)
            .iter()
            .for_each(refused);
    }

    /// Removes all that is ours from the kernel; deleting a service deletes its servers.
    pub fn shutdown(&mut self, on_stop: OnStop) -> Outcome {
        self.timeouts(WantedTimeouts::default());
        let outcome = match on_stop {
            OnStop::Flush => self.flush(),
            OnStop::Each | OnStop::Services => self.reach(Table::default()),
        };
        if outcome.failed > 0 {
            // Before the many lines that may crowd it out.
            write(&Line::LeftBehind {
                failed: outcome.failed,
            });
        }
        if on_stop == OnStop::Each {
            for (server, service) in self.pool.servers() {
                write(&Line::ShuttingDown { server, service });
            }
        }
        // Beside each other, as keepalived has them: there is a second for all of them, and one that takes longer must not
        // keep the others from being told.
        let effects = self.pool.stop();
        for mail in effects.mails(|_| Some("Shutting down")) {
            self.herald.mail(mail);
        }
        for (at, notice) in effects.notices.into_iter().enumerate() {
            let lane = format!("VS {} at the stop ({at})", notice.service);
            self.herald.lvs(&lane, notice.script.clone(), &notice);
        }
        outcome
    }

    /// How long the scripts of a stop may run. Where it starts none, those that run are ended at once.
    #[must_use]
    pub fn last_words(&self) -> Duration {
        let mut notices = self.pool.stop().notices.into_iter();
        match notices.any(|notice| notice.script.is_some()) {
            true => LAST_SCRIPTS,
            false => Duration::ZERO,
        }
    }

    fn settle(&mut self, service: ServiceAt) {
        let want = Table {
            services: self.pool.places(service).collect(),
        };
        let keys = want.services.keys();
        let have = Table {
            services: keys
                .filter_map(|key| self.have.services.remove_entry(key))
                .collect(),
        };
        let outcome = self.lead(&have, &want);
        self.have.services.extend(want.services);
        if outcome.failed > 0 {
            self.reread();
        }
    }

    /// Brings the kernel from the table that it has to `want`.
    fn reach(&mut self, want: Table) -> Outcome {
        let have = std::mem::take(&mut self.have);
        let outcome = self.lead(&have, &want);
        self.have = want;
        if outcome.failed > 0 {
            // A service that would not go is still ours: the next change asks again.
            for (key, service) in have.services {
                self.have.services.entry(key).or_insert(service);
            }
            self.reread();
        }
        outcome
    }

    /// Performs what leads from one table to the other. A piece at a time: the whole list of operations for tens
    /// of thousands of servers would only be memory.
    fn lead(&mut self, have: &Table, want: &Table) -> Outcome {
        let mut differences = differences(have, want);
        let mut piece = Vec::new();
        let mut outcome = Outcome::default();
        loop {
            piece.clear();
            piece.extend(differences.by_ref().take(PIECE));
            if piece.is_empty() {
                return outcome;
            }
            let part = self.perform(&piece);
            outcome.done += part.done;
            outcome.failed += part.failed;
        }
    }

    fn apply(&mut self, operations: &[Operation]) -> Outcome {
        let outcome = self.perform(operations);
        if outcome.failed > 0 {
            self.reread();
        }
        outcome
    }

    fn perform(&mut self, operations: &[Operation]) -> Outcome {
        if operations.is_empty() {
            return Outcome::default();
        }
        let applied = self.kernel.apply(operations);
        for failure in &applied.failed {
            refused(&failure.source);
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
                let ours = std::mem::take(&mut self.have.services);
                table.services.retain(|key, service| {
                    let Some(believed) = ours.get(key) else {
                        return false;
                    };
                    if believed == service {
                        // Shared with those that are alike.
                        *service = believed.clone();
                    }
                    true
                });
                self.have = table;
            }
            Err(error) => write(&Line::IpvsUnreadable {
                reason: error.to_string(),
            }),
        }
    }
}

/// The table that a start would make of these.
#[must_use]
pub fn table(wanted: Vec<WantedService>) -> Table {
    let mut pool = Pool::default();
    drop(pool.configure(wanted));
    pool.table()
}

fn refused(error: &IpvsError) {
    write(&Line::IpvsRefused {
        reason: error.to_string(),
    });
}

#[cfg(test)]
mod tests;
