//! Tells a case: events to both daemons and their servers, then a look at both tables.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::stage::PATIENCE;
use support::story::Told;
use support::tap::Tap;
use support::twins::{Twins, own};

use super::case::{Case, Lines, Step};
use super::event::Event;
use super::observe::{Extras, Glance, Listed, observe};

/// Between two looks: programs that look all the time would leave the lab's one processor no time for the daemons.
const PAUSE: Duration = Duration::from_millis(120);
/// The same where a look costs programs.
const LONG_PAUSE: Duration = Duration::from_millis(400);
/// How long a table has to stay as expected: longer than the `delay_loop` that cases have.
const STAYS: Duration = Duration::from_millis(300);
/// The same where nothing is to change: longer than a failure, its retry and what follows take.
const SAME: Duration = Duration::from_millis(1000);
/// For a daemon to end, or to say that it has reloaded.
const ENDS: Duration = Duration::from_secs(10);

/// How long to wait for what is expected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After a start.
    pub(super) start: Duration,
    /// After every other step.
    pub(super) later: Duration,
}

/// keepalived did not do what it was seen to do when the case was written. On a kernel as slow as the lab's it now and then
/// forgets a program that it has started, for good.
#[derive(Debug)]
pub(super) struct Astray(String);

impl fmt::Display for Astray {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Astray {}

/// Tells the case on ours and on keepalived, beside each other.
///
/// # Errors
/// With the line of the first step after which a table is not, within the time, what the case expects.
pub(super) fn play(twins: &mut Twins, case: &Case, patience: Patience) -> Told {
    twins.touched |= case.touches();
    let daemons = [Daemon::Ours, Daemon::Keepalived];
    let mut scene = Scene::set(twins, case, &daemons)?;
    for step in &case.steps {
        let start = step.events.contains(&Event::Start);
        let patience = if start {
            patience.start
        } else {
            patience.later
        };
        scene
            .step(step, patience)
            .with_context(|| format!("line {}: `{}`", step.line, step.text))?;
    }
    Ok(format!("{} steps", case.steps.len()))
}

/// The directors of a case while it is told.
pub(super) struct Scene<'a> {
    twins: &'a Twins,
    case: &'a Case,
    /// Those that take part, by their place among the twins.
    pub(super) hosts: Vec<Host>,
    extras: Extras,
    version: u8,
    /// On the first director, if the case counts what it sends.
    tap: Option<Tap>,
}

/// One director and what is expected of its table.
pub(super) struct Host {
    pub(super) director: Director,
    index: usize,
    glance: Glance,
    expected: Lines,
    runs: bool,
    /// The end of its log when the step began.
    mark: usize,
}

impl<'a> Scene<'a> {
    /// With these daemons, ours on the first director and keepalived on the second.
    pub(super) fn set(twins: &'a Twins, case: &'a Case, daemons: &[Daemon]) -> Result<Self> {
        let hosts = daemons.iter().map(|&daemon| {
            let index = usize::from(daemon == Daemon::Keepalived);
            let director = twins.prepare(index, daemon)?;
            let glance = Glance::open(director.host())?;
            Ok(Host {
                director,
                index,
                glance,
                expected: Lines::new(),
                runs: false,
                mark: 0,
            })
        });
        let counts = case.steps.iter().any(|step| step.sends.is_some());
        let tap = counts.then(|| Tap::open(&twins.director[0])).transpose()?;
        let script = "#!/bin/sh\nread status < \"$1\"\nexit \"$status\"\n";
        let path = twins.folder().join("status.sh");
        fs::write(&path, script).context("write a script")?;
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(Self {
            twins,
            case,
            hosts: hosts.collect::<Result<_>>()?,
            extras: Extras::of(&case.conf(1)),
            version: 1,
            tap,
        })
    }

    /// Whether a daemon was started and not ended since.
    pub(super) fn runs(&self) -> bool {
        self.hosts.iter().any(|host| host.runs)
    }

    fn step(&mut self, step: &Step, patience: Duration) -> Result<()> {
        if let Some(tap) = &self.tap {
            tap.read()?;
        }
        for host in &mut self.hosts {
            host.mark = host.director.mark();
        }
        for event in &step.events {
            self.perform(event)?;
        }
        for host in &mut self.hosts {
            step.apply(host.director.daemon(), &mut host.expected)?;
        }
        if step.is_silent() {
            return Ok(());
        }
        if step.same {
            self.stay(SAME)?;
            for host in &mut self.hosts {
                host.compare(self.extras)?;
            }
        } else {
            self.reach(patience)?;
            self.stay(STAYS)?;
        }
        self.order()?;
        if let (Some(tap), Some(sends)) = (&self.tap, &step.sends) {
            let sent: BTreeMap<&str, u32> = tap.read()?;
            let allowed = sends.iter().map(|(name, count)| (name.as_str(), *count));
            let allowed: BTreeMap<&str, u32> = allowed.collect();
            ensure!(
                sent == allowed,
                "ours asked the kernel for {sent:?} instead of {allowed:?}"
            );
        }
        Ok(())
    }

    /// Waits until every table is as expected.
    fn reach(&mut self, patience: Duration) -> Result<()> {
        let start = Instant::now();
        let pause = if self.extras.hidden() {
            LONG_PAUSE
        } else {
            PAUSE
        };
        let mut left: Vec<(&mut Host, Option<Listed>)> =
            self.hosts.iter_mut().map(|host| (host, None)).collect();
        loop {
            let late = start.elapsed() > patience;
            let mut still = Vec::new();
            for (host, seen) in left {
                host.lives()?;
                let services = host.services()?;
                let worth = services.may_be(&host.expected);
                let new = seen.as_ref() != Some(&services) || self.extras.hidden();
                if late {
                    let fault = host.compare(self.extras);
                    fault.with_context(|| {
                        format!("still not, after {:.0} s", patience.as_secs_f64())
                    })?;
                } else if !(worth && new) {
                    still.push((host, seen));
                } else if host.compare(self.extras).is_err() {
                    still.push((host, Some(services)));
                }
            }
            if still.is_empty() {
                return Ok(());
            }
            left = still;
            std::thread::sleep(pause);
        }
    }

    /// Watches that no table changes for a while.
    fn stay(&mut self, span: Duration) -> Result<()> {
        let mut before = Vec::new();
        for host in &mut self.hosts {
            before.push(host.services()?);
        }
        let start = Instant::now();
        while start.elapsed() < span {
            std::thread::sleep(PAUSE);
            for (host, before) in self.hosts.iter_mut().zip(&before) {
                host.lives()?;
                if host.services()? != *before {
                    host.compare(self.extras)?;
                    bail!("the table of {} does not stay", host.director.daemon());
                }
            }
        }
        Ok(())
    }

    /// Where both tables are to be the same, so is the order of the servers in them: schedulers that hash follow it. Checks
    /// finish in any order, though.
    fn order(&mut self) -> Result<()> {
        let [a, b] = self.hosts.as_mut_slice() else {
            return Ok(());
        };
        if a.expected == b.expected && !self.case.has_checks() {
            let (a, b) = (a.services()?, b.services()?);
            ensure!(a == b, "another order: ours {a:#?}, keepalived {b:#?}");
        }
        Ok(())
    }

    /// Brings an event about, for every director.
    pub(super) fn perform(&mut self, event: &Event) -> Result<()> {
        let farm = &self.twins.farm;
        match event {
            Event::Start => {
                self.configure()?;
                for host in &mut self.hosts {
                    host.director.start()?;
                    host.runs = true;
                }
            }
            Event::Stop => {
                for host in &mut self.hosts {
                    host.lives()?;
                    host.director.signal(Signal::SIGTERM)?;
                    host.runs = false;
                }
                for host in &mut self.hosts {
                    host.director.wait_for_end(ENDS)?;
                }
            }
            Event::Kill => {
                for host in &mut self.hosts {
                    host.director.kill()?;
                    host.runs = false;
                }
            }
            Event::Reload(version) => {
                self.version = *version;
                self.configure()?;
                let marks: Vec<usize> =
                    self.hosts.iter().map(|host| host.director.mark()).collect();
                for host in &self.hosts {
                    host.director.signal(Signal::SIGHUP)?;
                }
                for (host, mark) in self.hosts.iter_mut().zip(marks) {
                    host.director
                        .wait_log_after(mark, "Reload complete", ENDS)?;
                }
            }
            Event::Conf(version) => self.version = *version,
            Event::Serve(kind, addresses) => {
                for address in addresses {
                    farm.open(*kind, *address)?;
                }
            }
            Event::Close(addresses) => {
                for address in addresses {
                    farm.close(*address)?;
                }
            }
            Event::Page(address, path, text) => {
                farm.shelf(*address, |shelf| shelf.page(path).body.clone_from(text));
            }
            Event::Status(address, path, code) => {
                farm.shelf(*address, |shelf| shelf.page(path).status = *code);
            }
            Event::Code(address, code) => farm.shelf(*address, |shelf| shelf.code = Some(*code)),
            Event::Mute(address) => farm.shelf(*address, |shelf| shelf.mute = true),
            Event::Speak(address) => farm.shelf(*address, |shelf| shelf.mute = false),
            Event::Write(file, text) => {
                // Renamed into place, so that nobody ever sees half of it.
                let path = self.twins.folder().join(file);
                let fresh = self.twins.folder().join("fresh");
                fs::write(&fresh, format!("{text}\n"))
                    .and_then(|()| fs::rename(&fresh, &path))
                    .with_context(|| format!("write {}", path.display()))?;
            }
            Event::Remove(file) => {
                let path = self.twins.folder().join(file);
                fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
            }
            Event::Log(text) => self.wait_log(text, PATIENCE)?,
            Event::Ip(args) => {
                for host in &self.hosts {
                    host.director.host().ip_batch(&format!("{args}\n"))?;
                }
            }
            Event::ServersIp(args) => self.twins.servers.ip_batch(&format!("{args}\n"))?,
            Event::Ipvsadm(args) => {
                let args: Vec<&str> = args.split_whitespace().collect();
                for host in &self.hosts {
                    host.director.host().output("ipvsadm", &args)?;
                }
            }
        }
        Ok(())
    }

    fn configure(&self) -> Result<()> {
        let text = self.case.conf(self.version);
        let folder = self.twins.folder().display().to_string();
        for host in &self.hosts {
            let [v4, v6] = own(host.index);
            let text = text.replace("{folder}", &folder);
            let text = text.replace("{own}", v4).replace("{own6}", v6);
            host.director.configure(text.as_bytes())?;
        }
        Ok(())
    }

    /// Waits for a line in every log, after the step began.
    pub(super) fn wait_log(&mut self, text: &str, limit: Duration) -> Result<()> {
        for host in &mut self.hosts {
            host.director.wait_log_after(host.mark, text, limit)?;
        }
        Ok(())
    }

    /// What the first director has, when it has not changed for `span`; for a record.
    pub(super) fn settled(&mut self, span: Duration) -> Result<Lines> {
        let extras = self.extras;
        let host = self.hosts.first_mut().context("nobody takes part")?;
        let mut last = (host.services()?, Lines::new());
        let mut since = Instant::now();
        while since.elapsed() < span {
            std::thread::sleep(PAUSE);
            let mut now = (host.services()?, Lines::new());
            if extras.hidden() {
                now.1 = observe(host.director.host(), extras)?;
            }
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        host.lives()?;
        observe(host.director.host(), extras)
    }
}

impl Host {
    fn services(&mut self) -> Result<Listed> {
        self.glance.services(self.director.host())
    }

    /// A daemon that ended by itself is a failure.
    fn lives(&mut self) -> Result<()> {
        if self.runs
            && let Some(status) = self.director.ended()?
        {
            bail!("{} ended: {status}", self.director.daemon());
        }
        Ok(())
    }

    /// # Errors
    /// When the table is not as expected, with what is missing and what is too much.
    fn compare(&mut self, extras: Extras) -> Result<()> {
        let found = observe(self.director.host(), extras)?;
        if found == self.expected {
            return Ok(());
        }
        let list = |lines: Vec<&String>| {
            if lines.is_empty() {
                return "  nothing\n".to_owned();
            }
            lines.iter().map(|line| format!("  {line}\n")).collect()
        };
        let told = format!(
            "the table of {} is not as expected; missing:\n{}too much:\n{}in all:\n{}",
            self.director.daemon(),
            list(self.expected.difference(&found).collect()),
            list(found.difference(&self.expected).collect()),
            list(found.iter().collect()),
        );
        Err(match self.director.daemon() {
            Daemon::Ours => anyhow!(told),
            Daemon::Keepalived => anyhow!(Astray(told)),
        })
    }
}
