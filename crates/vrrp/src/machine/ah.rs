//! `auth_type AH` at work: numbers and signs what an instance sends, and judges what it hears by signature and number.
//!
//! keepalived behaviour: all routers of a segment share one series of numbers. Whoever hears a good advert goes on from its number, so
//! that the next master's first advert is believed.

use std::net::IpAddr;

use super::Instance;
use super::receive::Packet;
use crate::action::Actions;
use crate::config::Auth;
use crate::notice::Notice;
use crate::reject::Reject;
use crate::wire::ah::{self, Authentic};
use crate::wire::ipv4::Header;

/// What the kernel would put there, as keepalived does.
const TTL: u8 = 255;

impl Instance {
    /// The number of the next advert. The greatest stays, as with keepalived: at one a second it is reached after 136 years.
    pub(super) fn count_up(&mut self) {
        if let Auth::Ah(_) = self.config.auth {
            self.sequence = self.sequence.saturating_add(1);
        }
    }

    /// The authentication header for a PDU that is to be sent, with the IP header that it covers.
    pub(super) fn authenticate(
        &self,
        pdu: &[u8],
        source: IpAddr,
        destination: IpAddr,
        ttl: Option<u8>,
    ) -> Option<(Header, Authentic)> {
        let (Auth::Ah(secret), IpAddr::V4(source), IpAddr::V4(destination)) =
            (&self.config.auth, source, destination)
        else {
            return None;
        };
        let [.., high, low] = self.sequence.to_be_bytes();
        let header = Header {
            // 0 would be replaced by the kernel, and is covered.
            identification: u16::from_be_bytes([high, low]).max(1),
            ttl: ttl.unwrap_or(TTL),
            protocol: ah::PROTOCOL,
            source,
            destination,
        };
        let authentic = Authentic::sign(secret, &header, self.sequence, pdu);
        Some((header, authentic))
    }

    /// Whether a packet may be believed as far as its authentication header goes. Its number then is the last.
    pub(super) fn judge_authentic(&mut self, packet: &Packet<'_>) -> Result<(), Reject> {
        let Auth::Ah(secret) = &self.config.auth else {
            return match packet.authentic {
                Some(_) => Err(Reject::AuthMismatch {
                    seen: 2,
                    expected: self.auth_type(),
                }),
                None => Ok(()),
            };
        };
        let Some((header, authentic)) = &packet.authentic else {
            return Err(Reject::AhMissing);
        };
        if authentic.spi != header.source {
            return Err(Reject::AhSpi(authentic.spi));
        }
        // A master's own last number may be used by another that is master, too: if each were deaf to the other then, both would
        // stay. It was sent, not heard, so that nothing that is heard with it is a replay.
        let fresh = match self.is_master() {
            true => authentic.sequence >= self.sequence,
            false => authentic.sequence > self.sequence,
        };
        if !fresh {
            return Err(Reject::AhReplay {
                seen: authentic.sequence,
                last: self.sequence,
            });
        }
        if !authentic.verify(secret, header, packet.pdu) {
            return Err(Reject::AhInvalid);
        }
        self.sequence = authentic.sequence;
        Ok(())
    }

    /// A worse master was heard: the number of the answer jumps ahead of whatever that one has sent meanwhile.
    pub(super) fn jump(&mut self, actions: &mut Actions) {
        if let Auth::Ah(_) = self.config.auth {
            self.count_up();
            actions.log(Notice::SyncingSequence {
                instance: self.name(),
            });
        }
    }
}
