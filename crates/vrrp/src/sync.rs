//! How the router grants what an instance wishes: alone at once, in a sync group together with the others.
//!
//! keepalived behaviour: any member in FAULT brings all there, any that goes to BACKUP brings all there, and they become
//! MASTER only when every member would.

use std::collections::BTreeSet;

use crate::action::{Action, Actions, NotifyState, Subject};
use crate::group::Group;
use crate::id::Name;
use crate::machine::{Entry, Instance, Leave, State, Wish};
use crate::notice::{GroupState, Notice};
use crate::router::Router;
use crate::time::Time;
use crate::track::{Pull, Standing, TrackerId};

impl Router {
    pub(crate) fn grant(&mut self, now: Time, index: usize, wish: Wish, actions: &mut Actions) {
        match wish {
            Wish::Stay => {}
            Wish::Master => {
                let members = self.members(index);
                if members
                    .iter()
                    .all(|member| self.instances.get(*member).is_some_and(Instance::is_ready))
                {
                    self.together(index, GroupState::Master, actions, |one, actions| {
                        if !one.is_master() {
                            one.enter_master(now, actions);
                        }
                    });
                }
            }
            Wish::Yield => self.together(index, GroupState::Backup, actions, |one, actions| {
                if one.is_master() {
                    one.enter_backup(now, Entry::Change, Leave::Quietly, actions);
                }
            }),
            Wish::Reassert => {
                for member in self.members_from(index) {
                    if let Some(instance) = self.instances.get_mut(member) {
                        instance.reannounce(now, actions);
                    }
                }
                if let Some(instance) = self.instances.get(index) {
                    instance.notify_lower(actions);
                }
            }
        }
    }

    /// Somebody else took an address of a master away: it gives up, and takes over again if no other does.
    pub(crate) fn address_removed(&mut self, now: Time, name: &str, actions: &mut Actions) {
        let of_it = |one: &Instance| &*one.config.name == name && one.is_master();
        let Some(index) = self.instances.iter().position(of_it) else {
            return;
        };
        self.together(index, GroupState::Backup, actions, |one, actions| {
            if one.is_master() {
                one.enter_backup(now, Entry::Change, Leave::Saying, actions);
                one.hurry(now);
            }
        });
    }

    /// Brings every instance to where the facts of the links, and its sync group, put it. Instances on the interface
    /// `hint` go first.
    pub(crate) fn reconcile(&mut self, now: Time, hint: Option<u32>, actions: &mut Actions) {
        let mut order: Vec<usize> = (0..self.instances.len()).collect();
        order.sort_by_key(|index| {
            hint.is_none() || self.instances.get(*index).map(|one| one.config.interface) != hint
        });
        for &index in &order {
            if self.any(&[index], |one| one.faulty() && !one.is_fault()) {
                self.fault(now, index, actions);
            }
        }
        for &index in &order {
            let members = self.members(index);
            let faulty = self.any(&members, Instance::faulty);
            let held = self.any(&members, Instance::held);
            if faulty && self.any(&[index], |one| !one.is_fault()) {
                self.fault(now, index, actions);
            } else if !faulty && !held && self.any(&[index], Instance::is_init) {
                self.begin(now, index, actions);
            } else if !faulty && !held && self.any(&[index], Instance::is_fault) {
                self.together(index, GroupState::Backup, actions, |one, actions| {
                    if !one.is_backup() {
                        one.enter_backup(now, Entry::Change, Leave::Saying, actions);
                    }
                });
            } else if self.any(&[index], Instance::is_master)
                && self.any(&members, Instance::is_backup)
            {
                // Only a reload that regroups instances comes here.
                self.together(index, GroupState::Backup, actions, |one, actions| {
                    if one.is_master() {
                        one.enter_backup(now, Entry::Change, Leave::Saying, actions);
                    }
                });
            }
        }
    }

    /// What was tracked is known, and an instance that waited for it takes part, with its group.
    fn begin(&mut self, now: Time, index: usize, actions: &mut Actions) {
        let members = self.members(index);
        if !self.any(&members, |one| !one.priority().is_owner() || one.hold > now) {
            self.together(index, GroupState::Master, actions, |one, actions| {
                if one.is_init() {
                    actions.log(Notice::AdvertTimeout {
                        instance: one.name(),
                    });
                    one.enter_master(now, actions);
                }
            });
            return;
        }
        self.together(index, GroupState::Backup, actions, |one, actions| {
            if !one.is_backup() {
                one.enter_backup(now, Entry::Change, Leave::Saying, actions);
            }
        });
    }

    /// A tracked thing stands otherwise: priorities first, then who cannot take part any more, or can again.
    pub(crate) fn tracked(
        &mut self,
        now: Time,
        id: TrackerId,
        standing: Standing,
        actions: &mut Actions,
    ) {
        if self.standings.insert(id, standing) == Some(standing) {
            return;
        }
        for index in 0..self.instances.len() {
            self.retrack(now, index, actions);
        }
        self.reconcile(now, None, actions);
    }

    /// Brings an instance what all that it, and its group, tracks comes to.
    pub(crate) fn retrack(&mut self, now: Time, index: usize, actions: &mut Actions) {
        let group = self.group_of(index);
        // keepalived behaviour: in a group all have one priority, so weights of their own do not count.
        let weights = group.is_none_or(|group| group.tracking_weight);
        let groups = group.map_or(Pull::default(), |group| {
            Pull::of(group.tracked.iter(), true, &self.standings)
        });
        let Some(instance) = self.instances.get(index) else {
            return;
        };
        let pull = Pull::of(instance.config.tracked.iter(), weights, &self.standings).and(groups);
        if let Some(instance) = self.instances.get_mut(index) {
            instance.retrack(now, pull, actions);
        }
    }

    /// Forgets what nobody tracks any more: its number may come again for something else.
    pub(crate) fn forget_standings(&mut self) {
        let instances = self.instances.iter().flat_map(|one| &one.config.tracked);
        let groups = self.groups.iter().flat_map(|group| &group.tracked);
        let known: BTreeSet<TrackerId> = instances.chain(groups).map(|one| one.id).collect();
        self.standings.retain(|id, _| known.contains(id));
    }

    fn fault(&mut self, now: Time, index: usize, actions: &mut Actions) {
        self.together(index, GroupState::Fault, actions, |one, actions| {
            if !one.is_fault() {
                one.enter_fault(now, Entry::Change, actions);
            }
        });
    }

    /// Does `change` to the instance, then to the other members of its group; the group is reported last.
    pub(crate) fn together(
        &mut self,
        index: usize,
        state: GroupState,
        actions: &mut Actions,
        mut change: impl FnMut(&mut Instance, &mut Actions),
    ) {
        let group = self.group_of(index).map(|group| Name::clone(&group.name));
        for (place, member) in self.members_from(index).into_iter().enumerate() {
            if let Some(group) = &group
                && place == 1
            {
                actions.log(Notice::GroupSyncing {
                    group: Name::clone(group),
                    state,
                });
            }
            if let Some(instance) = self.instances.get_mut(member) {
                change(instance, actions);
            }
        }
        if let Some(group) = group {
            let state = match state {
                GroupState::Master => NotifyState::Master,
                GroupState::Backup => NotifyState::Backup,
                GroupState::Fault => NotifyState::Fault,
            };
            notify_group(&group, state, actions);
        }
    }

    pub(crate) fn group_of(&self, index: usize) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.members.contains(&index))
    }

    /// The instances that change together with this one, itself included.
    pub(crate) fn members(&self, index: usize) -> Vec<usize> {
        self.group_of(index)
            .map_or_else(|| vec![index], |group| group.members.clone())
    }

    /// The same, this one first.
    fn members_from(&self, index: usize) -> Vec<usize> {
        let mut members = self.members(index);
        members.retain(|member| *member != index);
        members.insert(0, index);
        members
    }

    /// Whether `test` holds for any of these instances.
    pub(crate) fn any(&self, indices: &[usize], test: impl Fn(&Instance) -> bool) -> bool {
        indices
            .iter()
            .filter_map(|index| self.instances.get(*index))
            .any(test)
    }
}

pub(crate) fn notify_group(group: &Name, state: NotifyState, actions: &mut Actions) {
    actions.push(Action::Notify {
        subject: Subject::Group(Name::clone(group)),
        state,
        priority: 0,
    });
}

pub(crate) fn notify_state(instance: &Instance) -> NotifyState {
    match instance.state {
        State::Backup(_) => NotifyState::Backup,
        State::Master(_) => NotifyState::Master,
        State::Init | State::Fault => NotifyState::Fault,
    }
}
