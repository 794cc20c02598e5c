//! A master: advertises, and yields to a better one (RFC 3768 6.4.3).

use std::net::IpAddr;

use super::{Instance, State, Wish, timing};
use crate::action::{Action, Actions, NotifyState, Subject};
use crate::notice::Notice;
use crate::time::{Centis, Micros, Time};

/// Its timers.
#[derive(Debug, Clone)]
pub(crate) struct Master {
    advert_at: Time,
    /// The second burst of gratuitous ARPs, and its rounds.
    again: Option<(Time, u32)>,
    refresh_at: Option<Time>,
    remind_at: Option<Time>,
}

impl Master {
    pub(super) fn deadline(&self) -> Time {
        let mut deadline = self.advert_at;
        if let Some((at, _)) = self.again {
            deadline = deadline.min(at);
        }
        for at in [self.refresh_at, self.remind_at].into_iter().flatten() {
            deadline = deadline.min(at);
        }
        deadline
    }
}

/// The first instant of a series that is after `now`; a series that has fallen behind starts anew from `now`.
fn next(due: Time, period: Micros, now: Time) -> Time {
    let next = due + period;
    if next > now { next } else { now + period }
}

impl Instance {
    /// The timers of a master that has just announced itself.
    pub(super) fn fresh_master(&self, now: Time) -> Master {
        let announce = &self.config.announce;
        Master {
            advert_at: now + self.interval(),
            again: (!announce.delay.is_zero() && announce.repeat > 0)
                .then_some((now + announce.delay, announce.repeat)),
            refresh_at: refresh_at(now, announce.refresh),
            remind_at: refresh_at(now, announce.extra),
        }
    }

    pub(super) fn master_timer(&mut self, now: Time, actions: &mut Actions) -> Wish {
        if let Some(late) = self.overtaken(now) {
            actions.log(Notice::TimerExpired {
                instance: self.name(),
                late,
            });
            return Wish::Yield;
        }
        let interval = self.interval();
        let (refresh, refresh_repeat) = (
            self.config.announce.refresh,
            self.config.announce.refresh_repeat,
        );
        let extra = self.config.announce.extra;
        let instance = self.name();
        let State::Master(master) = &mut self.state else {
            return Wish::Stay;
        };
        let advertise = master.advert_at <= now;
        if advertise {
            master.advert_at = next(master.advert_at, interval, now);
        }
        let mut bursts = [None, None];
        if let Some((at, rounds)) = master.again
            && at <= now
        {
            master.again = None;
            bursts = [Some(rounds), None];
        }
        if let Some(at) = master.refresh_at
            && at <= now
        {
            master.refresh_at = (!refresh.is_zero()).then(|| next(at, refresh, now));
            bursts = [bursts.into_iter().flatten().next(), Some(refresh_repeat)];
        }
        let remind = master.remind_at.is_some_and(|at| at <= now);
        if let Some(at) = master.remind_at.filter(|_| remind) {
            master.remind_at = Some(next(at, extra, now));
        }
        if advertise {
            self.advertise(self.priority().get(), actions);
        }
        for rounds in bursts.into_iter().flatten().filter(|rounds| *rounds > 0) {
            actions.push(Action::Announce {
                instance: instance.clone(),
                rounds,
            });
        }
        if remind {
            actions.push(Action::Remind { instance });
        }
        Wish::Stay
    }

    /// How late the timer is, where that is so late that another has become master meanwhile (`timer_expired_backup`): it would not
    /// yield to us, and with `nopreempt` we would not want it to.
    fn overtaken(&self, now: Time) -> Option<Micros> {
        let State::Master(master) = &self.state else {
            return None;
        };
        let backup = self
            .config
            .timer_expired_backup
            .filter(|_| self.config.nopreempt)?;
        let late = now - master.advert_at;
        let patience = timing::master_down(
            self.config.version,
            backup,
            self.config.advert_interval,
            self.config.down_timer_adverts,
        );
        (late + self.interval() >= patience).then_some(late)
    }

    pub(super) fn master_advert(
        &mut self,
        now: Time,
        peer: IpAddr,
        priority: u8,
        interval: Centis,
        actions: &mut Actions,
    ) -> Wish {
        let instance = self.name();
        if priority == 0 {
            actions.log(Notice::MasterReceivedZero { instance });
            self.advertise_now(now, actions);
            return Wish::Stay;
        }
        self.rival(now, peer, priority, actions);
        let ours = self.priority().get();
        let better_address = self.source().is_none_or(|source| peer > source);
        if priority > ours {
            actions.log(Notice::HigherPriority {
                instance,
                peer,
                priority,
                ours,
            });
        } else if priority == ours && better_address {
            actions.log(Notice::HigherAddress {
                instance,
                peer,
                priority,
            });
        } else {
            actions.log(Notice::LowerPriority {
                instance: instance.clone(),
                peer,
                priority,
                ours,
            });
            self.jump(actions);
            if !self.config.lower_prio_no_advert {
                self.advertise_now(now, actions);
            }
            return Wish::Reassert;
        }
        if self.config.higher_prio_send_advert {
            self.advertise(ours, actions);
        }
        self.master = Some((peer, priority));
        self.learn(interval, actions);
        Wish::Yield
    }

    fn advertise_now(&mut self, now: Time, actions: &mut Actions) {
        self.advertise(self.priority().get(), actions);
        let next = now + self.interval();
        if let State::Master(master) = &mut self.state {
            master.advert_at = next;
        }
    }

    /// Announces the addresses again, now and later, since a worse master may have misled the neighbours.
    pub(crate) fn reannounce(&mut self, now: Time, actions: &mut Actions) {
        let (rounds, delay) = (
            self.config.announce.lower_prio_repeat,
            self.config.announce.lower_prio_delay,
        );
        let instance = self.name();
        if let State::Master(master) = &mut self.state
            && rounds > 0
        {
            actions.push(Action::Announce { instance, rounds });
            if !delay.is_zero() {
                master.again = Some((now + delay, rounds));
            }
        }
    }

    /// Tells that a worse master was heard.
    pub(crate) fn notify_lower(&self, actions: &mut Actions) {
        actions.push(Action::Notify {
            subject: Subject::Instance(self.name()),
            state: NotifyState::MasterRxLowerPriority,
            priority: self.priority().get(),
        });
    }

    /// Sends an advert with what a reload has changed, before anything else is done.
    pub(super) fn master_reload(&mut self, now: Time, actions: &mut Actions) {
        self.advertise_now(now, actions);
        let (refresh, extra) = (self.config.announce.refresh, self.config.announce.extra);
        if let State::Master(master) = &mut self.state {
            master.refresh_at = refresh_at(now, refresh);
            master.remind_at = refresh_at(now, extra);
        }
    }
}

fn refresh_at(now: Time, refresh: Micros) -> Option<Time> {
    (!refresh.is_zero()).then(|| now + refresh)
}
