//! `MISC_CHECK`.

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::lower::check::{Draft, Place};
use crate::lower::script::{RunAs, Runner, quoted};
use crate::model::{Check, CheckKind, MiscCheck};
use crate::span::Span;

impl Lower<'_> {
    pub(super) fn misc_check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let mut draft = Draft::new(place);
        let (mut command, mut timeout, mut dynamic) = (None, None, false);
        let mut run_as = RunAs::Default;
        for node in block.body() {
            match node.name() {
                // keepalived behaviour: without a word it is as if it were not there.
                "misc_path" if node.argument(0).is_some() => {
                    command = self.script_words(node).or(command);
                }
                "misc_timeout" => {
                    let also = |text: &str| format!("Invalid misc_timeout value '{text}'");
                    timeout = self.whole_seconds(node, 4294, also).or(timeout);
                }
                "misc_dynamic" => dynamic = true,
                "user" if node.argument(0).is_none() => {
                    let message = format!(
                        "No user specified for misc checker script {}",
                        shown(&command)
                    );
                    self.error_help(
                        Code::InvalidValue,
                        node.span(),
                        message,
                        "write `user NAME`",
                    );
                }
                "user" => {
                    let argv = shown(&command);
                    let user = self.user(node, |_| {
                        format!("Failed to set uid/gid for misc checker script {argv} - removing")
                    });
                    run_as = user.unwrap_or(run_as);
                }
                _ => self.shared(node, &mut draft),
            }
        }
        let Some((argv, span)) = command else {
            let message = "No script path has been specified for MISC_CHECKER - skipping";
            let help = "write `misc_path \"/path arguments\"`";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
            return None;
        };
        let script = self.script_of_block(block, argv, run_as, |argv| {
            format!("Unable to set default user for misc script {argv} - removing")
        })?;
        self.look_at_script(Runner::Checker, &script, span);
        let misc = MiscCheck {
            script,
            timeout: timeout.unwrap_or(draft.delay_loop(place)),
            dynamic,
        };
        Some(draft.check(CheckKind::Misc(Box::new(misc)), place))
    }
}

/// A script as keepalived names it here, if there is one yet.
fn shown(command: &Option<(Vec<String>, Span)>) -> String {
    let argv = command.as_ref().map(|(argv, _)| quoted(argv));
    argv.unwrap_or_default()
}
