//! A backup: waits for the master to fall silent (RFC 3768 6.4.2).

use std::net::IpAddr;

use super::handover::Stance;
use super::{Instance, State, Wish};
use crate::action::Actions;
use crate::notice::Notice;
use crate::time::{Centis, Micros, Time};

/// Its timers.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    takeover: Takeover,
    /// When it stops bearing with a worse master, from the first advert of one (`preempt_delay`).
    preempt_at: Option<Time>,
}

/// When it would become master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takeover {
    /// Then, unless an advert comes.
    At(Time),
    /// As soon as the other members of its sync group can, too.
    WithGroup,
}

impl Backup {
    pub(super) fn new(takeover_at: Time) -> Backup {
        Backup {
            takeover: Takeover::At(takeover_at),
            preempt_at: None,
        }
    }

    /// Its priority changed, and with it its skew time. Where that has passed already, now is the time: an instant of the past
    /// would look as if the timer was served late.
    pub(super) fn reskew(&mut self, now: Time, from: Micros, to: Micros) {
        if let Takeover::At(at) = self.takeover {
            let since = Time::new(at.get().saturating_sub(from.get()));
            self.takeover = Takeover::At((since + to).max(now.min(at)));
        }
    }

    pub(super) fn ready(&self) -> bool {
        self.takeover == Takeover::WithGroup
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self.takeover {
            Takeover::At(at) => Some(at),
            Takeover::WithGroup => None,
        }
    }
}

impl Instance {
    pub(super) fn backup_timer(&mut self, now: Time, actions: &mut Actions) -> Wish {
        if self.deadline().is_none_or(|at| at > now) {
            return Wish::Stay;
        }
        let State::Backup(backup) = &mut self.state else {
            return Wish::Stay;
        };
        backup.takeover = Takeover::WithGroup;
        actions.log(Notice::AdvertTimeout {
            instance: self.name(),
        });
        Wish::Master
    }

    pub(super) fn backup_advert(
        &mut self,
        now: Time,
        peer: IpAddr,
        priority: u8,
        interval: Centis,
        actions: &mut Actions,
    ) -> Wish {
        let (skew, ours) = (self.skew(), self.priority().get());
        let (nopreempt, delay) = match self.stance {
            Stance::Usual => (self.config.nopreempt, self.config.preempt_delay),
            Stance::Back => (true, Micros::ZERO),
            Stance::Reclaiming => (false, Micros::ZERO),
        };
        let instance = self.name();
        let State::Backup(backup) = &mut self.state else {
            return Wish::Stay;
        };
        if priority == 0 {
            actions.log(Notice::BackupReceivedZero { instance });
            backup.takeover = Takeover::At(now + skew);
            return Wish::Stay;
        }
        if priority >= ours {
            backup.preempt_at = None;
            if self.stance == Stance::Reclaiming {
                self.stance = Stance::Usual;
            }
        } else if !nopreempt {
            if backup.preempt_at.is_none() && !delay.is_zero() {
                backup.preempt_at = Some(now + delay);
                actions.log(Notice::PreemptDelay {
                    instance: instance.clone(),
                    delay,
                });
            }
            if backup.preempt_at.is_none_or(|at| at <= now) {
                actions.log(Notice::DiscardingLower {
                    instance,
                    peer,
                    priority,
                });
                return Wish::Stay;
            }
        }
        self.learn(interval, actions);
        let takeover = Takeover::At(now + self.master_down());
        if let State::Backup(backup) = &mut self.state {
            backup.takeover = takeover;
        }
        match self.master.replace((peer, priority)) {
            None => actions.log(Notice::MasterSet {
                instance,
                master: peer,
            }),
            Some((from, _)) if from != peer => actions.log(Notice::MasterChanged {
                instance,
                from,
                to: peer,
            }),
            Some(_) => {}
        }
        Wish::Stay
    }

    /// Waits by the interval of this master from now on (RFC 9568 6.4.2); version 2 believes no other than its own.
    pub(super) fn learn(&mut self, interval: Centis, actions: &mut Actions) {
        let from = self.awaited_interval();
        self.master_interval = Some(interval);
        if from != interval {
            actions.log(Notice::IntervalLearned {
                instance: self.name(),
                from,
                to: interval,
            });
        }
    }

    /// After a reload that may have changed its timers.
    pub(super) fn backup_reload(&mut self, now: Time, timing_changed: bool) {
        let down = self.master_down();
        let delay = self.config.preempt_delay;
        let State::Backup(backup) = &mut self.state else {
            return;
        };
        if delay.is_zero() {
            backup.preempt_at = None;
        }
        if timing_changed && !backup.ready() {
            backup.takeover = Takeover::At(now + down);
        }
    }
}
