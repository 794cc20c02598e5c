//! The main loop: signals, check reports and reloads; it owns both drivers.

mod answer;
mod archive;
mod bring;
mod dumps;
mod marker;
mod reload;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use checkers::Report;
use keepalived_conf::Global;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use vrrp::{Name, Subject};

use self::archive::Archive;
use crate::cli::Options;
use crate::control::place::{GROUP, Paths, Sockets, Traces};
use crate::control::server::{Access, serve};
use crate::failover::handle::{Failover, SessionStates};
use crate::failover::outlet::News;
use crate::home::Home;
use crate::journal::{Line, Part, event, write};
use crate::kernel::ping::PingGroups;
use crate::kernel::processes::ProcessEvents;
use crate::notify::Herald;
use crate::notify::audience::Audience;
use crate::pidfile::PidFiles;
use crate::plan::{About, Dumps, Hooks, Plan, VrrpPlan};
use crate::services::Services;
use crate::status;
use crate::status::desk::{Ask, Desk};
use crate::status::http::Http;
use crate::status::view::ReloadView;
use crate::track::Trackers;
use crate::watch::{Diary, Reading};
use crate::watchdog::Watchdog;
use crate::{VERSION, exit};

/// Reports that may wait for the main loop.
const REPORTS: usize = 4096;
/// Changes of VRRP's states that may wait for the main loop.
const NEWS: usize = 256;
/// How long the scripts of a stop may run (keepalived behaviour, observed).
const LAST_WORDS: Duration = Duration::from_secs(1);
/// keepalived's STATS_CLEAR and JSON signals are real-time ones.
const STATS_CLEAR: i32 = 63;
const JSON: i32 = 36;

/// What the loop wakes up for.
enum Event {
    Reload,
    Stop,
    Stats,
    Data,
    StatsClear,
    Json,
    Report(Report),
    News(News),
    File(Reading),
    Addresses,
    Sessions,
    FailoverGone,
    Asked(Ask),
    Watchdog,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    data: Signal,
    stats: Signal,
    stats_clear: Signal,
    json: Signal,
}

impl Signals {
    fn open() -> std::io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            data: signal(SignalKind::user_defined1())?,
            stats: signal(SignalKind::user_defined2())?,
            stats_clear: signal(SignalKind::from_raw(STATS_CLEAR))?,
            json: signal(SignalKind::from_raw(JSON))?,
        })
    }
}

/// Runs until told to stop; answers the exit status. Call it before there are threads of its own making.
#[must_use]
pub fn main(
    options: Options,
    plan: Plan,
    pid_files: PidFiles,
    global: &Global,
    place: Place,
) -> u8 {
    let name = global.process_name.as_deref().unwrap_or("keepalived");
    // Scripts look for it with `killall -0 keepalived`. The kernel cuts at 15 bytes.
    if let Ok(name) = CString::new(name) {
        let _ = nix::sys::prctl::set_name(&name);
    }
    std::panic::set_hook(Box::new(|panic| {
        write(&Line::Trouble {
            part: Part::Parent,
            reason: format!("Please report this, it is a bug: {panic}"),
        });
    }));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            write(&fatal(
                Part::Parent,
                format!("Cannot start the runtime: {error}"),
            ));
            return exit::FATAL;
        }
    };
    runtime.block_on(async {
        match Daemon::start(options, plan, pid_files, place).await {
            Ok((mut daemon, signals)) => daemon.run(signals).await,
            Err(line) => {
                write(&line);
                exit::FATAL
            }
        }
    })
}

/// Threads for the checks; the main loop has the first one.
fn workers() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(4)
}

fn fatal(part: Part, reason: String) -> Line {
    Line::Fatal { part, reason }
}

/// Where the daemon lives, for good.
#[derive(Debug)]
pub struct Place {
    /// By name.
    pub home: Home,
    /// The network namespace that IPVS is in, where that is another than ours.
    pub ipvs: Option<File>,
    /// The kernel's news of processes, which only the first network namespace has; none where it gives none.
    pub processes: Option<ProcessEvents>,
}

struct Daemon {
    place: Place,
    options: Options,
    pid_files: PidFiles,
    failover: Option<Failover>,
    /// BFD sessions that real servers depend on.
    sessions: Option<watch::Receiver<SessionStates>>,
    trackers: Option<Trackers>,
    services: Option<Services>,
    ping_groups: PingGroups,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    /// Instances that are master, as far as the failover thread's news tell.
    masters: BTreeSet<Name>,
    readings: (mpsc::Sender<Reading>, mpsc::Receiver<Reading>),
    /// Outlives the services: what a reload takes away has somebody to tell.
    herald: Arc<Herald>,
    /// Who is told of VRRP.
    audience: Audience,
    /// What runs before and after everything else, and how reloads are done.
    hooks: Hooks,
    /// What dumps need of the configuration.
    dumps: Dumps,
    archive: Archive,
    /// When a file wants a reload.
    diary: Diary,
    /// Tracked files that have been given their first number.
    initialised: BTreeSet<PathBuf>,
    /// What VRRP runs with.
    vrrp: Arc<VrrpPlan>,
    /// Where people ask.
    desk: Desk,
    asks: mpsc::Receiver<Ask>,
    began: Began,
    reloads: u64,
    last_reload: Option<ReloadView>,
    /// The sockets' files, while they are ours.
    sockets: Option<Traces>,
    watchdog: Watchdog,
}

/// When the process began.
struct Began {
    at_ms: u64,
    instant: Instant,
}

impl Daemon {
    /// Brings the plan into force; on failure gives back what it took.
    async fn start(
        options: Options,
        plan: Plan,
        pid_files: PidFiles,
        place: Place,
    ) -> Result<(Daemon, Signals), Line> {
        // Before the pid files name us: whoever reads them may send a signal at once.
        let signals = Signals::open()
            .map_err(|error| fatal(Part::Parent, format!("Cannot handle signals: {error}")))?;
        let namespace = match place.ipvs.as_ref().map(File::try_clone).transpose() {
            Ok(namespace) => namespace,
            Err(error) => return Err(fatal(Part::Parent, format!("Cannot start: {error}"))),
        };
        let (desk, asks) = Desk::open(namespace);
        if let Some(told) = event::listen() {
            let desk = desk.clone();
            tokio::spawn(async move { desk.history().keep(told).await });
        }
        let mut daemon = Daemon {
            place,
            options,
            pid_files,
            failover: None,
            sessions: None,
            trackers: None,
            services: None,
            ping_groups: PingGroups::default(),
            reports: mpsc::channel(REPORTS),
            news: mpsc::channel(NEWS),
            masters: BTreeSet::new(),
            readings: mpsc::channel(REPORTS),
            herald: Arc::default(),
            audience: Audience::default(),
            hooks: Hooks::default(),
            dumps: Dumps::default(),
            archive: Archive::default(),
            diary: Diary::default(),
            initialised: BTreeSet::new(),
            vrrp: Arc::default(),
            desk,
            asks,
            began: Began {
                at_ms: status::now_ms(),
                instant: Instant::now(),
            },
            reloads: 0,
            last_reload: None,
            sockets: None,
            watchdog: Watchdog::of_systemd(),
        };
        daemon.serve_http();
        let written = daemon.pid_files.write();
        written.map_err(|error| fatal(Part::Parent, error.to_string()))?;
        daemon.open_sockets();
        daemon.say_left_out(&plan);
        daemon.initialise(&plan.files);
        // Before there is anything to tell.
        daemon.hooks = plan.hooks;
        daemon.archive.folder = daemon.hooks.archive.clone();
        daemon.save_configuration();
        daemon.keep_diary();
        if let Some(hook) = &daemon.hooks.startup {
            hook.run().await;
        }
        daemon.dumps = plan.dumps;
        daemon.audience = plan.audience;
        daemon.herald.bring(plan.fifos, plan.mailing);
        let begun = async {
            daemon.bring_services(plan.services, plan.ipvs).await?;
            daemon.bring_vrrp(plan.vrrp, plan.bfd).await
        }
        .await;
        if let Err(line) = begun {
            daemon.release().await;
            return Err(line);
        }
        write(&Line::StartupComplete);
        tell(&[NotifyState::Ready]);
        Ok((daemon, signals))
    }

    /// Serves the status where the command line asks for it. Without it, the rest goes on.
    fn serve_http(&self) {
        let Some(address) = self.options.http else {
            return;
        };
        match Http::open(address) {
            Ok(http) => drop(tokio::spawn(http.serve(self.desk.clone()))),
            Err(error) => write(&Line::Trouble {
                part: Part::Parent,
                reason: format!(
                    "--http {address}: {error}; going on without. Name an address of this host and a port that nobody has"
                ),
            }),
        }
    }

    async fn run(&mut self, mut signals: Signals) -> u8 {
        loop {
            match self.next(&mut signals).await {
                Event::Reload => self.reload_and_tell().await,
                Event::Stop => break,
                Event::News(news) => self.hear(news),
                Event::Report(report) => {
                    self.services
                        .iter_mut()
                        .for_each(|services| services.take(&report));
                }
                Event::File(reading) => {
                    self.services
                        .iter_mut()
                        .for_each(|services| services.take_reading(&reading));
                }
                Event::Asked(ask) => self.answer(ask).await,
                Event::Sessions => self.take_sessions(),
                Event::Addresses => self.services.iter_mut().for_each(Services::take_addresses),
                Event::FailoverGone => {
                    write(&fatal(
                        Part::Vrrp,
                        "The failover thread ended by itself; leaving the kernel as it is for the next start".into(),
                    ));
                    return exit::FATAL;
                }
                Event::Watchdog => {
                    if self.watchdog.lives(self.failover.as_ref()) {
                        tell(&[NotifyState::Watchdog]);
                    }
                }
                Event::Stats => self.dump_stats().await,
                Event::Data => self.dump_data().await,
                Event::StatsClear => {
                    self.dump_stats().await;
                    if let Some(failover) = &self.failover {
                        failover.clear_stats().await;
                    }
                }
                Event::Json => self.dump_json().await,
            }
        }
        write(&Line::Stopping);
        tell(&[NotifyState::Stopping]);
        self.release().await;
        if let Some(hook) = &self.hooks.shutdown {
            hook.run().await;
        }
        write(&Line::Stopped { version: VERSION });
        exit::OK
    }

    async fn next(&mut self, signals: &mut Signals) -> Event {
        let gone = async {
            match &self.failover {
                Some(failover) => failover.gone().await,
                None => std::future::pending().await,
            }
        };
        let addresses = async {
            match &self.services {
                Some(services) => services.addresses_changed().await,
                None => std::future::pending().await,
            }
        };
        let sessions = async {
            let changed = match &mut self.sessions {
                Some(sessions) => sessions.changed().await.is_ok(),
                None => false,
            };
            // An end of it is that of the failover thread, which is told elsewhere.
            if !changed {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => Event::Stop,
            _ = signals.interrupt.recv() => Event::Stop,
            () = gone => Event::FailoverGone,
            Some(news) = self.news.1.recv() => Event::News(news),
            Some(report) = self.reports.1.recv() => Event::Report(report),
            Some(reading) = self.readings.1.recv() => Event::File(reading),
            () = addresses => Event::Addresses,
            () = self.watchdog.turn() => Event::Watchdog,
            () = sessions => Event::Sessions,
            _ = signals.hangup.recv() => Event::Reload,
            () = self.diary.due() => Event::Reload,
            _ = signals.data.recv() => Event::Data,
            _ = signals.stats.recv() => Event::Stats,
            _ = signals.stats_clear.recv() => Event::StatsClear,
            _ = signals.json.recv() => Event::Json,
            Some(ask) = self.asks.recv() => Event::Asked(ask),
        }
    }

    /// Opens the control sockets. VRRP and IPVS do not depend on them, so that without them the daemon goes on.
    fn open_sockets(&mut self) {
        let home = &self.place.home;
        let paths = Paths::new(
            self.options.socket.as_deref(),
            home.namespace.as_deref(),
            home.instance.as_deref(),
        );
        let group = self.options.socket_group.as_deref().unwrap_or(GROUP);
        let opened = Sockets::open(paths, group).map_err(|error| error.to_string());
        let served = opened.and_then(|sockets| {
            serve(sockets.control, Access::Control, self.desk.clone())
                .and_then(|()| serve(sockets.status, Access::Status, self.desk.clone()))
                .map_err(|error| format!("No control socket: {error}"))?;
            Ok(sockets.traces)
        });
        match served {
            Ok(traces) => self.sockets = Some(traces),
            Err(reason) => write(&Line::Trouble {
                part: Part::Parent,
                reason,
            }),
        }
    }

    fn say_left_out(&self, plan: &Plan) {
        for left_out in &plan.left_out {
            let part = match left_out.about {
                About::Instance(_) | About::Vrrp => Part::Vrrp,
                About::VirtualServer(_) => Part::Checkers,
            };
            let what = left_out.text.clone();
            write(&Line::LeftOut { part, what });
        }
    }

    /// What `reload_time_file` says from now on.
    fn keep_diary(&mut self) {
        let (path, repeat) = (self.hooks.appointment.clone(), self.hooks.repeat);
        tokio::task::block_in_place(|| self.diary.follow(path, repeat));
    }

    /// An instance or a group has changed its state.
    fn hear(&mut self, news: News) {
        self.herald.vrrp(self.audience.hear(&news));
        self.follow_masters(news);
    }

    /// IPVS's synchronisation follows who is master.
    fn follow_masters(&mut self, news: News) {
        let Subject::Instance(name) = news.subject else {
            return;
        };
        match news.state {
            vrrp::NotifyState::Master => self.masters.insert(name),
            vrrp::NotifyState::MasterRxLowerPriority
            | vrrp::NotifyState::MasterPriority
            | vrrp::NotifyState::BackupPriority => return,
            vrrp::NotifyState::Backup
            | vrrp::NotifyState::Fault
            | vrrp::NotifyState::Stop
            | vrrp::NotifyState::Deleted => self.masters.remove(&name),
        };
        let Some(mut services) = self.services.take() else {
            return;
        };
        let daemons = self.daemons(&services.settings);
        tokio::task::block_in_place(|| services.driver.sync(&daemons));
        self.services = Some(services);
    }

    /// `fifo_write_vrrp_states_on_reload`: FIFOs hear of each group and instance, whether it changed or not.
    async fn tell_states(&mut self) {
        while let Ok(news) = self.news.1.try_recv() {
            self.hear(news); // what did change comes first
        }
        let Some(failover) = &self.failover else {
            return;
        };
        for told in self.audience.states(&failover.view().await) {
            self.herald.vrrp(told);
        }
    }

    /// Gives back what is ours: mastership and addresses first, so that the other director takes over at
    /// once; then the IPVS table.
    async fn release(&mut self) {
        self.sockets = None;
        self.trackers = None;
        self.herald.hush();
        let mut last_words = Duration::ZERO;
        if let Some(failover) = self.failover.take() {
            let mut rest = Vec::new();
            if self.options.dont_release_vrrp {
                failover.abandon().await;
            } else {
                rest = failover.stop().await;
            }
            let told = std::iter::from_fn(|| self.news.1.try_recv().ok());
            for news in told.chain(rest) {
                let told = self.audience.hear(&news);
                if !told.scripts.is_empty() {
                    last_words = LAST_WORDS;
                }
                self.herald.vrrp_stops(told);
            }
        }
        if let Some(mut services) = self.services.take() {
            let on_stop = services.settings.on_stop;
            if !self.options.dont_release_ipvs {
                services.clear_rules(self.place.ipvs.as_ref()).await;
            }
            tokio::task::block_in_place(|| {
                // keepalived behaviour: also where the table stays.
                services.driver.sync(&[]);
                if !self.options.dont_release_ipvs {
                    services.driver.shutdown(on_stop);
                }
            });
            services.runner.shutdown().await;
            last_words = last_words.max(services.driver.last_words());
        }
        self.herald.stop(last_words).await;
        if let Err(error) = self.ping_groups.put_back() {
            write(&Line::Trouble {
                part: Part::Checkers,
                reason: format!("cannot put net.ipv4.ping_group_range back: {error}"),
            });
        }
    }
}

/// Tells systemd, where it started us and wants to know (`Type=notify`).
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        write(&Line::Trouble {
            part: Part::Parent,
            reason: format!("cannot tell systemd: {error}"),
        });
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
