//! The commands that are not the daemon: `check`, `fmt` and `clean`.
//!
//! What this is: their arguments and exit statuses. Must not know: a running daemon. `check` and `fmt` know no kernel either; they
//! run without privileges and off the host that a file is meant for. Enter at [`run`]. Tests: `tests/command.rs`.

mod away;
mod check;
mod clean;
mod explain;
mod fmt;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

/// Nothing above a note.
const CLEAN: u8 = 0;
/// Warnings, or with `fmt --diff` a file that is laid out otherwise.
const WARNINGS: u8 = 1;
/// Errors; a wrong command line.
const ERRORS: u8 = 2;
/// A file could not be read.
const UNREADABLE: u8 = 3;

#[derive(Parser)]
#[command(
    name = "rkeepalived",
    about = "Commands for keepalived.conf; without one, the daemon (see -h)"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is wrong with configuration files, and what may be
    ///
    /// Exit status: 0 nothing above a note, 1 warnings, 2 errors, 3 a file could not be read.
    Check(check::Check),
    /// Print a file in canonical layout, comments kept
    ///
    /// Exit status: 0 done, 1 with --diff if a file is laid out otherwise, 3 a file could not be read or written.
    Fmt(fmt::Fmt),
    /// Remove what a daemon that was killed left: virtual addresses and IPVS services of its configuration
    ///
    /// Takes the daemon's options, and needs its privileges. Does nothing while a daemon runs. For `ExecStopPost=`: where systemd says
    /// that the daemon failed, which is followed by a restart, the IPVS table stays, since the next daemon adopts it and no connection
    /// is lost; the addresses go. With -V and -I they stay, as the daemon leaves them then.
    ///
    /// Exit status: 0 nothing of it is left, 1 something is, or it cannot be told.
    Clean(clean::Clean),
}

/// The whole command line, of the daemon and of the commands: for manuals and completions.
#[must_use]
pub fn definition() -> clap::Command {
    crate::cli::Options::command()
        .name("rkeepalived")
        .subcommands(Arguments::command().get_subcommands().cloned())
}

/// Whether the first argument is a command of ours: keepalived takes options only.
#[must_use]
pub fn is_command(arguments: &[OsString]) -> bool {
    arguments
        .get(1)
        .is_some_and(|first| first == "check" || first == "fmt" || first == "clean")
}

/// Runs the command that the arguments name, the program's name first; answers the exit status.
#[must_use]
pub fn run(arguments: &[OsString]) -> u8 {
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ERRORS } else { CLEAN };
        }
    };
    match parsed.command {
        Command::Check(check) => check.run(),
        Command::Fmt(fmt) => fmt.run(),
        Command::Clean(clean) => clean.run(),
    }
}

/// Prints; a reader that went away (`| head`) is no fault.
fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

/// Says why a file cannot be had.
fn unreadable(path: &std::path::Path, error: &std::io::Error) -> u8 {
    eprintln!("{}: cannot be read: {error}", path.display());
    UNREADABLE
}

/// The files named, `-` for standard input, or the daemon's own.
fn files_or_default(files: &[PathBuf]) -> Vec<PathBuf> {
    let named = |path: &PathBuf| match path.as_os_str() == "-" {
        true => PathBuf::from("/dev/stdin"),
        false => path.clone(),
    };
    match files {
        [] => vec![PathBuf::from(crate::cli::DEFAULT_CONFIG)],
        files => files.iter().map(named).collect(),
    }
}
