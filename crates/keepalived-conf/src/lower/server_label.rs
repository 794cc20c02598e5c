//! How keepalived names servers in what it says of them.

use std::fmt;

use crate::model::{Protocol, VirtualServerKey};

/// A virtual or a real server: `[10.0.0.1]:tcp:80`, `FWM 5`, or `[NAME]:0`, the first that uses the group NAME.
#[derive(Clone, Copy)]
pub(super) struct Label<'k> {
    pub key: Option<&'k VirtualServerKey>,
    /// `None` where nothing was said of it, or where there is none.
    pub protocol: Option<Protocol>,
    /// So many virtual servers before this one use the group.
    pub nth: usize,
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            None => "none",
            Some(Protocol::Tcp) => "tcp",
            Some(Protocol::Udp) => "udp",
            Some(Protocol::Sctp) => "sctp",
        };
        match self.key {
            Some(VirtualServerKey::Address(address)) => {
                write!(f, "[{}]:{protocol}:{}", address.ip(), address.port())
            }
            Some(VirtualServerKey::Fwmark(mark)) => write!(f, "FWM {mark}"),
            Some(VirtualServerKey::Group(name)) => write!(f, "[{name}]:{}", self.nth),
            None => f.write_str("FWM 0"),
        }
    }
}
