//! From one state to another, with the effects in keepalived's order.

use super::backup::Backup;
use super::handover::Stance;
use super::owner::Rivalry;
use super::{Instance, State};
use crate::action::{Action, Actions, NotifyState, Subject};
use crate::config::InstanceConfig;
use crate::event::Interface;
use crate::notice::Notice;
use crate::time::Time;

/// How a master goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// A better master is there: nothing to say.
    Quietly,
    /// With an advert of priority 0, so that a backup takes over after its skew time only.
    Saying,
}

/// How a state is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// At start; its notification is sent later.
    Initial,
    /// From another state.
    Change,
}

impl Instance {
    /// Becomes master: advert, log, addresses, gratuitous ARPs, notification.
    pub(crate) fn enter_master(&mut self, now: Time, actions: &mut Actions) {
        self.rivalry = Rivalry::None;
        self.advertise(self.priority().get(), actions);
        actions.log(Notice::EnteringMaster {
            instance: self.name(),
        });
        if self.stance == Stance::Back {
            actions.log(Notice::NobodyTookOver {
                instance: self.name(),
            });
        }
        let own = self.config.advert_interval;
        if let Some(from) = self.master_interval.filter(|from| *from != own) {
            actions.log(Notice::IntervalReset {
                instance: self.name(),
                from,
                to: own,
            });
        }
        self.state = State::Master(self.fresh_master(now));
        self.since = now;
        self.master = None;
        self.master_interval = None;
        self.stance = Stance::Usual;
        self.stats.became_master += 1;
        self.set_addresses(actions);
        self.notify(NotifyState::Master, actions);
    }

    /// Becomes backup, and waits for Master_Down_Interval.
    pub(crate) fn enter_backup(
        &mut self,
        now: Time,
        entry: Entry,
        leave: Leave,
        actions: &mut Actions,
    ) {
        actions.log(Notice::EnteringBackup {
            instance: self.name(),
            initial: entry == Entry::Initial,
        });
        self.release(leave, actions);
        if leave == Leave::Saying || entry == Entry::Initial {
            self.master_interval = None;
        }
        // The delay of the start comes before the wait for a master.
        self.state = State::Backup(Backup::new(now.max(self.hold) + self.master_down()));
        self.since = now;
        if entry == Entry::Change {
            self.notify(NotifyState::Backup, actions);
        }
    }

    /// The owner of its addresses is master when the delay of the start is over, without another word before.
    pub(crate) fn await_hold(&mut self) {
        self.state = State::Backup(Backup::new(self.hold));
    }

    /// As backup, waits for the skew time only: there is no master that it knows of.
    pub(crate) fn hurry(&mut self, now: Time) {
        if self.is_backup() {
            self.state = State::Backup(Backup::new(now + self.skew()));
        }
    }

    /// Can no longer take part.
    pub(crate) fn enter_fault(&mut self, now: Time, entry: Entry, actions: &mut Actions) {
        actions.log(Notice::EnteringFault {
            instance: self.name(),
            initial: entry == Entry::Initial,
        });
        self.release(Leave::Saying, actions);
        self.state = State::Fault;
        self.since = now;
        self.master = None;
        if entry == Entry::Change {
            self.notify(NotifyState::Fault, actions);
        }
    }

    /// Stops being master, if it is: priority 0, then the addresses go.
    pub(crate) fn release(&mut self, leave: Leave, actions: &mut Actions) {
        if !self.is_master() {
            return;
        }
        self.stats.released_master += 1;
        if leave == Leave::Saying {
            self.advertise(0, actions);
        }
        self.clear_addresses(actions);
    }

    pub(crate) fn clear_addresses(&self, actions: &mut Actions) {
        actions.log(Notice::RemovingAddresses {
            instance: self.name(),
        });
        actions.push(Action::ClearAddresses {
            instance: self.name(),
        });
        if !self.config.accept {
            actions.log(Notice::RemovingFirewall {
                instance: self.name(),
            });
        }
    }

    fn set_addresses(&self, actions: &mut Actions) {
        if !self.config.accept {
            actions.log(Notice::SettingFirewall {
                instance: self.name(),
            });
        }
        actions.log(Notice::SettingAddresses {
            instance: self.name(),
        });
        actions.push(Action::SetAddresses {
            instance: self.name(),
        });
        if self.config.announce.repeat > 0 {
            actions.push(Action::Announce {
                instance: self.name(),
                rounds: self.config.announce.repeat,
            });
        }
    }

    pub(crate) fn notify(&self, state: NotifyState, actions: &mut Actions) {
        actions.push(Action::Notify {
            subject: Subject::Instance(self.name()),
            state,
            priority: self.priority().get(),
        });
    }

    /// Takes a new configuration and keeps its state; a master sends an advert at once. Says whether the advertised
    /// addresses changed.
    pub(crate) fn reconfigure(
        &mut self,
        now: Time,
        config: InstanceConfig,
        link: Option<Interface>,
        actions: &mut Actions,
    ) -> bool {
        let old = std::mem::replace(&mut self.config, config);
        self.relink(link);
        let timing_changed = old.priority != self.config.priority
            || old.advert_interval != self.config.advert_interval
            || old.down_timer_adverts != self.config.down_timer_adverts;
        match self.state {
            State::Master(_) => self.master_reload(now, actions),
            State::Backup(_) => self.backup_reload(now, timing_changed),
            State::Init | State::Fault => {}
        }
        old.addresses != self.config.addresses
    }

    /// After a reload, brings the interface to the configured addresses: they may have changed in ways that are not
    /// advertised, too. New ones are announced.
    pub(crate) fn renew_addresses(&self, changed: bool, actions: &mut Actions) {
        if !self.is_master() {
            return;
        }
        if changed {
            self.set_addresses(actions);
        } else {
            actions.push(Action::SetAddresses {
                instance: self.name(),
            });
        }
    }
}
