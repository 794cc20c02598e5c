//! A FIFO that changes are written to, a line each.
//!
//! keepalived behaviour: made if it is not there, opened for both ends so that it never lacks a reader, never waited for; what
//! was made is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::journal::{Line, write};

/// An open FIFO. Dropping it removes it, if it was made by us.
#[derive(Debug)]
pub(super) struct Fifo {
    path: PathBuf,
    file: File,
    /// Device and inode of what we made.
    made: Option<(u64, u64)>,
    /// Lines that found no room since the last one that did.
    lost: u64,
}

impl Fifo {
    /// Opens the FIFO at `path`; one that has to be made belongs to `owner`, or to us.
    ///
    /// # Errors
    /// When it can be neither made nor opened, or is something else, or another user's.
    pub fn open(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Fifo> {
        // The umask has its say: 0600 usually (keepalived behaviour).
        let made = match mkfifo(path, Mode::from_bits_truncate(0o644)) {
            Ok(()) => true,
            Err(nix::Error::EEXIST) => false,
            Err(error) => return Err(error.into()),
        };
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.file_type().is_fifo() {
            return Err(io::Error::other("it is there and no FIFO; remove it"));
        }
        if made && let Some((user, group)) = owner {
            fchown(&file, Some(user), Some(group))?;
        }
        let ours = [Some(geteuid().as_raw()), owner.map(|(user, _)| user)];
        if !made && !ours.contains(&Some(metadata.uid())) {
            let user = metadata.uid();
            return Err(io::Error::other(format!(
                "it belongs to user {user}, who is neither ours nor the configured one; remove it"
            )));
        }
        Ok(Fifo {
            path: path.to_owned(),
            file,
            made: made.then_some((metadata.dev(), metadata.ino())),
            lost: 0,
        })
    }

    /// Writes a line, without its end. Never waits: one that finds no room is lost, and the log says so.
    pub fn write(&mut self, line: &str) {
        // At once, so that it stays in one piece (pipe(7), PIPE_BUF).
        let lost = match self.file.write(format!("{line}\n").as_bytes()) {
            Ok(_) => std::mem::take(&mut self.lost),
            Err(error) => {
                self.lost += 1;
                if self.lost == 1 {
                    write(&Line::FifoFull {
                        path: self.path.clone(),
                        reason: error.to_string(),
                    });
                }
                return;
            }
        };
        if lost > 0 {
            write(&Line::FifoLost {
                path: self.path.clone(),
                lost,
            });
        }
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path).ok();
        let there = there.map(|metadata| (metadata.dev(), metadata.ino()));
        if self.made.is_some() && self.made == there {
            // Gone already is as good.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn it_is_made_written_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let mut fifo = Fifo::open(&path, None).unwrap();
        let mut reader = OpenOptions::new().read(true).open(&path).unwrap();
        fifo.write("INSTANCE \"V\" MASTER 100");
        let mut seen = [0; 64];
        let length = reader.read(&mut seen).unwrap();
        assert_eq!(&seen[..length], b"INSTANCE \"V\" MASTER 100\n");
        drop(fifo);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_was_there_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        drop(Fifo::open(&path, None).unwrap());
        assert!(path.exists());
        // One that somebody put in the place of ours is not ours to remove.
        fs::remove_file(&path).unwrap();
        let fifo = Fifo::open(&path, None).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        drop(fifo);
        assert!(path.exists());
        assert!(Fifo::open(&path, None).is_err());
    }

    #[test]
    fn one_that_nobody_reads_takes_no_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        let mut fifo = Fifo::open(&path, None).unwrap();
        let line = "x".repeat(999);
        (0..100).for_each(|_| fifo.write(&line));
        assert!(fifo.lost > 0);
        let mut reader = OpenOptions::new().read(true).open(&path).unwrap();
        let mut seen = vec![0; 65536];
        let length = reader.read(&mut seen).unwrap();
        assert_eq!(length % 1000, 0, "a line was cut");
        fifo.write(&line);
        assert_eq!(fifo.lost, 0);
    }
}
