//! Who runs scripts, and those that run before and after everything else.

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::lower::script::Runner;
use crate::model::{Hooks, Script, ScriptUser};
use crate::value::script;

impl Lower<'_> {
    pub(super) fn script_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "enable_script_security" => self.global.enable_script_security = true,
            "script_user" => self.script_user(node),
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
        self.look_at_script(Runner::Parent, &script, first.span);
        *of(&mut self.global.hooks) = Some(Box::new(script));
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
    pub(in crate::lower) fn owned_script(&mut self, node: Node<'_>) -> Option<Script> {
        let argv = self.command(node)?;
        if argv.first().is_none_or(String::is_empty) {
            return None;
        }
        if node.argument(1).is_none() {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            let user = self.default_user(span).ok()?;
            return Some(Script { argv, user });
        }
        let user = Some(self.owner(node)?);
        Some(Script { argv, user })
    }

    /// The user and the group that stand after the first word, if the host has them.
    pub(in crate::lower) fn owner(&mut self, node: Node<'_>) -> Option<ScriptUser> {
        let user = node.argument(1)?.text.into_owned();
        let group = node.argument(2).map(|group| group.text.into_owned());
        let (uid, own) = self.loader.user(&user)?;
        let gid = match &group {
            Some(group) => self.loader.group(group)?,
            None => own,
        };
        Some(ScriptUser {
            user,
            group,
            uid,
            gid,
        })
    }

    /// The words of a command that stands in one word.
    pub(super) fn command(&mut self, node: Node<'_>) -> Option<Vec<String>> {
        let word = node.argument(0)?;
        match script::argv(self.sources.text(word.span)) {
            Ok(argv) => Some(argv),
            Err(quote) => {
                let message = format!("String '{}': missing terminating {quote}", word.text);
                self.error(Code::UnterminatedQuote, word.span, message);
                None
            }
        }
    }
}
