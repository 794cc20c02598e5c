//! What loading and giving up a table came to, as a table, as ratios with their targets, and as Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::goal::{Goal, goals_markdown, goals_text, megabytes};
use crate::subject::Run;

/// All runs of one program.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name and version.
    pub name: String,
    /// Its runs, or why there is none.
    pub runs: Result<Vec<Run>, String>,
}

/// The programs side by side.
#[derive(Clone, Debug)]
pub struct Report {
    pub ours: Row,
    pub keepalived: Row,
    pub ipvsadm: Row,
    pub floor: Row,
}

impl Row {
    fn median(&self, value: fn(&Run) -> Duration) -> Option<Duration> {
        let mut all: Vec<Duration> = self.runs.as_ref().ok()?.iter().map(value).collect();
        all.sort();
        all.get(all.len() / 2).copied()
    }

    fn memory(&self) -> Option<u64> {
        let mut all: Vec<u64> = self
            .runs
            .as_ref()
            .ok()?
            .iter()
            .filter_map(|run| run.memory)
            .collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }

    /// The most that any run left behind.
    fn left(&self) -> Option<usize> {
        self.runs.as_ref().ok()?.iter().map(|run| run.left).max()
    }

    fn cells(&self) -> [String; 5] {
        let seconds = |time: Option<Duration>| {
            time.map_or_else(
                || "-".to_owned(),
                |time| format!("{:.3} s", time.as_secs_f64()),
            )
        };
        [
            self.name.clone(),
            seconds(self.median(|run| run.load)),
            seconds(self.median(|run| run.stop)),
            self.left()
                .map_or_else(|| "-".to_owned(), |left| left.to_string()),
            self.memory().map_or_else(|| "-".to_owned(), megabytes),
        ]
    }
}

impl Report {
    /// The targets, held against the medians.
    pub fn goals(&self) -> [Goal; 4] {
        let ratio = |ours: Option<Duration>, theirs: Option<Duration>| {
            Some(ours?.as_secs_f64() / theirs?.as_secs_f64().max(1e-9))
        };
        let load = |row: &Row| row.median(|run| run.load);
        let stop = |row: &Row| row.median(|run| run.stop);
        let left = self
            .ours
            .left()
            .map(|left| f64::from(u32::try_from(left).unwrap_or(u32::MAX)));
        [
            Goal {
                what: "load, rkeepalived / keepalived".into(),
                seen: ratio(load(&self.ours), load(&self.keepalived)),
                target: 0.15,
            },
            Goal {
                what: "load, rkeepalived / ipvsadm --restore".into(),
                seen: ratio(load(&self.ours), load(&self.ipvsadm)),
                target: 0.05,
            },
            Goal {
                what: "stop, rkeepalived / keepalived".into(),
                seen: ratio(stop(&self.ours), stop(&self.keepalived)),
                target: 0.1,
            },
            Goal {
                what: "entries left behind by rkeepalived".into(),
                seen: left,
                target: 0.0,
            },
        ]
    }

    fn rows(&self) -> Vec<[String; 5]> {
        let head = ["", "load", "stop", "left behind", "memory"].map(str::to_owned);
        let rows = [&self.ours, &self.keepalived, &self.ipvsadm, &self.floor];
        [head].into_iter().chain(rows.map(Row::cells)).collect()
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for [name, load, stop, left, memory] in self.rows() {
            let _ = writeln!(
                text,
                "{name:<22} {load:>10} {stop:>10} {left:>12} {memory:>9}"
            );
        }
        for row in [&self.ours, &self.keepalived, &self.ipvsadm, &self.floor] {
            if let Err(reason) = &row.runs {
                let _ = writeln!(text, "{}: not run: {reason}", row.name);
            }
        }
        text.push('\n');
        text.push_str(&goals_text(&self.goals()));
        text
    }

    /// For the documentation.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| | load | stop | entries left behind | memory |\n|---|---:|---:|---:|---:|\n",
        );
        for [name, load, stop, left, memory] in self.rows().into_iter().skip(1) {
            let _ = writeln!(text, "| {name} | {load} | {stop} | {left} | {memory} |");
        }
        text.push_str(&goals_markdown(&self.goals()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::Verdict;

    fn row(name: &str, runs: &[(u64, u64, usize)]) -> Row {
        let run = |&(load, stop, left): &(u64, u64, usize)| Run {
            load: Duration::from_millis(load),
            stop: Duration::from_millis(stop),
            left,
            memory: Some(12_340_000),
        };
        Row {
            name: name.to_owned(),
            runs: Ok(runs.iter().map(run).collect()),
        }
    }

    fn report() -> Report {
        Report {
            ours: row("rkeepalived", &[(300, 10, 0), (100, 12, 0), (200, 900, 0)]),
            keepalived: row(
                "keepalived 2.2.7",
                &[(2000, 5000, 4000), (1000, 5000, 3000), (9000, 5000, 10)],
            ),
            ipvsadm: row("ipvsadm 1.31", &[(8000, 1, 0)]),
            floor: row("bare batches", &[(50, 1, 0)]),
        }
    }

    #[test]
    fn medians_make_the_ratios() {
        let goals = report().goals();
        let seen: Vec<_> = goals
            .iter()
            .map(Goal::words)
            .map(|(seen, _)| seen)
            .collect();
        assert_eq!(seen, ["0.100", "0.025", "0.002", "0"]);
        assert!(goals.iter().all(|goal| goal.verdict() == Verdict::Met));
    }

    #[test]
    fn what_is_left_behind_even_once_is_missed() {
        let mut report = report();
        report.ours = row("rkeepalived", &[(100, 10, 0), (100, 10, 1), (100, 10, 0)]);
        assert_eq!(
            report.goals().map(|goal| goal.verdict())[3],
            Verdict::Missed
        );
    }

    #[test]
    fn without_ours_nothing_is_met() {
        let mut report = report();
        report.ours.runs = Err("no RKEEPALIVED_BIN".to_owned());
        assert!(
            report
                .goals()
                .iter()
                .all(|goal| goal.verdict() == Verdict::NotRun)
        );
        assert!(
            report
                .text()
                .contains("rkeepalived: not run: no RKEEPALIVED_BIN")
        );
    }
}
