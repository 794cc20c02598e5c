//! `docs/man/rkeepalived.8` and the shells' completions follow the command line. `MANUALS=write` writes them anew.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use rkeepalived::command::definition;

const OPTIONS: &str = ".\\\" OPTIONS\n";
const COMMANDS: &str = ".\\\" COMMANDS\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn current(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("MANUALS").is_some_and(|what| what == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "{file} is stale: `cargo xtask manuals` writes it anew"
    );
}

#[test]
fn the_manual_of_the_daemon_is_up_to_date() {
    let part = std::fs::read_to_string(root().join("docs/man/parts/rkeepalived.8.roff")).unwrap();
    let mut daemon = definition();
    let commands: Vec<Command> = daemon.get_subcommands().cloned().collect();
    daemon.build();
    let page = part.replace(OPTIONS, &options(&daemon)).replace(
        COMMANDS,
        &commands.into_iter().map(command).collect::<String>(),
    );
    let page = format!(
        ".\\\" Made by `cargo xtask manuals` from docs/man/parts/rkeepalived.8.roff and the command line's definition.\n\
         .TH RKEEPALIVED 8 \"\" \"rkeepalived\" \"System Administration\"\n{page}"
    );
    current("docs/man/rkeepalived.8", &page);
}

/// Options and arguments, as clap describes them, without a heading.
fn options(command: &Command) -> String {
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render_options_section(&mut bytes)
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.lines()
        .filter(|line| {
            !line.starts_with(".SH ") && !line.starts_with(".ie ") && !line.starts_with(".el ")
        })
        .map(|line| line.replace("\\*(Aq", "\\(aq") + "\n")
        .collect()
}

/// A subsection: how it is called, what it does, its options.
fn command(command: Command) -> String {
    // Without `--help`, which each has.
    let mut command = command.disable_help_flag(true);
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    // Lines that belong together would be run together.
    let about = roff(&about).replace("\n\n", "\n.PP\n");
    let has_options = command.get_arguments().next().is_some();
    let options = match has_options {
        true => options(&command),
        false => String::new(),
    };
    format!(".SS rkeepalived {}\n{about}\n{options}", roff(usage))
}

/// As text of roff.
fn roff(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('`', "")
        .lines()
        .map(|line| match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_completions_are_up_to_date() {
    for (shell, file) in [
        (Shell::Bash, "rkeepalived.bash"),
        (Shell::Zsh, "_rkeepalived"),
        (Shell::Fish, "rkeepalived.fish"),
    ] {
        let mut bytes = Vec::new();
        clap_complete::generate(shell, &mut definition(), "rkeepalived", &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        current(&format!("packaging/completions/{file}"), &text);
    }
}
