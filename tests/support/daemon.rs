//! The program under test, ours or Debian's, running as one director.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fmt};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::Signal;

use crate::netns::Netns;
use crate::{process, wait};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Daemon {
    /// `RKEEPALIVED_BIN`.
    Ours,
    /// Debian's keepalived.
    Keepalived,
}

impl fmt::Display for Daemon {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ours => "ours",
            Self::Keepalived => "keepalived",
        })
    }
}

impl Daemon {
    /// The daemon's executable.
    ///
    /// # Errors
    /// With the reason why it cannot be run here.
    pub fn program(self) -> Result<String> {
        match self {
            Self::Ours => from_environment("RKEEPALIVED_BIN"),
            Self::Keepalived => installed("/usr/sbin/keepalived"),
        }
    }

    /// The executable of its genhash.
    ///
    /// # Errors
    /// With the reason why it cannot be run here.
    pub fn genhash_program(self) -> Result<String> {
        match self {
            Self::Ours => from_environment("RKEEPALIVED_GENHASH_BIN"),
            Self::Keepalived => installed("/usr/bin/genhash"),
        }
    }
}

fn from_environment(name: &str) -> Result<String> {
    let path = env::var(name)
        .ok()
        .filter(|path| !path.is_empty())
        .ok_or_else(|| anyhow!("{name} is not set"))?;
    installed(&path)
}

fn installed(path: &str) -> Result<String> {
    ensure!(Path::new(path).exists(), "{path} is not there");
    Ok(path.to_owned())
}

/// The digest of a page, made by a daemon's own genhash on `host`.
///
/// # Errors
/// When what it prints is not a digest.
pub fn genhash(daemon: Daemon, host: &Netns, server: Ipv4Addr, path: &str) -> Result<String> {
    let printed = host.output(
        &daemon.genhash_program()?,
        &["-s", &server.to_string(), "-p", "80", "-u", path],
    )?;
    let digest = printed.trim();
    ensure!(
        digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "genhash of {daemon} printed {printed:?}"
    );
    Ok(digest.to_owned())
}

/// How a program ended, with all that it said on standard output and error.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// Both outputs together.
    pub said: String,
}

/// The three pid files, by the option that names each.
pub const PID_FILES: [(&str, &str); 4] = [
    ("-p", "keepalived.pid"),
    ("-r", "vrrp.pid"),
    ("-c", "checkers.pid"),
    ("-b", "bfd.pid"),
];

/// One director daemon. It is killed, children first, when this is dropped.
#[derive(Debug)]
pub struct Director {
    daemon: Daemon,
    host: Arc<Netns>,
    folder: PathBuf,
    run: u32,
    also: Vec<String>,
    programs: Option<PathBuf>,
    child: Option<Child>,
}

impl Director {
    /// Writes the configuration; nothing runs yet.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn prepare(daemon: Daemon, host: &Arc<Netns>, folder: PathBuf, text: &str) -> Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let director = Self {
            daemon,
            host: Arc::clone(host),
            folder,
            run: 0,
            also: Vec::new(),
            programs: None,
            child: None,
        };
        director.configure(text.as_bytes())?;
        Ok(director)
    }

    /// Which program this is.
    #[must_use]
    pub fn daemon(&self) -> Daemon {
        self.daemon
    }

    /// Where it runs.
    #[must_use]
    pub fn host(&self) -> &Netns {
        &self.host
    }

    /// Its private folder: configuration, pid files, logs, dumps.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Further options for each start, after all others.
    pub fn also(&mut self, options: &[&str]) {
        self.also = options.iter().map(|option| (*option).to_owned()).collect();
    }

    /// At each start it looks for programs in that folder before all others.
    pub fn looks_in(&mut self, folder: &Path) {
        self.programs = Some(folder.to_owned());
    }

    /// The folder of its control sockets; ours alone has some.
    #[must_use]
    pub fn sockets(&self) -> PathBuf {
        self.folder.join("sockets")
    }

    /// Writes the configuration file anew; a running daemon has to be told.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, text: &[u8]) -> Result<()> {
        fs::write(self.config(), text).context("write the configuration")
    }

    /// The configuration file's path.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("keepalived.conf")
    }

    /// The arguments that put all its files into the private folder.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-f".to_owned(), self.config().display().to_string()];
        for (option, file) in PID_FILES {
            arguments.extend([
                option.to_owned(),
                self.folder.join(file).display().to_string(),
            ]);
        }
        if self.daemon == Daemon::Ours {
            // Several run at a time, and would all want the default one.
            arguments.extend(["--socket".to_owned(), self.sockets().display().to_string()]);
        }
        arguments
    }

    /// Starts it in the foreground with details in the log: `-n -l -D`. Each run has a log of its own.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn start(&mut self) -> Result<()> {
        let command = self.host.command(&self.daemon.program()?);
        self.spawn(command)
    }

    /// The same by a parent that has blocked the signals a daemon is steered by.
    ///
    /// # Errors
    /// When the program is not there.
    pub fn start_with_signals_blocked(&mut self) -> Result<()> {
        let mut command = self.host.command("env");
        command
            .args(["--block-signal=TERM", "--block-signal=HUP"])
            .arg(self.daemon.program()?);
        self.spawn(command)
    }

    fn spawn(&mut self, mut command: Command) -> Result<()> {
        ensure!(self.child.is_none(), "it runs already");
        self.run += 1;
        let log = File::create(self.log_path()).context("make a log file")?;
        command
            .args(["-n", "-l", "-D"])
            .args(self.arguments())
            .args(&self.also)
            .env("TMPDIR", &self.folder);
        if let Some(programs) = &self.programs {
            let mut path = programs.clone().into_os_string();
            path.push(":");
            path.push(env::var_os("PATH").unwrap_or_default());
            command.env("PATH", path);
        }
        command.stdout(log.try_clone()?).stderr(log);
        self.child = Some(
            command
                .spawn()
                .with_context(|| format!("start {}", self.daemon))?,
        );
        Ok(())
    }

    /// Runs the program with other arguments to its end.
    ///
    /// # Errors
    /// When it does not end within `limit`; it is killed then.
    pub fn run_to_end(&self, arguments: &[String], limit: Duration) -> Result<Ended> {
        let mut command = self.host.command(&self.daemon.program()?);
        command.args(arguments);
        run_to_end(command, &self.folder, limit)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(format!("run-{}.log", self.run))
    }

    /// What this run has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Waits for a line that contains `text` and gives the first such line.
    ///
    /// # Errors
    /// When it does not come within `limit`, or the daemon ended first.
    pub fn wait_log(&mut self, text: &str, limit: Duration) -> Result<String> {
        self.wait_log_after(0, text, limit)
    }

    /// The same for what comes after the first `mark` bytes of the log; see [`Director::mark`].
    ///
    /// # Errors
    /// When it does not come within `limit`, or the daemon ended first.
    pub fn wait_log_after(&mut self, mark: usize, text: &str, limit: Duration) -> Result<String> {
        let what = format!(
            "`{text}` in the log of {} on {}",
            self.daemon,
            self.host.name()
        );
        wait::until(&what, limit, || {
            let ended = self.ended()?;
            let log = self.log();
            match log
                .get(mark..)
                .unwrap_or_default()
                .lines()
                .find(|line| line.contains(text))
            {
                Some(line) => Ok(Some(line.to_owned())),
                None if ended.is_some() => {
                    bail!("{} ended ({:?}) before {what}", self.daemon, ended)
                }
                None => Ok(None),
            }
        })
    }

    /// The present end of the log.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.log().len()
    }

    /// The exit status, if it has ended by itself.
    ///
    /// # Errors
    /// When nothing was started.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let child = self
            .child
            .as_mut()
            .ok_or_else(|| anyhow!("it was not started"))?;
        Ok(child.try_wait()?)
    }

    /// The main process.
    ///
    /// # Errors
    /// When nothing runs.
    pub fn pid(&self) -> Result<u32> {
        self.child
            .as_ref()
            .map(Child::id)
            .ok_or_else(|| anyhow!("nothing runs"))
    }

    /// The content of one of [`PID_FILES`].
    ///
    /// # Errors
    /// When it is not there or holds no number.
    pub fn pid_in(&self, file: &str) -> Result<u32> {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
        text.strip_suffix('\n')
            .unwrap_or_default()
            .parse()
            .with_context(|| format!("{file} holds {text:?}"))
    }

    /// The pid files that exist.
    #[must_use]
    pub fn pid_files(&self) -> Vec<&'static str> {
        PID_FILES
            .into_iter()
            .map(|(_, file)| file)
            .filter(|file| self.folder.join(file).exists())
            .collect()
    }

    /// Sends a signal to the main process.
    ///
    /// # Errors
    /// When nothing runs.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        process::signal(self.pid()?, signal)
    }

    /// Kills it without giving it a chance to clean up, children included, and gives the moment of the kill.
    ///
    /// # Errors
    /// When nothing runs.
    pub fn kill(&mut self) -> Result<Instant> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("nothing runs"))?;
        let moment = Instant::now();
        let family = process::kill_tree(child.id());
        child.wait().context("wait for it")?;
        // As long as one of keepalived's children is not buried, its pid file says that it runs.
        for pid in family {
            let what = format!("process {pid}, which was killed, to be buried");
            let gone = || Ok((!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
            let _its_parents_business = wait::until(&what, Duration::from_secs(5), gone);
        }
        Ok(moment)
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// When it has not ended after 10 s.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait_for_end(Duration::from_secs(10))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub fn wait_for_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let child = self.child.as_mut().ok_or_else(|| anyhow!("nothing runs"))?;
        let status = process::wait_for_end(child, limit)?;
        self.child = None;
        Ok(status)
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        if self.child.is_some() {
            let _gone_already = self.kill();
        }
    }
}

/// Runs a command to its end, with its outputs in a file so that no pipe can fill up.
///
/// # Errors
/// When it does not end within `limit`; it is killed then.
pub fn run_to_end(mut command: Command, folder: &Path, limit: Duration) -> Result<Ended> {
    let said = tempfile::NamedTempFile::new_in(folder).context("make a file for the output")?;
    let output = said.as_file().try_clone()?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut child = command
        .env("TMPDIR", folder)
        .spawn()
        .with_context(|| format!("start {command:?}"))?;
    let status = process::wait_for_end(&mut child, limit);
    if status.is_err() {
        process::kill_tree(child.id());
        child.wait().context("wait for the killed")?;
    }
    let said = String::from_utf8_lossy(&fs::read(said.path())?).into_owned();
    let status = status.with_context(|| format!("it said: {said}"))?;
    Ok(Ended { status, said })
}
