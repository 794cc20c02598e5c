//! `rkeepalived check`: every finding, for people, editors and pipelines.

use std::path::{Path, PathBuf};

use clap::Args;
use keepalived_conf::{Code, Diagnostic, Loaded, Position, Severity, examine};
use serde::Serialize;

use super::away::Away;
use super::explain::explain;
use super::{CLEAN, ERRORS, UNREADABLE, WARNINGS, files_or_default, print};

#[derive(Args)]
pub struct Check {
    /// One JSON object with all findings; lines and columns count from 1, columns in bytes, `end_column` is the one after the last
    #[arg(long)]
    json: bool,
    /// Which `@ID` lines to use [default: the node name]
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
    /// Hold the interfaces, users and scripts of this host against the files too
    #[arg(long)]
    here: bool,
    /// Tell more about a code, as `unknown-keyword`; without one, list them all
    #[arg(long, value_name = "CODE", num_args = 0..=1)]
    explain: Option<Option<String>>,
    /// The files, each a configuration of its own, `-` for standard input [default: /etc/keepalived/keepalived.conf]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report<'r> {
    findings: Vec<Finding<'r>>,
}

/// Lines and columns count from 1, columns in bytes; `end_column` is the one after the last.
#[derive(Serialize)]
struct Finding<'r> {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    severity: &'static str,
    code: String,
    message: &'r str,
    help: Option<&'r str>,
}

impl Check {
    pub fn run(&self) -> u8 {
        if let Some(code) = &self.explain {
            return explain(code.as_deref());
        }
        let files = files_or_default(&self.files);
        let away = Away::new(self.config_id.as_deref(), self.here);
        let loaded: Vec<(PathBuf, Loaded)> = files
            .into_iter()
            .map(|path| {
                let loaded = examine(&path, &away);
                (path, loaded)
            })
            .collect();
        let text = match self.json {
            true => json(&loaded),
            false => loaded
                .iter()
                .flat_map(|(_, loaded)| rendered(loaded))
                .collect(),
        };
        print(text.as_bytes());
        loaded
            .iter()
            .map(|(_, loaded)| status(loaded))
            .max()
            .unwrap_or(CLEAN)
    }
}

fn rendered(loaded: &Loaded) -> impl Iterator<Item = String> {
    let lines = |diagnostic| loaded.render(diagnostic).trim_end().to_owned() + "\n";
    loaded.diagnostics.iter().map(lines)
}

fn status(loaded: &Loaded) -> u8 {
    let missing = |diagnostic: &Diagnostic| diagnostic.code == Code::FileMissing;
    if loaded.diagnostics.iter().any(missing) {
        return UNREADABLE;
    }
    // Of a million findings not all are kept, but all count.
    match loaded.worst() {
        None | Some(Severity::Note) => CLEAN,
        Some(Severity::Warning) => WARNINGS,
        Some(Severity::Error) => ERRORS,
    }
}

fn json(loaded: &[(PathBuf, Loaded)]) -> String {
    let findings = loaded.iter().flat_map(|(path, loaded)| {
        let finding = |diagnostic| finding(path, loaded, diagnostic);
        loaded.diagnostics.iter().map(finding)
    });
    let report = Report {
        findings: findings.collect(),
    };
    // Strings and numbers alone: nothing of it can fail to be JSON.
    serde_json::to_string(&report).unwrap_or_default() + "\n"
}

fn finding<'r>(path: &Path, loaded: &Loaded, diagnostic: &'r Diagnostic) -> Finding<'r> {
    // A file that could not be read has no lines; its first one is where an editor goes.
    let position = loaded.position(diagnostic).unwrap_or(Position {
        file: path,
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 1,
    });
    Finding {
        file: position.file.display().to_string(),
        line: position.line,
        column: position.column,
        end_line: position.end_line,
        end_column: match loaded.is_hidden(diagnostic) {
            true => position.column + 3,
            false => position.end_column,
        },
        severity: match diagnostic.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        code: diagnostic.code.to_string(),
        message: &diagnostic.message,
        help: diagnostic.help.as_deref(),
    }
}
