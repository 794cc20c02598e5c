//! `HTTP_GET`, `SSL_GET`, `TCP_CHECK` and `MISC_CHECK`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::virtual_server::DELAY_LOOP;
use super::{Lower, nothing, takes};
use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic};
use crate::model::{Check, CheckKind, Connect, HttpGet, HttpProtocol, MiscCheck, Url};
use crate::value::address;
use crate::value::number::{self, FOREVER};

/// The times of a check; each may be said at the check, the real server or the virtual server.
#[derive(Debug, Clone, Default)]
pub(super) struct Timing {
    pub delay_loop: Option<Duration>,
    pub retry: Option<u32>,
    pub delay_before_retry: Option<Duration>,
    pub warmup: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub alpha: Option<bool>,
}

impl Timing {
    /// What is not said here is taken from around.
    pub(super) fn or(&self, around: &Self) -> Self {
        Self {
            delay_loop: self.delay_loop.or(around.delay_loop),
            retry: self.retry.or(around.retry),
            delay_before_retry: self.delay_before_retry.or(around.delay_before_retry),
            warmup: self.warmup.or(around.warmup),
            connect_timeout: self.connect_timeout.or(around.connect_timeout),
            alpha: self.alpha.or(around.alpha),
        }
    }

    pub(super) fn delay_loop(&self) -> Duration {
        self.delay_loop.unwrap_or(DELAY_LOOP)
    }
}

/// Where a check belongs.
pub(super) struct Place<'p> {
    pub address: SocketAddr,
    pub virtualhost: Option<&'p str>,
    /// The times of the real server, with those of the virtual server.
    pub timing: &'p Timing,
}

impl Lower<'_> {
    /// A line with a time or a count of tries; `owner` begins the complaint.
    pub(super) fn timing(&mut self, node: Node<'_>, timing: &mut Timing, owner: &str) {
        const LONGEST_CONNECT: u64 = 4_294_967_295;
        let checker = owner.is_empty();
        match node.name() {
            "delay_loop" => {
                let also = |text: &str| format!("{owner}delay loop '{text}' invalid - ignoring");
                timing.delay_loop = self.seconds(node, 1..=FOREVER, also).or(timing.delay_loop);
            }
            "retry" => {
                let also = |text: &str| {
                    if checker {
                        format!("Invalid retry connection value '{text}'")
                    } else {
                        format!("retry value invalid - {text}")
                    }
                };
                timing.retry = self
                    .u32(node, u32::from(!checker)..=u32::MAX, also)
                    .or(timing.retry);
            }
            "delay_before_retry" => {
                let also =
                    |text: &str| format!("{owner}delay before retry '{text}' invalid - ignoring");
                timing.delay_before_retry = self
                    .seconds(node, 0..=FOREVER, also)
                    .or(timing.delay_before_retry);
            }
            "warmup" => timing.warmup = self.seconds(node, 0..=FOREVER, nothing).or(timing.warmup),
            "connect_timeout" => {
                let also = |text: &str| format!("{owner}connect_timeout {text} invalid - ignoring");
                timing.connect_timeout = self
                    .seconds(node, 1..=LONGEST_CONNECT, also)
                    .or(timing.connect_timeout);
            }
            _ => {}
        }
    }

    pub(super) fn check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let http = matches!(block.name(), "HTTP_GET" | "SSL_GET");
        if !http && !matches!(block.name(), "TCP_CHECK" | "MISC_CHECK") {
            return None;
        }
        let mut timing = Timing::default();
        let mut log_all_failures = false;
        let mut connect = Connect {
            address: place.address.ip(),
            port: place.address.port(),
            bind_address: None,
            bind_port: None,
            bind_interface: None,
            fwmark: None,
        };
        for node in block.body() {
            match node.name() {
                "delay_loop" | "retry" | "delay_before_retry" | "warmup" | "connect_timeout" => {
                    self.timing(node, &mut timing, "");
                }
                "nb_get_retry" => {
                    let message = "nb_get_retry is deprecated - please use 'retry'";
                    self.warning(
                        Code::Deprecated,
                        node.span(),
                        message,
                        "write `retry`; the meaning is the same",
                    );
                    let also = |text: &str| format!("Invalid nb_get_retry value '{text}'");
                    timing.retry = self.u32(node, 0..=u32::MAX, also).or(timing.retry);
                }
                "alpha" => {
                    let value =
                        self.boolean(node, |text| format!("Invalid alpha parameter {text}"));
                    timing.alpha = value.or(timing.alpha);
                }
                "log_all_failures" => {
                    let value = self.boolean(node, |text| {
                        format!("Invalid log_all_failures parameter {text}")
                    });
                    log_all_failures = value.unwrap_or(log_all_failures);
                }
                _ => self.connection(node, &mut connect),
            }
        }
        let timing = timing.or(place.timing);
        let delay_loop = timing.delay_loop();
        let kind = match block.name() {
            "TCP_CHECK" => CheckKind::Tcp,
            "MISC_CHECK" => CheckKind::Misc(self.misc(block, delay_loop)?),
            _ => CheckKind::Http(self.http(block, place)?),
        };
        let (retry, pause) = match &kind {
            CheckKind::Http(_) => (1, 3),
            CheckKind::Tcp => (1, 1),
            CheckKind::Misc(_) => (0, 1),
        };
        Some(Check {
            kind,
            delay_loop,
            retry: timing.retry.unwrap_or(retry),
            delay_before_retry: timing
                .delay_before_retry
                .unwrap_or(Duration::from_secs(pause)),
            warmup: timing.warmup.unwrap_or(delay_loop),
            alpha: timing.alpha.unwrap_or(false),
            log_all_failures,
            connect_timeout: timing.connect_timeout.unwrap_or(Duration::from_secs(5)),
            connect,
        })
    }

    fn connection(&mut self, node: Node<'_>, connect: &mut Connect) {
        let port = |text: &str| format!("Invalid checker {} '{text}'", node.name());
        match node.name() {
            "connect_ip" => {
                if let Some(ip) = self.checker_address(node) {
                    connect.address = ip;
                }
            }
            "bindto" => connect.bind_address = self.checker_address(node).or(connect.bind_address),
            "connect_port" => {
                let found = self
                    .u32(node, 1..=65535, port)
                    .and_then(|n| u16::try_from(n).ok());
                connect.port = found.unwrap_or(connect.port);
            }
            "bind_port" => {
                let found = self
                    .u32(node, 1..=65535, port)
                    .and_then(|n| u16::try_from(n).ok());
                connect.bind_port = found.or(connect.bind_port);
            }
            "bind_if" => {
                let name = self.require(node).map(|word| word.text.into_owned());
                connect.bind_interface = name.or(connect.bind_interface.take());
            }
            "fwmark" => {
                let also = |text: &str| format!("Invalid fwmark connection value '{text}'");
                let mark = self.u32(node, 0..=u32::MAX, also);
                connect.fwmark = mark.filter(|mark| *mark != 0).or(connect.fwmark);
            }
            _ => {}
        }
    }

    fn checker_address(&mut self, node: Node<'_>) -> Option<IpAddr> {
        let word = self.require(node)?;
        let found = address::ip(&word.text);
        if found.is_none() {
            let message = format!("Invalid {} address {} - ignoring", node.name(), word.text);
            self.error_help(Code::InvalidAddress, word.span, message, takes(node));
        }
        found
    }

    fn misc(&mut self, block: Node<'_>, delay_loop: Duration) -> Option<MiscCheck> {
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
                "user" => user = self.user(node).or(user),
                _ => {}
            }
        }
        let Some(mut script) = script else {
            let message = "No script path has been specified for MISC_CHECKER - skipping";
            self.error_help(
                Code::IncompleteCheck,
                block.closing(),
                message,
                "write `misc_path \"/path arguments\"`",
            );
            return None;
        };
        script.user = user.or(script.user);
        Some(MiscCheck {
            script,
            timeout: timeout.unwrap_or(delay_loop),
            dynamic,
        })
    }

    fn http(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<HttpGet> {
        let mut get = HttpGet {
            ssl: block.name() == "SSL_GET",
            protocol: HttpProtocol::default(),
            virtualhost: place.virtualhost.map(str::to_owned),
            enable_sni: false,
            fast_recovery: false,
            urls: Vec::new(),
        };
        for node in block.body() {
            match node.name() {
                "virtualhost" => match node.argument(0) {
                    Some(word) => get.virtualhost = Some(word.text.into_owned()),
                    None => self.error(
                        Code::InvalidValue,
                        node.span(),
                        "HTTP_GET virtualhost name missing",
                    ),
                },
                "http_protocol" => {
                    let Some(word) = self.require(node) else {
                        continue;
                    };
                    match &*word.text {
                        "1.0" => get.protocol = HttpProtocol::V1_0,
                        "1.0C" | "1.0c" => get.protocol = HttpProtocol::V1_0Close,
                        "1.1" => get.protocol = HttpProtocol::V1_1,
                        other => {
                            let message = format!("Invalid http_protocol version {other}");
                            self.error_help(
                                Code::InvalidValue,
                                word.span,
                                message,
                                "1.0, 1.0C or 1.1",
                            );
                        }
                    }
                }
                "enable_sni" | "fast_recovery" => {
                    let name = node.name();
                    let value =
                        self.boolean(node, |text| format!("Invalid {name} parameter {text}"));
                    let slot = if name == "enable_sni" {
                        &mut get.enable_sni
                    } else {
                        &mut get.fast_recovery
                    };
                    *slot = value.unwrap_or(*slot);
                }
                _ => {}
            }
        }
        for node in block.body().filter(|node| node.name() == "url") {
            get.urls.extend(self.url(node, get.virtualhost.as_deref()));
        }
        if get.urls.is_empty() {
            let message = "HTTP/SSL_GET checker has no urls specified - ignoring";
            self.error_help(
                Code::IncompleteCheck,
                block.closing(),
                message,
                "add a `url { path / }`",
            );
            return None;
        }
        Some(get)
    }

    fn url(&mut self, block: Node<'_>, virtualhost: Option<&str>) -> Option<Url> {
        let (mut path, mut digest, mut status): (Option<String>, _, _) = (None, None, Vec::new());
        let mut host: Option<String> = None;
        for node in block.body() {
            match node.name() {
                "path" => {
                    let Some(word) = self.require(node) else {
                        continue;
                    };
                    if let Some(old) = path.replace(word.text.to_string()) {
                        let message =
                            format!("Duplicate path - overwriting {old} with {}", word.text);
                        self.error(Code::Duplicate, word.span, message);
                    }
                }
                "digest" => {
                    let Some(word) = self.require(node) else {
                        continue;
                    };
                    if digest.is_some() {
                        let message = format!("Digest '{}' is a duplicate", word.text);
                        self.error(Code::Duplicate, word.span, message);
                    } else {
                        digest = self.digest(&word);
                    }
                }
                "status_code" => {
                    for word in node.arguments() {
                        if let Some(range) = number::status_range(&word.text) {
                            status.push(range);
                        } else {
                            let message = format!("Invalid HTTP_GET status code '{}'", word.text);
                            self.error_help(Code::InvalidNumber, word.span, message, takes(node));
                        }
                    }
                }
                "virtualhost" => {
                    let Some(word) = self.require(node) else {
                        continue;
                    };
                    if let Some(old) = host.replace(word.text.to_string()) {
                        let message = format!(
                            "Duplicate url virtualhost - overwriting {old} with {}",
                            word.text
                        );
                        self.error(Code::Duplicate, word.span, message);
                    }
                }
                _ => {}
            }
        }
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
        let virtualhost = host.or_else(|| virtualhost.map(str::to_owned));
        Some(Url {
            path,
            digest,
            status,
            virtualhost,
        })
    }

    fn digest(&mut self, word: &Word<'_>) -> Option<[u8; 16]> {
        let text = &word.text;
        let help = "the 32 hexadecimal digits that `genhash -s HOST -p PORT -u PATH` prints";
        if text.len() != 32 {
            let message = format!(
                "digest '{text}' character length should be 32 rather than {}",
                text.len()
            );
            self.error_help(Code::InvalidValue, word.span, message, help);
            return None;
        }
        let mut digest = [0; 16];
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let mut pair = pair.iter().map(|b| {
                char::from(*b)
                    .to_digit(16)
                    .and_then(|d| u8::try_from(d).ok())
            });
            let value = pair.try_fold(0_u8, |value, digit| {
                Some(value.wrapping_mul(16).wrapping_add(digit?))
            });
            let Some(value) = value else {
                let message = format!("Unable to interpret hex digit in '{text}'");
                self.sink
                    .push(Diagnostic::error(Code::InvalidValue, word.span, message).help(help));
                return None;
            };
            *byte = value;
        }
        Some(digest)
    }
}
