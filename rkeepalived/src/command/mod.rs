//! The commands that are not the daemon: those that look at files, and those that talk to a running daemon.
//!
//! What this is: their arguments, what they print, and exit statuses. `check` and `fmt` know neither kernel nor daemon; they
//! run without privileges and off the host that a file is meant for. `clean` runs where no daemon does. All others ask the daemon
//! over its sockets (`remote`). Enter at [`run`]. Tests: `tests/command.rs`, `tests/control.rs`, the stories `control/..`.

mod away;
mod check;
mod clean;
mod doctor;
mod explain;
mod fmt;
mod look;
mod remote;
mod steer;
mod watch;

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
    /// Show the running daemon: instances, servers, checks, connections and rates
    ///
    /// Exit status: 0 shown, 1 the daemon refused or failed, 3 it cannot be reached.
    Status(look::Status),
    /// Show the same as a live table
    ///
    /// Exit status: as for status.
    Watch(watch::Watch),
    /// Show what happened, in order: changes of state, failures, reloads
    ///
    /// Exit status: as for status.
    Events(look::Events),
    /// Read the configuration again, wait, and print what changed or why nothing did
    ///
    /// Exit status: 0 done, 1 abandoned or refused, 3 the daemon cannot be reached.
    Reload(steer::Reload),
    /// Print what a reload with this file would change in kernel, addresses and checks; nothing is touched
    ///
    /// Exit status: 0 nothing, 1 an error, 2 changes.
    Plan(steer::Plan),
    /// Send no new clients to a real server: weight 0 in the kernel at once. Outlives reloads, until enable
    ///
    /// Exit status: 0 done, 1 there is no such server, 2 time was up, 3 the daemon cannot be reached.
    Drain(steer::Drain),
    /// Take a real server out of the pool, as if a check had failed it. Outlives reloads, until enable
    ///
    /// Exit status: 0 done, 1 there is no such server, 3 the daemon cannot be reached.
    Disable(steer::Server),
    /// Give a real server back the weight that configuration and checks give
    ///
    /// Exit status: as for disable.
    Enable(steer::Server),
    /// Give a real server a weight. Outlives reloads, until enable
    ///
    /// Exit status: as for disable.
    Weight(steer::Weight),
    /// Give mastership of a VRRP instance away and stand back, or take it back
    ///
    /// Exit status: 0 done, 1 it cannot, or nobody took over, 2 time was up, 3 the daemon cannot be reached.
    Handover(steer::Handover),
    /// Set what is logged from now on
    ///
    /// Exit status: 0 done, 1 there is no such level, 3 the daemon cannot be reached.
    Log(steer::Log),
    /// Look for what on this host keeps the configuration from working: settings, modules, firewall, other daemons
    ///
    /// Changes nothing. Exit status: 0 nothing found, 1 the configuration cannot be read, 2 findings, each with its remedy.
    Doctor(doctor::Doctor),
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
        .and_then(|first| first.to_str())
        .is_some_and(|first| Arguments::command().find_subcommand(first).is_some())
}

/// Runs the command that the arguments name, the program's name first; answers the exit status.
#[must_use]
pub fn run(arguments: &[OsString]) -> u8 {
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = match error.use_stderr() && is_remote(arguments) {
                true => writeln!(std::io::stderr(), "{}", one_line(&error, arguments)),
                false => error.print(),
            };
            // Of `plan`, 2 is an answer.
            let plans = arguments.get(1).is_some_and(|first| first == "plan");
            return match error.use_stderr() {
                true if plans => remote::FAILED,
                true => ERRORS,
                false => CLEAN,
            };
        }
    };
    match parsed.command {
        Command::Check(check) => check.run(),
        Command::Fmt(fmt) => fmt.run(),
        Command::Clean(clean) => clean.run(),
        Command::Status(status) => status.run(),
        Command::Watch(watch) => watch.run(),
        Command::Events(events) => events.run(),
        Command::Reload(reload) => reload.run(),
        Command::Plan(plan) => plan.run(),
        Command::Drain(drain) => drain.run(),
        Command::Disable(server) => server.disable(),
        Command::Enable(server) => server.enable(),
        Command::Weight(weight) => weight.run(),
        Command::Handover(handover) => handover.run(),
        Command::Log(log) => log.run(),
        Command::Doctor(doctor) => doctor.run(),
    }
}

/// Whether the command talks to the daemon.
fn is_remote(arguments: &[OsString]) -> bool {
    let command = arguments.get(1).and_then(|first| first.to_str());
    !matches!(command, None | Some("check" | "fmt" | "clean"))
}

/// What is wrong with the command line, in one line.
fn one_line(error: &clap::Error, arguments: &[OsString]) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let said = lines.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let command = arguments.get(1).map(|first| first.to_string_lossy());
    let command = command.unwrap_or_default();
    format!("rkeepalived: {said}; `rkeepalived {command} --help` says how")
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
