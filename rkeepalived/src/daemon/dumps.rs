//! The files that signals ask for: data, counters, JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Daemon;
use crate::journal::sink::local_zone;
use crate::journal::{Line, Part, write};
use crate::kernel::route::RouteSocket;
use crate::status;

impl Daemon {
    pub(super) async fn dump_stats(&self) {
        let (views, strays) = match &self.failover {
            Some(failover) => (failover.view().await, failover.strays().await),
            None => Default::default(),
        };
        self.dumped(
            Part::Vrrp,
            "stats",
            status::dump::write(
                &status::dump::folder().join("keepalived.stats"),
                &status::stats::text(&views, &strays),
            ),
        );
    }

    pub(super) async fn dump_json(&self) {
        let Some(failover) = &self.failover else {
            return;
        };
        let Some(report) = failover.witness().report().await else {
            return;
        };
        let wall = wall();
        let since = |view: &vrrp::InstanceView| {
            let ago = report.now.get().saturating_sub(view.last_transition.get());
            wall.saturating_sub(Duration::from_micros(ago))
        };
        let dumps = &self.dumps;
        let text = status::json::text(
            &dumps.instances,
            &report.instances,
            since,
            dumps.json_version,
        );
        self.dumped(
            Part::Vrrp,
            "json",
            status::dump::write(&status::dump::folder().join("keepalived.json"), &text),
        );
    }

    pub(super) async fn dump_data(&self) {
        let home = self.place.home.suffix();
        for (part, name, text) in self.data().await {
            let path = self.dumps.data_file(name, &home);
            let written = tokio::task::block_in_place(|| status::dump::write(&path, &text));
            self.dumped(part, "data", written);
        }
    }

    /// What SIGUSR1 writes: of each part, as it is named in the log and in a file's name.
    pub(super) async fn data(&self) -> Vec<(Part, &'static str, String)> {
        let host = nix::sys::utsname::uname().map(|name| name.nodename().to_owned());
        let host = host.unwrap_or_default().to_string_lossy().into_owned();
        let model = &self.dumps.model;
        let scheduled = self.diary.scheduled();
        let parent = status::data::parent(model, &host, scheduled.as_deref());
        let mut data = vec![(Part::Parent, "_parent", parent)];
        if let Some(failover) = &self.failover
            && let Some(report) = failover.witness().report().await
        {
            let links = tokio::task::block_in_place(|| {
                RouteSocket::open().and_then(|mut socket| socket.links())
            });
            let seen = status::data::Seen {
                instances: &report.instances,
                standings: &report.standings,
                // Without them the rest is still worth having.
                links: &links.unwrap_or_default(),
                now: report.now,
                wall: wall(),
                zone: local_zone(),
            };
            let mut text = status::data::vrrp(model, &host, &seen);
            text.push_str(&status::dump::lateness(&report.lateness));
            data.push((Part::Vrrp, "", text));
        }
        if let Some(failover) = &self.failover {
            let sessions = failover.sessions().await;
            if !sessions.is_empty() {
                let text = status::data::bfd(model, &host, &sessions);
                data.push((Part::Bfd, "_bfd", text));
            }
        }
        if let Some(services) = &self.services {
            let text = status::topology::text(services.driver.pool().services());
            data.push((Part::Checkers, "_check", text));
        }
        data
    }

    fn dumped(&self, part: Part, what: &'static str, result: std::io::Result<()>) {
        match result {
            Ok(()) => write(&Line::Dumped { part, what }),
            Err(error) => write(&Line::Trouble {
                part,
                reason: format!("cannot write the {what} dump: {error}"),
            }),
        }
    }
}

/// Since 1970.
fn wall() -> Duration {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    wall.unwrap_or_default()
}
