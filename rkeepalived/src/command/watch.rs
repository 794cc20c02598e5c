//! `watch`: the status, live, on a screen of its own that is given back as it was.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args;
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{cursor, execute, terminal};

use super::look::look;
use super::remote::{DONE, FAILED, Where, failed};
use crate::control::protocol::Request;
use crate::status::table;
use crate::status::view::Status;

/// `watch`.
#[derive(Args)]
pub(super) struct Watch {
    /// Seconds between two looks
    #[arg(long, short = 'n', value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    #[command(flatten)]
    at: Where,
}

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// No more.
    Quit,
    /// So many lines down.
    Down(isize),
    /// The first lines.
    Top,
    /// The terminal has another size.
    Draw,
}

impl Watch {
    pub fn run(self) -> u8 {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            eprintln!("rkeepalived: watch needs a terminal; `rkeepalived status` prints once");
            return FAILED;
        }
        // Later it may be a restart; now it is a mistake, to be told where it stays.
        let first = match self.ask() {
            Ok(status) => status,
            Err(failure) => return failed(&failure),
        };
        let screen = match Screen::open() {
            Ok(screen) => screen,
            Err(error) => {
                eprintln!("rkeepalived: the terminal cannot be taken: {error}");
                return FAILED;
            }
        };
        // Its end is that of the terminal.
        let _ = self.show(first);
        drop(screen);
        DONE
    }

    fn ask(&self) -> Result<Status, crate::control::client::Failure> {
        let request = Request::Status { vrrp_only: false };
        self.at.look().and_then(|mut daemon| daemon.get(request))
    }

    fn show(&self, first: Status) -> io::Result<()> {
        let interval = Duration::from_secs(self.interval);
        let mut seen = Ok(first);
        let mut top = 0;
        loop {
            let next = Instant::now() + interval;
            let lines = |seen: &Result<Status, String>| -> Vec<String> {
                let text = match seen {
                    Ok(status) => table::text(status, look()),
                    Err(failure) => format!("rkeepalived: {failure}\n"),
                };
                text.lines().map(str::to_owned).collect()
            };
            top = draw(&lines(&seen), top)?;
            while event::poll(next.saturating_duration_since(Instant::now()))? {
                match wish(&event::read()?, page()) {
                    Some(Wish::Quit) => return Ok(()),
                    Some(Wish::Top) => top = 0,
                    Some(Wish::Down(lines)) => top = top.saturating_add_signed(lines),
                    Some(Wish::Draw) => {}
                    None => continue,
                }
                top = draw(&lines(&seen), top)?;
            }
            seen = self.ask().map_err(|failure| failure.to_string());
        }
    }
}

/// Lines of a status that fit, with one for what is said below.
fn page() -> usize {
    let height = terminal::size().map_or(24, |(_, height)| usize::from(height));
    height.saturating_sub(1).max(1)
}

fn wish(event: &Event, page: usize) -> Option<Wish> {
    let key = match event {
        Event::Resize(..) => return Some(Wish::Draw),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return None,
    };
    let page = isize::try_from(page).unwrap_or(1);
    Some(match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Wish::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Wish::Quit,
        KeyCode::Down | KeyCode::Char('j') => Wish::Down(1),
        KeyCode::Up | KeyCode::Char('k') => Wish::Down(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => Wish::Down(page),
        KeyCode::PageUp => Wish::Down(-page),
        KeyCode::Home => Wish::Top,
        _ => return None,
    })
}

/// Draws what fits, from the line `top` on, over what was there; answers the first line that is shown.
fn draw(lines: &[String], top: usize) -> io::Result<usize> {
    let page = page();
    let top = top.min(lines.len().saturating_sub(page));
    let shown = lines.iter().skip(top).take(page);
    let mut screen = String::from("\x1b[H");
    for line in shown {
        screen.push_str(line);
        screen.push_str("\x1b[0m\x1b[K\r\n");
    }
    let below = lines.len().saturating_sub(top.saturating_add(page));
    screen.push_str(&match (top, below) {
        (0, 0) => "q quits".to_owned(),
        (_, 0) => "the end; arrows and page keys move, q quits".to_owned(),
        (_, more) => format!("{more} lines more; arrows and page keys move, q quits"),
    });
    screen.push_str("\x1b[K\x1b[J");
    let mut out = io::stdout().lock();
    out.write_all(screen.as_bytes())?;
    out.flush()?;
    Ok(top)
}

/// The terminal, which is given back when this is dropped.
struct Screen;

impl Screen {
    fn open() -> io::Result<Screen> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        execute!(
            io::stdout(),
            EnterAlternateScreen,
            DisableLineWrap,
            cursor::Hide
        )?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may have gone.
        let _ = execute!(
            io::stdout(),
            cursor::Show,
            EnableLineWrap,
            LeaveAlternateScreen
        );
        let _ = terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_are_those_of_a_pager() {
        let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)), 23);
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('q'), none), Some(Wish::Quit));
        assert_eq!(
            key(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Wish::Quit)
        );
        assert_eq!(key(KeyCode::Char('c'), none), None);
        assert_eq!(key(KeyCode::PageUp, none), Some(Wish::Down(-23)));
        assert_eq!(wish(&Event::Resize(80, 24), 23), Some(Wish::Draw));
    }
}
