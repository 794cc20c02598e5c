//! A script of the user's: what is executed, and as whom.

use std::fmt;
use std::sync::Arc;

use checkers::command::{self, Group};
use tokio::process::Child;

use crate::journal::{Line, write};

/// A program with its arguments; run directly, by no shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments, at least the program.
    pub argv: Vec<String>,
    /// User and group ids to run as; our own without.
    pub user: Option<(u32, u32)>,
}

/// As keepalived's dumps show it: `'/bin/script' 'argument'`.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.argv.iter().enumerate() {
            let space = if place > 0 { " " } else { "" };
            write!(f, "{space}'{word}'")?;
        }
        Ok(())
    }
}

impl Script {
    /// Begins to run it, for whoever `lane` is told. That it cannot be run is in the log, with the remedy.
    #[must_use]
    pub fn start(self: &Arc<Script>, lane: &str) -> Option<(Child, Group)> {
        let started = command::start(&self.argv, self.user);
        if let Err(error) = &started {
            write(&Line::ScriptNotRun {
                remedy: self.remedy(error),
                reason: error.to_string(),
                lane: lane.to_owned(),
                script: self.clone(),
            });
        }
        started.ok()
    }

    /// What can be done when it could not be executed.
    #[must_use]
    pub fn remedy(&self, error: &std::io::Error) -> String {
        use std::io::ErrorKind;
        let program = self.argv.first().map_or("", String::as_str);
        match error.kind() {
            ErrorKind::NotFound => {
                format!("there is no {program}, or what its #! line names is not there")
            }
            ErrorKind::PermissionDenied => match self.user {
                Some((user, group)) => format!(
                    "`chmod +x {program}`, and let user {user}, group {group} into its folders"
                ),
                None => format!("`chmod +x {program}`"),
            },
            _ => format!("try `{program}` by hand"),
        }
    }
}
