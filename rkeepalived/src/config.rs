//! Reads the configuration from this host's files, for the pure room that understands it.

use std::io;
use std::path::Path;

use keepalived_conf::{Diagnostic, Loaded, Loader, Program, Severity, load};

use nix::unistd::{AccessFlags, Group, User};

use crate::journal::{Level, Line};
use crate::plan::Programs;
use crate::script;

/// This host's files, interfaces and users.
pub struct Host;

impl Loader for Host {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn has_interface(&self, name: &str) -> bool {
        nix::net::if_::if_nametoindex(name).is_ok()
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        let user = User::from_name(name).ok()??;
        Some((user.uid.as_raw(), user.gid.as_raw()))
    }

    fn group(&self, name: &str) -> Option<u32> {
        Some(Group::from_name(name).ok()??.gid.as_raw())
    }

    fn program(&self, name: &str) -> Program {
        let Some(path) = script::find(name).filter(|path| path.is_file()) else {
            return Program::Missing;
        };
        if nix::unistd::access(&path, AccessFlags::X_OK).is_err() {
            return Program::NotExecutable;
        }
        if script::lacks_interpreter(&path) {
            return Program::NoInterpreter;
        }
        script::fault(name).map_or(Program::Ready, Program::Insecure)
    }
}

impl Programs for Host {
    fn script_fault(&self, program: &str) -> Option<String> {
        script::fault(program)
    }
}

/// Reads the file and what it includes.
#[must_use]
pub fn read(path: &Path) -> Loaded {
    load(path, &Host)
}

/// The findings as log lines: one line each, since a log is read line by line. `keepalived -t` shows them
/// with the text they are about.
pub fn findings(loaded: &Loaded) -> impl Iterator<Item = Line> + '_ {
    loaded.diagnostics.iter().map(|diagnostic| Line::Finding {
        text: one_line(loaded, diagnostic),
        level: match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Info,
        },
    })
}

fn one_line(loaded: &Loaded, diagnostic: &Diagnostic) -> String {
    let rendered = loaded.render(diagnostic);
    let first = rendered.lines().next().unwrap_or_default();
    match &diagnostic.help {
        Some(help) => format!("{first} ({help})"),
        None => first.to_owned(),
    }
}
