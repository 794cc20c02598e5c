//! A file that says when to reload: `reload_time_file`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan, Zoned};
use tokio::time::sleep;

use super::folder::Folders;
use crate::journal::sink::local_zone;
use crate::journal::{Appointed, Line, write};

/// Bytes of the file that are looked at; a time has 20 at most.
const LOOKED_AT: u64 = 64;
/// The longest sleep: the system's clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(10);
/// How often the file is looked at where the kernel gives no notices.
const LOOK: Duration = Duration::from_secs(1);

/// Why a file's first line is no appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkept {
    /// None of the forms.
    Malformed,
    /// It is over.
    Past,
}

/// When a line means, as `HH:MM:SS` (today, or tomorrow where that is over), `YY-MM-DD HH:MM:SS` or `YYYY-MM-DD HH:MM:SS`,
/// each with a `Z` where it is UTC; otherwise in the zone of `now`.
///
/// # Errors
/// When it is none of these, or a date that is over.
pub fn parse(line: &str, now: &Zoned) -> Result<Zoned, Unkept> {
    let (text, zone) = match line.strip_suffix('Z') {
        Some(text) => (text, TimeZone::UTC),
        None => (line, now.time_zone().clone()),
    };
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let malformed = |_| Unkept::Malformed;
    let at = |date: DateTime| date.to_zoned(zone.clone()).map_err(malformed);
    let dated = match shape.as_str() {
        "00:00:00" => {
            let time = Time::strptime("%H:%M:%S", text).map_err(malformed)?;
            let today = now.with_time_zone(zone.clone()).date();
            let first = at(today.to_datetime(time))?;
            if first > *now {
                return Ok(first);
            }
            return at(today.saturating_add(1.day()).to_datetime(time));
        }
        "00-00-00 00:00:00" => format!("20{text}"),
        "0000-00-00 00:00:00" => text.to_owned(),
        _ => return Err(Unkept::Malformed),
    };
    let date = DateTime::strptime("%Y-%m-%d %H:%M:%S", &dated).map_err(malformed)?;
    let date = at(date)?;
    if date > *now {
        Ok(date)
    } else {
        Err(Unkept::Past)
    }
}

/// Keeps the appointment of one file. It is told in the log when it is made, moved or called off.
#[derive(Default)]
pub struct Diary {
    path: Option<PathBuf>,
    repeat: bool,
    folders: Option<Folders>,
    at: Option<Zoned>,
    /// What the file said last.
    said: String,
}

impl Diary {
    /// Makes `path` the file that is watched; with `repeat` it stays after the reload. Within a tokio runtime.
    pub fn follow(&mut self, path: Option<PathBuf>, repeat: bool) {
        self.repeat = repeat;
        if self.path == path {
            return;
        }
        self.call_off();
        self.said.clear();
        self.path = path;
        self.folders = None;
        if let Some(path) = &self.path {
            self.folders = Folders::open().ok();
            if let Some(folders) = &mut self.folders {
                folders.keep(&[path.clone()].into());
            }
            self.look();
        }
    }

    /// When the next reload is, as `2026-11-28 11:16:03`.
    #[must_use]
    pub fn scheduled(&self) -> Option<String> {
        self.at.as_ref().map(shown)
    }

    /// Waits until it is time, for ever where there is no appointment. Nothing is lost when the future is dropped.
    pub async fn due(&mut self) {
        loop {
            if self.path.is_none() {
                std::future::pending::<()>().await;
            }
            if self.at.as_ref().is_some_and(|at| *at <= now()) {
                self.keep();
                return;
            }
            let nap = match &self.at {
                Some(at) => left(at).min(NAP),
                None => NAP,
            };
            match &mut self.folders {
                Some(folders) => {
                    tokio::select! {
                        () = sleep(nap) => continue,
                        changed = folders.changed() => match changed {
                            Ok(paths) if paths.is_empty() => continue,
                            Ok(paths) => tokio::task::block_in_place(|| folders.follow(&paths)),
                            Err(_) => self.folders = None,
                        },
                    }
                }
                None => sleep(nap.min(LOOK)).await,
            }
            self.look();
        }
    }

    /// keepalived behaviour: the file goes with the reload, unless that is to be repeated.
    fn keep(&mut self) {
        self.at = None;
        self.said.clear();
        let Some(path) = &self.path else { return };
        if self.repeat {
            self.look();
            return;
        }
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = path.clone();
                write(&Line::Appointed(Appointed::Stays {
                    path,
                    error: error.to_string(),
                }));
                self.said = beginning(&self.path.clone().unwrap_or_default());
            }
        }
    }

    fn look(&mut self) {
        let Some(path) = &self.path else { return };
        let line = beginning(path);
        if line == self.said {
            return;
        }
        self.said.clone_from(&line);
        // While it is being written, and when it is gone.
        if line.is_empty() {
            self.call_off();
            return;
        }
        match parse(&line, &now()) {
            Ok(at) => {
                write(&Line::Appointed(Appointed::Made { at: shown(&at) }));
                self.at = Some(at);
            }
            Err(unkept) => {
                self.call_off();
                write(&Line::Appointed(match unkept {
                    Unkept::Malformed => Appointed::Malformed { line },
                    Unkept::Past => Appointed::Past { line },
                }));
            }
        }
    }

    fn call_off(&mut self) {
        if let Some(at) = self.at.take() {
            write(&Line::Appointed(Appointed::CalledOff { at: shown(&at) }));
        }
    }
}

fn now() -> Zoned {
    Zoned::now().with_time_zone(local_zone())
}

fn left(at: &Zoned) -> Duration {
    let left: SignedDuration = at.duration_since(&now());
    Duration::try_from(left).unwrap_or_default()
}

fn shown(at: &Zoned) -> String {
    let local = at.with_time_zone(local_zone());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The first line; nothing where there is none. A pipe is none: it would keep us waiting.
fn beginning(path: &Path) -> String {
    let plain = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    let mut text = Vec::new();
    if plain && let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(LOOKED_AT).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    text.split('\n').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: &str) -> Result<String, Unkept> {
        let now: Zoned = "2026-11-28T11:11:50+01:00[Europe/Berlin]".parse().unwrap();
        parse(line, &now).map(|at| at.timestamp().to_string())
    }

    /// keepalived.conf(5), and what 2.2.7 was seen to do with each.
    #[test]
    fn the_forms_of_an_appointment() {
        let at_ten = Ok("2026-11-28T10:30:00Z".to_owned());
        assert_eq!(at("11:30:00"), at_ten);
        assert_eq!(at("10:30:00Z"), at_ten);
        assert_eq!(at("26-11-28 11:30:00"), at_ten);
        assert_eq!(at("2026-11-28 10:30:00Z"), at_ten);
        // What is over today is meant for tomorrow; a date that is over is not.
        assert_eq!(at("11:11:47"), Ok("2026-11-29T10:11:47Z".to_owned()));
        assert_eq!(at("26-11-28 11:11:48"), Err(Unkept::Past));
        for malformed in [
            " 10:00:00",
            "10:00:00 ",
            "10:00",
            "1:00:00",
            "25:00:00",
            "2026-11-31 10:00:00",
            "2026-11-28  10:00:00",
            "10:00:00z",
            "",
        ] {
            assert_eq!(at(malformed), Err(Unkept::Malformed), "{malformed}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_file_is_kept_or_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("when");
        let mut diary = Diary::default();
        diary.follow(Some(path.clone()), false);
        assert_eq!(diary.scheduled(), None);
        let soon = |seconds: i64| {
            let at = now() + seconds.seconds();
            at.strftime("%H:%M:%S\n").to_string()
        };
        for repeat in [false, true] {
            diary.follow(Some(path.clone()), repeat);
            std::fs::write(&path, soon(2)).unwrap();
            tokio::time::timeout(Duration::from_secs(60), diary.due())
                .await
                .unwrap();
            assert_eq!(path.exists(), repeat);
            // Tomorrow at the same time.
            assert_eq!(diary.scheduled().is_some(), repeat);
        }
        diary.follow(None, false);
        assert_eq!(diary.scheduled(), None);
    }
}
