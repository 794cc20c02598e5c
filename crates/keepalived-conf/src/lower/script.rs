//! Scripts: their words, who runs them, and whether the host has them.
//!
//! keepalived behaviour: a script runs as the `user` of its block, else as `script_user`, else as keepalived_script where
//! the host has that user, else as root; with `enable_script_security` never as root unless that was said. A script without
//! a user is removed.

use std::collections::HashMap;
use std::fmt;

use super::Lower;
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::model::{Script, ScriptUser};
use crate::source::Program;
use crate::span::Span;
use crate::value::script;

/// Who runs a script where nothing else is said, if the host has that user.
const DEFAULT_USER: &str = "keepalived_script";

/// Which part of the daemon runs a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    Vrrp,
    Checker,
    /// At its start and its end.
    Parent,
}

impl Runner {
    const ALL: [Self; 3] = [Self::Parent, Self::Checker, Self::Vrrp];

    pub(super) fn of(node: Node<'_>) -> Self {
        match (node.keyword.block, node.name()) {
            ("global_defs", "startup_script" | "shutdown_script") => Self::Parent,
            ("global_defs", "lvs_notify_fifo_script") => Self::Checker,
            (block, _) if block.starts_with("virtual_server") => Self::Checker,
            _ => Self::Vrrp,
        }
    }

    /// keepalived's words for its scripts.
    fn scripts(self) -> &'static str {
        match self {
            Self::Vrrp => "scripts",
            Self::Checker => "check scripts",
            Self::Parent => "start/shutdown scripts",
        }
    }
}

/// What is known of scripts so far.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    /// `script_user`.
    default: DefaultUser,
    /// It has been said that there is no default user.
    said: bool,
    /// What the host has, by name: a large table of servers names the same few again and again.
    programs: HashMap<String, Program>,
    /// The scripts that the host has: who runs them, where they stand, and whether somebody else could change them.
    found: Vec<(Runner, Span, bool)>,
}

impl Scripts {
    /// How many there are so far.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Those since then belong to a block that was dropped, and will not run.
    pub(super) fn forget(&mut self, since: usize) {
        self.found.truncate(since);
    }
}

#[derive(Debug, Default)]
enum DefaultUser {
    #[default]
    Unsaid,
    /// keepalived behaviour: one `script_user` that the host does not have spoils all others.
    Wrong,
    Said(ScriptUser),
}

/// Who is to run the script of a block that may say so.
#[derive(Debug, Default)]
pub(super) enum RunAs {
    /// Nobody was named.
    #[default]
    Default,
    /// Somebody was named whom the host does not have.
    Nobody,
    /// That one.
    User(ScriptUser),
}

impl Lower<'_> {
    /// A script that can be given once: `SCRIPT [USER [GROUP]]`. `owner` is whose it is.
    pub(super) fn script_once(
        &mut self,
        node: Node<'_>,
        slot: &mut Option<Box<Script>>,
        owner: impl fmt::Display,
    ) {
        let Some(first) = self.require(node) else {
            return;
        };
        let Some(script) = self.owned_script(node) else {
            // keepalived behaviour: such a script is left out in silence.
            if node.argument(1).is_some() && self.owner(node).is_none() {
                let last = node
                    .words()
                    .next_back()
                    .map_or(first.span, |word| word.span);
                let message = "the words after the script are its user and group, which this host does not have: it is \
                               not run, and keepalived says nothing of it";
                let help = "put a script and its arguments between double quotes";
                let note = Diagnostic::note(Code::ScriptUser, first.span.to(last), message);
                self.sink.push(note.help(help));
            }
            return;
        };
        self.look_at_script(Runner::of(node), &script, first.span);
        if slot.is_some() {
            let message = format!(
                "({owner}) {} script already specified - ignoring {}",
                node.name(),
                script.argv.join(" ")
            );
            self.error(Code::Duplicate, node.span(), message);
        } else {
            *slot = Some(Box::new(script));
        }
    }

    /// The words of the script that must follow the keyword, at least one, and where they stand.
    pub(super) fn script_words(&mut self, node: Node<'_>) -> Option<(Vec<String>, Span)> {
        let first = self.require(node)?.span;
        let last = node.words().next_back().map_or(first, |word| word.span);
        let span = first.to(last);
        let text = self.sources.text(span);
        match script::argv(text) {
            Ok(argv) if argv.is_empty() => None,
            Ok(argv) => Some((argv, span)),
            Err(quote) => {
                let text = String::from_utf8_lossy(text);
                let inside = text.strip_prefix('"').unwrap_or(&text);
                let inside = inside.strip_suffix('"').unwrap_or(inside);
                let message = format!("String '{inside}': missing terminating {quote}");
                let help = format!("close it with {quote}; the script is not run");
                self.error_help(Code::UnterminatedQuote, span, message, help);
                None
            }
        }
    }

    /// A script and who runs it, for a block that may have said so; `removed` is said where nobody can.
    ///
    /// Call it at the end of the block, where keepalived comes to know.
    pub(super) fn script_of_block(
        &mut self,
        block: Node<'_>,
        argv: Vec<String>,
        run_as: RunAs,
        removed: impl FnOnce(&str) -> String,
    ) -> Option<Script> {
        let user = match run_as {
            RunAs::User(user) => Some(user),
            RunAs::Nobody => return None,
            RunAs::Default => match self.default_user(block.closing()) {
                Ok(user) => user,
                Err(NoDefaultUser) => {
                    let message = removed(&quoted(&argv));
                    let help = "say `script_user USER` in global_defs, or `user USER` here; or create the user keepalived_script";
                    self.error_help(Code::ScriptUser, block.closing(), message, help);
                    return None;
                }
            },
        };
        Some(Script { argv, user })
    }

    /// Who runs a script where its block does not say; `None` is whoever runs the daemon, which is root.
    pub(super) fn default_user(&mut self, span: Span) -> Result<Option<ScriptUser>, NoDefaultUser> {
        match &self.scripts.default {
            DefaultUser::Said(user) => return Ok(Some(user.clone())),
            DefaultUser::Wrong => return Err(NoDefaultUser),
            DefaultUser::Unsaid => {}
        }
        if let Some((uid, gid)) = self.loader.user(DEFAULT_USER) {
            return Ok(Some(ScriptUser {
                user: DEFAULT_USER.to_owned(),
                group: None,
                uid,
                gid,
            }));
        }
        if !self.global.enable_script_security {
            return Ok(None);
        }
        if !self.scripts.said {
            self.scripts.said = true;
            let message = format!("Unable to set default user {DEFAULT_USER} for script");
            let help = "with enable_script_security a script is not run as root unless `script_user root` says so; \
                        until there is a user, scripts are removed";
            self.error_help(Code::ScriptUser, span, message, help);
        }
        Err(NoDefaultUser)
    }

    /// `script_user USER [GROUP]`.
    pub(super) fn script_user(&mut self, node: Node<'_>) {
        let Some(user) = self.user(node, |_| "Error setting global script uid/gid".to_owned())
        else {
            return;
        };
        let spoilt = matches!(self.scripts.default, DefaultUser::Wrong);
        if spoilt && matches!(user, RunAs::User(_)) {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            let message = "Error setting global script uid/gid";
            let help = "a script_user before it does not exist, and that one counts: take it out";
            self.error_help(Code::ScriptUser, span, message, help);
        }
        self.scripts.default = match user {
            RunAs::User(user) if !spoilt => {
                self.global.script_user = Some(user.clone());
                DefaultUser::Said(user)
            }
            _ => {
                self.global.script_user = None;
                DefaultUser::Wrong
            }
        };
    }

    /// `USER [GROUP]` of the host; `complaint` of the word that is neither.
    pub(super) fn user(
        &mut self,
        node: Node<'_>,
        complaint: impl FnOnce(&str) -> String,
    ) -> Option<RunAs> {
        let name = self.require(node)?;
        let group = node.argument(1);
        let found = self.loader.user(&name.text);
        let gid = match (&group, found) {
            (Some(group), Some(_)) => self.loader.group(&group.text),
            (_, found) => found.map(|(_, gid)| gid),
        };
        let (Some((uid, _)), Some(gid)) = (found, gid) else {
            let (what, word): (_, &Word<'_>) = match (&group, found) {
                (Some(group), Some(_)) => ("group", group),
                _ => ("user", &name),
            };
            let help = format!(
                "this host has no {what} `{}`; scripts without a user are not run",
                word.text
            );
            self.error_help(Code::ScriptUser, word.span, complaint(&word.text), help);
            return Some(RunAs::Nobody);
        };
        Some(RunAs::User(ScriptUser {
            user: name.text.into_owned(),
            group: group.map(|word| word.text.into_owned()),
            uid,
            gid,
        }))
    }

    /// What the host has by the name of the script.
    pub(super) fn program_of(&mut self, script: &Script) -> Program {
        let name = script.argv.first().map_or("", String::as_str);
        if let Some(known) = self.scripts.programs.get(name) {
            return known.clone();
        }
        let found = self.loader.program(name);
        self.scripts.programs.insert(name.to_owned(), found.clone());
        found
    }

    /// Notes a script that will be run, and what is wrong with it.
    pub(super) fn look_at_script(&mut self, runner: Runner, script: &Script, span: Span) {
        let name = script.argv.first().map_or("", String::as_str);
        if opens_only(name) {
            return;
        }
        let (code, message, help) = match self.program_of(script) {
            Program::Ready => {
                self.scripts.found.push((runner, span, false));
                return;
            }
            Program::Missing => (
                Code::ScriptMissing,
                format!("Unable to access script `{name}`"),
                "the host has no such file: the script will not run".to_owned(),
            ),
            Program::NotExecutable => {
                self.scripts.found.push((runner, span, false));
                (
                    Code::ScriptMissing,
                    format!("WARNING - script '{name}' is not executable"),
                    format!("`chmod +x {name}`; until then it will not run"),
                )
            }
            Program::NoInterpreter => {
                self.scripts.found.push((runner, span, false));
                (
                    Code::ScriptMissing,
                    format!("Please add a #! shebang to script {name}"),
                    "its first line should name what reads it: `#!/bin/sh`".to_owned(),
                )
            }
            Program::Insecure(reason) => {
                let root = runs_as_root(script);
                self.scripts.found.push((runner, span, root));
                if !root {
                    return;
                }
                let disabled = match self.global.enable_script_security {
                    true => " - disabling",
                    false => "",
                };
                (
                    Code::ScriptUnsafe,
                    format!("Unsafe permissions found for script '{name}'{disabled}"),
                    reason,
                )
            }
        };
        self.sink
            .push(Diagnostic::note(code, span, message).help(help));
    }

    /// Once all is read: scripts that run although nobody asked for them to be safe. `vrrp`: whether VRRP comes so far.
    pub(super) fn script_security(&mut self, vrrp: bool) {
        if self.global.enable_script_security {
            return;
        }
        let before = self.sink.set_late(true);
        for runner in Runner::ALL {
            if runner == Runner::Vrrp && !vrrp {
                continue;
            }
            let mut found = self.scripts.found.iter().filter(|(by, ..)| *by == runner);
            let Some((_, span, _)) = found.clone().next() else {
                continue;
            };
            let span = *span;
            let insecure = match found.any(|(_, _, insecure)| *insecure) {
                true => " There are insecure scripts.",
                false => "",
            };
            let message = format!(
                "SECURITY VIOLATION - {} are being executed but script_security not enabled.{insecure}",
                runner.scripts()
            );
            let help =
                "put `enable_script_security` into global_defs, and `script_user USER` before it";
            self.warning(Code::ScriptSecurity, span, message, help);
        }
        self.sink.set_late(before);
    }
}

/// There is nobody to run a script.
pub(super) struct NoDefaultUser;

/// What root runs, somebody else must not be able to change.
pub(super) fn runs_as_root(script: &Script) -> bool {
    script
        .user
        .as_ref()
        .is_none_or(|user| user.uid == 0 || user.gid == 0)
}

/// keepalived behaviour: `</dev/tcp/HOST/PORT` executes nothing, it is only opened; the rules for scripts do not count.
pub(super) fn opens_only(program: &str) -> bool {
    program.starts_with("</")
}

/// The words as keepalived prints them.
pub(super) fn quoted(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
}
