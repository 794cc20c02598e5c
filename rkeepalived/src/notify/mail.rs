//! A mail as keepalived words it. Pure.

use std::time::Duration;

/// What is told by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Without the router's name before it.
    pub subject: String,
    /// One line.
    pub text: String,
}

/// Where mail goes: `notification_email` and its kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailing {
    /// Name or address of the server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// What we call ourselves there.
    pub helo: String,
    /// So long connecting may take; thrice that, a whole mail.
    pub patience: Duration,
    /// Who writes.
    pub from: String,
    /// Who reads, at least one.
    pub to: Vec<String>,
    /// `router_id`: begins each subject.
    pub router: String,
    /// Each check's verdict on a real server is told, not only what becomes of the server (`no_checker_emails` clears it).
    pub each_check: bool,
}

/// keepalived behaviour: a subject is cut there.
const SUBJECT: usize = 255;

impl Mailing {
    /// The whole message, as of `date` (RFC 5322 3.3), without the dot at its end.
    #[must_use]
    pub fn message(&self, mail: &Mail, date: &str) -> String {
        let subject = format!("[{}] {}", self.router, mail.subject);
        let subject: String = subject.chars().take(SUBJECT).collect();
        let (from, to) = (&self.from, self.to.join(",\r\n "));
        format!(
            "Date: {date}\r\nFrom: {from}\r\nSubject: {subject}\r\nX-Mailer: Keepalived\r\nTo: {to}\r\n\r\n{}\r\n",
            mail.text
        )
    }

    /// The addresses of the envelope.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.to.iter().map(|to| bare(to))
    }
}

/// `Name <who@where>` is reduced to `who@where` (keepalived behaviour).
fn bare(address: &str) -> &str {
    let inner = address
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(address, |(inner, _)| inner)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn mailing(port: u16) -> Mailing {
        Mailing {
            server: "127.0.0.1".into(),
            port,
            helo: "me.example".into(),
            patience: Duration::from_secs(5),
            from: "keep@example.com".into(),
            to: vec!["a@example.com".into(), "<b@example.com>".into()],
            router: "LAB".into(),
            each_check: true,
        }
    }

    // As keepalived 2.2.7 sent it; the line between recipients is 2.4's.
    #[test]
    fn a_message_is_keepaliveds() {
        let mail = Mail {
            subject: "VRRP Instance A - Entering MASTER state".into(),
            text: "=> VRRP Instance is now owning VRRP VIPs <=".into(),
        };
        let mailing = mailing(25);
        assert_eq!(
            mailing.message(&mail, "Sat, 28 Nov 2026 08:11:52 +0000"),
            "Date: Sat, 28 Nov 2026 08:11:52 +0000\r\n\
             From: keep@example.com\r\n\
             Subject: [LAB] VRRP Instance A - Entering MASTER state\r\n\
             X-Mailer: Keepalived\r\n\
             To: a@example.com,\r\n <b@example.com>\r\n\
             \r\n\
             => VRRP Instance is now owning VRRP VIPs <=\r\n"
        );
        let bare: Vec<_> = mailing.recipients().collect();
        assert_eq!(bare, ["a@example.com", "b@example.com"]);
    }
}
