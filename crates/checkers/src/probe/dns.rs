//! `DNS_CHECK`: one question over UDP; response code 0 is a success.

use super::query::{LOOKED_AT, Meaning, Query};
use crate::datagrams::{Carrier, Datagrams, random};
use crate::outcome::{Evidence, Failure};
use crate::spec::DnsProbe;

pub(super) async fn probe(dns: &DnsProbe) -> Result<Evidence, Failure> {
    // An identifier of its own for each attempt: with a fixed source port, an answer to an earlier one may still come.
    let id = u16::from_ne_bytes(random()?);
    let query = Query::new(id, &dns.name, dns.kind).map_err(Failure::Datagram)?;
    let datagrams = Datagrams::open(&dns.dial, Carrier::Udp)?;
    let message = query.emit().map_err(Failure::Datagram)?;
    datagrams.send(&message).await?;
    let mut stray = None;
    while let Some((datagram, _)) = datagrams.receive(LOOKED_AT).await? {
        match query.judge(&datagram) {
            Meaning::Answer { answers } => return Ok(Evidence::Resolved { answers }),
            Meaning::Refusal(failure) => return Err(Failure::Datagram(failure)),
            Meaning::Stray(kind) => stray = Some(kind),
        }
    }
    Err(datagrams.no_reply(stray))
}
