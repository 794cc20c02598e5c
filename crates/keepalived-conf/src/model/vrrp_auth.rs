//! How an instance proves that an advert is its own.

use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

/// What an advert carries besides its contents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authentication {
    /// Nothing.
    #[default]
    None,
    /// `auth_type PASS`: the password in clear; version 2.
    Simple(SimplePassword),
    /// `auth_type AH`: IP authentication header, HMAC-MD5 keyed with the password; version 2 over IPv4. Never with an
    /// initial state MASTER.
    Ah(SimplePassword),
    /// `auth_hmac`: a trailer with an HMAC-SHA256; either version. It takes the place of the other two.
    Hmac(AuthHmac),
}

/// The eight bytes of a VRRPv2 simple text password, zero padded. Never prints itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SimplePassword(pub [u8; 8]);

impl fmt::Debug for SimplePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimplePassword(***)")
    }
}

/// `auth_hmac`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHmac {
    /// `key`, one or more, with different ids.
    pub keys: Vec<HmacKey>,
    /// `active_key`: the id of the one that signs, which is among the keys; all of them verify.
    pub active: NonZeroU8,
    /// `time_window`: how far the clock of a sender may be off, 1 s to 300 s; three advert intervals, at least 5 s, where
    /// nothing was said.
    pub window: Duration,
    /// `anti_replay`.
    pub replay: AntiReplay,
    /// `mode`; strict mode enforces.
    pub mode: HmacMode,
}

/// `key ID VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacKey {
    /// The id that the trailer names.
    pub id: NonZeroU8,
    /// 32 to 64 bytes.
    pub secret: HmacSecret,
}

/// The bytes of a key. Never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacSecret(pub Vec<u8>);

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSecret(***)")
    }
}

/// `anti_replay`: what must grow from one advert to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AntiReplay {
    /// The time of day.
    #[default]
    Time,
    /// The time since the sender was booted.
    Monotonic,
}

/// `mode` of `auth_hmac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HmacMode {
    /// Adverts are signed; those without a trailer are dropped.
    #[default]
    Enforce,
    /// Adverts are signed; those without a trailer are taken.
    Permissive,
    /// Adverts are not signed; those without a trailer are taken.
    ReceiveOnly,
}
