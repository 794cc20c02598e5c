//! Pid files: one process, up to three files, since scripts look for parent, vrrp and checkers.
//!
//! Each holds `PID\n`, mode 0644, is locked while the daemon lives (an open-file-description lock, which
//! survives going to the background) and removed at exit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::cli::Options;
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
        // The file may have been removed already; there is nothing more to do about it.
        let _ = fs::remove_file(&self.path);
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
}

impl PidPaths {
    /// From the command line, or keepalived's defaults.
    #[must_use]
    pub fn new(options: &Options) -> PidPaths {
        let or = |given: &Option<PathBuf>, default: &str| {
            given.clone().unwrap_or_else(|| default.into())
        };
        PidPaths {
            parent: or(&options.pid, "/run/keepalived.pid"),
            vrrp: or(&options.vrrp_pid, "/run/vrrp.pid"),
            checkers: or(&options.checkers_pid, "/run/checkers.pid"),
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
    /// Where they are.
    pub paths: PidPaths,
}

impl PidFiles {
    /// Locks the parent's file always, the others while their subsystem is configured.
    ///
    /// # Errors
    /// As [`PidFile::lock`], with the path it is about.
    pub fn lock(options: &Options, plan: &Plan) -> Result<PidFiles, (PidFileError, PathBuf)> {
        let paths = PidPaths::new(options);
        let lock = |path: &Path| PidFile::lock(path).map_err(|error| (error, path.to_owned()));
        Ok(PidFiles {
            parent: lock(&paths.parent)?,
            vrrp: (!plan.vrrp.instances.is_empty() || options.all)
                .then(|| lock(&paths.vrrp))
                .transpose()?,
            checkers: (!plan.services.is_empty() || options.all)
                .then(|| lock(&paths.checkers))
                .transpose()?,
            paths,
        })
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

fn is_director(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|comm| matches!(comm.trim(), "keepalived" | "rkeepalived"))
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
    fn a_folder_that_is_not_there_is_named() {
        let error = PidFile::lock(Path::new("/nonexistent/keepalived.pid")).unwrap_err();
        assert!(
            error.to_string().contains("/nonexistent/keepalived.pid"),
            "{error}"
        );
    }
}
