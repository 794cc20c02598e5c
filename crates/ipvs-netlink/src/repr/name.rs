//! Names of kernel modules that a service refers to: schedulers and persistence engines.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::uapi::IP_VS_SCHEDNAME_MAXLEN;

/// Why a text cannot be the name of a scheduler or persistence engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of 1 to 15 bytes without control characters or blanks")]
pub struct InvalidName {
    /// The refused text.
    pub text: String,
}

fn check(text: &str) -> Result<Cow<'static, str>, InvalidName> {
    let fits = !text.is_empty() && text.len() < IP_VS_SCHEDNAME_MAXLEN;
    if fits && text.chars().all(|c| !c.is_control() && !c.is_whitespace()) {
        Ok(Cow::Owned(text.to_owned()))
    } else {
        Err(InvalidName {
            text: text.to_owned(),
        })
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $constant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            $($(#[$each])* pub const $constant: $name = $name(Cow::Borrowed($text));)*

            /// Every name that a kernel of today may bring.
            pub const KNOWN: &'static [$name] = &[$($name::$constant),*];

            /// A name of 1 to 15 bytes, whether the kernel knows it or not.
            pub fn new(text: &str) -> Result<$name, InvalidName> {
                check(text).map($name)
            }

            /// The name as the kernel spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<$name, InvalidName> {
                $name::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// How a service picks a destination: the name of an `ip_vs_*` scheduler.
    Scheduler {
        /// Round robin.
        RR = "rr",
        /// Weighted round robin.
        WRR = "wrr",
        /// Least connections.
        LC = "lc",
        /// Weighted least connections.
        WLC = "wlc",
        /// Locality-based least connections.
        LBLC = "lblc",
        /// Locality-based least connections with replication.
        LBLCR = "lblcr",
        /// Destination hashing.
        DH = "dh",
        /// Source hashing.
        SH = "sh",
        /// Maglev hashing.
        MH = "mh",
        /// Shortest expected delay.
        SED = "sed",
        /// Never queue.
        NQ = "nq",
        /// Weighted failover.
        FO = "fo",
        /// Weighted overflow.
        OVF = "ovf",
        /// Power of two choices.
        TWOS = "twos",
    }
}

name! {
    /// What persistence looks at besides the client's address.
    PersistenceEngine {
        /// The Call-ID of SIP over UDP.
        SIP = "sip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_at_most_fifteen_bytes() {
        assert_eq!(Scheduler::new("wlc"), Ok(Scheduler::WLC));
        assert!(Scheduler::new("fifteen-bytes-1").is_ok());
        assert!(Scheduler::new("sixteen-bytes-16").is_err());
        assert!(Scheduler::new("").is_err());
        assert!(Scheduler::new("a\0b").is_err());
    }
}
