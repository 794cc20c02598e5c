//! Reads the configuration from this host's files, for the pure room that understands it.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use keepalived_conf::{Diagnostic, FileKind, Loaded, Loader, Program, Severity, examine, load};

use nix::sched::{CloneFlags, setns};
use nix::sys::utsname::uname;
use nix::unistd::{AccessFlags, Group, User};

use crate::cli::Options;
use crate::journal::{Level, Line};
use crate::kernel::LinkKind;
use crate::kernel::route::RouteSocket;
use crate::plan::{Programs, Sender};
use crate::script;

/// No configuration has so many bytes.
const LONGEST_FILE: u64 = 64 << 20;

/// This host's files, interfaces and users.
#[derive(Debug, Default)]
pub struct Host {
    /// What `@ID` and `${_INSTANCE}` mean; the name of the host up to its first dot unless it is said.
    pub config_id: Option<String>,
    /// `-s`: whatever namespace the file names, we are in this one.
    pub entered: bool,
}

impl Host {
    /// As the command line has it.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            config_id: options.config_id.clone(),
            entered: options.namespace.is_some(),
        }
    }
}

impl Loader for Host {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // A device, a pipe or a log that somebody named by mistake may have no end.
        let mut file = File::open(path)?.take(LONGEST_FILE);
        file.read_to_end(&mut bytes)?;
        match file.limit() {
            0 => Err(io::ErrorKind::FileTooLarge.into()),
            _ => Ok(bytes),
        }
    }

    fn is_private(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 == 0)
    }

    fn has_interface(&self, name: &str) -> bool {
        nix::net::if_::if_nametoindex(name).is_ok()
    }

    fn has_interface_in(&self, namespace: &str, name: &str) -> Option<bool> {
        if self.entered {
            return Some(self.has_interface(name));
        }
        in_namespace(namespace, || self.has_interface(name))
    }

    fn is_private_macvlan(&self, namespace: Option<&str>, name: &str) -> bool {
        let look = || {
            let links = RouteSocket::open().and_then(|mut socket| socket.links());
            let mut links = links.unwrap_or_default().into_iter();
            links.any(|link| link.name == name && link.kind == LinkKind::Macvlan { private: true })
        };
        match namespace.filter(|_| !self.entered) {
            None => look(),
            Some(namespace) => in_namespace(namespace, look).unwrap_or(false),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            // A name that is no UTF-8 can be in no pattern.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        let about = std::fs::metadata(path)?;
        Ok(match about.file_type() {
            kind if kind.is_dir() => FileKind::Directory,
            kind if !kind.is_file() => FileKind::Other,
            _ if about.permissions().mode() & 0o111 != 0 => FileKind::Executable,
            _ => FileKind::Regular,
        })
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        let absolute = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        absolute.unwrap_or_else(|_| path.to_owned())
    }

    fn config_id(&self) -> String {
        if let Some(id) = &self.config_id {
            return id.clone();
        }
        let host = uname().map(|names| names.nodename().to_string_lossy().into_owned());
        let host = host.unwrap_or_default();
        host.split('.').next().unwrap_or_default().to_owned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn random(&self) -> u64 {
        // Each has keys of its own, drawn by the system.
        RandomState::new().build_hasher().finish()
    }

    fn resolves(&self, host: &str) -> bool {
        (host, 25)
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.next().is_some())
    }

    fn cpus(&self) -> u32 {
        // `0-7`, or `0`; those that are offline now may come back.
        let possible = std::fs::read_to_string("/sys/devices/system/cpu/possible");
        let last = possible.ok().and_then(|ranges| {
            let last = ranges.trim_end().rsplit(['-', ',']).next()?;
            last.parse::<u32>().ok()
        });
        last.map_or(u32::MAX, |last| last.saturating_add(1))
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        let user = User::from_name(name).ok()??;
        Some((user.uid.as_raw(), user.gid.as_raw()))
    }

    fn group(&self, name: &str) -> Option<u32> {
        Some(Group::from_name(name).ok()??.gid.as_raw())
    }

    fn program(&self, name: &str) -> Program {
        let Some(path) = script::find(name).filter(|path| path.is_file()) else {
            return Program::Missing;
        };
        if nix::unistd::access(&path, AccessFlags::X_OK).is_err() {
            return Program::NotExecutable;
        }
        if script::lacks_interpreter(&path) {
            return Program::NoInterpreter;
        }
        script::fault(name).map_or(Program::Ready, Program::Insecure)
    }
}

impl Programs for Host {
    fn script_fault(&self, program: &str) -> Option<String> {
        script::fault(program)
    }

    fn is_there(&self, program: &str) -> bool {
        script::find(program).is_some()
    }

    fn sender(&self) -> Sender {
        let host = nix::sys::utsname::uname().map(|name| name.nodename().to_owned());
        let user = User::from_uid(nix::unistd::geteuid());
        Sender {
            host: host.unwrap_or_default().to_string_lossy().into_owned(),
            user: user.ok().flatten().map_or("root".into(), |user| user.name),
        }
    }
}

/// What `look` sees in a network namespace, if that can be entered. Only the thread that enters is there.
fn in_namespace<T: Send>(name: &str, look: impl FnOnce() -> T + Send) -> Option<T> {
    let namespace = File::open(Path::new("/run/netns").join(name)).ok()?;
    let enter = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).ok()?;
        Some(look())
    };
    std::thread::scope(|scope| scope.spawn(enter).join().ok().flatten())
}

/// Reads the file that the command line names, and what it includes.
#[must_use]
pub fn read(options: &Options) -> Loaded {
    load(&options.config(), &Host::of(options))
}

/// The same for people who test the file: with notes about what keepalived accepts in silence and they may regret.
#[must_use]
pub fn examined(options: &Options) -> Loaded {
    examine(&options.config(), &Host::of(options))
}

/// The findings as log lines: one line each, since a log is read line by line. `keepalived -t` shows them
/// with the text they are about.
pub fn findings(loaded: &Loaded) -> impl Iterator<Item = Line> + '_ {
    loaded.diagnostics.iter().map(|diagnostic| Line::Finding {
        text: one_line(loaded, diagnostic),
        code: diagnostic.code.to_string(),
        level: match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Info,
        },
    })
}

fn one_line(loaded: &Loaded, diagnostic: &Diagnostic) -> String {
    let rendered = loaded.render(diagnostic);
    let first = rendered.lines().next().unwrap_or_default();
    match &diagnostic.help {
        Some(help) => format!("{first} ({help})"),
        None => first.to_owned(),
    }
}
