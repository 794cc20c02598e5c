//! Targets: what was seen beside what may be, and the sheet of figures that they stand under.

use std::fmt::Write;

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Missed,
    NotRun,
}

/// One ratio, or count, with what it may be at most.
#[derive(Clone, Debug)]
pub struct Goal {
    pub what: String,
    pub seen: Option<f64>,
    pub target: f64,
}

/// Goals for the terminal.
pub fn goals_text(goals: &[Goal]) -> String {
    let mut text = String::new();
    for goal in goals {
        let (seen, target) = goal.words();
        let _ = writeln!(
            text,
            "{:<38} {seen:>7}  at most {target:<5} {}",
            goal.what,
            goal.verdict().word()
        );
    }
    text
}

/// Goals for the documentation.
pub fn goals_markdown(goals: &[Goal]) -> String {
    let mut text = String::from("\n| ratio | seen | at most | |\n|---|---:|---:|---|\n");
    for goal in goals {
        let (seen, target) = goal.words();
        let _ = writeln!(
            text,
            "| {} | {seen} | {target} | {} |",
            goal.what,
            goal.verdict().word()
        );
    }
    text
}

/// Bytes for people.
pub fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

impl Goal {
    /// What came of it.
    pub fn verdict(&self) -> Verdict {
        match self.seen {
            None => Verdict::NotRun,
            Some(seen) if seen <= self.target => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

impl Goal {
    /// What was seen and what may be, for people.
    pub fn words(&self) -> (String, String) {
        let whole = self.target == 0.0;
        let number = |value: f64| {
            if whole {
                format!("{value:.0}")
            } else {
                format!("{value:.3}")
            }
        };
        let target = if whole {
            "0".to_owned()
        } else {
            self.target.to_string()
        };
        (self.seen.map_or_else(|| "-".to_owned(), number), target)
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::NotRun => "not run",
        }
    }
}

/// Figures in rows and columns, and what is wanted of them.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// What stands above each column; the first is that of the rows' names.
    pub head: Vec<String>,
    /// The rows, with as many cells.
    pub rows: Vec<Vec<String>>,
    /// The targets.
    pub goals: Vec<Goal>,
    /// What could not be measured, and why.
    pub missing: Vec<String>,
}

impl Sheet {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            for (at, cell) in row.iter().enumerate() {
                let _ = match at {
                    0 => write!(text, "{cell:<30}"),
                    _ => write!(text, " {cell:>16}"),
                };
            }
            text.push('\n');
        }
        for line in &self.missing {
            let _ = writeln!(text, "not run: {line}");
        }
        if !self.goals.is_empty() {
            text.push('\n');
            text.push_str(&goals_text(&self.goals));
        }
        text
    }

    /// For the documentation.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.head);
        text.push_str("|---|");
        text.push_str(&"---:|".repeat(self.head.len().saturating_sub(1)));
        text.push('\n');
        text.extend(self.rows.iter().map(|row| line(row)));
        for reason in &self.missing {
            let _ = writeln!(text, "\nNot run: {reason}");
        }
        if !self.goals.is_empty() {
            text.push_str(&goals_markdown(&self.goals));
        }
        text
    }
}

/// The middle one of some values; the upper of two.
pub fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut all: Vec<T> = values.into_iter().collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_a_table_with_its_targets() {
        let sheet = Sheet {
            head: ["", "load"].map(str::to_owned).into(),
            rows: vec![["ours", "1.000 s"].map(str::to_owned).into()],
            goals: vec![Goal {
                what: "load".into(),
                seen: Some(0.5),
                target: 0.4,
            }],
            missing: vec!["theirs: there is none".into()],
        };
        assert_eq!(
            sheet.markdown(),
            "|  | load |\n|---|---:|\n| ours | 1.000 s |\n\nNot run: theirs: there is none\n\n\
             | ratio | seen | at most | |\n|---|---:|---:|---|\n| load | 0.500 | 0.4 | missed |\n"
        );
        assert!(sheet.text().contains("not run: theirs"));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([3, 1, 2]), Some(2));
        assert_eq!(median::<u8>([]), None);
    }
}
