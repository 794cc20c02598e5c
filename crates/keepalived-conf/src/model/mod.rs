//! The checked configuration: every value in range, every default filled in, every inheritance resolved.
//!
//! Must not know: text, spans, keywords. Enter at [`Model`]. Tests: `tests/model.rs`.

mod address;
mod bfd;
mod check;
mod global;
mod interface;
mod lvs;
mod lvs_group;
mod route;
mod rule;
mod ssl;
mod track;
mod vrrp;
mod vrrp_auth;
mod vrrp_notify;
mod vrrp_transport;

use std::fmt;

pub use address::{AddressOptions, Lifetime, StaticAddress, VirtualAddress};
pub use bfd::BfdInstance;
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
pub use interface::{GarpGroup, InterfaceDelay, LinkbeatInterface, LinkbeatMethod};
pub use lvs::{
    Family, Forwarding, Granularity, Persistence, Protocol, RealServer, Scheduler, SchedulerFlags,
    Tunnel, TunnelChecksum, VirtualServer, VirtualServerKey,
};
pub use lvs_group::{GroupEntry, VirtualServerGroup};
pub use route::{
    Encap, Insert, IpEncap, Metric, MplsLabel, Network, NextHop, PROTOCOL_KEEPALIVED, Realms,
    Route, RouteKind, RouteMetrics, StaticRoute,
};
pub use rule::{Lookup, Mark, Rule, RuleAction, StaticRule};
pub use ssl::Ssl;
pub use track::{
    FileInit, ParamMatch, TrackEntry, TrackFile, TrackGroup, TrackKind, TrackProcess, TrackWeight,
    VrrpScript,
};
pub use vrrp::{Centis, Garp, InitialState, SyncGroup, VrrpInstance};
pub use vrrp_auth::{
    AntiReplay, AuthHmac, Authentication, HmacKey, HmacMode, HmacSecret, SimplePassword,
};
pub use vrrp_notify::{Notify, NotifyDeleted};
pub use vrrp_transport::{
    Device, Ipvlan, IpvlanMode, Transport, Unicast, UnicastChecksum, UnicastPeer, Vmac,
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
    /// Each `virtual_server_group`, in the order of the file, names unlike.
    pub virtual_server_groups: Vec<VirtualServerGroup>,
    /// Each `virtual_server`, in the order of the file.
    pub virtual_servers: Vec<VirtualServer>,
    /// Each `vrrp_script` that the host can run.
    pub scripts: Vec<VrrpScript>,
    /// Each `track_file`.
    pub track_files: Vec<TrackFile>,
    /// Each `vrrp_track_process`.
    pub track_processes: Vec<TrackProcess>,
    /// Each `bfd_instance`.
    pub bfd_instances: Vec<BfdInstance>,
    /// Each `track_group`.
    pub track_groups: Vec<TrackGroup>,
    /// Each `garp_group`.
    pub garp_groups: Vec<GarpGroup>,
    /// `linkbeat_interfaces`, each interface once.
    pub linkbeat_interfaces: Vec<LinkbeatInterface>,
    /// `interface_up_down_delays`, each interface once.
    pub interface_delays: Vec<InterfaceDelay>,
    /// What is there as long as the daemon is.
    pub statics: Statics,
}

/// `static_ipaddress`, `static_routes` and `static_rules`, each in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statics {
    /// The addresses.
    pub addresses: Vec<StaticAddress>,
    /// The routes.
    pub routes: Vec<StaticRoute>,
    /// The rules.
    pub rules: Vec<StaticRule>,
}

/// A script and its arguments: what to execute, never a shell line. Not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments, already split and unquoted.
    pub argv: Vec<String>,
    /// `user`, or the `script_user` in force, or keepalived_script where the host has it; `None` is whoever runs the daemon.
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
