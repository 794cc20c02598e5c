//! Mail: who is told, by which server, of what.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

/// The mail words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `notification_email`: without one, no mail is sent.
    pub to: Vec<String>,
    /// `notification_email_from`; the running user at the host name when `None`.
    pub from: Option<String>,
    /// `smtp_server`.
    pub server: Option<MailServer>,
    /// `smtp_helo_name`; the host name when `None`.
    pub helo: Option<String>,
    /// `smtp_connect_timeout`, whole seconds, 1..=4294.
    pub connect_timeout: Duration,
    /// `smtp_alert`: what holds where neither the two below nor the object itself says anything.
    pub alert: Option<bool>,
    /// `smtp_alert_vrrp`; as `alert` when `None`.
    pub alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`; as `alert` when `None`.
    pub alert_checker: Option<bool>,
    /// Whether a change to FAULT is told: `no_email_faults` clears it.
    pub faults: bool,
    /// Whether each real server is told of, and not only the quorum: `no_checker_emails` clears it.
    pub real_servers: bool,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            from: None,
            server: None,
            helo: None,
            connect_timeout: Duration::from_secs(30),
            alert: None,
            alert_vrrp: None,
            alert_checker: None,
            faults: true,
            real_servers: true,
        }
    }
}

/// `smtp_server HOST [PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// An address, or a name that had one when the file was read.
    pub host: MailHost,
    /// 25 without one.
    pub port: NonZeroU16,
}

/// Where a mail server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHost {
    /// By address.
    Address(IpAddr),
    /// By name.
    Name(String),
}
