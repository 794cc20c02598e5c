//! Folders in which a path may change what it leads to, and the kernel's notices of that.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;

use crate::kernel::readable::readable;

/// Symbolic links that are followed, as many as the kernel follows.
const LINKS: usize = 40;
/// How often it is looked again while folders keep changing under the look.
const LOOKS: usize = 5;

/// A name in a folder: when that entry comes, goes or is written, the path may lead elsewhere or say something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub folder: PathBuf,
    pub name: OsString,
}

/// Every entry on the way of `path` to its file, through all symbolic links, as far as there is a way now.
pub(super) fn way(path: &Path) -> Vec<Entry> {
    let Ok(path) = std::path::absolute(path) else {
        return Vec::new();
    };
    let mut at = PathBuf::from("/");
    let mut ahead = steps(&path);
    let mut links = 0;
    let mut way = Vec::new();
    while let Some(step) = ahead.pop() {
        if step == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&step);
        way.push(Entry {
            folder: at.clone(),
            name: step,
        });
        match fs::read_link(&next) {
            Ok(target) => {
                links += 1;
                if links > LINKS {
                    break;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                ahead.extend(steps(&target));
            }
            Err(_) if next.exists() => at = next,
            Err(_) => break,
        }
    }
    way
}

/// The names of a path, the last one first.
fn steps(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names
}

struct Source(Inotify);

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// The kernel's notices about the ways of some paths.
pub(super) struct Folders {
    source: AsyncFd<Source>,
    ways: BTreeMap<PathBuf, Vec<(WatchDescriptor, OsString)>>,
    watched: HashSet<WatchDescriptor>,
}

impl Folders {
    /// Within a tokio runtime.
    ///
    /// # Errors
    /// When the kernel has no more of these for this user (`fs.inotify.max_user_instances`).
    pub fn open() -> io::Result<Folders> {
        let source = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(Folders {
            source: readable(Source(source))?,
            ways: BTreeMap::new(),
            watched: HashSet::new(),
        })
    }

    /// Listens along the ways that these paths have now, and along no others.
    pub fn keep(&mut self, paths: &BTreeSet<PathBuf>) {
        self.ways.retain(|path, _| paths.contains(path));
        let new = paths.iter().filter(|path| !self.ways.contains_key(*path));
        let new: Vec<PathBuf> = new.cloned().collect();
        self.follow(&new);
    }

    /// Finds anew the ways of paths whose ways may have changed.
    pub fn follow(&mut self, paths: &[PathBuf]) {
        for path in paths {
            let mut found = way(path);
            for _ in 0..LOOKS {
                let heard = found.iter().filter_map(|entry| {
                    let descriptor = self.listen(&entry.folder)?;
                    Some((descriptor, entry.name.clone()))
                });
                let heard = heard.collect();
                self.ways.insert(path.clone(), heard);
                // What changed before it was listened to.
                let now = way(path);
                if now == found {
                    break;
                }
                found = now;
            }
        }
        let used = self.ways.values().flatten().map(|(watch, _)| *watch);
        let used: HashSet<_> = used.collect();
        self.watched.extend(&used);
        for unused in self.watched.extract_if(|watch| !used.contains(watch)) {
            // Gone already where its folder is.
            let _ = self.source.get_ref().0.rm_watch(unused);
        }
    }

    fn listen(&self, folder: &Path) -> Option<WatchDescriptor> {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        // A folder that we may not read, or that went meanwhile: the folders above it tell.
        self.source.get_ref().0.add_watch(folder, flags).ok()
    }

    /// Waits for the next notices; answers the paths that they are about, none if they are about no path.
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When the kernel's socket is broken.
    pub async fn changed(&self) -> io::Result<Vec<PathBuf>> {
        let mut ready = self.source.readable().await?;
        let mut events = Vec::new();
        loop {
            match self.source.get_ref().0.read_events() {
                Ok(more) => events.extend(more),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
        let about =
            |way: &[(WatchDescriptor, OsString)]| events.iter().any(|event| concerns(event, way));
        let paths = self.ways.iter().filter(|(_, way)| about(way));
        Ok(paths.map(|(path, _)| path.clone()).collect())
    }
}

fn concerns(event: &InotifyEvent, way: &[(WatchDescriptor, OsString)]) -> bool {
    if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
        return true;
    }
    way.iter().any(|(watch, name)| {
        // Without a name it is about the folder itself.
        *watch == event.wd && event.name.as_ref().is_none_or(|about| about == name)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(path: &Path, root: &Path) -> Vec<String> {
        let way = way(path).into_iter();
        let below = way.filter_map(|entry| {
            let folder = entry.folder.strip_prefix(root).ok()?.to_owned();
            Some(folder.join(entry.name).to_string_lossy().into_owned())
        });
        below.collect()
    }

    #[test]
    fn a_way_goes_through_links_and_ends_where_there_is_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("v1")).unwrap();
        symlink("v1", root.join("now")).unwrap();
        symlink("now/value", root.join("file")).unwrap();
        assert_eq!(
            names(&root.join("file"), &root),
            ["file", "now", "v1", "v1/value"]
        );
        assert_eq!(names(&root.join("a/b/../c"), &root), ["a"]);
        assert_eq!(
            names(&root.join("v1/../now/x"), &root),
            ["v1", "now", "v1", "v1/x"]
        );
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(names(&root.join("loop"), &root).len(), LINKS + 1);
    }
}
