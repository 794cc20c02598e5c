//! IPVS with all that belongs to it while something is asked of it: the table's driver, the checks and where they run,
//! and what is watched for them.
//!
//! What it must not know: signals, reloads, VRRP. Decides nothing: it takes what comes to the driver.
//!
//! Enter at [`Services::open`]. Tests: the parts' own, and the lab's stories.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use checkers::{Check, Health, Report, Runner};
use ipvs_netlink::Client;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

use crate::journal::checked::Checked;
use crate::journal::{Line, Part, write};
use crate::kernel::alarm::Alarm;
use crate::kernel::nft;
use crate::lvs::driver::Driver;
use crate::lvs::ruleset;
use crate::lvs::settings::Settings;
use crate::lvs::thread::Thread;
use crate::lvs::wanted::WantedService;
use crate::notify::Herald;
use crate::watch::number::TooLarge;
use crate::watch::{self, AddressWatch, FileWatch, Reading};

/// IPVS while something is asked of it.
pub(crate) struct Services {
    pub driver: Driver<Client>,
    pub runner: Runner,
    /// Behind the runner, so that it ends after it.
    checks: Thread,
    pub settings: Settings,
    files: FileWatch,
    addresses: Option<AddressWatch>,
    /// Some checks rest.
    resting: bool,
    /// The rules of nftables that stand, by what made them; none while none were asked for.
    rules: Option<String>,
}

impl Services {
    /// Nothing is asked yet. Within a tokio runtime, which commands of checks are run on.
    ///
    /// # Errors
    /// When the system has no thread or no alarm clock for the checks.
    pub fn open(
        client: Client,
        herald: Arc<Herald>,
        reports: mpsc::Sender<Report>,
        readings: mpsc::Sender<Reading>,
    ) -> std::io::Result<Services> {
        let checks = Thread::start()?;
        let alarm = {
            let _there = checks.handle().enter();
            Alarm::open()?
        };
        Ok(Services {
            driver: Driver::new(client, herald),
            // The commands on the caller's, whose threads have no urgency that they would inherit.
            runner: Runner::new(reports, checks.handle(), &Handle::current(), alarm),
            checks,
            settings: Settings::default(),
            files: FileWatch::start(readings),
            addresses: None,
            resting: false,
            rules: None,
        })
    }

    /// Looks at the files and the addresses that a configuration to come depends on.
    pub fn look(&mut self, wanted: &[WantedService], settings: &Settings) {
        let servers = wanted.iter().flat_map(|service| &service.servers);
        for file in servers.flat_map(|server| &server.files) {
            // One that cannot be read now is told by the watch.
            if let Ok(number) = watch::read(&file.path) {
                self.driver.note(&file.path, number);
            }
        }
        self.bring_addresses(wanted, settings);
    }

    /// Brings the rules that mark packets to what the pool has, after the services that they lead to.
    pub async fn bring_rules(&mut self, settings: &Settings, namespace: Option<&File>) {
        let Some(firewall) = &settings.firewall else {
            return self.clear_rules(namespace).await;
        };
        let wanted = ruleset::script(firewall, self.driver.pool().markings());
        if self.rules.as_ref() == Some(&wanted) {
            return;
        }
        match nft::perform(wanted.clone(), namespace).await {
            Ok(()) => self.rules = Some(wanted),
            Err(reason) => unruly(&reason),
        }
    }

    /// Takes the rules away.
    pub async fn clear_rules(&mut self, namespace: Option<&File>) {
        let (Some(_), Some(firewall)) = (self.rules.take(), &self.settings.firewall) else {
            return;
        };
        let nothing = ruleset::script(firewall, []);
        if let Err(reason) = nft::perform(nothing, namespace).await {
            unruly(&reason);
        }
    }

    /// Begins to watch the addresses of this host, where a service minds them; or ceases to.
    fn bring_addresses(&mut self, wanted: &[WantedService], settings: &Settings) {
        if !wanted.iter().any(|service| service.ha_suspend) {
            self.addresses = None;
            return;
        }
        if self.addresses.is_none() {
            match AddressWatch::open() {
                Ok(watch) => self.addresses = Some(watch),
                Err(error) => write(&Line::Trouble {
                    part: Part::Checkers,
                    reason: format!(
                        "Cannot watch the addresses of this host, so that all checks run, with ha_suspend too: {error}"
                    ),
                }),
            }
        }
        if let Some(watch) = &self.addresses {
            let told = |word: &str, act: std::io::Result<()>| {
                if let Err(error) = act {
                    write(&Line::Trouble {
                        part: Part::Checkers,
                        reason: format!("cannot have {word}: {error}"),
                    });
                }
            };
            let monitor = watch.make_room_to_hear(settings.monitor);
            told("lvs_netlink_monitor_rcv_bufs", monitor);
            let commands = watch.make_room_to_look(settings.commands);
            told("lvs_netlink_cmd_rcv_bufs", commands);
        }
        self.look_for_addresses();
    }

    /// What cannot be looked up now stays as it was until the next change.
    fn look_for_addresses(&mut self) {
        let Some(watch) = &mut self.addresses else {
            return;
        };
        match watch.addresses() {
            Ok(addresses) => self.driver.settle_addresses(addresses),
            Err(error) => write(&Line::Trouble {
                part: Part::Checkers,
                reason: format!("Cannot look up the addresses of this host: {error}"),
            }),
        }
    }

    /// Runs these checks, which are the pool's, and watches its files.
    pub fn run(&mut self, checks: Vec<Check>, settings: &Settings) {
        self.checks.schedule(&settings.urgency);
        self.runner.configure(checks);
        self.rest();
        let files = self.driver.pool().files();
        let files = files.map(|path| path.to_path_buf()).collect();
        self.files.follow(files);
    }

    /// Lets those checks rest whose service is not on this host.
    fn rest(&mut self) {
        // Most have none, and there may be very many checks.
        if !self.resting && !self.driver.pool().minds_addresses() {
            return;
        }
        self.resting = false;
        for (check, rests) in self.driver.pool().resting() {
            self.resting |= rests;
            match rests {
                true => self.runner.pause(check),
                false => self.runner.resume(check),
            }
        }
    }

    /// Waits until the addresses of this host may have changed; for ever where nobody minds.
    pub async fn addresses_changed(&self) {
        match &self.addresses {
            Some(addresses) => addresses.changed().await,
            None => std::future::pending().await,
        }
    }

    /// The addresses of this host may have changed.
    pub fn take_addresses(&mut self) {
        block_in_place(|| self.look_for_addresses());
        self.rest();
    }

    /// An attempt told something new.
    pub fn take(&mut self, report: &Report) {
        let pool = self.driver.pool();
        let (Some((server, service)), Some(check)) =
            (pool.subject(report.id), pool.check(report.id))
        else {
            return; // a check of an earlier configuration
        };
        // keepalived behaviour: of a server that is down, further failures are not logged.
        let retries = !report.outcome.is_success() && pool.health(report.id) == Some(Health::Up);
        let tells = report.change.is_some() || (check.log_all && retries);
        let said = tells.then(|| {
            Line::Checked(Box::new(Checked {
                probe: check.probe.as_ref().clone(),
                server,
                service,
                report: report.clone(),
            }))
        });
        block_in_place(|| self.driver.handle(report, said.as_ref()));
    }

    /// BFD sessions stand otherwise.
    pub fn take_sessions(&mut self, sessions: &BTreeMap<Arc<str>, bool>) {
        block_in_place(|| self.driver.settle_sessions(sessions));
    }

    /// A file says something else.
    pub fn take_reading(&mut self, reading: &Reading) {
        match &reading.number {
            Ok(number) => block_in_place(|| self.driver.read(&reading.path, *number)),
            Err(TooLarge(text)) => write(&Line::FileIgnored {
                path: reading.path.clone(),
                text: text.clone(),
            }),
        }
    }
}

fn unruly(reason: &str) {
    write(&Line::Trouble {
        part: Part::Checkers,
        reason: format!("nftables: packets do not get the marks of their groups: {reason}"),
    });
}
