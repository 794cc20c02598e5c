//! Bringing a plan into force: virtual servers, VRRP, BFD, and the files that trackers begin with.

use std::sync::Arc;

use super::{Daemon, fatal};
use crate::failover::handle::Failover;
use crate::journal::{Line, Part, write};
use crate::kernel;
use crate::lvs::driver::Outcome;
use crate::lvs::settings::Settings;
use crate::lvs::wanted::WantedService;
use crate::plan::{PlannedSession, VrrpPlan, WantedInit};
use crate::services::Services;
use crate::track::Trackers;
use crate::watch::initialise;

impl Daemon {
    /// Gives tracked files their first numbers: at start, and those that are new with a reload.
    pub(super) fn initialise(&mut self, files: &[WantedInit]) {
        for WantedInit {
            path,
            number,
            overwrite,
        } in files
        {
            if !self.initialised.insert(path.clone()) {
                continue;
            }
            let written = tokio::task::block_in_place(|| initialise(path, *number, *overwrite));
            if let Err(error) = written {
                write(&Line::Trouble {
                    part: Part::Parent,
                    reason: format!(
                        "Unable to initialise track file {}: {error}",
                        path.display()
                    ),
                });
            }
        }
    }

    /// Brings the virtual servers into force: at start, at reload, also when they are the first or the last ones.
    pub(super) async fn bring_services(
        &mut self,
        mut wanted: Vec<WantedService>,
        settings: Settings,
    ) -> Result<Outcome, Line> {
        if self.services.is_none() && wanted.is_empty() && settings.sync.is_none() {
            return Ok(Outcome::default());
        }
        let flush = self.services.is_none() && settings.flush;
        let daemons = self.daemons(&settings);
        let mut services = match self.services.take() {
            Some(services) => services,
            None => {
                let client = match kernel::ipvs::open(self.place.ipvs.as_ref()).await {
                    Ok(client) => client,
                    // VRRP goes on without the daemon that would follow it.
                    Err(reason) if wanted.is_empty() => {
                        write(&Line::IpvsRefused { reason });
                        return Ok(Outcome::default());
                    }
                    Err(reason) => return Err(fatal(Part::Checkers, reason)),
                };
                Services::open(
                    client,
                    self.herald.clone(),
                    self.reports.0.clone(),
                    self.readings.0.clone(),
                )
                .map_err(|error| {
                    fatal(
                        Part::Checkers,
                        format!("Cannot start the checks' thread: {error}"),
                    )
                })?
            }
        };
        // Netlink is synchronous; the checks go on meanwhile on the workers.
        let outcome = tokio::task::block_in_place(|| {
            if flush {
                services.driver.flush();
            }
            services.driver.timeouts(settings.timeouts);
            services.driver.sync(&daemons);
            if let Some(firewall) = &settings.firewall {
                services.driver.mark(&mut wanted, firewall.first_mark);
            }
            services.look(&wanted, &settings);
            match services.driver.adopt(&wanted) {
                Ok(()) => Ok(services.driver.configure(wanted)),
                Err(error) => Err(error.to_string()),
            }
        });
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(reason) => {
                self.services = Some(services);
                return Err(fatal(
                    Part::Checkers,
                    format!("IPVS: cannot read the table: {reason}"),
                ));
            }
        };
        let checks = services.driver.pool().checks();
        if checks.iter().any(|check| check.probe.is_ping()) {
            self.admit_ping();
        }
        services.run(checks, &settings);
        services
            .bring_rules(&settings, self.place.ipvs.as_ref())
            .await;
        let asked = !services.driver.pool().is_empty() || settings.sync.is_some();
        services.settings = settings;
        if asked || outcome.failed > 0 {
            self.services = Some(services);
        }
        // Servers that are new with this configuration know of the sessions that there are.
        self.take_sessions();
        Ok(outcome)
    }

    pub(super) fn admit_ping(&mut self) {
        match self.ping_groups.admit_us() {
            Ok(None) => {}
            Ok(Some(change)) => write(&Line::PingGroups(change)),
            Err((change, error)) => {
                if let Some(change) = change {
                    write(&Line::PingGroups(change));
                }
                write(&Line::Trouble {
                    part: Part::Checkers,
                    reason: format!(
                        "cannot change net.ipv4.ping_group_range: {error}; PING_CHECK fails until it has our group"
                    ),
                });
            }
        }
    }

    pub(super) async fn bring_vrrp(
        &mut self,
        mut plan: VrrpPlan,
        bfd: Vec<PlannedSession>,
    ) -> Result<(), Line> {
        if self.failover.is_none() && !(plan.instances.is_empty() && bfd.is_empty()) {
            let failover = tokio::task::block_in_place(|| Failover::start(self.news.0.clone()))
                .map_err(|error| fatal(Part::Vrrp, format!("Cannot start VRRP: {error}")))?;
            self.sessions = Some(failover.session_states());
            self.failover = Some(failover);
        }
        if let Some(failover) = &self.failover {
            self.vrrp = Arc::new(plan.clone());
            let track = std::mem::take(&mut plan.track);
            let tracking = failover.tracking();
            let events = &mut self.place.processes;
            let trackers = self
                .trackers
                .get_or_insert_with(|| Trackers::start(tracking.clone(), events.take()));
            for (kind, name, standing) in tokio::task::block_in_place(|| trackers.prepare(&track)) {
                tracking.tell(kind, name, standing).await;
            }
            failover.configure(plan, bfd).await;
            trackers.configure(track);
        }
        Ok(())
    }

    pub(super) fn take_sessions(&mut self) {
        let (Some(sessions), Some(services)) = (&mut self.sessions, &mut self.services) else {
            return;
        };
        let states = sessions.borrow_and_update().clone();
        services.take_sessions(&states);
    }

    /// The synchronisation daemons that are to run now.
    pub(super) fn daemons(&self, settings: &Settings) -> Vec<ipvs_netlink::Daemon> {
        let Some(sync) = &settings.sync else {
            return Vec::new();
        };
        let instance = sync.instance.as_deref();
        sync.daemons(instance.is_some_and(|name| self.masters.contains(name)))
    }
}
