//! Mail.

use std::num::NonZeroU16;
use std::time::Duration;

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::Code;
use crate::model::{MailHost, MailServer};
use crate::value::{address, number};

impl Lower<'_> {
    pub(super) fn mail_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "notification_email" => self.recipients(node),
            "notification_email_from" => {
                let from = self.expect_text(node, "emailfrom missing - ignoring");
                self.keep_some(from, |global| &mut global.mail.from);
            }
            "smtp_server" => self.mail_server(node),
            "smtp_helo_name" => {
                // keepalived behaviour: without a name nothing happens.
                let name = node.argument(0).map(|word| word.text.into_owned());
                self.keep_some(name, |global| &mut global.mail.helo);
            }
            "smtp_connect_timeout" => self.mail_timeout(node),
            "smtp_alert" => {
                let value = self.global_switch(node);
                self.keep_some(value, |global| &mut global.mail.alert);
            }
            "smtp_alert_vrrp" => {
                let value = self.global_switch(node);
                self.keep_some(value, |global| &mut global.mail.alert_vrrp);
            }
            "smtp_alert_checker" => {
                let value = self.global_switch(node);
                self.keep_some(value, |global| &mut global.mail.alert_checker);
            }
            "no_email_faults" => self.global.mail.faults = false,
            "no_checker_emails" => {
                let value = self.global_switch(node).map(|none| !none);
                self.keep(value, |global| &mut global.mail.real_servers);
            }
            _ => return false,
        }
        true
    }

    fn recipients(&mut self, block: Node<'_>) {
        let before = self.global.mail.to.len();
        for entry in block.entries() {
            let addresses = entry.into_iter().map(|word| word.text.into_owned());
            self.global.mail.to.extend(addresses);
        }
        if self.global.mail.to.len() == before {
            let help = "write one address, or more, on each line between its braces";
            let message = "Warning - empty notification_email block";
            self.warning(Code::InvalidValue, block.closing(), message, help);
        }
    }

    fn mail_server(&mut self, node: Node<'_>) {
        let Some(host) = self.require(node) else {
            return;
        };
        let port = node.argument(1);
        let shown = port
            .as_ref()
            .map_or("25".into(), |port| port.text.to_string());
        let message = format!("Invalid smtp server {} {shown}", host.text);
        let number = match &port {
            None => Some(25),
            Some(port) => {
                let found = number::unsigned(&port.text, 1..=65535);
                self.settle(node, port, found, |_| message.clone())
            }
        };
        let Some(port) = number
            .and_then(|port| u16::try_from(port).ok())
            .and_then(NonZeroU16::new)
        else {
            return;
        };
        let host = match address::ip(&host.text) {
            Some(address) => MailHost::Address(address),
            None if self.loader.resolves(&host.text) => MailHost::Name(host.text.into_owned()),
            None => {
                let help = format!(
                    "{}; a name must have an address when the file is read",
                    takes(node)
                );
                self.error_help(Code::InvalidAddress, host.span, message, help);
                return;
            }
        };
        self.global.mail.server = Some(MailServer { host, port });
    }

    fn mail_timeout(&mut self, node: Node<'_>) {
        let also =
            |text: &str| format!("smtp_connect_timeout '{text}' must be in [0, 4294] - ignoring");
        let Some(timeout) = self.whole_seconds(node, 4294, also) else {
            return;
        };
        if timeout.is_zero() {
            let span = node.argument(0).map_or(node.span(), |word| word.span);
            // keepalived's own typing mistake, by which people find the message.
            let message = "smtp_conect_timeout must be greater than 0, setting to 1";
            self.error_help(Code::InvalidNumber, span, message, takes(node));
        }
        self.global.mail.connect_timeout = timeout.max(Duration::from_secs(1));
    }
}
