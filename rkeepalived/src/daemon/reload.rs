//! A reload: read again, compared, brought into force, told.

use std::time::Instant;

use sd_notify::NotifyState;

use super::marker::Marker;
use super::{Daemon, millis, tell};
use crate::boot::follow_umask;
use crate::cli::Options;
use crate::config;
use crate::home::Home;
use crate::journal::{Line, Part, write};
use crate::lvs::driver::Outcome;
use crate::pidfile::PidPaths;
use crate::plan::plan;
use crate::status;
use crate::status::view::ReloadView;

impl Daemon {
    /// Reloads, and says so to systemd, which waits for it.
    pub(super) async fn reload_and_tell(&mut self) {
        // systemd wants the time with it, to tell this reload from an earlier one (sd_notify(3)).
        let now = NotifyState::monotonic_usec_now();
        tell(&now.map_or(vec![NotifyState::Reloading], |now| {
            vec![NotifyState::Reloading, now]
        }));
        self.reload().await;
        tell(&[NotifyState::Ready]);
    }

    /// Reloads, and remembers what became of it.
    pub(super) async fn reload(&mut self) {
        let began = Instant::now();
        let marker = self.hooks.marker.as_ref().map(|path| {
            let usual = || PidPaths::new(&Options::default(), &self.place.home).parent;
            let path = path.clone();
            path.unwrap_or_else(|| usual().with_extension("reload"))
        });
        let _marker = marker.and_then(Marker::make);
        self.save_before().await;
        let result = self.read_again().await;
        self.archive.folder = self.hooks.archive.clone();
        self.save_configuration();
        self.save_after().await;
        self.reloads += 1;
        let (outcome, reason) = match result {
            Ok(outcome) => (outcome, None),
            Err(reason) => (Outcome::default(), Some(reason)),
        };
        self.last_reload = Some(ReloadView {
            at_ms: status::now_ms(),
            took_ms: millis(began.elapsed()),
            done: reason.is_none(),
            changed: outcome.done,
            refused: outcome.failed,
            reason,
        });
    }

    /// Brings the configuration into force that is there now; answers what it changed in IPVS, or why it was abandoned.
    pub(super) async fn read_again(&mut self) -> Result<Outcome, String> {
        write(&Line::Reloading);
        let path = self.options.config();
        write(&Line::ConfigurationFile { path });
        let loaded = tokio::task::block_in_place(|| config::read(&self.options));
        config::findings(&loaded).for_each(|line| write(&line));
        if let Some(status) = loaded.start_status() {
            let reason = format!(
                "a daemon could not start with it (exit status {status}), see the errors above"
            );
            write(&Line::ReloadRefused {
                reason: reason.clone(),
            });
            return Err(reason);
        }
        if let Some(log) = &self.hooks.check
            && loaded.test_status() != 0
        {
            let status = loaded.test_status();
            if let Some(log) = log {
                let found = loaded.diagnostics.iter();
                let found: String = found.map(|one| loaded.render(one) + "\n").collect();
                if let Err(error) = std::fs::write(log, found) {
                    let reason = format!("cannot write {}: {error}", log.display());
                    write(&Line::Trouble {
                        part: Part::Parent,
                        reason,
                    });
                }
            }
            let reason = format!(
                "reload_check_config: there are complaints (exit status {status} of -t), see above"
            );
            write(&Line::ReloadRefused {
                reason: reason.clone(),
            });
            return Err(reason);
        }
        let home = Home::of(&self.options, &loaded.model.global);
        if let Some(what) = self.place.home.forbidden(&home) {
            let line = Line::CannotChange { what };
            write(&line);
            return Err(line.to_string());
        }
        let mut plan = plan(
            loaded.model,
            &self.options,
            &config::Host::of(&self.options),
        );
        self.say_left_out(&plan);
        self.initialise(&plan.files);
        while let Ok(news) = self.news.1.try_recv() {
            self.hear(news); // as it was configured when it happened
        }
        self.hooks = std::mem::take(&mut plan.hooks);
        self.keep_diary();
        self.dumps = std::mem::take(&mut plan.dumps);
        follow_umask(&self.options, &self.dumps.model.global);
        self.audience.follow(std::mem::take(&mut plan.audience));
        self.herald
            .bring(std::mem::take(&mut plan.fifos), plan.mailing.take());
        let states = plan.states_on_reload;
        let followed = self.pid_files.follow(&plan).map_err(|(error, _)| error);
        if let Err(error) = followed.and_then(|()| self.pid_files.write()) {
            write(&Line::Trouble {
                part: Part::Parent,
                reason: error.to_string(),
            });
        }
        if let Err(line) = self.bring_vrrp(plan.vrrp, plan.bfd).await {
            write(&line);
        }
        let checked = self.services.is_some() || !plan.services.is_empty();
        let outcome = match self.bring_services(plan.services, plan.ipvs).await {
            Ok(outcome) => outcome,
            Err(line) => {
                write(&line);
                write(&Line::ReloadComplete);
                return Err(line.to_string());
            }
        };
        if checked {
            let Outcome { done, failed } = outcome;
            write(&Line::ReloadChanged { done, failed });
        }
        if states {
            self.tell_states().await;
        }
        write(&Line::ReloadComplete);
        Ok(outcome)
    }
}
