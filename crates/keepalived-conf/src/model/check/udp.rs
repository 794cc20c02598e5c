//! `UDP_CHECK`.

/// `UDP_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpCheck {
    /// `payload`, or [`UdpCheck::DEFAULT_PAYLOAD`].
    pub payload: Vec<u8>,
    /// `require_reply`; without it only an ICMP error is a failure.
    pub reply: Option<UdpReply>,
}

impl UdpCheck {
    /// What is sent where nothing was said.
    pub const DEFAULT_PAYLOAD: &[u8; 32] = b"keepalived check - keepalived ch";
}

/// What the answer must look like. keepalived behaviour: without `bytes` any answer will do, whatever its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpReply {
    /// `min_reply_length`, in bytes.
    pub min_length: u16,
    /// `max_reply_length`, in bytes. Less than the least is accepted, as in keepalived: such a check always fails.
    pub max_length: u16,
    /// Its first bytes, as far as it has them; empty is any.
    pub bytes: Vec<ReplyByte>,
}

/// A byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyByte {
    /// What the bits of the mask must be; the others are 0.
    pub value: u8,
    /// 0xff, or less where `X` stood for four bits that may be anything.
    pub mask: u8,
}
