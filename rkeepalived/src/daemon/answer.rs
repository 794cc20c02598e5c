//! What the main loop answers at the desk, between two events.

use std::path::PathBuf;

use ipvs_netlink::{ServiceKey, Table};
use tokio::task::block_in_place;

use super::{Daemon, millis};
use crate::config;
use crate::failover::handle::Failover;
use crate::home::Home;
use crate::journal;
use crate::lvs::wanted::placed;
use crate::plan::{Plan, difference, plan};
use crate::status::desk::{Ask, Foreseen, Known};
use crate::status::gather::Facts;
use crate::status::view::DaemonView;
use crate::track::Trackers;
use crate::{VERSION, services::Services};

impl Daemon {
    /// Answers somebody who asks. Who has gone meanwhile is not missed.
    pub(super) async fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Facts { vrrp_only, answer } => {
                let _ = answer.send(self.known(vrrp_only));
            }
            Ask::Seats(target, answer) => {
                let services = self.services.as_ref();
                let pool = services.map(|services| services.driver.pool());
                let meant = match pool {
                    Some(pool) => pool.meant(&target),
                    None => Err(target.nowhere()),
                };
                let seats = meant.map(|meant| {
                    let each = meant.into_iter().flat_map(|(at, server)| {
                        let service = pool.and_then(|pool| pool.service(at));
                        service.map(|service| seats(&service.wanted, server))
                    });
                    each.flatten().collect()
                });
                let _ = answer.send(seats);
            }
            Ask::Steer(target, operator, answer) => {
                let steered = match &mut self.services {
                    Some(services) => block_in_place(|| services.driver.steer(&target, operator)),
                    None => Err(target.nowhere()),
                };
                let _ = answer.send(steered);
            }
            Ask::Table(answer) => {
                let services = self.services.as_ref();
                let table = services.map(|services| services.driver.left().clone());
                let _ = answer.send(table.unwrap_or_default());
            }
            Ask::Foresee(file, answer) => {
                let _ = answer.send(self.foresee(file));
            }
            Ask::Reload(answer) => {
                let foreseen = self.foresee(None).ok();
                self.reload_and_tell().await;
                let reload = self.last_reload.clone().unwrap_or_default();
                let _ = answer.send((foreseen, reload));
            }
            Ask::Handover(name, back, answer) => {
                let outcome = match &self.failover {
                    Some(failover) => failover.hand_over(name, back).await,
                    None => Some(Err(vrrp::HandoverRefusal::Unknown(name))),
                };
                let _ = answer.send(outcome);
            }
        }
    }

    /// What this loop knows.
    fn known(&self, vrrp_only: bool) -> Known {
        let services = self.services.as_ref().filter(|_| !vrrp_only);
        let results = self.trackers.as_ref().map(Trackers::results);
        Known {
            witness: self.failover.as_ref().map(Failover::witness),
            balances: services.is_some(),
            facts: Facts {
                daemon: self.view(),
                plan: self.vrrp.clone(),
                results: results.unwrap_or_default(),
                // Shared, not copied.
                services: services.map_or_else(Vec::new, |services| {
                    services.driver.pool().services().to_vec()
                }),
                sight: services.map_or_else(Default::default, |services| services.runner.sight()),
            },
        }
    }

    fn view(&self) -> DaemonView {
        let home = &self.place.home;
        DaemonView {
            version: VERSION.to_owned(),
            pid: std::process::id(),
            started_ms: self.began.at_ms,
            uptime_ms: millis(self.began.instant.elapsed()),
            config: self.options.config().display().to_string(),
            instance: home.instance.clone(),
            namespace: home.namespace.clone(),
            reloads: self.reloads,
            last_reload: self.last_reload.clone(),
            last_event: self.desk.history().last(),
            log_level: journal::level().name().to_owned(),
        }
    }

    /// What a reload would change, with `file` in place of the daemon's. Nothing is touched.
    fn foresee(&self, file: Option<PathBuf>) -> Result<Foreseen, String> {
        let mut options = self.options.clone();
        if file.is_some() {
            options.use_file = file;
        }
        let loaded = block_in_place(|| config::read(&options));
        let findings = config::findings(&loaded).map(|line| line.to_string());
        let findings: Vec<String> = findings.collect();
        if let Some(status) = loaded.start_status() {
            let first = findings.first().map_or("", String::as_str);
            return Err(format!(
                "a daemon could not start with {} (exit status {status}): {first}",
                options.config().display()
            ));
        }
        let home = Home::of(&options, &loaded.model.global);
        if let Some(what) = self.place.home.forbidden(&home) {
            return Err(format!(
                "a reload cannot change the {what}: restart the daemon"
            ));
        }
        let Plan {
            vrrp,
            mut services,
            ipvs,
            ..
        } = plan(loaded.model, &options, &config::Host::of(&options));
        let running = self.services.as_ref();
        let mut lines = difference::vrrp(&self.vrrp, &vrrp);
        let live = running.map(|services| services.driver.pool().services());
        let have = live.unwrap_or_default().iter().map(|live| &live.wanted);
        lines.extend(difference::checks(have, &services));
        if let Some(running) = running
            && running.settings != ipvs
        {
            lines.push("~ IPVS: settings besides the virtual servers".to_owned());
        }
        let (have, want) = match running {
            Some(Services { driver, .. }) => {
                if let Some(firewall) = &ipvs.firewall {
                    driver.foresee_marks(&mut services, firewall.first_mark);
                }
                block_in_place(|| driver.foresee(services))
            }
            None => (Table::default(), crate::lvs::driver::table(services)),
        };
        Ok(Foreseen {
            lines,
            findings,
            have,
            want,
        })
    }
}

/// Where a real server is in the kernel's table.
fn seats(
    wanted: &crate::lvs::wanted::WantedService,
    server: usize,
) -> Vec<(ServiceKey, std::net::SocketAddr)> {
    let Some(server) = wanted.servers.get(server) else {
        return Vec::new();
    };
    let places = wanted.places.iter();
    places
        .map(|place| {
            (
                *place,
                placed(place, server.address, server.spec.forwarding),
            )
        })
        .collect()
}
