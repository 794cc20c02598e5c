//! Two routers that both claim to own the addresses (priority 255): a mistake in a configuration that must not end with two
//! masters.
//!
//! The one with the lower address competes with 254 from then on, and yields. The other stays; but where the first goes on sending
//! for longer than a backup would wait, since it does not hear us or does not heed us, this one falls to 254 and yields as well.

use std::net::IpAddr;

use super::Instance;
use crate::action::Actions;
use crate::notice::Notice;
use crate::time::Time;

/// How it stands with another owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rivalry {
    /// None was heard.
    None,
    /// One of a lower address is heard.
    Heard {
        /// Since then.
        since: Time,
        /// Then for the last time.
        last: Time,
    },
    /// We compete with 254 until we are master again.
    Lost,
}

impl Instance {
    /// A master heard this priority.
    pub(super) fn rival(&mut self, now: Time, peer: IpAddr, priority: u8, actions: &mut Actions) {
        let ours = self.priority();
        if !ours.is_owner() || priority != ours.get() {
            return;
        }
        let patience = self.master_down();
        let before = self.rivalry;
        let lower = self.source().is_none_or(|source| peer > source);
        self.rivalry = match before {
            _ if lower => Rivalry::Lost,
            Rivalry::Heard { since, last } if now - last <= patience => {
                match now - since > patience {
                    true => Rivalry::Lost,
                    false => Rivalry::Heard { since, last: now },
                }
            }
            _ => Rivalry::Heard {
                since: now,
                last: now,
            },
        };
        let reducing = self.rivalry == Rivalry::Lost;
        if reducing || before == Rivalry::None {
            actions.log(Notice::TwoOwners {
                instance: self.name(),
                peer,
                reducing,
            });
        }
    }
}
