//! Whose turn it is. Pure: the time comes in, and who may begin goes out.
//!
//! An attempt needs file descriptors for as long as it takes, and a server that answers nothing keeps them until its
//! timeout. So there are two kinds of checks: the quick ones, whose last attempt was over soon, and the slow ones, of
//! which that is not known. Slow ones together hold at most half of the descriptors: however many servers have fallen
//! silent, the checks of the others find some. Within that, whoever has waited longest comes first.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::spec::CheckId;

/// Since whatever moment the caller counts from.
pub type Time = Duration;

/// An attempt that took no longer was quick.
pub const QUICK: Duration = Duration::from_millis(500);

/// All checks, each with its next turn.
#[derive(Debug)]
pub struct Agenda {
    entries: HashMap<CheckId, Entry>,
    later: BTreeSet<(Time, CheckId)>,
    /// Due, and waiting for descriptors.
    quick: BTreeSet<(Time, CheckId)>,
    slow: BTreeSet<(Time, CheckId)>,
    descriptors: Share,
    of_slow: Share,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    needs: u32,
    quick: bool,
    turn: Turn,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Later(Time),
    Due(Time),
    Begun,
}

/// So many descriptors, of which some are held.
#[derive(Clone, Copy, Debug)]
struct Share {
    all: u32,
    held: u32,
}

impl Share {
    /// Whatever is needed fits where nothing is held: else a check that needs more than there are would never run.
    fn fits(self, needs: u32) -> bool {
        self.held == 0 || self.held.saturating_add(needs) <= self.all
    }
}

/// The descriptors of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Held {
    needs: u32,
    quick: bool,
}

impl Agenda {
    /// An empty one, for so many descriptors.
    #[must_use]
    pub fn new(descriptors: u32) -> Agenda {
        Agenda {
            entries: HashMap::new(),
            later: BTreeSet::new(),
            quick: BTreeSet::new(),
            slow: BTreeSet::new(),
            descriptors: Share {
                all: descriptors,
                held: 0,
            },
            of_slow: Share {
                all: descriptors / 2,
                held: 0,
            },
        }
    }

    /// A new check, which `needs` so many descriptors, has its first turn at `due`. One with the same id is replaced.
    pub fn insert(&mut self, id: CheckId, due: Time, needs: u32) {
        self.remove(id);
        self.later.insert((due, id));
        let entry = Entry {
            needs,
            quick: false,
            turn: Turn::Later(due),
        };
        self.entries.insert(id, entry);
    }

    /// A check that waits has its turn at `due`, if it would come later.
    pub fn hasten(&mut self, id: CheckId, due: Time) {
        if let Some(Entry {
            turn: Turn::Later(at),
            ..
        }) = self.entries.get_mut(&id)
            && due < *at
        {
            self.later.remove(&(*at, id));
            *at = due;
            self.later.insert((due, id));
        }
    }

    /// A check is gone. What an attempt of it holds stays held until [`Agenda::release`].
    pub fn remove(&mut self, id: CheckId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        match entry.turn {
            Turn::Later(due) => self.later.remove(&(due, id)),
            Turn::Due(due) => self.waiting(entry.quick).remove(&(due, id)),
            Turn::Begun => false,
        };
    }

    /// When a check has its next turn, if it waits for one.
    #[must_use]
    pub fn turn(&self, id: CheckId) -> Option<Time> {
        match self.entries.get(&id)?.turn {
            Turn::Later(due) | Turn::Due(due) => Some(due),
            Turn::Begun => None,
        }
    }

    /// The next check that may begin now, with the descriptors that it holds from now on.
    pub fn begin(&mut self, now: Time) -> Option<(CheckId, Held)> {
        while let Some(&(due, id)) = self.later.first().filter(|(due, _)| *due <= now) {
            self.later.pop_first();
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.turn = Turn::Due(due);
                let quick = entry.quick;
                self.waiting(quick).insert((due, id));
            }
        }
        let (due, id, held) = self.first()?;
        self.waiting(held.quick).remove(&(due, id));
        self.entries.get_mut(&id)?.turn = Turn::Begun;
        self.descriptors.held += held.needs;
        if !held.quick {
            self.of_slow.held += held.needs;
        }
        Some((id, held))
    }

    /// Whoever has waited longest of those for whom there are descriptors.
    fn first(&self) -> Option<(Time, CheckId, Held)> {
        let head = |waiting: &BTreeSet<(Time, CheckId)>| {
            let &(due, id) = waiting.first()?;
            let Entry { needs, quick, .. } = *self.entries.get(&id)?;
            let fits = self.descriptors.fits(needs) && (quick || self.of_slow.fits(needs));
            fits.then_some((due, id, Held { needs, quick }))
        };
        let heads = head(&self.quick).into_iter().chain(head(&self.slow));
        heads.min_by_key(|(due, id, _)| (*due, *id))
    }

    /// The descriptors of an attempt are free again; answers whether somebody waits for some.
    pub fn release(&mut self, held: Held) -> bool {
        self.descriptors.held = self.descriptors.held.saturating_sub(held.needs);
        if !held.quick {
            self.of_slow.held = self.of_slow.held.saturating_sub(held.needs);
        }
        !(self.quick.is_empty() && self.slow.is_empty())
    }

    /// The attempt that began took so long, and the next turn of its check is at `due`; answers whether that comes
    /// before all others.
    pub fn again(&mut self, id: CheckId, took: Duration, due: Time) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        entry.quick = took <= QUICK;
        entry.turn = Turn::Later(due);
        self.later.insert((due, id));
        self.later.first() == Some(&(due, id))
    }

    /// When the next turn comes, apart from those that wait for descriptors.
    #[must_use]
    pub fn next(&self) -> Option<Time> {
        self.later.first().map(|(due, _)| *due)
    }

    fn waiting(&mut self, quick: bool) -> &mut BTreeSet<(Time, CheckId)> {
        if quick {
            &mut self.quick
        } else {
            &mut self.slow
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn id(number: u64) -> CheckId {
        CheckId(number)
    }

    #[test]
    fn turns_come_in_their_order() {
        let mut agenda = Agenda::new(10);
        agenda.insert(id(1), 3 * SECOND, 1);
        agenda.insert(id(2), 2 * SECOND, 1);
        assert_eq!(agenda.next(), Some(2 * SECOND));
        assert_eq!(agenda.begin(SECOND), None);
        let begun = std::iter::from_fn(|| agenda.begin(4 * SECOND)).map(|(id, _)| id);
        assert_eq!(begun.collect::<Vec<_>>(), [id(2), id(1)]);
        assert_eq!(agenda.next(), None);
        assert!(agenda.again(id(1), MS, 9 * SECOND));
        assert!(!agenda.again(id(2), MS, 10 * SECOND));
        agenda.remove(id(1));
        assert_eq!(agenda.next(), Some(10 * SECOND));
    }

    #[test]
    fn slow_ones_leave_half_of_the_descriptors() {
        let mut agenda = Agenda::new(4);
        (0..10).for_each(|number| agenda.insert(id(number), SECOND, 1));
        let held: Vec<_> = std::iter::from_fn(|| agenda.begin(SECOND)).collect();
        assert_eq!(held.len(), 2);
        // One turns out to be quick; it does not wait behind the others any more.
        let (first, descriptors) = held[0];
        assert!(agenda.release(descriptors));
        agenda.again(first, MS, 2 * SECOND);
        let mut begun = std::iter::from_fn(|| agenda.begin(2 * SECOND));
        assert_eq!(begun.next().map(|(id, _)| id), Some(id(2)));
        assert_eq!(begun.next().map(|(id, _)| id), Some(first));
        assert_eq!(begun.next(), None);
    }

    #[test]
    fn what_needs_more_than_there_are_runs_alone() {
        let mut agenda = Agenda::new(4);
        agenda.insert(id(1), SECOND, 6);
        agenda.insert(id(2), 2 * SECOND, 1);
        let (first, held) = agenda.begin(2 * SECOND).unwrap();
        assert_eq!(first, id(1));
        assert_eq!(agenda.begin(2 * SECOND), None);
        assert!(agenda.release(held));
        assert_eq!(agenda.begin(2 * SECOND).map(|(id, _)| id), Some(id(2)));
    }

    /// Plays on virtual time: checks that take so long each, `delay_loop` apart. Gives the most that each was late,
    /// from `from` on, and the most descriptors that were held.
    fn play(
        descriptors: u32,
        took: &[Duration],
        delay_loop: Duration,
        from: Time,
        until: Time,
    ) -> (Vec<Duration>, u32) {
        let mut agenda = Agenda::new(descriptors);
        let mut due: Vec<Time> = Vec::new();
        for number in 0..took.len() {
            let spread = u32::try_from(number * 7919 % took.len()).unwrap();
            due.push(delay_loop * spread / u32::try_from(took.len()).unwrap());
            agenda.insert(id(number as u64), due[number], 1);
        }
        let mut late = vec![Duration::ZERO; took.len()];
        let (mut now, mut most) = (Duration::ZERO, 0);
        let mut ends: BinaryHeap<Reverse<(Time, u64, bool)>> = BinaryHeap::new();
        while now < until {
            while let Some((CheckId(number), held)) = agenda.begin(now) {
                let at = usize::try_from(number).unwrap();
                if due[at] >= from {
                    late[at] = late[at].max(now - due[at]);
                }
                ends.push(Reverse((now + took[at], number, held.quick)));
                most = most.max(agenda.descriptors.held);
            }
            let end = ends.peek().map(|Reverse((end, ..))| *end);
            now = match (end, agenda.next()) {
                (Some(end), Some(next)) => end.min(next),
                (end, next) => end.or(next).unwrap(),
            };
            while let Some(Reverse((end, number, quick))) = ends.peek().copied() {
                if end > now {
                    break;
                }
                ends.pop();
                let _ = agenda.release(Held { needs: 1, quick });
                let at = usize::try_from(number).unwrap();
                due[at] = now + delay_loop;
                agenda.again(id(number), took[at], due[at]);
            }
        }
        (late, most)
    }

    #[test]
    fn a_turn_comes_earlier_but_never_later() {
        let mut agenda = Agenda::new(10);
        agenda.insert(id(1), 60 * SECOND, 1);
        agenda.hasten(id(1), 2 * SECOND);
        assert_eq!(agenda.next(), Some(2 * SECOND));
        agenda.hasten(id(1), 9 * SECOND);
        assert_eq!(agenda.next(), Some(2 * SECOND));
        assert!(agenda.begin(2 * SECOND).is_some());
        // One that has begun is not in line.
        agenda.hasten(id(1), 3 * SECOND);
        assert_eq!(agenda.next(), None);
        agenda.hasten(id(2), 3 * SECOND);
        assert_eq!(agenda.next(), None);
    }

    // 10 000 servers that answer nothing want 3 333 descriptors at a time; there are 896.
    #[test]
    fn ten_thousand_silent_servers_delay_no_other_check() {
        let mut took = vec![5 * SECOND; 10_000];
        took.extend(vec![MS; 500]);
        let (late, most) = play(896, &took, 10 * SECOND, 120 * SECOND, 240 * SECOND);
        // Half of them, and what the quick ones take.
        assert!((448..470).contains(&most), "{most}");
        assert_eq!(late[10_000..].iter().max(), Some(&Duration::ZERO));
        // And the silent ones have their turns too: 448 at a time for 5 s each.
        let in_turn = |late: &Duration| *late < 120 * SECOND;
        assert!(late[..10_000].iter().all(in_turn));
    }

    #[test]
    fn with_enough_descriptors_nobody_is_late() {
        let took = vec![5 * SECOND; 10_000];
        let (late, most) = play(20_000, &took, 10 * SECOND, Duration::ZERO, 40 * SECOND);
        assert!(most <= 10_000);
        assert_eq!(late.iter().max(), Some(&Duration::ZERO));
    }

    proptest! {
        #[test]
        fn no_more_is_held_than_there_is_and_all_have_their_turn(
            descriptors in 2_u32..40,
            took in prop::collection::vec(0_u64..3000, 1..60),
        ) {
            let took: Vec<_> = took.into_iter().map(Duration::from_millis).collect();
            let span = SECOND + 3 * SECOND * u32::try_from(took.len()).unwrap();
            let (late, most) = play(descriptors, &took, SECOND, Duration::ZERO, span);
            prop_assert!(most <= descriptors);
            // Each waits at most until all the others have been tried one after the other.
            prop_assert!(late.iter().all(|late| *late <= span), "{late:?}");
        }
    }
}
