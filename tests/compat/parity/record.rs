//! Writes down what keepalived does in a case, where the case says what follows its events.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::daemon::Daemon;
use support::netns::Ground;
use support::stage::PATIENCE;
use support::twins::Twins;

use super::case::{Case, Kind, Lines};
use super::event::Event;
use super::files;
use super::play::Scene;

/// A table that has not changed for so long will not change any more.
const SETTLED: Duration = Duration::from_millis(2500);

/// How many cases at a time: few, so that nothing is late.
const JOBS: usize = 4;

/// Records every case whose name contains one of `filters`, or all if there are none, each in its file. Where a case says how the daemons differ, that is kept
/// as it is, and the file is left alone.
///
/// # Errors
/// With the cases that cannot be told; the others are recorded.
pub fn record(filters: &[String]) -> Result<()> {
    let _ground = Ground::take()?;
    let chosen: Vec<_> = files()?
        .into_iter()
        .filter(|(name, _)| {
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
        })
        .collect();
    ensure!(!chosen.is_empty(), "no case is named so");
    let queue = std::sync::Mutex::new(chosen.into_iter().enumerate());
    let next = || {
        let mut queue = queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        queue.next()
    };
    std::thread::scope(|scope| {
        let work = || {
            while let Some((number, (name, path))) = next() {
                let done = fs::read_to_string(&path)
                    .context("read it")
                    .and_then(|text| told(number, &text))
                    .and_then(|text| fs::write(&path, text).context("write it"));
                match done {
                    Ok(()) => println!("recorded {name}"),
                    Err(error) => println!("FAILED {name}: {error:#}"),
                }
            }
        };
        for _ in 0..JOBS {
            scope.spawn(work);
        }
    });
    Ok(())
}

/// The case's text with what keepalived does after each step.
fn told(number: usize, text: &str) -> Result<String> {
    ensure!(
        !text
            .lines()
            .any(|line| matches!(Kind::of(line), Kind::Differs(_))),
        "the daemons differ in it: write it by hand"
    );
    let bare: String = text
        .lines()
        .filter(|line| !matches!(Kind::of(line), Kind::Table(..)))
        .map(|line| format!("{line}\n"))
        .collect();
    let case = Case::parse_bare(&bare)?;
    let twins = Twins::build(&number.to_string())?;
    let mut scene = Scene::set(&twins, &case, &[Daemon::Keepalived])?;
    let mut tables = Lines::new();
    let mut started = false;
    let mut steps = case.steps.iter();
    let mut out = String::new();
    for line in bare.lines() {
        out.push_str(line);
        out.push('\n');
        if !matches!(Kind::of(line), Kind::Events(_)) {
            continue;
        }
        let step = steps.next().context("a step for each line of events")?;
        for event in &step.events {
            scene.perform(event).with_context(|| step.text.clone())?;
            if *event == Event::Start {
                // With `-D` the log of 2.2.7 says so when the checks begin.
                scene.wait_log("Activating BFD healthchecker", PATIENCE)?;
            }
        }
        started |= scene.runs();
        if started {
            let now = scene.settled(SETTLED).with_context(|| step.text.clone())?;
            out.push_str(&difference(&tables, &now));
            tables = now;
        }
    }
    Ok(out)
}

/// The lines of a case between two tables.
fn difference(before: &Lines, after: &Lines) -> String {
    if before == after {
        return "#=\n".to_owned();
    }
    let gone = before.difference(after).map(|line| format!("#- {line}\n"));
    let come = after.difference(before).map(|line| format!("#+ {line}\n"));
    if after.is_empty() {
        return "#- all\n".to_owned();
    }
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_reads_as_a_case() {
        let (a, b) = ("-A x".to_owned(), "-a y".to_owned());
        let (one, both) = (Lines::from([a.clone()]), Lines::from([a, b]));
        assert_eq!(difference(&one, &both), "#+ -a y\n");
        assert_eq!(difference(&both, &one), "#- -a y\n");
        assert_eq!(difference(&one, &one), "#=\n");
        assert_eq!(difference(&both, &Lines::new()), "#- all\n");
    }
}
