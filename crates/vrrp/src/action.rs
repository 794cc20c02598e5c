//! What the driver shall do, in this order.

use std::net::IpAddr;

use crate::id::Name;
use crate::notice::Notice;
use crate::restraint::Restraint;
use crate::time::{Micros, Time};

/// Effects, in the order in which they must be performed.
#[must_use = "the actions are what the router wants done"]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actions {
    moment: Moment,
    list: Vec<Action>,
}

/// When actions are made, by the clocks that signatures go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    /// Since 1970.
    pub wall: Micros,
    /// Since this machine was booted.
    pub boot: Micros,
}

impl Actions {
    /// No effect yet.
    pub(crate) fn new(moment: Moment) -> Actions {
        Actions {
            moment,
            list: Vec::new(),
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }

    /// One more effect.
    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    /// One more line for the log.
    pub(crate) fn log(&mut self, notice: Notice) {
        self.list.push(Action::Log(notice));
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes out lines of the log that are too many, of those after the first `from` effects, and says how many were when one
    /// may be written again.
    pub(crate) fn restrain(
        &mut self,
        from: usize,
        now: Time,
        instance: &Name,
        restraint: &mut Restraint,
    ) {
        for action in self.list.split_off(from.min(self.list.len())) {
            if matches!(action, Action::Log(_)) {
                let Some(count) = restraint.allows(now) else {
                    continue;
                };
                if count > 0 {
                    let instance = Name::clone(instance);
                    self.log(Notice::Withheld { instance, count });
                }
            }
            self.list.push(action);
        }
    }

    /// The effects of `other` after those of `self`.
    pub fn extend(&mut self, other: Actions) {
        self.list.extend(other.list);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The effects, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Action> {
        self.list.iter()
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::vec::IntoIter<Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Actions {
    type Item = &'a Action;
    type IntoIter = std::slice::Iter<'a, Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send one advert.
    Send {
        /// Whose it is.
        instance: Name,
        /// Index of the interface to send by.
        interface: u32,
        /// Index of the VRF whose routes lead to the destination, if that is no group; 0 is none.
        vrf: u32,
        /// Source address.
        source: IpAddr,
        /// Destination address.
        destination: IpAddr,
        /// Time to live or hop limit; `None` leaves it to the kernel.
        ttl: Option<u8>,
        /// IP protocol: 112, or 51 with an authentication header.
        protocol: u8,
        /// Identification of the IPv4 header, which an authentication header covers; 0 leaves it to the kernel.
        identification: u16,
        /// The VRRP PDU, behind an authentication header where there is one. The raw socket puts the IP header before it: TOS 0xc0
        /// (RFC 3768 5.2).
        payload: Vec<u8>,
    },
    /// Bring the interface to the configured virtual addresses. Idempotent: sent again after a reload, when the
    /// addresses may have changed.
    SetAddresses {
        /// Whose addresses.
        instance: Name,
    },
    /// Take all virtual addresses of the instance off the interface.
    ClearAddresses {
        /// Whose addresses.
        instance: Name,
    },
    /// Send gratuitous ARPs: each address once a round.
    Announce {
        /// Whose addresses.
        instance: Name,
        /// How many rounds, at least one.
        rounds: u32,
    },
    /// Announce once the addresses that are not on the interface of the adverts, which switches may forget.
    Remind {
        /// Whose addresses.
        instance: Name,
    },
    /// Tell scripts and FIFOs.
    Notify {
        /// Who changed.
        subject: Subject,
        /// To what.
        state: NotifyState,
        /// The effective priority of an instance; 0 for a group.
        priority: u8,
    },
    /// Write a line to the log.
    Log(Notice),
}

/// Who a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A `vrrp_instance`.
    Instance(Name),
    /// A `vrrp_sync_group`.
    Group(Name),
}

/// What a notification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyState {
    /// Became master.
    Master,
    /// Became backup.
    Backup,
    /// Cannot take part.
    Fault,
    /// The program stops.
    Stop,
    /// A reload removed it. keepalived says FAULT unless `notify_deleted` is set.
    Deleted,
    /// The priority of a master changed; FIFOs with `vrrp_notify_priority_changes` only.
    MasterPriority,
    /// The same of a backup.
    BackupPriority,
    /// A master saw an advert of lower priority; `notify_master_rx_lower_pri` and FIFOs only.
    MasterRxLowerPriority,
}
