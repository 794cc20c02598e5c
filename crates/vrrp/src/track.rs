//! What an instance depends on besides its link and its peers: scripts, files, processes, other interfaces, BFD sessions.
//!
//! It must not know what any of them is: the driver says how each stands ([`Standing`]), and here is what follows for
//! priority and health (behaviours of keepalived, section 11; the arithmetic was observed on 2.2.7).

use std::collections::BTreeMap;

/// Names a tracked thing for as long as it is configured. One that changes gets a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(pub u32);

/// How a tracked thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known yet. It counts for nothing; but an instance that a failure would put into FAULT does not begin
    /// before it is known.
    Unknown,
    /// All is well: the script succeeded, the interface is up, the processes run, the session is up.
    Up,
    /// It is not.
    Down,
    /// The number in a file.
    Number(i32),
}

/// All standings that are known.
pub(crate) type Standings = BTreeMap<TrackerId, Standing>;

/// A thing that an instance or a group tracks, and how much it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// Which.
    pub id: TrackerId,
    /// Added to the priority while all is well if positive, while not if negative; times the number of a file. 0 means
    /// FAULT while not all is well, and while the number is not 0.
    pub weight: i16,
    /// `reverse`: what is added is subtracted, and with weight 0 well and not well change places.
    pub reverse: bool,
}

/// The farthest that one tracked file can move a priority; at less than its negative the instance is in FAULT.
const FARTHEST: i64 = 253;

impl Tracked {
    fn standing(&self, standings: &Standings) -> Standing {
        let known = standings.get(&self.id);
        known.copied().unwrap_or(Standing::Unknown)
    }

    fn faulty(&self, standings: &Standings) -> bool {
        match self.standing(standings) {
            Standing::Unknown => false,
            Standing::Up => self.weight == 0 && self.reverse,
            Standing::Down => self.weight == 0 && !self.reverse,
            Standing::Number(number) if self.weight == 0 => (number != 0) != self.reverse,
            Standing::Number(_) => self.product(standings) < -FARTHEST,
        }
    }

    fn product(&self, standings: &Standings) -> i64 {
        let weight = i64::from(self.weight);
        let added = match self.standing(standings) {
            Standing::Unknown => 0,
            Standing::Up => weight.max(0),
            Standing::Down => weight.min(0),
            Standing::Number(number) => i64::from(number) * weight,
        };
        if self.reverse { -added } else { added }
    }

    fn awaited(&self, standings: &Standings) -> bool {
        self.weight == 0 && self.standing(standings) == Standing::Unknown
    }
}

/// What all that an instance tracks comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pull {
    /// Something puts it into FAULT.
    pub faulty: bool,
    /// Something that could is not known yet.
    pub awaited: bool,
    /// What is added to its priority.
    pub points: i64,
}

impl Pull {
    /// Of these, of which those with a weight count only if `weights`.
    pub(crate) fn of<'a>(
        tracked: impl Iterator<Item = &'a Tracked>,
        weights: bool,
        standings: &Standings,
    ) -> Pull {
        tracked
            .filter(|one| weights || one.weight == 0)
            .fold(Pull::default(), |pull, one| {
                pull.and(Pull {
                    faulty: one.faulty(standings),
                    awaited: one.awaited(standings),
                    points: one.product(standings).clamp(-FARTHEST, FARTHEST),
                })
            })
    }

    /// This and another.
    pub(crate) fn and(self, other: Pull) -> Pull {
        Pull {
            faulty: self.faulty || other.faulty,
            awaited: self.awaited || other.awaited,
            points: self.points.saturating_add(other.points),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(weight: i16, reverse: bool, standing: Standing) -> Pull {
        let tracked = Tracked {
            id: TrackerId(1),
            weight,
            reverse,
        };
        let standings = Standings::from([(tracked.id, standing)]);
        Pull::of([tracked].iter(), true, &standings)
    }

    /// keepalived 2.2.7 was run with one instance for each row: priority 100 became 120, 80, stayed, or FAULT.
    #[test]
    fn observed_effects_on_the_priority() {
        use Standing::{Down, Number, Up};
        for (weight, reverse, standing, points) in [
            (20, false, Up, 20),
            (20, true, Up, -20),
            (-20, false, Up, 0),
            (-20, true, Up, 0),
            (20, false, Down, 0),
            (20, true, Down, 0),
            (-20, false, Down, -20),
            (-20, true, Down, 20),
            (2, false, Number(5), 10),
            (2, true, Number(5), -10),
        ] {
            let seen = pull(weight, reverse, standing);
            assert_eq!(
                (seen.points, seen.faulty, seen.awaited),
                (points, false, false),
                "{weight} {reverse} {standing:?}"
            );
        }
        for (reverse, standing, faulty) in [
            (false, Up, false),
            (true, Up, true),
            (false, Down, true),
            (true, Down, false),
            (false, Number(5), true),
            (false, Number(0), false),
        ] {
            assert_eq!(
                pull(0, reverse, standing).faulty,
                faulty,
                "{reverse} {standing:?}"
            );
        }
    }

    #[test]
    fn a_file_moves_a_priority_by_253_at_most_and_farther_down_is_a_fault() {
        assert_eq!(pull(1, false, Standing::Number(1000)).points, 253);
        assert_eq!(
            pull(1, false, Standing::Number(-253)),
            Pull {
                points: -253,
                ..Pull::default()
            }
        );
        assert!(pull(1, false, Standing::Number(-254)).faulty);
        assert!(pull(254, false, Standing::Number(i32::MIN)).faulty);
    }

    #[test]
    fn what_is_not_known_is_awaited_only_where_it_could_be_a_fault() {
        assert!(pull(0, false, Standing::Unknown).awaited);
        assert_eq!(pull(5, false, Standing::Unknown), Pull::default());
    }

    #[test]
    fn weights_can_be_left_out() {
        let id = TrackerId(1);
        let tracked = [0, 20].map(|weight| Tracked {
            id,
            weight,
            reverse: false,
        });
        let standings = Standings::from([(id, Standing::Up)]);
        assert_eq!(Pull::of(tracked.iter(), true, &standings).points, 20);
        assert_eq!(Pull::of(tracked.iter(), false, &standings).points, 0);
    }
}
