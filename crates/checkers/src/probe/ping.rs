//! `PING_CHECK`: one ICMP echo request, sent through a socket that needs no privilege but `net.ipv4.ping_group_range`.

use super::echo::{Echo, LOOKED_AT};
use crate::datagrams::{Carrier, Datagrams, random};
use crate::outcome::{Evidence, Failure, Stray};
use crate::spec::Dial;

pub(super) async fn probe(dial: &Dial) -> Result<Evidence, Failure> {
    let echo = Echo::new(dial.target.is_ipv6(), random()?);
    let datagrams = Datagrams::open(dial, Carrier::Icmp)?;
    datagrams.send(&echo.emit()).await?;
    let mut stray = None;
    while let Some((message, from)) = datagrams.receive(LOOKED_AT).await? {
        // The kernel looks at the identifier alone.
        if from.ip() != dial.target.ip() {
            stray = Some(Stray::OtherHost);
        } else if echo.is_answered_by(&message) {
            return Ok(Evidence::Replied);
        } else {
            stray = Some(Stray::OtherId);
        }
    }
    Err(datagrams.no_reply(stray))
}
