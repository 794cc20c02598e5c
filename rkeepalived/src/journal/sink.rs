//! Where log lines end up: standard error in keepalived's `-l` form, syslog, or both. Under systemd the journal gets them by its
//! own protocol in syslog's place, with fields.
//!
//! A `tracing` layer formats each event and passes it through a bounded queue to one writing thread.
//! The queue never blocks: when it is full, lines are dropped and their number is logged as soon as
//! there is room again.

use std::ffi::{CStr, CString};
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libsystemd::logging::{self as journal, connected_to_journal};
use nix::syslog::{Facility, LogFlags, Priority, Severity, closelog, openlog, syslog};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::field;

/// Lines waiting to be written before further ones are dropped.
const QUEUE: usize = 16_384;

/// Where to write.
#[derive(Clone, Copy, Debug)]
pub struct Destinations {
    /// To standard error, `Fri Nov 20 12:15:00 2026: text` (`-l` together with `-n`).
    pub console: bool,
    /// To syslog with this facility; `None` with `-G`.
    pub syslog: Option<Facility>,
}

/// Whether the journal takes what is for syslog, with fields.
static NATIVE: AtomicBool = AtomicBool::new(false);

/// Whether there is any use in fields.
pub(super) fn wants_fields() -> bool {
    NATIVE.load(Ordering::Relaxed)
}

struct Entry {
    part: &'static str,
    severity: Severity,
    text: String,
    /// As [`field::unpacked`] takes them apart.
    fields: String,
}

enum Message {
    Entry(Entry),
    Close,
}

struct Queue {
    sender: SyncSender<Message>,
    dropped: &'static AtomicU64,
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The writing thread. Dropping it waits until what is queued is written, but not for ever: a log that nobody takes
/// must not keep the process from ending.
pub struct Sink {
    sender: SyncSender<Message>,
    written: Receiver<()>,
}

/// How long the end of the process waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

impl Sink {
    /// Starts the writing thread and makes it the process's `tracing` subscriber. Names in syslog end with `suffix`.
    ///
    /// # Errors
    /// When the thread cannot be started, or a subscriber is set already.
    pub fn install(destinations: Destinations, suffix: String) -> Result<Sink, String> {
        // systemd started us with its journal as standard error: `JOURNAL_STREAM` names it (systemd.exec(5)).
        NATIVE.store(
            destinations.syslog.is_some() && connected_to_journal(),
            Ordering::Relaxed,
        );
        let (sender, receiver) = sync_channel(QUEUE);
        let (done, written) = sync_channel(1);
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || {
                drain(&receiver, destinations, &suffix);
                // Whoever waited may have given up.
                let _ = done.send(());
            })
            .map_err(|error| format!("cannot start the log thread: {error}"))?;
        tracing_subscriber::registry()
            .with(Queue {
                sender: sender.clone(),
                dropped: &DROPPED,
            })
            .try_init()
            .map_err(|error| format!("cannot set up logging: {error}"))?;
        Ok(Sink { sender, written })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let until = Instant::now() + LAST_LINES;
        let mut close = Message::Close;
        // A full queue is waited for as well; it empties only as fast as the log is taken.
        while let Err(TrySendError::Full(message)) = self.sender.try_send(close) {
            if Instant::now() >= until {
                return;
            }
            close = message;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Either it is done, or the time is up, or the thread is gone: it is over in each case.
        let _ = self
            .written
            .recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Queue {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !metadata.target().starts_with("Keepalived") {
            return; // libraries' own chatter
        }
        // Nearly every line fits.
        let mut text = Text {
            message: String::with_capacity(128),
            fields: String::new(),
        };
        event.record(&mut text);
        let severity = match *metadata.level() {
            tracing::Level::ERROR => Severity::LOG_ERR,
            tracing::Level::WARN => Severity::LOG_WARNING,
            tracing::Level::INFO => Severity::LOG_INFO,
            _ => Severity::LOG_DEBUG,
        };
        let entry = Entry {
            part: metadata.target(),
            severity,
            text: text.message,
            fields: text.fields,
        };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Entry(entry)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String cannot fail.
            let _ = write!(self.message, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "fields" {
            value.clone_into(&mut self.fields);
        }
    }
}

/// Lines written to the console with one system call: a burst of thousands must not mean thousands of them.
const BURST: usize = 256;

fn drain(receiver: &Receiver<Message>, destinations: Destinations, suffix: &str) {
    let mut output = Output::open(destinations, suffix);
    let mut burst = Vec::new();
    let mut open = true;
    while open {
        let Ok(first) = receiver.recv() else { break };
        for message in std::iter::once(first)
            .chain(receiver.try_iter())
            .take(BURST)
        {
            match message {
                Message::Entry(entry) => burst.push(entry),
                Message::Close => {
                    open = false;
                    break;
                }
            }
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            burst.push(Entry {
                part: "Keepalived",
                severity: Severity::LOG_WARNING,
                text: format!(
                    "{dropped} log lines were dropped, since they came faster than they could be written"
                ),
                fields: String::new(),
            });
        }
        output.write(&burst);
        burst.clear();
    }
    if destinations.syslog.is_some() {
        closelog();
    }
}

/// Whole lines to a place that may have no room for them: a file on a full disk.
#[derive(Default)]
struct Lines {
    lost: usize,
    reason: String,
    /// Half of a line stands at the end.
    torn: bool,
}

impl Lines {
    /// Writes lines; before them how many were lost since the last that were written.
    fn write(&mut self, to: &mut impl io::Write, now: &str, lines: &str) {
        let mut text = String::new();
        if self.torn {
            text.push('\n');
        }
        if self.lost > 0 {
            let (lost, reason) = (self.lost, &self.reason);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{now}: {lost} lines of the log could not be written: {reason}"
            );
        }
        let news = text.len();
        text.push_str(lines);
        let (written, failed) = write_most(to, text.as_bytes());
        if written > 0 {
            self.torn = text.as_bytes().get(written - 1) != Some(&b'\n');
        }
        if written >= news {
            self.lost = 0;
        }
        if let Some(error) = failed {
            let rest = text.as_bytes().get(written.max(news)..).unwrap_or_default();
            self.lost += rest.iter().filter(|byte| **byte == b'\n').count();
            self.reason = error.to_string();
        }
    }
}

/// Writes as much as there is room for; answers how much that was, and what went wrong.
fn write_most(to: &mut impl io::Write, bytes: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

struct Output {
    console: bool,
    syslog: Option<Facility>,
    ident: &'static str,
    /// C's library keeps the address of the name it is given, so each is made once, for good.
    idents: [(&'static str, &'static CStr); 4],
    text: String,
    console_lines: Lines,
    zone: TimeZone,
}

impl Output {
    fn open(destinations: Destinations, suffix: &str) -> Output {
        let named = |part: &'static str| {
            let ident = CString::new(format!("{part}{suffix}")).unwrap_or_default();
            (part, &*Box::leak(ident.into_boxed_c_str()))
        };
        Output {
            console: destinations.console,
            syslog: destinations.syslog,
            ident: "",
            idents: [
                named("Keepalived"),
                named("Keepalived_vrrp"),
                named("Keepalived_healthcheckers"),
                named("Keepalived_bfd"),
            ],
            text: String::new(),
            console_lines: Lines::default(),
            zone: local_zone(),
        }
    }

    fn write(&mut self, burst: &[Entry]) {
        // Looked for each time: it may come later than we do. While it is not there the lines would vanish, slowly:
        // better on the console than nowhere.
        let syslog = self.syslog.filter(|_| Path::new("/dev/log").exists());
        let mut rest = Vec::new();
        if let Some(facility) = self.syslog.filter(|_| wants_fields()) {
            // What the journal does not take goes the usual way.
            let refused = |entry: &&Entry| !self.send(facility, entry);
            rest.extend(burst.iter().filter(refused));
        } else {
            rest.extend(burst);
        }
        let lost = self.syslog.is_some() && syslog.is_none() && !rest.is_empty();
        if self.console || lost {
            let now = console_time(&Timestamp::now().to_zoned(self.zone.clone()));
            self.text.clear();
            for entry in burst {
                // Writing to a String cannot fail.
                let _ = writeln!(self.text, "{now}: {}", entry.text);
            }
            self.console_lines
                .write(&mut std::io::stderr(), &now, &self.text);
        }
        if let Some(facility) = syslog {
            rest.into_iter().for_each(|entry| self.log(facility, entry));
        }
    }

    /// By the journal's own protocol; whether it was taken.
    fn send(&self, facility: Facility, entry: &Entry) -> bool {
        let ident = self.idents.iter().find(|(part, _)| *part == entry.part);
        let ident = ident.map_or(entry.part.into(), |(_, ident)| ident.to_string_lossy());
        let facility = code(facility).to_string();
        let own = [
            ("SYSLOG_IDENTIFIER", &*ident),
            ("SYSLOG_FACILITY", &*facility),
        ];
        let priority = match entry.severity {
            Severity::LOG_ERR => journal::Priority::Error,
            Severity::LOG_WARNING => journal::Priority::Warning,
            Severity::LOG_INFO => journal::Priority::Info,
            _ => journal::Priority::Debug,
        };
        let fields = own.into_iter().chain(field::unpacked(&entry.fields));
        journal::journal_send(priority, &entry.text, fields).is_ok()
    }

    fn log(&mut self, facility: Facility, entry: &Entry) {
        if self.ident != entry.part {
            self.ident = entry.part;
            let ident = self.idents.iter().find(|(part, _)| *part == entry.part);
            let ident = ident.map(|(_, ident)| *ident);
            let _ = openlog(ident, LogFlags::LOG_PID, facility);
        }
        let text = entry.text.replace('\0', "\u{fffd}");
        let _ = syslog(Priority::new(entry.severity, facility), text.as_str());
    }
}

/// The facility's number in syslog.h, without the three bits of the severity.
fn code(facility: Facility) -> u8 {
    match facility {
        Facility::LOG_USER => 1,
        Facility::LOG_LOCAL0 => 16,
        Facility::LOG_LOCAL1 => 17,
        Facility::LOG_LOCAL2 => 18,
        Facility::LOG_LOCAL3 => 19,
        Facility::LOG_LOCAL4 => 20,
        Facility::LOG_LOCAL5 => 21,
        Facility::LOG_LOCAL6 => 22,
        Facility::LOG_LOCAL7 => 23,
        // LOG_DAEMON: there are no others on the command line.
        _ => 3,
    }
}

/// The local time zone, as C's `localtime` finds it: `TZ` where that is set, else /etc/localtime. The latter is read
/// as a file: looking it up by name would walk through the whole zone database at each start.
#[must_use]
pub fn local_zone() -> TimeZone {
    if std::env::var_os("TZ").is_some() {
        return TimeZone::system();
    }
    std::fs::read("/etc/localtime")
        .ok()
        .and_then(|bytes| TimeZone::tzif("Local", &bytes).ok())
        .unwrap_or(TimeZone::UTC)
}

/// C's `%c` in the C locale, `Fri Nov 20 12:15:00 2026`, as keepalived prefixes its console lines.
fn console_time(now: &jiff::Zoned) -> String {
    now.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn console_lines_carry_keepaliveds_time_format() {
        // Seen: `Fri Nov 20 14:03:53 2026: Starting Keepalived v2.2.7 (01/16,2022)`; C's %c pads the day with a space.
        let at = |text: &str| console_time(&text.parse().unwrap());
        assert_eq!(at("2026-11-20T14:03:53[UTC]"), "Fri Nov 20 14:03:53 2026");
        assert_eq!(at("2026-11-05T04:03:03[UTC]"), "Thu Nov  5 04:03:03 2026");
    }

    /// A disk with room for so many bytes.
    struct Disk(Vec<u8>, usize);

    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.1.min(bytes.len());
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend(&bytes[..room]);
            self.1 -= room;
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_full_disk_took_are_counted() {
        let (mut lines, mut disk) = (Lines::default(), Disk(Vec::new(), 14));
        lines.write(&mut disk, "now", "first\n");
        lines.write(&mut disk, "now", "second\nthird\n");
        lines.write(&mut disk, "now", "fourth\n");
        assert_eq!(disk.0, b"first\nsecond\nt");
        disk.1 = 3;
        lines.write(&mut disk, "now", "fifth\n");
        disk.1 = 1000;
        lines.write(&mut disk, "later", "sixth\n");
        lines.write(&mut disk, "later", "seventh\n");
        assert_eq!(
            String::from_utf8(disk.0).unwrap(),
            "first\nsecond\nt\nno\nlater: 3 lines of the log could not be written: no storage space\nsixth\nseventh\n"
        );
    }

    #[test]
    fn a_log_that_nobody_takes_does_not_keep_the_process() {
        let (sender, _nobody) = sync_channel(1);
        sender.try_send(Message::Close).unwrap();
        let (_done, written) = sync_channel(1);
        let begun = Instant::now();
        drop(Sink { sender, written });
        assert!(begun.elapsed() < LAST_LINES * 2);
    }
}
