//! Tracked files: says what number each holds, and says it again when that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc::O_NONBLOCK;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::folder::Folders;
use super::number::{self, TooLarge};

/// How often files are looked at where the kernel gives no notices.
const LOOK: Duration = Duration::from_secs(1);

/// What a tracked file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which one, as it was asked for.
    pub path: PathBuf,
    /// Its number, or why the last one still holds.
    pub number: Result<i32, TooLarge>,
}

/// The number that a file holds. Without the file, or without a number in it, that is 0 (keepalived behaviour).
///
/// # Errors
/// When the number does not fit.
pub fn read(path: &Path) -> Result<i32, TooLarge> {
    number::parse(&beginning(path).unwrap_or_default())
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe must not keep us waiting.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    let mut content = Vec::new();
    if file.metadata()?.is_file() {
        file.take(number::LOOKED_AT).read_to_end(&mut content)?;
    }
    Ok(content)
}

/// Writes a number into a file, `init_file` of the configuration: into one that is there only with `overwrite`.
///
/// # Errors
/// When it cannot be written.
pub fn initialise(path: &Path, number: i32, overwrite: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o644).custom_flags(O_NONBLOCK);
    match overwrite {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    match options.open(path) {
        Ok(mut file) => file.write_all(format!("{number}\n").as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Watches files in a task of its own, which ends when this is dropped.
pub struct FileWatch {
    paths: watch::Sender<BTreeSet<PathBuf>>,
    task: JoinHandle<()>,
}

impl FileWatch {
    /// Starts with no files. Within a tokio runtime of several threads: a slow disk holds up none but this task.
    #[must_use]
    pub fn start(readings: mpsc::Sender<Reading>) -> FileWatch {
        let (paths, wanted) = watch::channel(BTreeSet::new());
        let task = tokio::spawn(run(wanted, readings));
        FileWatch { paths, task }
    }

    /// Makes `paths` the files that are watched. Of each that was not before, what it says is sent first of all.
    pub fn follow(&self, paths: BTreeSet<PathBuf>) {
        self.paths.send_if_modified(|present| {
            let other = *present != paths;
            *present = paths;
            other
        });
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut wanted: watch::Receiver<BTreeSet<PathBuf>>, readings: mpsc::Sender<Reading>) {
    let mut folders = Folders::open().ok();
    let mut said = BTreeMap::new();
    loop {
        let paths = wanted.borrow_and_update().clone();
        said.retain(|path, _| paths.contains(path));
        let mut look: Vec<PathBuf> = paths.iter().cloned().collect();
        look.retain(|path| !said.contains_key(path));
        if let Some(folders) = &mut folders {
            tokio::task::block_in_place(|| folders.keep(&paths));
        }
        loop {
            for reading in news(&look, &mut said) {
                if readings.send(reading).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                changed = change(&mut folders) => look = match changed {
                    Some(changed) => changed,
                    None => paths.iter().cloned().collect(),
                },
            }
            if let Some(folders) = &mut folders {
                tokio::task::block_in_place(|| folders.follow(&look));
            }
        }
    }
}

/// Waits until files may have changed: those, or any.
async fn change(folders: &mut Option<Folders>) -> Option<Vec<PathBuf>> {
    if let Some(open) = folders {
        match open.changed().await {
            Ok(paths) => return Some(paths),
            Err(_) => *folders = None,
        }
    }
    sleep(LOOK).await;
    None
}

/// What is to be told of these files.
fn news(paths: &[PathBuf], said: &mut BTreeMap<PathBuf, Result<i32, TooLarge>>) -> Vec<Reading> {
    let mut news = Vec::new();
    for path in paths {
        let number = tokio::task::block_in_place(|| read(path));
        if said.get(path) != Some(&number) {
            said.insert(path.clone(), number.clone());
            news.push(Reading {
                path: path.clone(),
                number,
            });
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;

    struct Watched {
        folder: tempfile::TempDir,
        watch: FileWatch,
        readings: mpsc::Receiver<Reading>,
    }

    impl Watched {
        fn new() -> Watched {
            let (sender, readings) = mpsc::channel(8);
            Watched {
                folder: tempfile::tempdir().unwrap(),
                watch: FileWatch::start(sender),
                readings,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn follow(&self, names: &[&str]) {
            self.watch
                .follow(names.iter().map(|name| self.path(name)).collect());
        }

        /// The next reading's number, whose path must be this.
        async fn says(&mut self, name: &str) -> i32 {
            let next = timeout(Duration::from_secs(20), self.readings.recv());
            let reading = next.await.unwrap().unwrap();
            assert_eq!(reading.path, self.path(name));
            reading.number.unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_is_told_whenever_its_number_changes() {
        let mut watched = Watched::new();
        let file = watched.path("f");
        watched.follow(&["f"]);
        assert_eq!(watched.says("f").await, 0);
        fs::write(&file, "5\n").unwrap();
        assert_eq!(watched.says("f").await, 5);
        // The same number is no news; another file is not ours.
        fs::write(&file, "5 \n").unwrap();
        fs::write(watched.path("g"), "9\n").unwrap();
        fs::rename(watched.path("g"), &file).unwrap();
        assert_eq!(watched.says("f").await, 9);
        fs::rename(&file, watched.path("h")).unwrap();
        assert_eq!(watched.says("f").await, 0);
        fs::rename(watched.path("h"), &file).unwrap();
        assert_eq!(watched.says("f").await, 9);
        fs::remove_file(&file).unwrap();
        assert_eq!(watched.says("f").await, 0);
        // What is followed anew is told anew, the rest is not.
        fs::write(watched.path("h"), "3\n").unwrap();
        watched.follow(&["f", "h"]);
        assert_eq!(watched.says("h").await, 3);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_folder_may_come_and_go_and_a_link_may_turn() {
        let mut watched = Watched::new();
        watched.follow(&["a/b/f"]);
        assert_eq!(watched.says("a/b/f").await, 0);
        fs::create_dir_all(watched.path("a/b")).unwrap();
        fs::write(watched.path("a/b/f"), "1\n").unwrap();
        assert_eq!(watched.says("a/b/f").await, 1);
        fs::rename(watched.path("a"), watched.path("x")).unwrap();
        assert_eq!(watched.says("a/b/f").await, 0);
        std::os::unix::fs::symlink("x", watched.path("a")).unwrap();
        assert_eq!(watched.says("a/b/f").await, 1);
        fs::write(watched.path("x/b/f"), "2\n").unwrap();
        assert_eq!(watched.says("a/b/f").await, 2);
        fs::remove_dir_all(watched.path("x")).unwrap();
        assert_eq!(watched.says("a/b/f").await, 0);
    }

    #[test]
    fn what_is_no_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(&pipe), Ok(0));
        assert_eq!(read(folder.path()), Ok(0));
    }

    #[test]
    fn a_file_is_initialised_unless_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        initialise(&path, -3, false).unwrap();
        assert_eq!(read(&path), Ok(-3));
        initialise(&path, 7, false).unwrap();
        assert_eq!(read(&path), Ok(-3));
        initialise(&path, 7, true).unwrap();
        assert_eq!(read(&path), Ok(7));
    }
}
