//! The health checks of a real server.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Script;

/// One check, with every inherited value resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it does.
    pub kind: CheckKind,
    /// `delay_loop`: time from one check to the next.
    pub delay_loop: Duration,
    /// `retry`: failures tolerated before the server is taken down; N+1 in a row do it.
    pub retry: u32,
    /// `delay_before_retry`.
    pub delay_before_retry: Duration,
    /// `warmup`: the first check comes after a random part of this.
    pub warmup: Duration,
    /// `alpha`: starts in the failed state.
    pub alpha: bool,
    /// `log_all_failures`.
    pub log_all_failures: bool,
    /// `connect_timeout`.
    pub connect_timeout: Duration,
    /// Where to connect to and from.
    pub connect: Connect,
}

/// Where a check connects to and from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// `connect_ip`, or the real server's address.
    pub address: IpAddr,
    /// `connect_port`, or the real server's port.
    pub port: u16,
    /// `bindto`.
    pub bind_address: Option<IpAddr>,
    /// `bind_port`.
    pub bind_port: Option<u16>,
    /// `bind_if`.
    pub bind_interface: Option<String>,
    /// `fwmark`: `SO_MARK` of the socket.
    pub fwmark: Option<u32>,
}

/// What a check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// `HTTP_GET` or `SSL_GET`.
    Http(HttpGet),
    /// `TCP_CHECK`: the connection is all.
    Tcp,
    /// `MISC_CHECK`: a program's exit status.
    Misc(MiscCheck),
}

/// `http_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpProtocol {
    /// `1.0`.
    #[default]
    V1_0,
    /// `1.0C`: 1.0 with `Connection: close`.
    V1_0Close,
    /// `1.1`.
    V1_1,
}

/// `HTTP_GET` and `SSL_GET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGet {
    /// `SSL_GET`.
    pub ssl: bool,
    /// `http_protocol`.
    pub protocol: HttpProtocol,
    /// `virtualhost` of the check, or the real server's, or the virtual server's.
    pub virtualhost: Option<String>,
    /// `enable_sni`.
    pub enable_sni: bool,
    /// `fast_recovery`.
    pub fast_recovery: bool,
    /// The pages, at least one.
    pub urls: Vec<Url>,
}

/// One page to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `path`.
    pub path: String,
    /// `digest`: MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// `status_code`; empty is 200..=299.
    pub status: Vec<RangeInclusive<u16>>,
    /// `virtualhost` of the page, or the check's, resolved.
    pub virtualhost: Option<String>,
}

/// `MISC_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiscCheck {
    /// `misc_path`, with its `user`.
    pub script: Script,
    /// `misc_timeout`, or the delay loop.
    pub timeout: Duration,
    /// `misc_dynamic`: the exit status sets the weight.
    pub dynamic: bool,
}
