//! A failure that `log_all_failures` tells, of a server that is still up: in keepalived's words, as far as it has some.

use std::fmt;

use checkers::{Failure, Outcome, Probe};

use super::checked::Checked;

/// Writes what failed, and which try it was.
pub(super) fn write(f: &mut fmt::Formatter<'_>, checked: &Checked) -> fmt::Result {
    let Checked {
        probe,
        server,
        service,
        report,
    } = checked;
    let Outcome::Failure(failure) = &report.outcome else {
        return Ok(());
    };
    match probe {
        Probe::Http(_) => write!(f, "{} server {server}.", page(failure))?,
        Probe::Tcp(_) => write!(f, "TCP connection to {server} failed.")?,
        Probe::Misc(misc) => {
            let script = misc.command.first().map_or("", String::as_str);
            write!(f, "Misc check for [{server} VS {service}] by [{script}] ")?;
            match report.attempt.checked_sub(1) {
                None | Some(0) => write!(f, "failed, will do {} retries", report.retry)?,
                Some(tried) => write!(f, "failed on retry {tried}/{}", report.retry)?,
            }
            return write!(f, " ({failure}).");
        }
        Probe::Smtp(_) => write!(f, "SMTP_CHECK on service {server} failed.")?,
        Probe::Dns(_) => write!(f, "DNS_CHECK ({server}) failed.")?,
        Probe::Udp(_) => write!(f, "UDP connection to {server} failed.")?,
        Probe::Ping(_) => write!(f, "ICMP connection to {server} failed.")?,
    }
    let (took, tries) = (report.elapsed.as_secs_f64(), report.retry.saturating_add(1));
    write!(
        f,
        " ({failure}, after {took:.3} s, {} of {tries})",
        report.attempt
    )
}

fn page(failure: &Failure) -> &'static str {
    match failure {
        Failure::Status { .. } | Failure::NotHttp { .. } => "HTTP status code error to",
        Failure::Digest { .. } => "MD5 digest error to",
        Failure::NoMatch { .. } | Failure::Match { .. } | Failure::TooCostly { .. } => {
            "Regex match failed"
        }
        Failure::Lost { .. } | Failure::NoGoodbye { .. } => "Read error with",
        // The second space is keepalived's.
        Failure::ClosedEarly { .. } => "Read, no data received from ",
        Failure::NoAnswer { received: 0, .. } => "Timeout WEB read",
        Failure::NoAnswer { .. } => "Timeout HTTP read",
        Failure::SendTimedOut { .. } => "Timeout WEB write",
        Failure::ConnectTimedOut { .. } | Failure::TlsTimedOut { .. } => "Timeout connecting",
        Failure::Tls { .. } => "SSL handshake/communication error connecting to",
        _ => "Connection failed",
    }
}
