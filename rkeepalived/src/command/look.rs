//! `status`, `watch` and `events`: what the daemon shows.

use std::io::{IsTerminal, Write};
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::print;
use super::remote::{DONE, FAILED, Where, failed};
use crate::control::client::{Failure, understood};
use crate::control::protocol::Request;
use crate::status::history::Event;
use crate::status::table::{self, Look};
use crate::status::view::Status as Document;

/// `status`.
#[derive(Args)]
pub(super) struct Status {
    /// The whole document as JSON (docs/control.md)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

impl Status {
    pub fn run(self) -> u8 {
        let request = Request::Status { vrrp_only: false };
        let answer = self.at.look().and_then(|mut daemon| daemon.ask(request));
        let shown = answer.and_then(|answer| {
            if self.json {
                return Ok(format!("{}\n", answer.get()));
            }
            understood(&answer).map(|status: Document| table::text(&status, look()))
        });
        match shown {
            Ok(text) => {
                print(text.as_bytes());
                DONE
            }
            Err(failure) => failed(&failure),
        }
    }
}

/// As the terminal has it; into a pipe without bounds and colours.
fn look() -> Look {
    if !std::io::stdout().is_terminal() {
        return Look::default();
    }
    Look {
        width: crossterm::terminal::size().ok().map(|(width, _)| width),
        colours: std::env::var_os("NO_COLOR").is_none(),
    }
}

/// `watch`.
#[derive(Args)]
pub(super) struct Watch {
    /// Seconds between two looks
    #[arg(long, short = 'n', value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    at: Where,
}

impl Watch {
    pub fn run(self) -> u8 {
        if !std::io::stdout().is_terminal() {
            eprintln!("rkeepalived: watch needs a terminal; `rkeepalived status` prints once");
            return FAILED;
        }
        let mut first = true;
        loop {
            let request = Request::Status { vrrp_only: false };
            let asked = self.at.look().and_then(|mut daemon| daemon.get(request));
            let text = match asked {
                Ok(status) => {
                    let status: Document = status;
                    table::text(&status, look())
                }
                // Later it may be a restart.
                Err(failure) if first => return failed(&failure),
                Err(failure) => format!("rkeepalived: {failure}\n"),
            };
            first = false;
            if show(&text).is_err() {
                return DONE; // the terminal has gone
            }
            sleep(Duration::from_secs(self.interval));
        }
    }
}

/// Draws over what was there; what does not fit is left out, and said.
fn show(text: &str) -> std::io::Result<()> {
    let height = crossterm::terminal::size().map_or(24, |(_, height)| usize::from(height));
    let lines: Vec<&str> = text.lines().collect();
    let room = height.saturating_sub(2);
    let mut screen = String::from("\x1b[H");
    for line in lines.iter().take(room) {
        screen.push_str(line);
        screen.push_str("\x1b[0m\x1b[K\n");
    }
    if lines.len() > room {
        let more = lines.len().saturating_sub(room);
        screen.push_str(&format!(
            "{more} lines more; `rkeepalived status` shows all\x1b[K"
        ));
    }
    screen.push_str("\x1b[J");
    let mut out = std::io::stdout().lock();
    out.write_all(screen.as_bytes())?;
    out.flush()
}

/// `events`.
#[derive(Args)]
pub(super) struct Events {
    /// A line of JSON an event (docs/control.md)
    #[arg(long)]
    json: bool,
    /// Go on with those to come, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Only those after the one with this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    at: Where,
}

impl Events {
    pub fn run(self) -> u8 {
        match self.show() {
            Ok(()) => DONE,
            Err(failure) => failed(&failure),
        }
    }

    fn show(&self) -> Result<(), Failure> {
        let mut daemon = self.at.look()?;
        let after = self.after;
        let zone = TimeZone::system();
        let follow = self.follow;
        let mut answer = daemon.ask(Request::Events { after, follow })?;
        loop {
            let events: Vec<Event> = match follow {
                true => vec![understood(&answer)?],
                false => understood(&answer)?,
            };
            let mut text = Vec::new();
            for event in &events {
                text.extend(match self.json {
                    true => serde_json::to_vec(event).unwrap_or_default(),
                    false => shown(event, &zone).into_bytes(),
                });
                text.push(b'\n');
            }
            let mut out = std::io::stdout().lock();
            let told = out.write_all(&text).and_then(|()| out.flush());
            if !follow || told.is_err() {
                return Ok(()); // a reader that went away is no fault
            }
            answer = daemon.following()?;
        }
    }
}

/// `17 Nov 28 08:00:01 vrrp     (VI_1) Entering MASTER STATE`.
fn shown(event: &Event, zone: &TimeZone) -> String {
    let at = i64::try_from(event.at_ms).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    let at = at.map(|at| {
        at.to_zoned(zone.clone())
            .strftime("%b %e %H:%M:%S%.3f")
            .to_string()
    });
    format!(
        "{:>6} {} {:<8} {}",
        event.seq,
        at.unwrap_or_default(),
        event.kind.name(),
        event.text
    )
}
