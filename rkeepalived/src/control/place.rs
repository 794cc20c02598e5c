//! Where the sockets are, and whose they are.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::{Group, chown};

/// Where they are unless it is said.
pub const FOLDER: &str = "/run/rkeepalived";
/// Who may look, where there is such a group.
pub const GROUP: &str = "rkeepalived";

/// The paths of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    folder: PathBuf,
    /// Those who may steer.
    pub control: PathBuf,
    /// Those who may look.
    pub status: PathBuf,
}

impl Paths {
    /// In `given`, or in the default folder, with `namespace` in a folder of its own in it; with the name of the instance.
    #[must_use]
    pub fn new(given: Option<&Path>, namespace: Option<&str>, instance: Option<&str>) -> Paths {
        let folder = match (given, namespace) {
            (Some(given), _) => given.to_owned(),
            (None, None) => PathBuf::from(FOLDER),
            (None, Some(namespace)) => Path::new(FOLDER).join(namespace),
        };
        let instance = instance.map(|name| format!("_{name}")).unwrap_or_default();
        Paths {
            control: folder.join(format!("control{instance}.sock")),
            status: folder.join(format!("status{instance}.sock")),
            folder,
        }
    }

    fn lock(&self) -> PathBuf {
        self.control.with_extension("lock")
    }
}

/// Both sockets, listening. Dropping it removes them.
#[derive(Debug)]
pub struct Sockets {
    /// Those who may steer.
    pub control: UnixListener,
    /// Those who may look.
    pub status: UnixListener,
    /// Removes them.
    pub traces: Traces,
}

/// What is left behind unless this is dropped.
#[derive(Debug)]
pub struct Traces {
    paths: Paths,
    /// Held for as long as the daemon lives: whoever has it may replace the sockets.
    lock: Flock<File>,
}

/// Why there are no sockets.
#[derive(Debug, thiserror::Error)]
pub enum NoSockets {
    /// Another daemon has them.
    #[error(
        "No control socket: another daemon has {}; give this one a folder of its own with --socket DIR, or a name with `instance`",
        .0.display()
    )]
    Taken(PathBuf),
    /// The system does not give them.
    #[error("No control socket: cannot {act} {}: {source}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Sockets {
    /// Makes the folder and both sockets; those that a killed daemon left are replaced. `group` may look; without one of the name
    /// [`GROUP`] it is ours.
    ///
    /// # Errors
    /// When another daemon has them, or the system refuses.
    pub fn open(paths: Paths, group: &str) -> Result<Sockets, NoSockets> {
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| NoSockets::Io { act, path, source }
        };
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&paths.folder);
        made.map_err(io("make the folder", &paths.folder))?;
        let lock_path = paths.lock();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&lock_path)
            .map_err(io("open", &lock_path))?;
        let lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
                |(_, errno)| match errno {
                    Errno::EWOULDBLOCK => NoSockets::Taken(paths.control.clone()),
                    other => io("lock", &lock_path)(other.into()),
                },
            )?;
        // The umask is for files, and makes folders that nobody can enter. Closed until each socket has its mode.
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        let ours = fs::metadata(&paths.folder)
            .is_ok_and(|about| about.uid() == nix::unistd::geteuid().as_raw());
        if ours && fs::metadata(&paths.folder).is_ok_and(|about| about.mode() & 0o055 != 0o055) {
            mode(&paths.folder, 0o755).map_err(io("open up the folder", &paths.folder))?;
        }
        let listen = |path: &Path, wanted| {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io("replace", path)(error));
                }
                _ => {}
            }
            // Made where nobody else comes, since the umask may be wide, and moved when it is closed.
            let inner = paths.folder.join(format!(".{}", std::process::id()));
            let _ = fs::remove_dir_all(&inner);
            let made = DirBuilder::new().mode(0o700).create(&inner);
            made.and_then(|()| mode(&inner, 0o700))
                .map_err(io("make the folder", &inner))?;
            let bound = inner.join("socket");
            let listener = UnixListener::bind(&bound).map_err(io("listen at", path))?;
            let settled = mode(&bound, wanted)
                .and_then(|()| match wanted {
                    0o660 => own(&bound, group),
                    _ => Ok(()),
                })
                .and_then(|()| fs::rename(&bound, path))
                .and_then(|()| listener.set_nonblocking(true));
            let _ = fs::remove_dir_all(&inner);
            settled.map_err(io("set up", path))?;
            Ok(listener)
        };
        Ok(Sockets {
            control: listen(&paths.control, 0o600)?,
            status: listen(&paths.status, 0o660)?,
            traces: Traces { paths, lock },
        })
    }
}

/// Gives it to a group; without one of the default name it stays with ours.
fn own(path: &Path, name: &str) -> io::Result<()> {
    match Group::from_name(name)? {
        Some(group) => Ok(chown(path, None, Some(group.gid))?),
        None if name == GROUP => Ok(()),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "there is no group {name}: make it with `groupadd {name}`, or name another with --socket-group"
            ),
        )),
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        let Paths {
            folder,
            control,
            status,
        } = &self.paths;
        // Under the lock, which is the last to go.
        for path in [control, status, &self.paths.lock()] {
            let _ = fs::remove_file(path);
        }
        // Where others have theirs in it, it stays.
        let _ = fs::remove_dir(folder);
        let _ = &self.lock;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_namespace_and_an_instance_have_sockets_of_their_own() {
        let control = |given, namespace, instance| Paths::new(given, namespace, instance).control;
        let path = |text: &str| PathBuf::from(text);
        assert_eq!(
            control(None, None, None),
            path("/run/rkeepalived/control.sock")
        );
        assert_eq!(
            control(None, Some("blue"), Some("one")),
            path("/run/rkeepalived/blue/control_one.sock")
        );
        assert_eq!(
            control(Some(Path::new("/x")), Some("blue"), None),
            path("/x/control.sock")
        );
    }

    #[test]
    fn a_second_daemon_goes_without_and_a_stale_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("made");
        let paths = Paths::new(Some(&inner), None, None);
        let first = Sockets::open(paths.clone(), GROUP).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&paths.control), mode(&paths.status)), (0o600, 0o660));
        let second = Sockets::open(paths.clone(), GROUP).unwrap_err();
        assert!(second.to_string().contains("--socket DIR"), "{second}");
        assert!(
            UnixStream::connect(&paths.control).is_ok(),
            "the first one still listens"
        );
        drop(first);
        assert!(!inner.exists());
        // As a killed daemon leaves them.
        fs::create_dir(&inner).unwrap();
        drop(UnixListener::bind(&paths.control).unwrap());
        assert!(UnixStream::connect(&paths.control).is_err());
        let again = Sockets::open(paths.clone(), GROUP).unwrap();
        assert!(UnixStream::connect(&paths.control).is_ok());
        drop(again);
        let nobody = Sockets::open(paths, "no-such-group").unwrap_err();
        assert!(
            nobody.to_string().contains("groupadd no-such-group"),
            "{nobody}"
        );
    }
}
