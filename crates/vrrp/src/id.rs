//! What an instance is known by: its name, its virtual router id, its priority.

use std::fmt;
use std::num::NonZeroU8;
use std::sync::Arc;

/// The name of an instance or of a sync group, as the configuration gives it.
pub type Name = Arc<str>;

/// A virtual router id, 1..=255 (RFC 3768 5.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// The id, or `None` for 0, which RFC 3768 does not allow.
    #[must_use]
    pub const fn new(vrid: u8) -> Option<Vrid> {
        match NonZeroU8::new(vrid) {
            Some(vrid) => Some(Vrid(vrid)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The priority of a router, 1..=255. On the wire there is also 0, "I am leaving" (RFC 3768 5.3.4);
/// no router is configured with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(NonZeroU8);

impl Priority {
    /// The priority of a router that owns the addresses (RFC 3768 5.3.4).
    pub const OWNER: Priority = Priority(NonZeroU8::MAX);

    /// The greatest priority of a router that does not.
    pub const BELOW_OWNER: Priority = Priority(NonZeroU8::MIN.saturating_add(253));

    /// The priority, or `None` for 0.
    #[must_use]
    pub const fn new(priority: u8) -> Option<Priority> {
        match NonZeroU8::new(priority) {
            Some(priority) => Some(Priority(priority)),
            None => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// Whether this is the priority of an address owner.
    #[must_use]
    pub fn is_owner(self) -> bool {
        self == Priority::OWNER
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_no_vrid_and_no_priority() {
        assert_eq!(Vrid::new(0), None);
        assert_eq!(Priority::new(0), None);
        assert_eq!(Vrid::new(51).unwrap().get(), 51);
        assert_eq!(Priority::new(100).unwrap().to_string(), "100");
        assert!(Priority::new(255).unwrap().is_owner());
        assert!(!Priority::new(254).unwrap().is_owner());
    }
}
