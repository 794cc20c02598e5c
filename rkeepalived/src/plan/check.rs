//! Health checks of the model, as the checkers want them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use checkers::{
    Dial, DnsProbe, MiscProbe, Probe, ReplyByte, SmtpProbe, Timing, UdpProbe, UdpReply,
};
use keepalived_conf as conf;

use super::page::Pages;
use super::script::Scripts;
use crate::lvs::wanted::WantedCheck;

/// `None` for a file, which is no attempt, and for a kind that is not there yet: the real server names it itself.
pub(super) fn check(
    check: &conf::Check,
    scripts: &Scripts<'_>,
    pages: &mut Pages,
    left_out: &mut Vec<String>,
) -> Result<Option<WantedCheck>, String> {
    let connect = &check.connect;
    let dial = Dial {
        target: SocketAddr::new(connect.address, connect.port),
        bind: match (connect.bind_address, connect.bind_port) {
            (None, None) => None,
            (address, port) => {
                let any = if connect.address.is_ipv4() {
                    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
                } else {
                    IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                };
                Some(SocketAddr::new(address.unwrap_or(any), port.unwrap_or(0)))
            }
        },
        bind_interface: connect.bind_interface.clone(),
        fwmark: connect.fwmark,
        timeout: check.connect_timeout,
    };
    let probe = match &check.kind {
        conf::CheckKind::Tcp => Probe::Tcp(dial),
        conf::CheckKind::Http(http) => Probe::Http(pages.probe(http, dial, left_out)),
        conf::CheckKind::Misc(misc) => Probe::Misc(MiscProbe {
            command: misc.script.argv.clone(),
            timeout: misc.timeout,
            dynamic: misc.dynamic,
            user: scripts.user(&misc.script, left_out)?,
        }),
        conf::CheckKind::Smtp(smtp) => Probe::Smtp(SmtpProbe {
            dial,
            helo_name: smtp.helo_name.clone(),
        }),
        conf::CheckKind::Dns(dns) => Probe::Dns(DnsProbe {
            dial,
            name: dns.name.clone(),
            kind: type_number(dns.query),
        }),
        conf::CheckKind::Udp(udp) => Probe::Udp(Box::new(UdpProbe {
            dial,
            payload: udp.payload.clone(),
            reply: udp.reply.as_ref().map(reply),
        })),
        conf::CheckKind::Ping => Probe::Ping(dial),
        conf::CheckKind::File(_) | conf::CheckKind::Bfd(_) => return Ok(None),
    };
    Ok(Some(WantedCheck {
        probe: Arc::new(probe),
        timing: Arc::new(Timing {
            delay_loop: check.delay_loop,
            retry: check.retry,
            delay_before_retry: check.delay_before_retry,
            warmup: check.warmup,
            alpha: check.alpha,
        }),
        log_all: check.log_all_failures,
    }))
}

/// RFC 1035 3.2.2, RFC 3596, RFC 4034.
fn type_number(kind: conf::DnsType) -> u16 {
    match kind {
        conf::DnsType::A => 1,
        conf::DnsType::Ns => 2,
        conf::DnsType::Cname => 5,
        conf::DnsType::Soa => 6,
        conf::DnsType::Mx => 15,
        conf::DnsType::Txt => 16,
        conf::DnsType::Aaaa => 28,
        conf::DnsType::Rrsig => 46,
        conf::DnsType::Dnskey => 48,
    }
}

fn reply(reply: &conf::UdpReply) -> UdpReply {
    UdpReply {
        length: reply.min_length..=reply.max_length,
        bytes: reply
            .bytes
            .iter()
            .map(|byte| ReplyByte {
                value: byte.value,
                mask: byte.mask,
            })
            .collect(),
    }
}
