//! `authentication`: VRRPv2's passwords, and what becomes of them beside versions and modes that have none.

use super::Draft;
use super::auth_hmac::HmacDraft;
use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::model::{Authentication, InitialState, SimplePassword};
use crate::span::Span;

/// What was said of authentication.
#[derive(Debug, Default)]
pub(super) struct AuthenticationDraft {
    kind: Option<(Kind, Span)>,
    password: Option<SimplePassword>,
    pub hmac: Option<HmacDraft>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pass,
    Ah,
}

impl Lower<'_> {
    pub(super) fn authentication(&mut self, block: Node<'_>, draft: &mut Draft) {
        for node in block.body() {
            let Some(word) = self.require(node) else {
                continue;
            };
            match (node.name(), &*word.text) {
                ("auth_type", "PASS") => draft.auth.kind = Some((Kind::Pass, word.span)),
                ("auth_type", "AH") => draft.auth.kind = Some((Kind::Ah, word.span)),
                ("auth_type", other) => {
                    let message = format!("({}) unknown authentication type '{other}'", draft.name);
                    let help = "PASS or AH, in capitals";
                    self.error_help(Code::Authentication, word.span, message, help);
                }
                ("auth_pass", password) => {
                    let bytes = password.as_bytes();
                    if bytes.len() > 8 {
                        let help = "VRRPv2 carries 8 bytes: only the first 8 count, here and on every other router";
                        let message = "Truncating auth_pass to 8 characters";
                        self.warning(Code::PasswordTruncated, word.span, message, help);
                    }
                    let mut padded = [0; 8];
                    padded
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(to, from)| *to = *from);
                    draft.auth.password = Some(SimplePassword(padded));
                }
                _ => {}
            }
        }
    }

    /// What adverts carry in the end. AH needs to have heard the others' sequence numbers, so it never begins as MASTER.
    pub(super) fn completed_auth(
        &mut self,
        draft: &mut Draft,
        version: u8,
        strict: bool,
        state: &mut InitialState,
    ) -> Authentication {
        if let Some(hmac) = draft.auth.hmac.take()
            && let Some(hmac) = self.completed_hmac(hmac, draft, strict)
        {
            if let Some((_, span)) = draft.auth.kind {
                let message = format!(
                    "({}) auth_hmac takes the place of this authentication",
                    draft.name
                );
                let help = "take the `authentication` block out when every router has the key";
                self.note(Code::Authentication, span, message, help);
            }
            return Authentication::Hmac(hmac);
        }
        let name = &draft.name;
        let Some((kind, span)) = draft.auth.kind else {
            return Authentication::None;
        };
        if strict {
            let message =
                format!("({name}) Strict mode does not support authentication. Ignoring.");
            let help = "RFC 3768 took authentication out; take the block out, or strict mode";
            self.warning(Code::Authentication, span, message, help);
            return Authentication::None;
        }
        if version == 3 {
            let message =
                format!("({name}) VRRP version 3 does not support authentication. Ignoring.");
            let help = "VRRPv3 has none; take the block out";
            self.warning(Code::Authentication, span, message, help);
            return Authentication::None;
        }
        let Some(password) = draft.auth.password else {
            let message =
                format!("({name}) Authentication specified but no password given. Ignoring");
            self.error(Code::Authentication, span, message);
            return Authentication::None;
        };
        if kind == Kind::Pass {
            return Authentication::Simple(password);
        }
        if *state == InitialState::Master {
            let message = format!(
                "({name}) Initial state master is incompatible with AH authentication - clearing"
            );
            let span = draft.state.map_or(span, |(_, span)| span);
            let help = "write `state BACKUP`; the priority decides";
            self.error_help(Code::Authentication, span, message, help);
            *state = InitialState::Backup;
        }
        Authentication::Ah(password)
    }
}
