//! The router's numbers of tracked things, which the configuration knows by kind and name.

use std::collections::BTreeMap;

use keepalived_conf::TrackKind;
use vrrp::{Tracked, TrackerId};

use crate::plan::PlannedTrack;

/// Numbers given so far; a name keeps its number for as long as the thread lives.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<(TrackKind, String), TrackerId>);

impl Numbers {
    /// The number of a thing, a new one if it has none yet.
    pub fn of(&mut self, kind: TrackKind, name: &str) -> TrackerId {
        let next = TrackerId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        *self.0.entry((kind, name.to_owned())).or_insert(next)
    }

    /// What each number stands for.
    pub fn names(&self) -> BTreeMap<TrackerId, (TrackKind, &str)> {
        let names = self.0.iter();
        names
            .map(|((kind, name), id)| (*id, (*kind, name.as_str())))
            .collect()
    }

    pub fn tracked(&mut self, tracks: &[PlannedTrack]) -> Vec<Tracked> {
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
