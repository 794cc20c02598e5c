//! An operator has an instance give mastership away, and take it back.
//!
//! Giving it away is an advert of priority 0, as at a stop; then the instance is a backup that bears with a worse master.
//! Should nobody take over, it becomes master again: there is never none.

use std::net::IpAddr;

use super::{Instance, State};
use crate::action::Actions;
use crate::notice::{GroupState, Notice};
use crate::router::Router;
use crate::time::Time;

use super::{Entry, Leave};

/// What an operator asked of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Nothing.
    Usual,
    /// To bear with any master.
    Back,
    /// To become master, of any that is worse, at once.
    Reclaiming,
}

/// Why an instance cannot do what an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverRefusal {
    /// There is none of that name.
    #[error("no VRRP instance is called {0}: `rkeepalived status` lists them")]
    Unknown(String),
    /// It, or a member of its group, is no master.
    #[error("{0} is not MASTER, so there is nothing to hand over")]
    NoMaster(String),
    /// It has the addresses of its own.
    #[error(
        "{0} owns its addresses (priority 255), so it cannot stand back: lower its priority, and reload"
    )]
    Owner(String),
    /// It is master.
    #[error("{0} is MASTER already")]
    Master(String),
    /// It cannot take part.
    #[error("{0} is in FAULT or has not begun: the log says why")]
    Unable(String),
    /// A better one is master.
    #[error("{peer} is master with priority {priority} and {instance} has {ours}: hand over there")]
    Better {
        /// The instance.
        instance: String,
        /// The master.
        peer: IpAddr,
        /// Its priority.
        priority: u8,
        /// Ours.
        ours: u8,
    },
}

impl Router {
    /// Whether an instance, and its sync group with it, can hand mastership over, or take it `back`.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn may_hand_over(&self, name: &str, back: bool) -> Result<(), HandoverRefusal> {
        let index = self.index_of(name);
        let index = index.ok_or_else(|| HandoverRefusal::Unknown(name.to_owned()))?;
        let members = self.members(index);
        let members = members.iter().filter_map(|at| self.instances.get(*at));
        for one in members {
            let name = one.name().to_string();
            let ours = one.priority();
            match (&one.state, back) {
                (State::Master(_), false) if ours.is_owner() => {
                    return Err(HandoverRefusal::Owner(name));
                }
                (State::Master(_), false) | (State::Backup(_), true) => {}
                (State::Backup(_) | State::Init | State::Fault, false) => {
                    return Err(HandoverRefusal::NoMaster(name));
                }
                (State::Master(_), true) => return Err(HandoverRefusal::Master(name)),
                (State::Init | State::Fault, true) => return Err(HandoverRefusal::Unable(name)),
            }
            if let Some((peer, priority)) = one.master.filter(|_| back)
                && priority >= ours.get()
            {
                return Err(HandoverRefusal::Better {
                    instance: name,
                    peer,
                    priority,
                    ours: ours.get(),
                });
            }
        }
        Ok(())
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        let instances = &self.instances;
        instances.iter().position(|one| &*one.config.name == name)
    }

    /// Does it, where it may.
    pub(crate) fn hand_over(&mut self, now: Time, name: &str, back: bool, actions: &mut Actions) {
        if self.may_hand_over(name, back).is_err() {
            return;
        }
        let Some(index) = self.index_of(name) else {
            return;
        };
        if !back {
            self.together(index, GroupState::Backup, actions, |one, actions| {
                let instance = one.name();
                actions.log(Notice::HandingOver { instance });
                one.enter_backup(now, Entry::Change, Leave::Saying, actions);
                one.stance = Stance::Back;
            });
            return;
        }
        for member in self.members(index) {
            if let Some(one) = self.instances.get_mut(member) {
                let instance = one.name();
                actions.log(Notice::TakingBack { instance });
                one.reclaim(now);
            }
        }
    }
}

impl Instance {
    fn reclaim(&mut self, now: Time) {
        self.stance = Stance::Reclaiming;
        self.hurry(now);
    }
}
