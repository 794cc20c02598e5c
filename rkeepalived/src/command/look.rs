//! `status` and `events`: what the daemon shows.

use std::io::{IsTerminal, Write};

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::print;
use super::remote::{DONE, Where, failed};
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
        match self.show() {
            Ok(()) => DONE,
            Err(failure) => failed(&failure),
        }
    }

    fn show(&self) -> Result<(), Failure> {
        let request = Request::Status { vrrp_only: false };
        let mut daemon = self.at.look()?;
        if self.json {
            let mut out = std::io::stdout().lock();
            daemon.pass(request, &mut out)?;
            let _ = out.flush(); // a reader that went away is no fault
            return Ok(());
        }
        let status: Document = daemon.get(request)?;
        print(table::text(&status, look()).as_bytes());
        Ok(())
    }
}

/// As the terminal has it; into a pipe without bounds and colours.
pub(super) fn look() -> Look {
    if !std::io::stdout().is_terminal() {
        return Look::default();
    }
    Look {
        width: crossterm::terminal::size().ok().map(|(width, _)| width),
        colours: std::env::var_os("NO_COLOR").is_none(),
    }
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
