//! Pid files: one process, up to four files, since scripts look for parent, vrrp, checkers and bfd.
//!
//! Each holds `PID\n`, mode 0644, is locked while the daemon lives (an open-file-description lock, which
//! survives going to the background) and removed at exit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::cli::Options;
use crate::home::Home;
use crate::plan::Plan;

/// A pid file that is ours. Removed when dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why a pid file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another daemon holds it.
    #[error("daemon is already running")]
    Running,
    /// It cannot be opened, locked or written.
    #[error("cannot write pid file {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PidFile {
    /// Opens and locks the file, without writing to it yet.
    ///
    /// # Errors
    /// [`PidFileError::Running`] when another live daemon holds it, or a live keepalived is named in it.
    pub fn lock(path: &Path) -> Result<PidFile, PidFileError> {
        let io = |source| PidFileError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)
            .map_err(io)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => {
                return Err(PidFileError::Running);
            }
            Err(error) => return Err(io(error.into())),
        }
        // keepalived before 2.3 does not lock its pid files; a live one must not be run over.
        let mut text = String::new();
        if file.read_to_string(&mut text).is_ok()
            && let Ok(pid) = text.trim().parse::<u32>()
            && pid != std::process::id()
            && is_director(pid)
        {
            return Err(PidFileError::Running);
        }
        Ok(PidFile {
            path: path.to_owned(),
            file,
        })
    }

    /// Writes this process's number into the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self) -> Result<(), PidFileError> {
        let mut write = || -> io::Result<()> {
            self.file.set_len(0)?;
            self.file.rewind()?;
            writeln!(self.file, "{}", std::process::id())?;
            // The daemon's umask would make it 0600; scripts of other users read it.
            self.file.set_permissions(fs::Permissions::from_mode(0o644))
        };
        write().map_err(|source| PidFileError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let ours = self.file.metadata().map(place).ok();
        // Somebody may have removed it, and another copy made its own there since.
        if ours.is_some() && ours == fs::symlink_metadata(&self.path).map(place).ok() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where the pid files are.
#[derive(Clone, Debug)]
pub struct PidPaths {
    /// The daemon's own.
    pub parent: PathBuf,
    /// Written while VRRP is configured.
    pub vrrp: PathBuf,
    /// Written while virtual servers are configured.
    pub checkers: PathBuf,
    /// Written while BFD sessions are configured.
    pub bfd: PathBuf,
}

/// The folder of pid files. (keepalived mounts that of a namespace over the one above it, for itself only.)
fn folder(home: &Home) -> PathBuf {
    let mut folder = PathBuf::from("/run");
    if home.pid_dir {
        folder.push(FOLDER);
        folder.extend(&home.namespace);
    }
    folder
}

/// Below /run.
const FOLDER: &str = "keepalived";

impl PidPaths {
    /// From the command line, or keepalived's defaults: with `use_pid_dir` in a folder of its own, in a network namespace
    /// in one of that namespace in it, each with the name of the instance.
    #[must_use]
    pub fn new(options: &Options, home: &Home) -> PidPaths {
        let folder = folder(home);
        let instance = home.instance.iter().map(|name| format!("_{name}"));
        let instance: String = instance.collect();
        let or = |given: &Option<PathBuf>, name: &str| {
            let path = || folder.join(format!("{name}{instance}.pid"));
            given.clone().unwrap_or_else(path)
        };
        PidPaths {
            parent: or(&options.pid, "keepalived"),
            vrrp: or(&options.vrrp_pid, "vrrp"),
            checkers: or(&options.checkers_pid, "checkers"),
            bfd: or(&options.bfd_pid, "bfd"),
        }
    }
}

/// The pid files that are ours.
#[derive(Debug)]
pub struct PidFiles {
    /// The daemon's own.
    pub parent: PidFile,
    /// While VRRP is configured.
    pub vrrp: Option<PidFile>,
    /// While virtual servers are configured.
    pub checkers: Option<PidFile>,
    /// While BFD sessions are configured.
    pub bfd: Option<PidFile>,
    /// `--all`: all of them whatever is configured.
    all: bool,
    /// Where they are.
    paths: PidPaths,
}

impl PidFiles {
    /// Locks the parent's file, and the others while their subsystem is configured (or with `--all`).
    ///
    /// # Errors
    /// As [`PidFile::lock`], with the path it is about.
    pub fn lock(
        options: &Options,
        home: &Home,
        plan: &Plan,
    ) -> Result<PidFiles, (PidFileError, PathBuf)> {
        let paths = PidPaths::new(options, home);
        // keepalived makes its folders too, and the umask is for files. Should that fail, locking says so.
        let mut made = PathBuf::from("/run");
        for name in folder(home).strip_prefix("/run").into_iter().flatten() {
            made.push(name);
            if fs::create_dir(&made).is_ok() {
                let _ = fs::set_permissions(&made, fs::Permissions::from_mode(0o755));
            }
        }
        let parent = PidFile::lock(&paths.parent).map_err(|error| (error, paths.parent.clone()))?;
        let mut files = PidFiles {
            parent,
            vrrp: None,
            checkers: None,
            bfd: None,
            all: options.all,
            paths,
        };
        files.follow(plan)?;
        Ok(files)
    }

    /// A subsystem that is configured for the first time gets its pid file, one that is no longer loses it. One path
    /// given twice is one file.
    ///
    /// # Errors
    /// As [`PidFile::lock`], with the path it is about.
    pub fn follow(&mut self, plan: &Plan) -> Result<(), (PidFileError, PathBuf)> {
        let follow = |file: &mut Option<PidFile>, path: &Path, others: &[&Path], wanted: bool| {
            if !wanted {
                *file = None;
            } else if file.is_none() && !others.contains(&path) {
                *file = Some(PidFile::lock(path).map_err(|error| (error, path.to_owned()))?);
            }
            Ok(())
        };
        let PidPaths {
            parent,
            vrrp,
            checkers,
            bfd,
        } = &self.paths;
        let speaks_vrrp = self.all || !plan.vrrp.instances.is_empty();
        let has_services = self.all || !plan.services.is_empty();
        follow(&mut self.vrrp, vrrp, &[parent], speaks_vrrp)?;
        let has_sessions = self.all || !plan.bfd.is_empty();
        follow(&mut self.checkers, checkers, &[parent, vrrp], has_services)?;
        follow(&mut self.bfd, bfd, &[parent, vrrp, checkers], has_sessions)
    }

    /// Writes this process's number into each.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&mut self) -> Result<(), PidFileError> {
        [
            Some(&mut self.parent),
            self.vrrp.as_mut(),
            self.checkers.as_mut(),
            self.bfd.as_mut(),
        ]
        .into_iter()
        .flatten()
        .try_for_each(PidFile::write)
    }
}

fn whole_file() -> libc::flock {
    let mut lock = nix::libc::flock {
        l_type: 0,
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    lock.l_type = i16::try_from(libc::F_WRLCK).unwrap_or_default();
    lock.l_whence = i16::try_from(libc::SEEK_SET).unwrap_or_default();
    lock
}

/// Whether a live process of that number is a director in our own network namespace: one in another namespace, or
/// a number left over from a container, is in nobody's way.
fn is_director(pid: u32) -> bool {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let named = fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|comm| matches!(comm.trim(), "keepalived" | "rkeepalived"));
    named && namespace(&pid.to_string()) == namespace("self")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_file_means_running_and_it_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keepalived.pid");
        let mut first = PidFile::lock(&path).unwrap();
        first.write().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o644
        );
        assert!(matches!(PidFile::lock(&path), Err(PidFileError::Running)));
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_file_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keepalived.pid");
        // Beyond the largest pid that Linux gives (2^22).
        fs::write(&path, "99999999\n").unwrap();
        let mut file = PidFile::lock(&path).unwrap();
        file.write().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
    }

    #[test]
    fn one_path_given_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(folder.path().join("keepalived.pid"));
        let options = Options {
            pid: path.clone(),
            vrrp_pid: path.clone(),
            checkers_pid: path.clone(),
            bfd_pid: path,
            all: true,
            ..Options::default()
        };
        let files = PidFiles::lock(&options, &Home::default(), &Plan::default()).unwrap();
        assert!(files.vrrp.is_none() && files.checkers.is_none() && files.bfd.is_none());
    }

    #[test]
    fn another_copys_file_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keepalived.pid");
        let ours = PidFile::lock(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "4711\n").unwrap();
        drop(ours);
        assert_eq!(fs::read_to_string(&path).unwrap(), "4711\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = PidFile::lock(Path::new("/nonexistent/keepalived.pid")).unwrap_err();
        assert!(
            error.to_string().contains("/nonexistent/keepalived.pid"),
            "{error}"
        );
    }

    // Where keepalived 2.2.7 put them, seen from outside.
    #[test]
    fn a_namespace_and_an_instance_have_files_of_their_own() {
        let parent = |namespace: Option<&str>, instance: Option<&str>| {
            let home = Home {
                namespace: namespace.map(str::to_owned),
                instance: instance.map(str::to_owned),
                pid_dir: true,
                ..Home::default()
            };
            PidPaths::new(&Options::default(), &home).parent
        };
        let path = |text: &str| PathBuf::from(text);
        assert_eq!(parent(None, None), path("/run/keepalived/keepalived.pid"));
        assert_eq!(
            parent(None, Some("one")),
            path("/run/keepalived/keepalived_one.pid")
        );
        assert_eq!(
            parent(Some("foo"), Some("one")),
            path("/run/keepalived/foo/keepalived_one.pid")
        );
        let plain = PidPaths::new(&Options::default(), &Home::default());
        assert_eq!(plain.checkers, path("/run/checkers.pid"));
    }
}
