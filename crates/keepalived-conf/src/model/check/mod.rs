//! The health checks of a real server.

mod http;
mod udp;

use std::net::IpAddr;
use std::time::Duration;

use super::Script;
pub use http::{HttpGet, HttpProtocol, PageRegex, RegexOption, Url};
pub use udp::{ReplyByte, UdpCheck, UdpReply};

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
    /// `log_all_failures`, or the global `checker_log_all_failures`.
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
    /// `bindto`, of the family of the address to connect to.
    pub bind_address: Option<IpAddr>,
    /// `bind_port`.
    pub bind_port: Option<u16>,
    /// `bind_if`, at most 15 bytes; always there if the address to connect to is link-local.
    pub bind_interface: Option<String>,
    /// `fwmark`: `SO_MARK` of the socket.
    pub fwmark: Option<u32>,
}

/// What a check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// `HTTP_GET` or `SSL_GET`.
    Http(Box<HttpGet>),
    /// `TCP_CHECK`: the connection is all.
    Tcp,
    /// `MISC_CHECK`: a program's exit status. It connects to nothing by itself.
    Misc(Box<MiscCheck>),
    /// `SMTP_CHECK`: a greeting, `HELO`, `QUIT`. One with several `host` blocks is one check for each of them.
    Smtp(SmtpCheck),
    /// `DNS_CHECK`: a question over UDP.
    Dns(DnsCheck),
    /// `UDP_CHECK`: a datagram.
    Udp(Box<UdpCheck>),
    /// `PING_CHECK`: an ICMP echo.
    Ping,
    /// `FILE_CHECK`: the number in a file. It has no times and no connection of its own.
    File(FileCheck),
    /// `BFD_CHECK`: the state of a BFD session. It has no times and no connection of its own.
    Bfd(BfdCheck),
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

/// `SMTP_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpCheck {
    /// `helo_name`: what we call ourselves; `smtpchecker.keepalived.org` where nothing was said.
    pub helo_name: String,
}

/// `type` of a `DNS_CHECK`: what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DnsType {
    /// `A`.
    A,
    /// `NS`.
    Ns,
    /// `CNAME`.
    Cname,
    /// `SOA`.
    #[default]
    Soa,
    /// `MX`.
    Mx,
    /// `TXT`.
    Txt,
    /// `AAAA`.
    Aaaa,
    /// `RRSIG`.
    Rrsig,
    /// `DNSKEY`.
    Dnskey,
}

impl DnsType {
    /// Every type, by its name in the configuration, which minds no case.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("A", Self::A),
        ("NS", Self::Ns),
        ("CNAME", Self::Cname),
        ("SOA", Self::Soa),
        ("MX", Self::Mx),
        ("TXT", Self::Txt),
        ("AAAA", Self::Aaaa),
        ("RRSIG", Self::Rrsig),
        ("DNSKEY", Self::Dnskey),
    ];
}

/// `DNS_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCheck {
    /// `type`.
    pub query: DnsType,
    /// `name`: labels with dots between them, none empty, without a dot at the end; `.` is the root. Labels of more than
    /// 63 bytes and names of more than 253, which DNS cannot ask for, are accepted as in keepalived.
    pub name: String,
}

/// `FILE_CHECK`: the number in the file times the weight is added to the weight of the real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCheck {
    /// `track_file`: the name of a block that stands before it.
    pub track_file: String,
    /// `weight`, or that of the `track_file`.
    pub weight: FileWeight,
}

/// What the number in a file is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileWeight {
    /// -2147483647..=2147483647.
    pub factor: i32,
    /// `reverse`: the sign of the product is turned round.
    pub reverse: bool,
}

/// `BFD_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BfdCheck {
    /// `name`: the name of a `bfd_instance` that stands before it; no other check of the real server has it.
    pub name: String,
}
