//! Where mail goes, and of which servers.

use keepalived_conf::{Global, MailHost, RealServer, VirtualServer};

use crate::notify::mail::Mailing;

/// What planning asks of this host for mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The host's name.
    pub host: String,
    /// The name of the user that we run as.
    pub user: String,
}

/// Where mail goes, if it goes.
///
/// keepalived behaviour: neither without a server nor without somebody who reads.
pub(super) fn mailing(global: &Global, sender: &Sender) -> Option<Mailing> {
    let mail = &global.mail;
    let server = mail.server.as_ref()?;
    if mail.to.is_empty() {
        return None;
    }
    let Sender { host, user } = sender;
    Some(Mailing {
        server: match &server.host {
            MailHost::Address(address) => address.to_string(),
            MailHost::Name(name) => name.clone(),
        },
        port: server.port.get(),
        helo: mail.helo.clone().unwrap_or_else(|| host.clone()),
        patience: mail.connect_timeout,
        from: mail
            .from
            .clone()
            .unwrap_or_else(|| format!("{user}@{host}")),
        to: mail.to.clone(),
        router: global.router_id.clone().unwrap_or_else(|| host.clone()),
        each_check: mail.real_servers,
    })
}

/// Of which servers mails tell, where they do not say it themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alerts {
    global: Option<bool>,
}

impl Alerts {
    pub fn of(global: &Global) -> Alerts {
        let mail = &global.mail;
        Alerts {
            global: mail.alert_checker.or(mail.alert),
        }
    }

    pub fn service(self, server: &VirtualServer) -> bool {
        server.smtp_alert.or(self.global).unwrap_or(false)
    }

    /// keepalived behaviour: these are told of where nothing is said at all.
    pub fn server(self, server: &RealServer) -> bool {
        server.smtp_alert.or(self.global).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;

    fn sender() -> Sender {
        Sender {
            host: "host.example".into(),
            user: "root".into(),
        }
    }

    #[test]
    fn what_is_not_said_is_the_hosts() {
        let text = "global_defs {\nnotification_email {\na@example.com\n}\nsmtp_server 127.0.0.1 2525\n}\n";
        let mailing = mailing(&model(text).global, &sender()).unwrap();
        assert_eq!((mailing.server.as_str(), mailing.port), ("127.0.0.1", 2525));
        assert_eq!(mailing.from, "root@host.example");
        assert_eq!(
            (mailing.helo.as_str(), mailing.router.as_str()),
            ("host.example", "host.example")
        );
        assert_eq!(mailing.patience.as_secs(), 30);
    }

    #[test]
    fn without_a_server_or_a_reader_there_is_none() {
        for text in [
            "global_defs {\nsmtp_server 127.0.0.1\n}\n",
            "global_defs {\nnotification_email {\na@example.com\n}\n}\n",
        ] {
            assert_eq!(mailing(&model(text).global, &sender()), None);
        }
    }
}
