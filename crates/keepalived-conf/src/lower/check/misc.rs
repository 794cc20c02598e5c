//! `MISC_CHECK`.

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::lower::check::{Draft, Place};
use crate::model::{Check, CheckKind, MiscCheck, Script};

impl Lower<'_> {
    pub(super) fn misc(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let mut draft = Draft::new(place);
        let (mut script, mut timeout, mut dynamic, mut user) = (None, None, false, None);
        for node in block.body() {
            match node.name() {
                // keepalived behaviour: without a word it is as if it were not there.
                "misc_path" if node.argument(0).is_some() => script = self.script(node).or(script),
                "misc_timeout" => {
                    let also = |text: &str| format!("Invalid misc_timeout value '{text}'");
                    timeout = self.whole_seconds(node, 4294, also).or(timeout);
                }
                "misc_dynamic" => dynamic = true,
                "user" if node.argument(0).is_none() => {
                    let message = format!(
                        "No user specified for misc checker script {}",
                        shown(&script)
                    );
                    self.error_help(
                        Code::InvalidValue,
                        node.span(),
                        message,
                        "write `user NAME`",
                    );
                }
                "user" => user = self.user(node).or(user),
                _ => self.shared(node, &mut draft),
            }
        }
        let Some(mut script) = script else {
            let message = "No script path has been specified for MISC_CHECKER - skipping";
            let help = "write `misc_path \"/path arguments\"`";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
            return None;
        };
        script.user = user.or(script.user);
        let misc = MiscCheck {
            script,
            timeout: timeout.unwrap_or(draft.delay_loop(place)),
            dynamic,
        };
        Some(draft.check(CheckKind::Misc(Box::new(misc)), place))
    }
}

/// A script as keepalived names it here, if there is one yet.
fn shown(script: &Option<Script>) -> String {
    let program = script.as_ref().and_then(|script| script.argv.first());
    program.map_or_else(String::new, |program| format!("'{program}'"))
}
