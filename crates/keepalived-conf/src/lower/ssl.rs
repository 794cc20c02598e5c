//! `SSL`.

use crate::ast::Node;
use crate::diag::Code;
use crate::model::Ssl;

use super::{Lower, takes};

impl Lower<'_> {
    /// `before`: what an SSL block above this one said; this one takes its place.
    pub(super) fn ssl(&mut self, block: Node<'_>, before: Option<&Ssl>) -> Ssl {
        if before.is_some() {
            let message = "SSL context already specified - replacing";
            let help = "nothing of the block above is kept";
            self.error_help(Code::Duplicate, block.span(), message, help);
        }
        let mut ssl = Ssl::default();
        for node in block.body() {
            let (slot, what) = match node.name() {
                "password" => (&mut ssl.password, "password"),
                "ca" => (&mut ssl.authority, "cafile"),
                "certificate" => (&mut ssl.certificate, "certfile"),
                "key" => (&mut ssl.key, "keyfile"),
                _ => continue,
            };
            let Some(word) = node.argument(0) else {
                let message = format!("SSL {what} missing");
                self.error_help(Code::InvalidValue, node.span(), message, takes(node));
                continue;
            };
            if let Some(before) = slot {
                let hidden = matches!(node.name(), "password" | "key");
                let message = if hidden {
                    "Duplicate SSL - overwriting *** with ***".to_owned()
                } else {
                    format!("Duplicate SSL - overwriting {before} with {}", word.text)
                };
                self.error_help(Code::Duplicate, word.span, message, "the last one counts");
            }
            *slot = Some(word.text.into_owned());
        }
        ssl
    }
}
