//! `auth_hmac` at work: signs what an instance sends, and judges what it hears by signature, clock and order.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Instance;
use super::receive::Packet;
use crate::action::{Actions, Moment};
use crate::config::{AntiReplay, Auth, AuthHmac, HmacMode};
use crate::notice::Notice;
use crate::reject::Reject;
use crate::stats::MAX_PEERS;
use crate::time::Micros;
use crate::wire::hmac::{LENGTH, Signed, Stamp, Trailer};

/// What an instance has signed and heard so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seals {
    /// What was signed last.
    sent: Option<Stamp>,
    /// What was believed last of each sender; only who has a key gets in.
    heard: BTreeMap<IpAddr, Stamp>,
    /// Whose clock has been complained of.
    skewed: Option<IpAddr>,
}

impl AuthHmac {
    fn stamp(&self, moment: Moment, sent: Option<Stamp>) -> Stamp {
        let micros = match self.replay {
            AntiReplay::Time => moment.wall,
            AntiReplay::Monotonic => moment.boot,
        };
        let stamp = Stamp::of(micros.get(), 0);
        let Some(last) = sent else { return stamp };
        // Several within one tick, to several peers; or the clock was set back, and what we sign must grow all the same,
        // or we would be silent to our peers until it has caught up. Farther than the window nobody believed us.
        let ahead = Micros::new(last.micros().saturating_sub(stamp.micros()));
        if last >= stamp && ahead <= self.window {
            last.next()
        } else {
            stamp
        }
    }

    fn secret(&self, id: u8) -> Option<&[u8]> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.id == id).map(|key| &*key.secret)
    }
}

impl Instance {
    /// Appends a trailer to a PDU that is to be sent from `source`, where adverts are signed.
    pub(super) fn seal(&mut self, pdu: &mut Vec<u8>, source: IpAddr, moment: Moment) {
        let Auth::Hmac(auth) = &self.config.auth else {
            return;
        };
        if auth.mode == HmacMode::ReceiveOnly {
            return;
        }
        let Some(secret) = auth.secret(auth.active) else {
            return;
        };
        let stamp = auth.stamp(moment, self.seals.sent);
        let signed = Signed {
            source,
            version: self.config.version.number(),
            vrid: self.config.vrid.get(),
            pdu,
        };
        let trailer = Trailer::sign(auth.active, secret, stamp, &signed).emit();
        self.seals.sent = Some(stamp);
        pdu.extend(trailer);
    }

    /// Whether a packet may be believed as far as its trailer goes; answers the PDU without it. What follows a PDU where
    /// no trailer is expected stays.
    pub(super) fn unseal<'a>(
        &mut self,
        packet: &Packet<'a>,
        trailing: usize,
        actions: &mut Actions,
    ) -> Result<&'a [u8], Reject> {
        let Auth::Hmac(auth) = &self.config.auth else {
            return Ok(packet.pdu);
        };
        if trailing < LENGTH {
            return match auth.mode {
                HmacMode::Enforce => Err(Reject::SealMissing),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(packet.pdu),
            };
        }
        let at = packet.pdu.len().saturating_sub(trailing);
        let (Some(pdu), Some(trailer)) = (packet.pdu.get(..at), packet.pdu.get(at..)) else {
            return Err(Reject::SealMalformed);
        };
        let trailer = Trailer::parse(trailer).map_err(|_| Reject::SealMalformed)?;
        let moment = actions.moment();
        let off = moment.wall.distance(Micros::new(trailer.stamp.micros()));
        if auth.replay == AntiReplay::Time && off > auth.window {
            return Err(Reject::SealStale { off });
        }
        let Some(secret) = auth.secret(trailer.key) else {
            return Err(Reject::SealKey(trailer.key));
        };
        let signed = Signed {
            source: packet.source,
            version: self.config.version.number(),
            vrid: self.config.vrid.get(),
            pdu,
        };
        if !trailer.verify(secret, &signed) {
            return Err(Reject::SealInvalid);
        }
        let last = self.seals.heard.get(&packet.source);
        if last.is_some_and(|last| trailer.stamp <= *last) {
            return Err(Reject::SealReplay);
        }
        let skewed = auth.replay == AntiReplay::Time && off.get() > auth.window.get() / 2;
        if self.seals.heard.len() < MAX_PEERS || last.is_some() {
            self.seals.heard.insert(packet.source, trailer.stamp);
        }
        if skewed && self.seals.skewed != Some(packet.source) {
            self.seals.skewed = Some(packet.source);
            actions.log(Notice::ClockSkew {
                instance: self.name(),
                peer: packet.source,
                off,
            });
        } else if !skewed && self.seals.skewed == Some(packet.source) {
            self.seals.skewed = None;
        }
        Ok(pdu)
    }
}
