//! `SMTP_CHECK`.

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::lower::check::{Draft, Place};
use crate::model::{Check, CheckKind, SmtpCheck};

/// What we call ourselves where nothing was said.
const HELO_NAME: &str = "smtpchecker.keepalived.org";

impl Lower<'_> {
    /// One check, or one for each `host` block: each of them must do.
    pub(super) fn smtp_check(
        &mut self,
        block: Node<'_>,
        place: &Place<'_>,
        checks: &mut Vec<Check>,
    ) {
        let mut draft = Draft::new(place);
        // keepalived behaviour: a `bindto` here is held against a `connect_ip` only.
        draft.says_where = false;
        let mut helo: Option<String> = None;
        let mut hosts = Vec::new();
        for node in block.body() {
            match node.name() {
                "helo_name" => self.helo_name(node, &mut helo),
                "host" => {
                    let mut host = Draft::new(place);
                    host.log_all_failures = draft.log_all_failures;
                    for line in node.body() {
                        self.shared(line, &mut host);
                    }
                    hosts.push((node, host));
                }
                _ => self.shared(node, &mut draft),
            }
        }
        let kind = || {
            CheckKind::Smtp(SmtpCheck {
                helo_name: helo.clone().unwrap_or_else(|| HELO_NAME.to_owned()),
            })
        };
        if hosts.is_empty() {
            let connect = &mut draft.connect;
            let to_ipv4 = connect.address.is_ipv4();
            // Such a `bindto` could never be used.
            connect.bind_address = connect
                .bind_address
                .filter(|from| from.is_ipv4() == to_ipv4);
            if self.connectable(block, &draft.connect) {
                checks.push(draft.check(kind(), place));
            }
            return;
        }
        for (node, mut host) in hosts {
            if !self.connectable(node, &host.connect) {
                continue;
            }
            // Its connection is its own, its times are those of the whole check where it says nothing.
            host.timing = host.timing.or(&draft.timing);
            checks.push(host.check(kind(), place));
        }
    }

    fn helo_name(&mut self, node: Node<'_>, helo: &mut Option<String>) {
        match node.argument(0) {
            None => {
                let help = "a host name; without the line it is smtpchecker.keepalived.org";
                let message = "SMTP_CHECK helo name missing";
                self.error_help(Code::InvalidValue, node.span(), message, help);
            }
            Some(word) if helo.is_some() => {
                let message = "SMTP_CHECK helo name already specified";
                self.error_help(Code::Duplicate, word.span, message, "the first one holds");
            }
            Some(word) => *helo = Some(word.text.into_owned()),
        }
    }
}
