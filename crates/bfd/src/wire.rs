//! The control packet (RFC 5880 4.1): 24 bytes, behind which an authentication section may stand.
//!
//! ```text
//! |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
//! |                       My Discriminator                        |
//! |                      Your Discriminator                       |
//! |                    Desired Min TX Interval                    |
//! |                   Required Min RX Interval                    |
//! |                 Required Min Echo RX Interval                 |
//! ```

use std::num::{NonZeroU8, NonZeroU32};

use crate::diagnostic::Diagnostic;
use crate::reject::Reject;
use crate::state::State;
use crate::time::Micros;

/// Bytes of a packet without authentication.
pub const LENGTH: usize = 24;
/// [`LENGTH`], as the packet says it.
const LENGTH_FIELD: u8 = 24;
/// The least with an authentication section (RFC 5880 6.8.6).
const LENGTH_AUTHENTICATED: u8 = 26;
const VERSION: u8 = 1;

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const INDEPENDENT: u8 = 0x08;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// A control packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Why the sender's session was last down.
    pub diagnostic: Diagnostic,
    /// The sender's state.
    pub state: State,
    /// The sender asks for an answer.
    pub poll: bool,
    /// This is the answer.
    pub final_: bool,
    /// The sender's BFD does not share fate with its control plane.
    pub independent: bool,
    /// An authentication section follows; its bytes are not kept.
    pub authenticated: bool,
    /// The sender wants to hear nothing but answers.
    pub demand: bool,
    /// So many packets in a row must be lost.
    pub multiplier: NonZeroU8,
    /// Of the sender's session.
    pub mine: NonZeroU32,
    /// Of the receiver's session, if the sender knows it.
    pub yours: Option<NonZeroU32>,
    /// The sender would send no more often than that.
    pub desired_min_tx: Micros,
    /// The sender can receive no more often than that; zero is nothing at all.
    pub required_min_rx: Micros,
    /// The sender returns echoes no more often than that; zero is none.
    pub required_min_echo_rx: Micros,
}

/// Reads a UDP payload, with the checks of RFC 5880 6.8.6 that need no session, in its order.
///
/// # Errors
/// Why it is no control packet. keepalived behaviour: bytes behind the packet are no more accepted than too few.
pub fn parse(bytes: &[u8]) -> Result<Control, Reject> {
    let size = bytes.len();
    let too_small = Reject::TooSmall { bytes: size };
    let Some((head, _)) = bytes.split_first_chunk::<LENGTH>() else {
        return Err(too_small);
    };
    let [
        first,
        second,
        multiplier,
        length,
        m0,
        m1,
        m2,
        m3,
        y0,
        y1,
        y2,
        y3,
        t0,
        t1,
        t2,
        t3,
        r0,
        r1,
        r2,
        r3,
        e0,
        e1,
        e2,
        e3,
    ] = *head;
    if first >> 5 != VERSION {
        return Err(Reject::Version(first >> 5));
    }
    if usize::from(length) != size {
        return Err(Reject::Length {
            field: length,
            bytes: size,
        });
    }
    let authenticated = second & AUTHENTICATED != 0;
    if authenticated && length < LENGTH_AUTHENTICATED {
        return Err(too_small);
    }
    let multiplier = NonZeroU8::new(multiplier).ok_or(Reject::ZeroMultiplier)?;
    if second & MULTIPOINT != 0 {
        return Err(Reject::Multipoint);
    }
    let mine = NonZeroU32::new(u32::from_be_bytes([m0, m1, m2, m3]));
    let mine = mine.ok_or(Reject::ZeroDiscriminator)?;
    let yours = NonZeroU32::new(u32::from_be_bytes([y0, y1, y2, y3]));
    let state = State::from_bits(second >> 6);
    if yours.is_none() && !matches!(state, State::Down | State::AdminDown) {
        return Err(Reject::StateWithoutDiscriminator(state));
    }
    Ok(Control {
        diagnostic: Diagnostic::from_bits(first),
        state,
        poll: second & POLL != 0,
        final_: second & FINAL != 0,
        independent: second & INDEPENDENT != 0,
        authenticated,
        demand: second & DEMAND != 0,
        multiplier,
        mine,
        yours,
        desired_min_tx: Micros(u32::from_be_bytes([t0, t1, t2, t3])),
        required_min_rx: Micros(u32::from_be_bytes([r0, r1, r2, r3])),
        required_min_echo_rx: Micros(u32::from_be_bytes([e0, e1, e2, e3])),
    })
}

/// Writes a packet without authentication.
#[must_use]
pub fn emit(control: &Control) -> [u8; LENGTH] {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let first = VERSION << 5 | control.diagnostic.bits();
    let second = control.state.bits() << 6
        | flag(control.poll, POLL)
        | flag(control.final_, FINAL)
        | flag(control.independent, INDEPENDENT)
        | flag(control.demand, DEMAND);
    let yours = control.yours.map_or(0, NonZeroU32::get);
    let words = [
        u32::from_be_bytes([first, second, control.multiplier.get(), LENGTH_FIELD]),
        control.mine.get(),
        yours,
        control.desired_min_tx.0,
        control.required_min_rx.0,
        control.required_min_echo_rx.0,
    ];
    let mut bytes = [0; LENGTH];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
