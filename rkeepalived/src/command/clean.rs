//! `rkeepalived clean`: what a daemon that was killed left in the kernel goes.

use std::ffi::OsString;
use std::fs::File;
use std::sync::Arc;

use clap::Args;

use crate::boot::Start;
use crate::cli::Options;
use crate::config;
use crate::failover::STOP_PATIENCE;
use crate::failover::driver::Driver as Failover;
use crate::home::Home;
use crate::journal::sink::{Destinations, Sink};
use crate::kernel::network::KernelNetwork;
use crate::kernel::{ipvs, nft};
use crate::lvs::driver::Driver;
use crate::lvs::ruleset;
use crate::lvs::settings::Settings;
use crate::lvs::wanted::WantedService;
use crate::notify::Herald;
use crate::pidfile::{PidFileError, PidFiles};
use crate::plan::plan;

#[derive(Args)]
pub struct Clean {
    /// The options that the daemon was started with
    #[arg(
        value_name = "OPTION",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<OsString>,
}

/// Nothing is left.
const CLEAN: u8 = 0;
/// Something is, or it cannot be told.
const LEFT: u8 = 1;

impl Clean {
    pub fn run(&self) -> u8 {
        match self.clean() {
            Ok(()) => CLEAN,
            Err(reason) => {
                eprintln!("rkeepalived clean: {reason}");
                LEFT
            }
        }
    }

    fn clean(&self) -> Result<(), String> {
        let words = std::iter::once(OsString::from("keepalived")).chain(self.options.clone());
        let options = Options::read(&words.collect::<Vec<_>>()).map_err(|error| {
            // One line: it ends in the journal, as a unit's last command.
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let said = first.strip_prefix("error: ").unwrap_or(first);
            format!("{said}; give it the options that the daemon was started with, as `keepalived --help` has them")
        })?;
        let options = options.anchored();
        let start = Start::enter(&options).map_err(|error| error.to_string())?;
        let loaded = config::read(&options);
        if let Some(status) = loaded.start_status() {
            return Err(format!(
                "no daemon can have run with {} (exit status {status}), so that it does not tell what to remove; \
                 `rkeepalived check` tells what is wrong with it",
                options.config().display()
            ));
        }
        let home = Home::of(&options, &loaded.model.global);
        let namespace = start.settle(&home).map_err(|error| error.to_string())?;
        let plan = plan(loaded.model, &options, &config::Host::of(&options));
        // Held to the end: no daemon starts meanwhile. What a killed one left of them goes with ours.
        let _alone =
            PidFiles::lock(&options, &home, &plan).map_err(|(error, path)| match error {
                PidFileError::Running => format!(
                    "a daemon is running (pid file {}), nothing is removed; stop it first",
                    path.display()
                ),
                PidFileError::Io { .. } => error.to_string(),
            })?;
        let destinations = Destinations {
            console: true,
            syslog: None,
        };
        let _sink = Sink::install(destinations, home.suffix())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        // The addresses first: another router may have taken them over by now.
        if !options.dont_release_vrrp && !plan.vrrp.instances.is_empty() {
            let network = KernelNetwork::open();
            let network = network.map_err(|error| format!("cannot ask for addresses: {error}"))?;
            let mut failover = Failover::new(network);
            failover.sweep(plan.vrrp);
            let rules = failover.network_mut().firewall_settled();
            runtime.block_on(rules.within(STOP_PATIENCE));
        }
        let result = std::env::var("SERVICE_RESULT").unwrap_or_default();
        let asked = !plan.services.is_empty() || plan.ipvs.sync.is_some();
        if options.dont_release_ipvs || restarts(&result) || !asked {
            return Ok(());
        }
        runtime.block_on(table(plan.services, &plan.ipvs, namespace.as_ref()))
    }
}

/// Takes the services out of the kernel's table, and what belongs to them.
async fn table(
    mut wanted: Vec<WantedService>,
    settings: &Settings,
    namespace: Option<&File>,
) -> Result<(), String> {
    let client = ipvs::open(namespace).await?;
    let mut driver = Driver::new(client, Arc::new(Herald::default()));
    if let Some(sync) = &settings.sync {
        // Once some are wanted, those that run are ours.
        driver.sync(&sync.daemons(false));
        driver.sync(&[]);
    }
    if let Some(firewall) = &settings.firewall {
        driver.mark(&mut wanted, firewall.first_mark);
        nft::perform(ruleset::script(firewall, []), namespace).await?;
    }
    driver
        .adopt(&wanted)
        .map_err(|error| format!("cannot read the IPVS table: {error}"))?;
    match driver.shutdown(settings.on_stop).failed {
        0 => Ok(()),
        failed => Err(format!("{failed} services are left in the IPVS table")),
    }
}

/// Whether systemd starts the daemon again after that result (`SERVICE_RESULT`, systemd.exec(5)) with the unit that is
/// installed, so that the next one adopts the table.
fn restarts(result: &str) -> bool {
    matches!(
        result,
        "exit-code" | "signal" | "core-dump" | "watchdog" | "oom-kill"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_was_stopped_leaves_its_table_to_nobody() {
        // A stop that took too long ends with `timeout`, and nothing starts after it.
        assert!(!restarts("success") && !restarts("timeout") && !restarts(""));
        assert!(restarts("signal") && restarts("watchdog"));
    }
}
