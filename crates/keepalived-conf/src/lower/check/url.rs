//! `url` of `HTTP_GET` and `SSL_GET`.

use std::ops::RangeInclusive;

use super::regex::RegexDraft;
use crate::ast::Node;
use crate::diag::{Code, Diagnostic};
use crate::lower::{Lower, takes};
use crate::model::Url;
use crate::value::{digest, number};

/// What is asked of TLS.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tls {
    pub compliant: bool,
    pub verify: bool,
}

impl Lower<'_> {
    /// `virtualhost` and `tls` are those of the check.
    pub(super) fn url(
        &mut self,
        block: Node<'_>,
        virtualhost: Option<&str>,
        mut tls: Tls,
    ) -> Option<Url> {
        let (mut path, mut digest, mut status) = (None, None, Vec::new());
        let mut host: Option<String> = None;
        let mut regex = RegexDraft::default();
        for node in block.body() {
            match node.name() {
                "path" => self.url_path(node, &mut path),
                "digest" => self.url_digest(node, &mut digest),
                "status_code" => self.status_codes(node, &mut status),
                "virtualhost" => self.url_virtualhost(node, &mut host),
                "tls_compliant" => self.switch(node, &mut tls.compliant),
                "tls_verify" => self.switch(node, &mut tls.verify),
                _ => self.regex_line(node, &mut regex),
            }
        }
        let regex = self.page_regex(regex);
        let Some(path) = path else {
            let message = "HTTP/SSL_GET checker url has no path - ignoring";
            self.error_help(
                Code::IncompleteCheck,
                block.closing(),
                message,
                "write `path /`",
            );
            return None;
        };
        Some(Url {
            path,
            digest,
            status,
            virtualhost: host.or_else(|| virtualhost.map(str::to_owned)),
            regex,
            tls_compliant: tls.compliant,
            tls_verify: tls.verify,
        })
    }

    fn url_path(&mut self, node: Node<'_>, path: &mut Option<String>) {
        let Some(word) = self.require(node) else {
            return;
        };
        if let Some(old) = path.replace(word.text.to_string()) {
            let message = format!("Duplicate path - overwriting {old} with {}", word.text);
            let help = "a `url` is one page: write another `url` block";
            self.error_help(Code::Duplicate, word.span, message, help);
        }
    }

    fn url_digest(&mut self, node: Node<'_>, known: &mut Option<[u8; 16]>) {
        let Some(word) = self.require(node) else {
            return;
        };
        let text = &word.text;
        if known.is_some() {
            let message = format!("Digest '{text}' is a duplicate");
            self.error_help(Code::Duplicate, word.span, message, "the first one holds");
            return;
        }
        match digest::md5(text) {
            Ok(digest) => *known = Some(digest),
            Err(error) => {
                let help =
                    "the 32 hexadecimal digits that `genhash -s HOST -p PORT -u PATH` prints";
                self.error_help(Code::InvalidValue, word.span, error.say(text), help);
            }
        }
    }

    fn status_codes(&mut self, node: Node<'_>, status: &mut Vec<RangeInclusive<u16>>) {
        for word in node.arguments() {
            if let Some(range) = number::status_range(&word.text) {
                status.push(range);
                continue;
            }
            // A line may have hundreds.
            self.sink.push_with(Code::InvalidNumber, word.span, || {
                let message = format!("Invalid HTTP_GET status code '{}'", word.text);
                Diagnostic::error(Code::InvalidNumber, word.span, message).help(takes(node))
            });
        }
    }

    fn url_virtualhost(&mut self, node: Node<'_>, host: &mut Option<String>) {
        let Some(word) = node.argument(0) else {
            let message = "Missing HTTP_GET virtualhost name";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        };
        if let Some(old) = host.replace(word.text.to_string()) {
            let text = &word.text;
            let message = format!("Duplicate url virtualhost - overwriting {old} with {text}");
            let help = "a page is asked for by one name: write another `url` block";
            self.error_help(Code::Duplicate, word.span, message, help);
        }
    }
}
