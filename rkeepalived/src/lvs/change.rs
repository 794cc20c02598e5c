//! What can change in a virtual server, for the log and for those who are told.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use checkers::Probe;

use super::operator::Operator;
use super::wanted::{Scripts, ServerName, ServiceName};
use crate::notify::Script;
use crate::notify::mail::Mail;

/// What follows from an event: for the log, and for whoever is told.
#[derive(Debug, Default, PartialEq)]
#[must_use]
pub struct Effects {
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// Who is told, in order.
    pub notices: Vec<Notice>,
}

/// Something comes or goes that somebody may want to know: by a script, by a FIFO.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Of which service; scripts of one never overtake each other.
    pub service: ServiceName,
    /// Which of its real servers; none if it is about the service itself.
    pub server: Option<ServerName>,
    /// Whether it comes.
    pub up: bool,
    /// What is run.
    pub script: Option<Arc<Script>>,
    /// Whether a mail is sent.
    pub mail: bool,
}

/// As FIFOs have it: `VS [172.16.1.1]:tcp:80 UP`, `RS [172.16.1.10]:tcp:80 [172.16.1.1]:tcp:80 DOWN` (keepalived behaviour).
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.up { "UP" } else { "DOWN" };
        match &self.server {
            Some(server) => write!(f, "RS {server} {} {state}", self.service),
            None => write!(f, "VS {} {state}", self.service),
        }
    }
}

impl Effects {
    /// Something changed.
    pub fn log(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Tells that a real server, or else the service itself, comes or goes.
    pub fn tell(
        &mut self,
        service: &ServiceName,
        server: Option<ServerName>,
        up: bool,
        scripts: &Scripts,
    ) {
        let script = if up { &scripts.up } else { &scripts.down };
        self.notices.push(Notice {
            service: service.clone(),
            server,
            up,
            script: script.clone(),
            mail: scripts.mail,
        });
    }

    /// The mails about what comes and goes, as keepalived words them; those about real servers with what `cause` says
    /// of one that comes or goes, and none without that.
    #[must_use]
    pub fn mails(&self, cause: Cause) -> Vec<Mail> {
        let notices = self.notices.iter().filter(|notice| notice.mail);
        let mail = |notice: &Notice| match &notice.server {
            Some(server) => Some(server_mail(
                server,
                &notice.service,
                notice.up,
                cause(notice.up)?,
            )),
            None => Some(Mail {
                subject: format!("Virtualserver {} - {}", notice.service, updown(notice.up)),
                text: format!("=> {} <=", self.quorum(&notice.service)?),
            }),
        };
        notices.filter_map(mail).collect()
    }

    /// What is said of a service's quorum.
    fn quorum(&self, of: &ServiceName) -> Option<String> {
        self.changes.iter().rev().find_map(|change| match change {
            Change::QuorumGained {
                service,
                quorum,
                hysteresis,
                weight,
            } if service == of => {
                let needed = u64::from(*quorum).saturating_add((*hysteresis).into());
                Some(format!(
                    "Gained quorum {quorum}+{hysteresis}={needed} <= {weight}"
                ))
            }
            Change::QuorumLost {
                service,
                quorum,
                hysteresis,
                weight,
            }
            | Change::QuorumDown {
                service,
                quorum,
                hysteresis,
                weight,
            } if service == of => {
                let needed = u64::from(*quorum).saturating_sub((*hysteresis).into());
                Some(format!(
                    "Lost quorum {quorum}-{hysteresis}={needed} > {weight}"
                ))
            }
            Change::ServiceGone { service } if service == of => Some("Removing".to_owned()),
            _ => None,
        })
    }
}

/// The mail about a real server.
pub(super) fn server_mail(
    server: &ServerName,
    service: &ServiceName,
    up: bool,
    cause: &str,
) -> Mail {
    Mail {
        subject: format!(
            "Realserver {server} of virtual server {service} - {}",
            updown(up)
        ),
        text: format!("=> {cause} <="),
    }
}

fn updown(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// Why a real server comes or goes, as keepalived's mails have it.
pub(super) fn cause(probe: &Probe, up: bool) -> &'static str {
    match (probe, up) {
        (Probe::Tcp(_), true) => "TCP CHECK succeed on service",
        (Probe::Tcp(_), false) => "TCP CHECK failed on service",
        (Probe::Http(_), true) => "CHECK succeed on service",
        (Probe::Http(_), false) => "CHECK failed on service : HTTP request failed",
        (Probe::Misc(_), true) => "MISC CHECK succeeded on service",
        (Probe::Misc(_), false) => "MISC CHECK failed on service",
        (Probe::Smtp(_), true) => "SMTP CHECK succeed on service",
        (Probe::Smtp(_), false) => "SMTP CHECK failed on service",
        (Probe::Dns(_), true) => "DNS_CHECK: succeed on service",
        (Probe::Dns(_), false) => "DNS_CHECK: failed on service",
        (Probe::Udp(_), true) => "UDP CHECK succeed on service",
        (Probe::Udp(_), false) => "UDP CHECK failed on service",
        (Probe::Ping(_), true) => "PING CHECK succeed on service",
        (Probe::Ping(_), false) => "PING CHECK failed on service",
    }
}

impl Effects {
    /// Whether a real server comes or goes.
    #[must_use]
    pub fn turns_server(&self) -> bool {
        self.notices.iter().any(|notice| notice.server.is_some())
    }
}

/// Why real servers come, and why they go, for mails.
pub type Cause = fn(up: bool) -> Option<&'static str>;

/// Something that changed, for the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A real server is checked from now on.
    Activating {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
    },
    /// A real server joins the pool (or is given its weight back).
    ServerUp {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stayed in the table with weight 0 until now.
        inhibited: bool,
    },
    /// A real server leaves the pool (or is set to weight 0).
    ServerDown {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It stays in the table with weight 0.
        inhibited: bool,
    },
    /// The weight of a real server follows its check.
    Weight {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// The weight until now.
        from: u32,
        /// The weight from now on.
        to: u32,
        /// Whether it is alive.
        active: bool,
    },
    /// A group has a place more or less than before the reload.
    Place {
        /// The place, by the name that it would have alone.
        place: ServiceName,
        /// So many others as well.
        more: usize,
        /// The group.
        group: Arc<str>,
        /// Whether it is new.
        added: bool,
    },
    /// Enough weight is alive again.
    QuorumGained {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// On top of it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// Too little weight is alive.
    QuorumLost {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The service begins without a quorum: at start, or since a reload changed what is required.
    QuorumDown {
        /// Where.
        service: ServiceName,
        /// What is required.
        quorum: u32,
        /// Below it.
        hysteresis: u32,
        /// What is alive.
        weight: u64,
    },
    /// The living servers make room for the sorry server, or come back.
    Alive {
        /// Where.
        service: ServiceName,
        /// Whether they come back.
        joins: bool,
    },
    /// An operator steers a real server.
    Operator {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// What is asked for; nothing gives it back to configuration and checks.
        operator: Option<Operator>,
    },
    /// The number in a file takes a real server out, or lets it in again.
    File {
        /// Which server.
        server: ServerName,
        /// The `track_file`.
        file: Arc<str>,
        /// Whether it takes it out.
        fails: bool,
    },
    /// A BFD session takes a real server out, or lets it in again.
    Session {
        /// Which server.
        server: ServerName,
        /// The `bfd_instance`.
        session: Arc<str>,
        /// Whether it is up.
        up: bool,
    },
    /// A reload has a real server no more.
    ServerGone {
        /// Which one.
        server: ServerName,
    },
    /// A reload has a virtual server no more.
    ServiceGone {
        /// Which one.
        service: ServiceName,
    },
    /// A real server's checks rest, since no address of the service is on this host.
    Suspending {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// It has been so from the start.
        start: bool,
    },
    /// An address of a service that may be suspended came to this host, or left it.
    Address {
        /// Which one.
        address: IpAddr,
        /// Whether it came.
        added: bool,
    },
    /// The sorry server takes over, or steps back.
    Sorry {
        /// Which one.
        server: ServerName,
        /// Where.
        service: ServiceName,
        /// Whether it serves now.
        serves: bool,
        /// Whether only its weight changes.
        inhibited: bool,
    },
}

#[cfg(test)]
mod tests {
    use ipvs_netlink::Protocol;

    use super::*;

    fn service() -> ServiceName {
        ServiceName::Socket(Protocol::Tcp, "10.9.0.1:80".parse().unwrap())
    }

    fn lost(mail: bool) -> Effects {
        let mut effects = Effects::default();
        let scripts = Scripts {
            mail,
            ..Scripts::default()
        };
        let server = service().server("127.0.0.1:8081".parse().unwrap());
        effects.tell(&service(), Some(server), false, &scripts);
        effects.log(Change::QuorumLost {
            service: service(),
            quorum: 1,
            hysteresis: 0,
            weight: 0,
        });
        effects.tell(&service(), None, false, &scripts);
        effects
    }

    // As keepalived 2.2.7 wrote and sent them, but for the sum of a lost quorum.
    #[test]
    fn lines_and_mails_are_keepaliveds() {
        let effects = lost(true);
        let lines: Vec<_> = effects.notices.iter().map(Notice::to_string).collect();
        assert_eq!(
            lines,
            [
                "RS [127.0.0.1]:tcp:8081 [10.9.0.1]:tcp:80 DOWN",
                "VS [10.9.0.1]:tcp:80 DOWN"
            ]
        );
        let mails = effects.mails(|_| Some("TCP CHECK failed on service"));
        let mails: Vec<_> = mails
            .iter()
            .map(|mail| format!("{}: {}", mail.subject, mail.text))
            .collect();
        assert_eq!(
            mails,
            [
                "Realserver [127.0.0.1]:tcp:8081 of virtual server [10.9.0.1]:tcp:80 - DOWN: => TCP CHECK failed on service <=",
                "Virtualserver [10.9.0.1]:tcp:80 - DOWN: => Lost quorum 1-0=1 > 0 <="
            ]
        );
        assert_eq!(effects.mails(|_| None).len(), 1);
        assert_eq!(lost(false).mails(|_| Some("any")), []);
    }
}
