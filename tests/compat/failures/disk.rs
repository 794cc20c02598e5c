//! A disk without room for the log, the dumps and the pid files.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::frames::{Frames, Said};
use support::stage::{DIRECTORS, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

use super::{INTERVAL, VRID, conf, held, master, told};

/// Room for what a start writes.
const SIZE: &str = "size=256k";
const DUMPS: [&str; 3] = ["keepalived.data", "keepalived.stats", "keepalived.json"];

pub fn stories() -> Vec<Story> {
    // 2.2.7 leaves empty files and says nothing.
    let story = Story::one("failures/disk-full", Daemon::Ours, full);
    vec![story.on(Kernel::Machine)]
}

/// A small file system, until this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(SIZE),
        )
        .context("mount a tmpfs")?;
        Ok(Self(at.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Writes until nothing more goes in.
    fn fill(&self) -> Result<()> {
        let mut file = File::create(self.filler())?;
        for size in [4096, 64, 1] {
            loop {
                match file.write(&vec![b'x'; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!("fill the disk: {error}"),
                }
            }
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone_already = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// It stays master, changes its state, reloads, and when there is room again says how much of the log was lost and what could
/// not be written. Started on a full disk it says why not.
fn full(stage: &mut Stage, daemon: Daemon) -> Told {
    let disk = Disk::mount(&stage.folder().join(DIRECTORS[0]))?;
    let mut director = master(stage, daemon, &conf("", 150, ""))?;
    let frames = Frames::start(&stage.client)?;
    disk.fill()?;
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP] {
        director.signal(signal)?;
    }
    // The log's last page has room for some lines.
    for _ in 0..80 {
        director.signal(Signal::SIGUSR2)?;
        thread::sleep(Duration::from_millis(10));
    }
    stage.unplug("director-a")?;
    held(&director, false)?;
    stage.plug("director-a")?;
    held(&director, true)?;
    let _before = frames.heard();
    let heard = frames.during(INTERVAL * 6);
    let adverts = heard
        .iter()
        .filter(|frame| frame.said == Said::Advert(VRID, 150));
    ensure!(adverts.count() >= 4, "it does not send any more: {heard:?}");
    ensure!(director.ended()?.is_none(), "it ended");
    let left: Vec<_> = names(director.folder())?
        .into_iter()
        .filter(|name| name.starts_with('.') || DUMPS.contains(&name.as_str()))
        .collect();
    ensure!(left.is_empty(), "halves of dumps are left: {left:?}");

    disk.free()?;
    let mark = director.mark();
    dumped(&director, mark)?;
    let line = told(&director, mark, &["lines of the log could not be written"])?;
    ensure!(line.contains("No space left on device"), "{line}");
    director.stop()?;

    disk.fill()?;
    let mut arguments = vec!["-n".to_owned(), "-l".to_owned()];
    arguments.extend(director.arguments());
    let mut command = director.host().command(&daemon.program()?);
    command.args(&arguments);
    let ended = support::daemon::run_to_end(command, stage.folder(), PATIENCE)?;
    ensure!(!ended.status.success(), "{}: {}", ended.status, ended.said);
    for words in ["cannot write pid file", "No space left on device"] {
        ensure!(ended.said.contains(words), "no `{words}`: {}", ended.said);
    }
    Ok(line)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// With room, dumps are written again.
fn dumped(director: &Director, mark: usize) -> Result<()> {
    director.signal(Signal::SIGUSR1)?;
    director.signal(Signal::SIGUSR2)?;
    for file in ["keepalived.data", "keepalived.stats"] {
        let path = director.folder().join(file);
        wait::until(file, PATIENCE, || Ok(path.exists().then_some(())))?;
    }
    ensure!(!director.log().get(mark..).unwrap_or_default().is_empty());
    Ok(())
}
