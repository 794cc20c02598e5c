//! What a check found, in keepalived's words, and then why.

use std::fmt;

use checkers::{Health, Outcome, Probe, Report};

use super::retried;
use crate::lvs::wanted::{ServerName, ServiceName};

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What kind of check.
    pub probe: Probe,
    /// The server.
    pub server: ServerName,
    /// Its virtual server.
    pub service: ServiceName,
    /// What was seen, and what it changed.
    pub report: Report,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked {
            probe,
            server,
            service,
            report,
        } = self;
        if report.change.is_none() {
            return retried::write(f, self);
        }
        let up = report.change == Some(Health::Up);
        match (probe, up) {
            (Probe::Http(_), true) => write!(f, "Remote Web server {server} succeed on service.")?,
            (Probe::Http(http), false) => {
                let kind = if http.tls.is_some() {
                    "SSL_CHECK"
                } else {
                    "HTTP_CHECK"
                };
                write!(f, "{kind} on service {server} ")?;
            }
            (Probe::Tcp(_), true) => write!(f, "TCP connection to {server} success.")?,
            (Probe::Tcp(_), false) => write!(f, "TCP_CHECK on service {server} ")?,
            (Probe::Smtp(_), true) => {
                write!(f, "Remote SMTP server {server} succeed on service.")?;
            }
            (Probe::Smtp(_), false) => write!(f, "SMTP_CHECK on service {server} ")?,
            // keepalived says nothing of a name server that works.
            (Probe::Dns(_), true) => write!(f, "DNS_CHECK ({server}) success.")?,
            (Probe::Dns(_), false) => write!(f, "DNS_CHECK ({server}) ")?,
            (Probe::Udp(_), true) => write!(f, "UDP connection to {server} success.")?,
            (Probe::Udp(_), false) => write!(f, "UDP_CHECK on service {server} ")?,
            (Probe::Ping(_), true) => write!(f, "ICMP connection to {server} success.")?,
            (Probe::Ping(_), false) => write!(f, "ICMP CHECK on service {server} ")?,
            (Probe::Misc(misc), up) => {
                let script = misc.command.first().map_or("", String::as_str);
                write!(f, "Misc check for [{server} VS {service}] by [{script}] ")?;
                if up {
                    f.write_str("succeeded.")?;
                }
            }
        }
        if let Outcome::Failure(failure) = &report.outcome {
            // A first check after start fails at once, without retries (keepalived behaviour).
            if report.attempt > 1 && report.retry > 0 {
                write!(f, "failed after {} retries.", report.retry)?;
            } else {
                f.write_str("failed.")?;
            }
            write!(
                f,
                " ({failure}, after {:.3} s)",
                report.elapsed.as_secs_f64()
            )?;
        }
        Ok(())
    }
}
