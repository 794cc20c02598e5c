//! Every line the router writes to the log, with keepalived's wording: people grep for it.

use std::fmt;
use std::net::IpAddr;

use crate::id::Name;
use crate::reject::Reject;
use crate::time::{Centis, Micros};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody should look.
    Warning,
    /// Something is set up wrongly.
    Error,
}

/// What a sync group is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// All members are master.
    Master,
    /// All members are backup.
    Backup,
    /// All members are in fault.
    Fault,
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GroupState::Master => "MASTER",
            GroupState::Backup => "BACKUP",
            GroupState::Fault => "FAULT",
        })
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An instance becomes master.
    EnteringMaster {
        /// Which.
        instance: Name,
    },
    /// An instance becomes backup.
    EnteringBackup {
        /// Which.
        instance: Name,
        /// Whether it has only just started.
        initial: bool,
    },
    /// An instance cannot take part.
    EnteringFault {
        /// Which.
        instance: Name,
        /// Whether it has only just started.
        initial: bool,
    },
    /// No master was heard for Master_Down_Interval.
    AdvertTimeout {
        /// Which.
        instance: Name,
    },
    /// Virtual addresses are put on the interface.
    SettingAddresses {
        /// Whose.
        instance: Name,
    },
    /// Virtual addresses are taken off the interface.
    RemovingAddresses {
        /// Whose.
        instance: Name,
    },
    /// An advert of priority 0 went out.
    SentPriorityZero {
        /// Which.
        instance: Name,
    },
    /// A backup believes its first master.
    MasterSet {
        /// Which.
        instance: Name,
        /// The master's address.
        master: IpAddr,
    },
    /// A backup believes another master than before.
    MasterChanged {
        /// Which.
        instance: Name,
        /// The old master's address.
        from: IpAddr,
        /// The new master's address.
        to: IpAddr,
    },
    /// The master leaves.
    BackupReceivedZero {
        /// Which.
        instance: Name,
    },
    /// Another master leaves while we are master.
    MasterReceivedZero {
        /// Which.
        instance: Name,
    },
    /// A master hears a worse one.
    LowerPriority {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// Its priority.
        priority: u8,
        /// Our priority.
        ours: u8,
    },
    /// A master hears a better one.
    HigherPriority {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// Its priority.
        priority: u8,
        /// Our priority.
        ours: u8,
    },
    /// A master hears an equal one, whose address decides for it (RFC 3768 6.4.3).
    HigherAddress {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// Its priority, and ours.
        priority: u8,
    },
    /// A backup hears a worse master and will take over from it.
    DiscardingLower {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// A backup hears a worse master and bears with it for a while.
    PreemptDelay {
        /// Which.
        instance: Name,
        /// How long.
        delay: Micros,
    },
    /// Two routers claim to own the same addresses.
    TwoOwners {
        /// Which.
        instance: Name,
        /// The other.
        peer: IpAddr,
        /// Whether this one competes with 254 from now on.
        reducing: bool,
    },
    /// No instance becomes master for a while after the start.
    DelayingStartup {
        /// How long.
        delay: Micros,
    },
    /// A backup of version 3 waits by another interval from now on: that of the master.
    IntervalLearned {
        /// Which.
        instance: Name,
        /// What it waited by.
        from: Centis,
        /// What the master sends with.
        to: Centis,
    },
    /// A new master of version 3 sends with its own interval, where the last had another.
    IntervalReset {
        /// Which.
        instance: Name,
        /// The last master's.
        from: Centis,
        /// Its own.
        to: Centis,
    },
    /// The timer of a master came so late that another is master by now (`timer_expired_backup`).
    TimerExpired {
        /// Which.
        instance: Name,
        /// How late.
        late: Micros,
    },
    /// Packets to the virtual addresses are dropped from now on.
    SettingFirewall {
        /// Whose.
        instance: Name,
    },
    /// They are no longer.
    RemovingFirewall {
        /// Whose.
        instance: Name,
    },
    /// An advert of a virtual router that nobody here is part of.
    UnknownVrid {
        /// Its id.
        vrid: u8,
        /// Index of the interface it came in by; 0 where it was sent to us alone.
        interface: u32,
        /// The sender.
        peer: IpAddr,
    },
    /// The clock of a sender of signed adverts is off by more than half of what is allowed.
    ClockSkew {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// How far.
        off: Micros,
    },
    /// What is tracked moves the priority.
    PriorityChanged {
        /// Which.
        instance: Name,
        /// What it was.
        from: u8,
        /// What it is.
        to: u8,
    },
    /// The peers sum as keepalived up to 1.3.6 did, and so does the instance from now on.
    OldChecksum {
        /// Which.
        instance: Name,
    },
    /// An operator has a master stand back.
    HandingOver {
        /// The instance.
        instance: Name,
    },
    /// An instance stood back, but no other router became master.
    NobodyTookOver {
        /// The instance.
        instance: Name,
    },
    /// An instance that stood back is to become master again.
    TakingBack {
        /// The instance.
        instance: Name,
    },
    /// A worse master was heard, whose numbers of adverts with an authentication header are ahead of ours: ours jump over them.
    SyncingSequence {
        /// Which.
        instance: Name,
    },
    /// A sync group follows one of its members.
    GroupSyncing {
        /// Which group.
        group: Name,
        /// To what.
        state: GroupState,
    },
    /// A packet was dropped for a reason that had not occurred since the last good advert.
    Rejected {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// Why.
        reject: Reject,
    },
    /// Lines about packets were withheld, since there were too many.
    Withheld {
        /// Whose.
        instance: Name,
        /// How many.
        count: u64,
    },
    /// An advert lists another number of addresses than ours. It is used all the same.
    AddressCount {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// How many we have.
        expected: usize,
        /// How many it has.
        seen: usize,
    },
    /// An advert lacks an address of ours. It is used all the same.
    AddressMissing {
        /// Which.
        instance: Name,
        /// The sender.
        peer: IpAddr,
        /// The first such address.
        address: IpAddr,
    },
}

impl Notice {
    /// Whether the line is only written with detailed logging (`-D`).
    #[must_use]
    pub fn detail(&self) -> bool {
        match self {
            Notice::AdvertTimeout { .. }
            | Notice::SettingAddresses { .. }
            | Notice::RemovingAddresses { .. }
            | Notice::SentPriorityZero { .. }
            | Notice::MasterSet { .. }
            | Notice::MasterChanged { .. }
            | Notice::BackupReceivedZero { .. }
            | Notice::MasterReceivedZero { .. }
            | Notice::SettingFirewall { .. }
            | Notice::RemovingFirewall { .. }
            | Notice::PreemptDelay { .. } => true,
            Notice::EnteringMaster { .. }
            | Notice::EnteringBackup { .. }
            | Notice::EnteringFault { .. }
            | Notice::LowerPriority { .. }
            | Notice::HigherPriority { .. }
            | Notice::HigherAddress { .. }
            | Notice::DiscardingLower { .. }
            | Notice::TwoOwners { .. }
            | Notice::HandingOver { .. }
            | Notice::NobodyTookOver { .. }
            | Notice::TakingBack { .. }
            | Notice::DelayingStartup { .. }
            | Notice::IntervalLearned { .. }
            | Notice::IntervalReset { .. }
            | Notice::TimerExpired { .. }
            | Notice::UnknownVrid { .. }
            | Notice::OldChecksum { .. }
            | Notice::SyncingSequence { .. }
            | Notice::PriorityChanged { .. }
            | Notice::ClockSkew { .. }
            | Notice::GroupSyncing { .. }
            | Notice::Rejected { .. }
            | Notice::Withheld { .. }
            | Notice::AddressCount { .. }
            | Notice::AddressMissing { .. } => false,
        }
    }

    /// How much the line matters. keepalived writes nearly all of them as information.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Notice::TwoOwners { .. } => Level::Error,
            Notice::Rejected { .. }
            | Notice::ClockSkew { .. }
            | Notice::TimerExpired { .. }
            | Notice::Withheld { .. }
            | Notice::AddressCount { .. }
            | Notice::AddressMissing { .. } => Level::Warning,
            _ => Level::Info,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::EnteringMaster { instance } => write!(f, "({instance}) Entering MASTER STATE"),
            Notice::EnteringBackup { instance, initial } => {
                write!(f, "({instance}) Entering BACKUP STATE{}", init(*initial))
            }
            Notice::EnteringFault { instance, initial } => {
                write!(f, "({instance}) Entering FAULT STATE{}", init(*initial))
            }
            Notice::AdvertTimeout { instance } => {
                write!(f, "({instance}) Receive advertisement timeout")
            }
            Notice::SettingAddresses { instance } => write!(f, "({instance}) setting VIPs."),
            Notice::RemovingAddresses { instance } => write!(f, "({instance}) removing VIPs."),
            Notice::SentPriorityZero { instance } => write!(f, "({instance}) sent 0 priority"),
            Notice::MasterSet { instance, master } => {
                write!(f, "({instance}) master set to {master}")
            }
            Notice::MasterChanged { instance, from, to } => {
                write!(f, "({instance}) master changed from {from} to {to}")
            }
            Notice::BackupReceivedZero { instance } => {
                write!(f, "({instance}) Backup received priority 0 advertisement")
            }
            Notice::MasterReceivedZero { instance } => {
                write!(f, "({instance}) Master received priority 0 message")
            }
            Notice::LowerPriority {
                instance,
                peer,
                priority,
                ours,
            } => write!(
                f,
                "({instance}) Received advert from {peer} with lower priority {priority}, ours {ours}, \
                 forcing new election"
            ),
            Notice::HigherPriority {
                instance,
                peer,
                priority,
                ours,
            } => write!(
                f,
                "({instance}) Master received advert from {peer} with higher priority {priority}, ours {ours}"
            ),
            Notice::HigherAddress {
                instance,
                peer,
                priority,
            } => write!(
                f,
                "({instance}) Master received advert from {peer} with same priority {priority} but higher IP address \
                 than ours"
            ),
            Notice::DiscardingLower {
                instance,
                peer,
                priority,
            } => {
                write!(
                    f,
                    "({instance}) received lower priority ({priority}) advert from {peer} - discarding"
                )
            }
            Notice::PreemptDelay { instance, delay } => {
                write!(f, "({instance}) start preempt delay ({delay})")
            }
            Notice::TwoOwners {
                instance,
                peer,
                reducing,
            } => {
                let reducing = match reducing {
                    true => " - reducing local priority",
                    false => "",
                };
                write!(
                    f,
                    "({instance}) CONFIGURATION ERROR: local instance and a remote instance are both configured as \
                     address owner, please fix{reducing} ({peer} is the other)"
                )
            }
            Notice::DelayingStartup { delay } => {
                write!(f, "Delaying startup for {} seconds", Trimmed(*delay))
            }
            Notice::IntervalLearned { instance, from, to } => write!(
                f,
                "({instance}) advertisement interval updated from {}ms to {}ms by master",
                from.millis(),
                to.millis()
            ),
            Notice::IntervalReset { instance, from, to } => write!(
                f,
                "({instance}) changing advert interval from {}ms to locally configured {}ms",
                from.millis(),
                to.millis()
            ),
            Notice::TimerExpired { instance, late } => write!(
                f,
                "({instance}) VRRP thread timer expired {late} seconds ago, another router will have taken over"
            ),
            Notice::SettingFirewall { instance } => {
                write!(f, "({instance}) setting firewall drop rule")
            }
            Notice::RemovingFirewall { instance } => {
                write!(f, "({instance}) removing firewall drop rule")
            }
            Notice::UnknownVrid {
                vrid,
                interface,
                peer,
            } => write!(
                f,
                "Unknown VRID({vrid}) received on interface number {interface}. ignoring... (from {peer}; further ones are only counted)"
            ),
            Notice::ClockSkew {
                instance,
                peer,
                off,
            } => write!(
                f,
                "({instance}) clock of {peer} is {off} s off ours, more than half of time_window: set the clocks"
            ),
            Notice::PriorityChanged { instance, from, to } => write!(
                f,
                "({instance}) Changing effective priority from {from} to {to}"
            ),
            Notice::HandingOver { instance } => write!(
                f,
                "({instance}) Operator hands mastership over; standing back until another master is gone"
            ),
            Notice::NobodyTookOver { instance } => write!(
                f,
                "({instance}) Nobody took over, so mastership is ours again"
            ),
            Notice::TakingBack { instance } => {
                write!(f, "({instance}) Operator takes mastership back")
            }
            Notice::OldChecksum { instance } => write!(
                f,
                "({instance}) Setting unicast VRRPv3 checksum to old version"
            ),
            Notice::SyncingSequence { instance } => {
                write!(f, "({instance}) IPSEC-AH : Syncing seq_num - Increment seq")
            }
            Notice::GroupSyncing { group, state } => {
                write!(f, "VRRP_Group({group}) Syncing instances to {state} state")
            }
            Notice::Rejected {
                instance,
                peer,
                reject,
            } => write!(f, "({instance}) {}", reject.complaint(*peer)),
            Notice::Withheld { instance, count } => write!(
                f,
                "({instance}) {count} more lines about received packets were withheld, since there were too many; \
                 keepalived.stats (SIGUSR2) counts packets by reason and sender"
            ),
            Notice::AddressCount {
                instance,
                peer,
                expected,
                seen,
            } => {
                write!(
                    f,
                    "({instance}) expected {expected} VIPs but received {seen} from {peer}"
                )
            }
            Notice::AddressMissing {
                instance,
                peer,
                address,
            } => {
                write!(
                    f,
                    "({instance}) ip address {address} not present in advert from {peer}"
                )
            }
        }
    }
}

/// Seconds without needless zeros: `4.5`, `10`.
struct Trimmed(Micros);

impl fmt::Display for Trimmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn init(initial: bool) -> &'static str {
    if initial { " (init)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> IpAddr {
        IpAddr::from([10, 9, 0, 2])
    }

    fn name() -> Name {
        Name::from("V1")
    }

    #[test]
    fn the_words_of_keepalived_about_times_and_owners() {
        let (from, to) = (Centis::new(100), Centis::new(50));
        for (notice, line) in [
            (
                Notice::DelayingStartup {
                    delay: Micros::new(4_500_000),
                },
                "Delaying startup for 4.5 seconds",
            ),
            (
                Notice::DelayingStartup {
                    delay: Micros::from_secs(10),
                },
                "Delaying startup for 10 seconds",
            ),
            (
                Notice::IntervalLearned {
                    instance: name(),
                    from,
                    to,
                },
                "(V1) advertisement interval updated from 1000ms to 500ms by master",
            ),
            (
                Notice::IntervalReset {
                    instance: name(),
                    from: to,
                    to: from,
                },
                "(V1) changing advert interval from 500ms to locally configured 1000ms",
            ),
            (
                Notice::SettingFirewall { instance: name() },
                "(V1) setting firewall drop rule",
            ),
            (
                Notice::RemovingFirewall { instance: name() },
                "(V1) removing firewall drop rule",
            ),
            (
                Notice::SyncingSequence { instance: name() },
                "(V1) IPSEC-AH : Syncing seq_num - Increment seq",
            ),
        ] {
            assert_eq!(notice.to_string(), line);
        }
        let owners = Notice::TwoOwners {
            instance: name(),
            peer: peer(),
            reducing: true,
        };
        let words = "(V1) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, \
                     please fix - reducing local priority";
        assert!(owners.to_string().starts_with(words), "{owners}");
    }

    /// Lines that keepalived 2.2.7 wrote when it was run with `-D`.
    #[test]
    fn the_words_of_keepalived() {
        let instance = name();
        let lines: [(Notice, &str); 14] = [
            (
                Notice::EnteringMaster { instance: name() },
                "(V1) Entering MASTER STATE",
            ),
            (
                Notice::EnteringBackup {
                    instance: name(),
                    initial: false,
                },
                "(V1) Entering BACKUP STATE",
            ),
            (
                Notice::EnteringBackup {
                    instance: name(),
                    initial: true,
                },
                "(V1) Entering BACKUP STATE (init)",
            ),
            (
                Notice::EnteringFault {
                    instance: name(),
                    initial: false,
                },
                "(V1) Entering FAULT STATE",
            ),
            (
                Notice::AdvertTimeout { instance: name() },
                "(V1) Receive advertisement timeout",
            ),
            (
                Notice::SettingAddresses { instance: name() },
                "(V1) setting VIPs.",
            ),
            (
                Notice::RemovingAddresses { instance: name() },
                "(V1) removing VIPs.",
            ),
            (
                Notice::SentPriorityZero { instance: name() },
                "(V1) sent 0 priority",
            ),
            (
                Notice::BackupReceivedZero { instance: name() },
                "(V1) Backup received priority 0 advertisement",
            ),
            (
                Notice::MasterReceivedZero { instance: name() },
                "(V1) Master received priority 0 message",
            ),
            (
                Notice::LowerPriority {
                    instance: name(),
                    peer: peer(),
                    priority: 50,
                    ours: 100,
                },
                "(V1) Received advert from 10.9.0.2 with lower priority 50, ours 100, forcing new election",
            ),
            (
                Notice::HigherAddress {
                    instance: name(),
                    peer: peer(),
                    priority: 100,
                },
                "(V1) Master received advert from 10.9.0.2 with same priority 100 but higher IP address than ours",
            ),
            (
                Notice::PreemptDelay {
                    instance: name(),
                    delay: Micros::from_secs(5),
                },
                "(V1) start preempt delay (5.000000)",
            ),
            (
                Notice::GroupSyncing {
                    group: Name::from("G"),
                    state: GroupState::Fault,
                },
                "VRRP_Group(G) Syncing instances to FAULT state",
            ),
        ];
        for (notice, line) in lines {
            assert_eq!(notice.to_string(), line);
        }
        let discarding = Notice::DiscardingLower {
            instance,
            peer: peer(),
            priority: 100,
        };
        assert_eq!(
            discarding.to_string(),
            "(V1) received lower priority (100) advert from 10.9.0.2 - discarding"
        );
        assert!(!discarding.detail());
        assert!(Notice::AdvertTimeout { instance: name() }.detail());
    }

    #[test]
    fn a_reject_names_what_was_seen() {
        let line = |reject| {
            Notice::Rejected {
                instance: name(),
                peer: peer(),
                reject,
            }
            .to_string()
        };
        assert_eq!(
            line(Reject::AuthMismatch {
                seen: 0,
                expected: 1
            }),
            "(V1) received a 0 auth from 10.9.0.2, expecting 1!"
        );
        assert_eq!(
            line(Reject::Ttl {
                seen: 254,
                least: 255,
                most: 255
            }),
            "(V1) invalid TTL/HL from 10.9.0.2. Received 254 and expect 255"
        );
        assert_eq!(
            line(Reject::Checksum { version: 2 }),
            "(V1) Invalid VRRPv2 checksum from 10.9.0.2"
        );
        assert_eq!(
            line(Reject::Truncated {
                seen: 16,
                needed: 20
            }),
            "(V1) vrrp packet too short from 10.9.0.2, length 36 and expect 40"
        );
    }
}
