//! A case: a keepalived.conf whose comments tell a story.
//!
//! ```text
//! # What the case shows, for a reader.
//! #: serve tcp 172.16.1.10:80; start       events, separated by `; `: see `event`
//! #+ -A -t 10.0.0.1:80 -s rr               what they bring into the kernel's table,
//! #- -a -t 10.0.0.1:80 -r ...              what they take away (`#- all`: everything), or
//! #=                                       that nothing changes, neither now nor in the next second
//! #> DEL_DEST 1                            and how often ours (only) may have asked the kernel for what
//! ```
//!
//! Where the two daemons differ, `#differs` says why, and `#ours+`, `#ours-`, `#2.2.7+`, `#2.2.7-` what happens to one of them.
//! A line of the configuration that begins with `@2` is in its second version only, `@1,3` in the first and the third; `reload 2`
//! brings the second. `{folder}` is a folder for files of the case, `{own}` and `{own6}` are the director's own addresses.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use support::daemon::Daemon;

use super::event::Event;
use super::observe::Extras;

/// The kernel's table in lines of `ipvsadm -Sn`, sorted.
pub(super) type Lines = BTreeSet<String>;

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    /// What happens, in order.
    pub(super) steps: Vec<Step>,
    /// The lines of the configuration with the versions that each is in, empty for all.
    conf: Vec<(Vec<u8>, String)>,
}

/// Events that happen together, and what follows.
#[derive(Debug)]
pub(super) struct Step {
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// The line.
    pub(super) text: String,
    /// What happens.
    pub(super) events: Vec<Event>,
    /// What follows.
    pub(super) changes: Vec<Change>,
    /// It is said that nothing follows.
    pub(super) same: bool,
    /// What ours may ask of the kernel.
    pub(super) sends: Option<Vec<(String, u32)>>,
}

/// One line comes or goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// In one daemon's table only.
    only: Option<Daemon>,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Add(String),
    Remove(String),
    RemoveAll,
}

/// What a line is in a case.
pub(super) enum Kind<'a> {
    /// `#: events`.
    Events(&'a str),
    /// `#+`, `#-`, `#=` and their like, which a record makes anew.
    Table(Option<Daemon>, char, &'a str),
    /// `#> counts`.
    Sends(&'a str),
    /// `#differs reason`.
    Differs(&'a str),
    /// A line of the configuration, or a plain comment.
    Conf,
}

impl<'a> Kind<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let Some(rest) = line.strip_prefix('#') else {
            return Self::Conf;
        };
        let (only, rest) = if let Some(rest) = rest.strip_prefix("ours") {
            (Some(Daemon::Ours), rest)
        } else if let Some(rest) = rest.strip_prefix("2.2.7") {
            (Some(Daemon::Keepalived), rest)
        } else {
            (None, rest)
        };
        if let Some(reason) = rest.strip_prefix("differs ") {
            return Self::Differs(reason.trim());
        }
        let mut chars = rest.chars();
        match chars.next() {
            Some(':') => Self::Events(chars.as_str().trim()),
            Some('>') => Self::Sends(chars.as_str().trim()),
            Some(sign @ ('+' | '-' | '=')) => Self::Table(only, sign, chars.as_str().trim()),
            _ => Self::Conf,
        }
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let case = Self::parse_bare(text)?;
        case.check()?;
        Ok(case)
    }

    /// Reads a case that does not say yet what follows.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub(super) fn parse_bare(text: &str) -> Result<Self> {
        let mut case = Self {
            steps: Vec::new(),
            conf: Vec::new(),
        };
        let mut reason = false;
        for (at, line) in text.lines().enumerate() {
            case.take(at + 1, line, &mut reason)
                .with_context(|| format!("line {}: `{line}`", at + 1))?;
        }
        ensure!(!case.steps.is_empty(), "it has no events");
        Ok(case)
    }

    fn take(&mut self, number: usize, line: &str, reason: &mut bool) -> Result<()> {
        match Kind::of(line) {
            Kind::Conf => self.conf.push(versions(line)?),
            Kind::Differs(text) => *reason = !text.is_empty(),
            Kind::Events(text) => {
                let events = text.split("; ").map(Event::parse);
                self.steps.push(Step {
                    line: number,
                    text: text.to_owned(),
                    events: events.collect::<Result<_>>()?,
                    changes: Vec::new(),
                    same: false,
                    sends: None,
                });
            }
            Kind::Table(only, sign, text) => {
                ensure!(
                    only.is_none() || *reason,
                    "say why first: `#differs REASON`"
                );
                let step = self.steps.last_mut().context("before any event")?;
                let what = match (sign, text) {
                    ('=', "") => {
                        step.same = true;
                        return Ok(());
                    }
                    ('-', "all") => What::RemoveAll,
                    ('+', line) if !line.is_empty() => What::Add(line.to_owned()),
                    ('-', line) if !line.is_empty() => What::Remove(line.to_owned()),
                    _ => bail!("nothing of this form"),
                };
                step.changes.push(Change { only, what });
            }
            Kind::Sends(text) => {
                let step = self.steps.last_mut().context("before any event")?;
                step.sends = Some(counts(text)?);
            }
        }
        Ok(())
    }

    /// From the first start on, every step says what follows; what goes was there, what comes was not.
    fn check(&self) -> Result<()> {
        for daemon in [Daemon::Ours, Daemon::Keepalived] {
            let (mut table, mut runs) = (Lines::new(), false);
            for step in &self.steps {
                runs |= step.events.contains(&Event::Start);
                step.apply(daemon, &mut table)
                    .with_context(|| format!("line {}: `{}`", step.line, step.text))?;
                let told = step.same != step.changes.is_empty();
                ensure!(
                    !told || !runs,
                    "line {}: `{}` needs `#+`, `#-` or `#=` after it, not both",
                    step.line,
                    step.text
                );
            }
            ensure!(runs, "nothing is ever started");
        }
        Ok(())
    }

    /// Whether it changes more of its hosts than servers and services.
    pub(super) fn touches(&self) -> bool {
        let mut events = self.steps.iter().flat_map(|step| &step.events);
        self.steps.iter().any(|step| step.sends.is_some())
            || Extras::of(&self.conf(1)).hidden()
            || events.any(|event| matches!(event, Event::Ip(_) | Event::ServersIp(_)))
    }

    /// Whether its table depends on health checks.
    pub(super) fn has_checks(&self) -> bool {
        let check = |(_, line): &(_, String)| line.contains("_CHECK") || line.contains("_GET");
        self.conf.iter().any(check)
    }

    /// The configuration in one of its versions.
    pub(super) fn conf(&self, version: u8) -> String {
        let lines = self
            .conf
            .iter()
            .filter(|(versions, _)| versions.is_empty() || versions.contains(&version));
        lines.map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl Step {
    /// Whether it does not say what follows.
    pub(super) fn is_silent(&self) -> bool {
        !self.same && self.changes.is_empty()
    }

    /// What the step makes of a daemon's table.
    ///
    /// # Errors
    /// When a line goes that was not there, or comes that was.
    pub(super) fn apply(&self, daemon: Daemon, table: &mut Lines) -> Result<()> {
        for change in &self.changes {
            if change.only.is_some_and(|only| only != daemon) {
                continue;
            }
            match &change.what {
                What::RemoveAll => table.clear(),
                What::Remove(line) => ensure!(table.remove(line), "`{line}` was not there"),
                What::Add(line) => ensure!(table.insert(line.clone()), "`{line}` was there"),
            }
        }
        Ok(())
    }
}

/// `@1,3 line`.
fn versions(line: &str) -> Result<(Vec<u8>, String)> {
    let Some(rest) = line.trim_start().strip_prefix('@') else {
        return Ok((Vec::new(), line.to_owned()));
    };
    let (list, rest) = rest.split_once(' ').context("a version, then a line")?;
    let list = list.split(',').map(str::parse);
    let list = list.collect::<Result<_, _>>().context("which version?")?;
    Ok((list, rest.to_owned()))
}

/// `SET_DEST 1, NEW_DEST 2`, or `nothing`.
fn counts(text: &str) -> Result<Vec<(String, u32)>> {
    if text == "nothing" {
        return Ok(Vec::new());
    }
    let counts = text.split(", ").map(|one| {
        let (name, count) = one.split_once(' ').context("a command and how often")?;
        Ok((name.to_owned(), count.parse().context("how often?")?))
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "\
# A weight changes.
#: serve tcp 172.16.1.10:80
#: start
#+ -A -t 10.0.0.1:80 -s rr
#+ -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 1
#: reload 2
#- -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 1
#+ -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 3
#> SET_DEST 1
#: stop
#- all
virtual_server 10.0.0.1 80 {
    @1 weight 1
    @2,3 weight 3
}
";

    fn fault(old: &str, new: &str) -> String {
        let error = Case::parse(&CASE.replacen(old, new, 1)).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn a_case_has_steps_and_versions() {
        let case = Case::parse(CASE).unwrap();
        assert_eq!(case.steps.len(), 4);
        assert_eq!(case.steps[2].line, 6);
        assert_eq!(case.steps[2].sends, Some(vec![("SET_DEST".to_owned(), 1)]));
        assert!(case.conf(1).contains("weight 1") && !case.conf(1).contains("weight 3"));
        assert!(case.conf(3).contains("weight 3") && !case.conf(3).contains("weight 1"));
        let mut table = Lines::new();
        for step in &case.steps[..3] {
            step.apply(Daemon::Ours, &mut table).unwrap();
        }
        let table: Vec<_> = table.into_iter().collect();
        assert_eq!(
            table,
            [
                "-A -t 10.0.0.1:80 -s rr",
                "-a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 3"
            ]
        );
    }

    #[test]
    fn a_step_without_a_word_on_what_follows_is_refused() {
        let told = fault("#- all\n", "");
        assert!(told.contains("line 10: `stop` needs"), "{told}");
        let told = fault("#- all\n", "#- all\n#=\n");
        assert!(told.contains("line 10: `stop` needs"), "{told}");
    }

    #[test]
    fn what_goes_was_there_and_what_comes_was_not() {
        let told = fault("#- -a -t 10.0.0.1:80", "#- -a -t 10.0.0.2:80");
        assert!(told.contains("was not there"), "{told}");
        let told = fault("-g -w 3", "-g -w 1\n#+ -A -t 10.0.0.1:80 -s rr");
        assert!(told.contains("was there"), "{told}");
    }

    #[test]
    fn a_difference_needs_its_reason() {
        let told = fault("#- all", "#ours- all");
        assert!(told.contains("say why first"), "{told}");
        let text = CASE.replacen("#- all", "#differs since so\n#2.2.7- all", 1);
        let case = Case::parse(&text).unwrap();
        let mut table = Lines::from(["x".to_owned()]);
        case.steps[3].apply(Daemon::Ours, &mut table).unwrap();
        assert_eq!(table.len(), 1);
        case.steps[3].apply(Daemon::Keepalived, &mut table).unwrap();
        assert!(table.is_empty());
    }

    #[test]
    fn an_unknown_event_is_refused() {
        let told = fault("#: stop", "#: sleep 3");
        assert!(told.contains("sleep"), "{told}");
    }
}
