//! The router's numbers of tracked things, which the configuration knows by kind and name.

use std::collections::BTreeMap;

use keepalived_conf::TrackKind;
use vrrp::{Name, Tracked, TrackerId};

use crate::plan::{PlannedInstance, PlannedTrack};

/// Numbers given so far; a thing keeps its number for as long as the thread lives.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<Thing, TrackerId>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    /// What the configuration tracks.
    Tracked(TrackKind, String),
    /// What an instance cannot do without, besides the link that its adverts go through: the VMAC above that, and the
    /// source of its adverts.
    Prerequisites(Name),
}

impl Numbers {
    /// The number of a thing, a new one if it has none yet.
    pub fn of(&mut self, kind: TrackKind, name: &str) -> TrackerId {
        self.number(Thing::Tracked(kind, name.to_owned()))
    }

    /// What each number of a tracked thing stands for.
    pub fn names(&self) -> BTreeMap<TrackerId, (TrackKind, &str)> {
        let names = self.0.iter();
        names
            .filter_map(|(thing, id)| match thing {
                Thing::Tracked(kind, name) => Some((*id, (*kind, name.as_str()))),
                Thing::Prerequisites(_) => None,
            })
            .collect()
    }

    /// The number of what an instance cannot do without.
    pub fn of_prerequisites(&mut self, instance: &Name) -> TrackerId {
        self.number(Thing::Prerequisites(Name::clone(instance)))
    }

    fn number(&mut self, thing: Thing) -> TrackerId {
        let next = TrackerId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        *self.0.entry(thing).or_insert(next)
    }

    /// All that an instance tracks.
    pub fn tracked(&mut self, instance: &PlannedInstance) -> Vec<Tracked> {
        let mut tracked = self.tracked_of_group(&instance.tracked);
        if instance.has_prerequisites() {
            tracked.push(Tracked {
                id: self.of_prerequisites(&instance.config.name),
                weight: 0,
                reverse: false,
            });
        }
        tracked
    }

    /// What a group tracks.
    pub fn tracked_of_group(&mut self, tracks: &[PlannedTrack]) -> Vec<Tracked> {
        tracks
            .iter()
            .map(|track| Tracked {
                id: self.of(track.kind, &track.name),
                weight: track.weight,
                reverse: track.reverse,
            })
            .collect()
    }
}
