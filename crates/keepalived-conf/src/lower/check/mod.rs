//! The checks of a real server: one file for each kind, `timing` and `connect` for what they share.
//!
//! Must not know: what else the real server has. Enter at [`Lower::checks`]. Tests: `tests/model.rs`, the fixtures of the
//! family `check`.

mod bfd;
mod connect;
mod dns;
mod file;
mod http;
mod misc;
mod regex;
mod smtp;
mod timing;
mod udp;
mod url;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) use self::timing::{Level, Timing};
use super::Lower;
use super::server_label::Label;
use crate::ast::Node;
use crate::model::{Check, CheckKind, Connect};

/// Where a check belongs.
pub(super) struct Place<'p> {
    pub address: SocketAddr,
    /// As keepalived names the real server.
    pub label: &'p Label<'p>,
    pub virtualhost: Option<&'p str>,
    /// `checker_log_all_failures`.
    pub log_all_failures: bool,
    /// The times of the real server, with those of the virtual server.
    pub timing: &'p Timing,
}

/// What all kinds of checks share, while the lines are read.
struct Draft {
    timing: Timing,
    log_all_failures: bool,
    connect: Connect,
    /// The address to connect to is settled enough that others must fit it.
    says_where: bool,
}

impl Draft {
    fn new(place: &Place<'_>) -> Self {
        Self {
            timing: Timing::default(),
            log_all_failures: place.log_all_failures,
            connect: connect::directly(place.address),
            says_where: true,
        }
    }

    fn delay_loop(&self, place: &Place<'_>) -> Duration {
        self.timing.or(place.timing).delay_loop()
    }

    fn check(self, kind: CheckKind, place: &Place<'_>) -> Check {
        let timing = self.timing.or(place.timing);
        let delay_loop = timing.delay_loop();
        let second = Duration::from_secs(1);
        let (retry, pause) = match &kind {
            CheckKind::Http(_) => (1, second * 3),
            CheckKind::Dns(_) => (3, delay_loop),
            CheckKind::Misc(_) => (0, second),
            CheckKind::Tcp
            | CheckKind::Smtp(_)
            | CheckKind::Udp(_)
            | CheckKind::Ping
            | CheckKind::File(_)
            | CheckKind::Bfd(_) => (1, second),
        };
        Check {
            kind,
            delay_loop,
            retry: timing.retry.unwrap_or(retry),
            delay_before_retry: timing.delay_before_retry.unwrap_or(pause),
            warmup: timing.warmup.unwrap_or(delay_loop),
            alpha: timing.alpha.unwrap_or(false),
            log_all_failures: self.log_all_failures,
            connect_timeout: timing.connect_timeout.unwrap_or(second * 5),
            connect: self.connect,
        }
    }
}

impl Lower<'_> {
    /// The checks among the lines of a real server.
    pub(super) fn checks(&mut self, block: Node<'_>, place: &Place<'_>) -> Vec<Check> {
        let mut checks = Vec::new();
        // BFD sessions.
        let mut watched = HashSet::new();
        for node in block.body() {
            let check = match node.name() {
                "HTTP_GET" | "SSL_GET" => self.http_check(node, place),
                "TCP_CHECK" => self.plain_check(node, place, CheckKind::Tcp),
                "PING_CHECK" => self.plain_check(node, place, CheckKind::Ping),
                "MISC_CHECK" => self.misc_check(node, place),
                "DNS_CHECK" => self.dns_check(node, place),
                "UDP_CHECK" => self.udp_check(node, place),
                "FILE_CHECK" => self.file_check(node, place),
                "BFD_CHECK" => self.bfd_check(node, place, &mut watched),
                "SMTP_CHECK" => {
                    self.smtp_check(node, place, &mut checks);
                    None
                }
                _ => None,
            };
            if let Some(check) = check {
                // Most have one, and there may be very many of them.
                if checks.is_empty() {
                    checks.reserve_exact(1);
                }
                checks.push(check);
            }
        }
        checks
    }

    /// A check that is nothing but its connection.
    fn plain_check(
        &mut self,
        block: Node<'_>,
        place: &Place<'_>,
        kind: CheckKind,
    ) -> Option<Check> {
        let mut draft = Draft::new(place);
        for node in block.body() {
            self.shared(node, &mut draft);
        }
        self.connectable(block, &draft.connect)
            .then(|| draft.check(kind, place))
    }

    /// A line that checks of all kinds may have.
    fn shared(&mut self, node: Node<'_>, draft: &mut Draft) {
        if self.connection(node, draft) || self.timing(node, &mut draft.timing, Level::Check) {
            return;
        }
        match node.name() {
            "alpha" => {
                let value = self.boolean(node, |text| format!("Invalid alpha parameter {text}"));
                draft.timing.alpha = value.or(draft.timing.alpha);
            }
            "log_all_failures" => {
                let value = self.boolean(node, |text| {
                    format!("Invalid log_all_failures parameter {text}")
                });
                draft.log_all_failures = value.unwrap_or(draft.log_all_failures);
            }
            _ => {}
        }
    }
}
