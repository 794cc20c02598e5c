//! The checked configuration: every value in range, every default filled in, every inheritance resolved.
//!
//! Must not know: text, spans, keywords. Enter at [`Model`]. Tests: `tests/model.rs`.

mod check;
mod global;
mod lvs;
mod ssl;
mod vrrp;

use std::fmt;

pub use check::{
    BfdCheck, Check, CheckKind, Connect, DnsCheck, DnsType, FileCheck, FileWeight, HttpGet,
    HttpProtocol, MiscCheck, PageRegex, RegexOption, ReplyByte, SmtpCheck, UdpCheck, UdpReply, Url,
};
pub use global::{
    AdvertBuffer, AdvertBufferPolicy, AutoPriority, Dbus, Destination, DynamicInterfaces, Fifo,
    Fifos, Files, Firewall, FlushOnStop, GarpExtra, Global, Home, Hooks, IncludeCheck, Interfaces,
    IpvsNamespace, LvsTimeouts, Mail, MailHost, MailServer, ReceiveBuffer, ReceiveBuffers, Reload,
    Schedules, Scheduling, ScriptUser, Snmp, SyncDaemon,
};
pub use lvs::{
    Family, Forwarding, Granularity, Persistence, Protocol, RealServer, SchedulerFlags, Tunnel,
    VirtualServer, VirtualServerKey,
};
pub use ssl::Ssl;
pub use vrrp::{
    Centis, Garp, InitialState, SimplePassword, SyncGroup, VirtualAddress, VrrpInstance,
};

/// A whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// `global_defs`.
    pub global: Global,
    /// `SSL`.
    pub ssl: Option<Ssl>,
    /// Each `vrrp_sync_group`, in the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// Each `vrrp_instance`, in the order of the file.
    pub instances: Vec<VrrpInstance>,
    /// Each `virtual_server`, in the order of the file.
    pub virtual_servers: Vec<VirtualServer>,
}

/// A script and its arguments: what to execute, never a shell line. Not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments, already split and unquoted.
    pub argv: Vec<String>,
    /// `user`, or the `script_user` in force; `None` for the default user.
    pub user: Option<ScriptUser>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({:?}", self.argv)?;
        if let Some(user) = &self.user {
            write!(f, " as {user:?}")?;
        }
        write!(f, ")")
    }
}
