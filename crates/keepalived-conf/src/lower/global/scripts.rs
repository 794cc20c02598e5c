//! Who runs scripts, and those that run before and after everything else.

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::model::{Hooks, Script, ScriptUser};
use crate::source::Program;
use crate::value::script;

/// The user that runs scripts where nobody is named, if the host has it.
const DEFAULT_USER: &str = "keepalived_script";

impl Lower<'_> {
    pub(super) fn script_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "enable_script_security" => self.global.enable_script_security = true,
            "script_user" => self.global.script_user = self.user(node),
            "use_symlink_paths" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.use_symlink_paths);
            }
            "startup_script" => self.hook(node, "startup", |hooks| &mut hooks.startup),
            "shutdown_script" => self.hook(node, "shutdown", |hooks| &mut hooks.shutdown),
            "startup_script_timeout" | "shutdown_script_timeout" => self.hook_timeout(node),
            _ => return false,
        }
        true
    }

    fn hook(&mut self, node: Node<'_>, when: &str, of: fn(&mut Hooks) -> &mut Option<Box<Script>>) {
        if of(&mut self.global.hooks).is_some() {
            self.again(node, format!("{when} script already specified"));
            return;
        }
        let Some(first) = self.expect(node, format!("{when} script missing")) else {
            return;
        };
        let found = self.owned_script(node);
        if found.is_none() {
            let message = format!("Invalid {when} script");
            let help = format!("{}; two words after it are its user and group", takes(node));
            self.error_help(Code::InvalidValue, first.span, message, help);
        }
        let Some(script) = found else { return };
        let program = script
            .argv
            .first()
            .map(|program| self.loader.program(program));
        if matches!(program, Some(Program::Ready | Program::Insecure(_))) {
            self.hook.get_or_insert(first.span);
        }
        *of(&mut self.global.hooks) = Some(Box::new(script));
    }

    /// keepalived comes to this last.
    pub(in crate::lower) fn hook_security(&mut self) {
        if let Some(span) = self.hook.filter(|_| !self.global.enable_script_security) {
            let message = "SECURITY VIOLATION - start/shutdown scripts are being executed but script_security not enabled.";
            let help = "put `enable_script_security` into global_defs";
            let before = self.sink.set_late(true);
            self.warning(Code::ScriptSecurity, span, message, help);
            self.sink.set_late(before);
        }
    }

    fn hook_timeout(&mut self, node: Node<'_>) {
        let name = node.name();
        let seconds = self
            .expect(node, format!("{name} requires value"))
            .and_then(|word| {
                self.unsigned(node, &word, 1..=1000, |text| {
                    format!("{name} '{text}' must be in [1, 1000] - ignoring")
                })
            });
        let timeout = seconds.map(|seconds| std::time::Duration::from_secs(u64::from(seconds)));
        self.keep(timeout, |global| match name {
            "startup_script_timeout" => &mut global.hooks.startup_timeout,
            _ => &mut global.hooks.shutdown_timeout,
        });
    }

    /// `SCRIPT [USER [GROUP]]`, the script as one word; whatever is wrong with it has been said if there is none.
    pub(super) fn owned_script(&mut self, node: Node<'_>) -> Option<Script> {
        let argv = self.command(node)?;
        if argv.first().is_none_or(String::is_empty) {
            return None;
        }
        let Some(user) = node.argument(1) else {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            return self.default_script_user(span).then(|| Script {
                argv,
                user: self.global.script_user.clone(),
            });
        };
        let group = node.argument(2);
        let known = self.loader.user(&user.text).is_some()
            && group
                .as_ref()
                .is_none_or(|group| self.loader.group(&group.text).is_some());
        known.then(|| Script {
            argv,
            user: Some(ScriptUser {
                user: user.text.into_owned(),
                group: group.map(|group| group.text.into_owned()),
            }),
        })
    }

    /// The words of a command that stands in one word.
    pub(super) fn command(&mut self, node: Node<'_>) -> Option<Vec<String>> {
        let word = node.argument(0)?;
        let argv = script::argv(self.sources.text(word.span));
        if argv.is_none() {
            let message = format!("String '{}': missing terminating '", word.text);
            self.error(Code::UnterminatedQuote, word.span, message);
        }
        argv
    }

    /// Whether there is somebody to run a script that names nobody.
    pub(super) fn default_script_user(&mut self, span: crate::span::Span) -> bool {
        let there = self.global.script_user.is_some()
            || !self.global.enable_script_security
            || self.loader.user(DEFAULT_USER).is_some();
        if !there {
            let message = format!("Unable to set default user {DEFAULT_USER} for script");
            let help = "put `script_user USER` above, or make that user";
            self.error_help(Code::InvalidValue, span, message, help);
        }
        there
    }
}
