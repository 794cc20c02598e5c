//! Which routes and rules are in the kernel for whom, and what is to be changed there. Pure.
//!
//! What is wanted is diffed against what was set: what did not change is not touched. A route or rule that another
//! owner holds, or is about to hold, stays when one lets it go.

use std::collections::BTreeMap;

use keepalived_conf::Rule;
use vrrp::Name;

use crate::kernel::routing::{Change, Listed, PlacedRoute, RefusedChange};

/// Something that is wanted in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted<T> {
    pub what: T,
    /// Whether it matters that somebody else removes it.
    pub tracked: bool,
}

/// The routes and rules that one owner wants, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub routes: Vec<Wanted<PlacedRoute>>,
    pub rules: Vec<Wanted<Rule>>,
}

impl Wish {
    /// Whether it is nothing.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.rules.is_empty()
    }
}

/// What is in the kernel by us.
#[derive(Debug)]
struct Held<T> {
    wanted: Wanted<T>,
    /// Whether the kernel has listed it: only what was seen can be missed.
    seen: bool,
}

#[derive(Debug, Default)]
struct Holding {
    routes: Vec<Held<PlacedRoute>>,
    rules: Vec<Held<Rule>>,
}

/// Who holds a route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A master.
    Instance(Name),
    /// `static_routes` and `static_rules`.
    Static,
}

/// All that is in the kernel by us.
#[derive(Debug, Default)]
pub(super) struct Routing {
    held: BTreeMap<Owner, Holding>,
    /// What each owner held when it last let go: what of it was seen then would be seen again.
    before: BTreeMap<Owner, Holding>,
}

impl Routing {
    /// What has to be done so that `owner` holds `wish` and no more. `claimed` is what others hold or are about to.
    /// Once it is done, [`Routing::settle`] has to know.
    pub fn bring(&self, owner: &Owner, wish: &Wish, claimed: &Wish) -> Vec<Change> {
        let none = Holding::default();
        let holding = self.held.get(owner).unwrap_or(&none);
        let mut changes = routes(&holding.routes, &wish.routes, &claimed.routes);
        changes.extend(rules(&holding.rules, &wish.rules, &claimed.rules));
        changes
    }

    /// What has to be done so that `owner` holds nothing: rules first, then routes. Forgets what it held.
    pub fn clear(&mut self, owner: &Owner, claimed: &Wish) -> Vec<Change> {
        let Some(holding) = self.held.remove(owner) else {
            return Vec::new();
        };
        let mut changes = rules(&holding.rules, &[], &claimed.rules);
        changes.extend(routes(&holding.routes, &[], &claimed.routes));
        self.before.insert(owner.clone(), holding);
        changes
    }

    /// `owner` holds `wish` from now on, but for what the kernel refused.
    pub fn settle(&mut self, owner: Owner, wish: Wish, refused: &[RefusedChange]) {
        let before = self
            .held
            .remove(&owner)
            .or_else(|| self.before.remove(&owner));
        let before = before.unwrap_or_default();
        let has = |change: &dyn Fn(&Change) -> bool| refused.iter().any(|one| change(&one.change));
        let routes = wish.routes.into_iter().filter(|route| {
            !has(&|change| match change {
                Change::AddRoute(refused) | Change::ReplaceRoute(refused) => *refused == route.what,
                _ => false,
            })
        });
        let rules = wish.rules.into_iter().filter(|rule| {
            !has(&|change| matches!(change, Change::AddRule(refused) if *refused == rule.what))
        });
        let holding = Holding {
            routes: keep(before.routes, routes),
            rules: keep(before.rules, rules),
        };
        self.held.insert(owner, holding);
    }

    /// Who holds anything.
    pub fn owners(&self) -> impl Iterator<Item = &Owner> {
        self.held.keys()
    }

    /// All that others than `owner` hold.
    pub fn others(&self, owner: &Owner) -> Wish {
        let mut others = Wish::default();
        for (_, holding) in self.held.iter().filter(|(other, _)| *other != owner) {
            let routes = holding.routes.iter().map(|held| held.wanted.clone());
            others.routes.extend(routes);
            let rules = holding.rules.iter().map(|held| held.wanted.clone());
            others.rules.extend(rules);
        }
        others
    }

    /// Whether anything is held that somebody may miss.
    pub fn tracks(&self) -> bool {
        self.held.values().any(|holding| {
            holding.routes.iter().any(|held| held.wanted.tracked)
                || holding.rules.iter().any(|held| held.wanted.tracked)
        })
    }

    /// What of each owner was in the kernel and is not any more, of that which is tracked. Forgets it.
    pub fn missed(&mut self, listed: &Listed) -> BTreeMap<Owner, Vec<Change>> {
        let mut missed: BTreeMap<Owner, Vec<Change>> = BTreeMap::new();
        for (owner, holding) in &mut self.held {
            let mut gone = Vec::new();
            holding.routes.retain_mut(|held| {
                let there = listed.has_route(&held.wanted.what);
                let stays = look(held, there);
                if !stays {
                    gone.push(Change::AddRoute(held.wanted.what.clone()));
                }
                stays
            });
            holding.rules.retain_mut(|held| {
                let there = listed.has_rule(&held.wanted.what);
                let stays = look(held, there);
                if !stays {
                    gone.push(Change::AddRule(held.wanted.what.clone()));
                }
                stays
            });
            if !gone.is_empty() {
                missed.insert(owner.clone(), gone);
            }
        }
        missed
    }
}

/// Whether it stays: all but what is tracked, was seen, and is not there.
fn look<T>(held: &mut Held<T>, there: bool) -> bool {
    let lost = held.wanted.tracked && held.seen && !there;
    held.seen |= there;
    !lost
}

fn keep<T: PartialEq>(
    before: Vec<Held<T>>,
    wanted: impl Iterator<Item = Wanted<T>>,
) -> Vec<Held<T>> {
    let seen = |what: &T| {
        before
            .iter()
            .any(|held| held.seen && held.wanted.what == *what)
    };
    wanted
        .map(|wanted| Held {
            seen: seen(&wanted.what),
            wanted,
        })
        .collect()
}

fn routes(
    have: &[Held<PlacedRoute>],
    want: &[Wanted<PlacedRoute>],
    claimed: &[Wanted<PlacedRoute>],
) -> Vec<Change> {
    let mut gone: Vec<&PlacedRoute> = have
        .iter()
        .map(|held| &held.wanted.what)
        .filter(|held| !is_in(*held, want) && !is_in(*held, claimed))
        .collect();
    let new: Vec<&PlacedRoute> = want
        .iter()
        .map(|wanted| &wanted.what)
        .filter(|wanted| !have.iter().any(|held| held.wanted.what == **wanted))
        .collect();
    let mut changes = Vec::new();
    for route in new {
        // In the place of the one before it, so that packets find one at any time.
        let before = gone.iter().position(|old| old.same_place(route));
        match before {
            Some(at) => {
                gone.remove(at);
                changes.push(Change::ReplaceRoute(route.clone()));
            }
            None => changes.push(Change::AddRoute(route.clone())),
        }
    }
    changes.extend(gone.into_iter().cloned().map(Change::RemoveRoute));
    changes
}

fn rules(have: &[Held<Rule>], want: &[Wanted<Rule>], claimed: &[Wanted<Rule>]) -> Vec<Change> {
    let new = want
        .iter()
        .map(|wanted| &wanted.what)
        .filter(|wanted| !have.iter().any(|held| held.wanted.what == **wanted));
    let gone = have
        .iter()
        .map(|held| &held.wanted.what)
        .filter(|held| !is_in(*held, want) && !is_in(*held, claimed));
    new.cloned()
        .map(Change::AddRule)
        .chain(gone.cloned().map(Change::RemoveRule))
        .collect()
}

fn is_in<T: PartialEq>(what: &T, list: &[Wanted<T>]) -> bool {
    list.iter().any(|wanted| wanted.what == *what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::routing::listed::tests::{placed, rule};

    fn wish(routes: &[&str], preferences: &[&str]) -> Wish {
        let wanted = |line: &&str| Wanted {
            what: placed(line),
            tracked: true,
        };
        Wish {
            routes: routes.iter().map(wanted).collect(),
            rules: preferences
                .iter()
                .map(|line| Wanted {
                    what: rule(line),
                    tracked: true,
                })
                .collect(),
        }
    }

    fn owner() -> Owner {
        Owner::Instance("V".into())
    }

    fn holding(wish: Wish) -> (Routing, Listed) {
        let (mut routing, mut listed) = (Routing::default(), Listed::default());
        for change in routing.bring(&owner(), &wish, &Wish::default()) {
            listed.change(&change);
        }
        routing.settle(owner(), wish, &[]);
        assert_eq!(routing.missed(&listed), BTreeMap::new());
        (routing, listed)
    }

    fn named(changes: &[Change]) -> Vec<String> {
        let act = |change: &Change| match change {
            Change::AddRoute(_) | Change::AddRule(_) => '+',
            Change::ReplaceRoute(_) => '=',
            Change::RemoveRoute(_) | Change::RemoveRule(_) => '-',
        };
        changes
            .iter()
            .map(|change| format!("{}{change}", act(change)))
            .collect()
    }

    const A: &str = "10.50.0.0/16 via 10.9.0.9 dev eth0";
    const B: &str = "10.51.0.0/16 via 10.9.0.9 dev eth0";
    const R: &str = "from 10.50.0.0/16 table 100 preference 1000";

    #[test]
    fn what_did_not_change_is_not_touched() {
        let (routing, _) = holding(wish(&[A], &[R]));
        let nobody = Wish::default();
        assert_eq!(routing.bring(&owner(), &wish(&[A], &[R]), &nobody), []);
        let changes = routing.bring(&owner(), &wish(&[A, B], &[]), &nobody);
        assert_eq!(
            named(&changes),
            [
                "+route 10.51.0.0/16 via 10.9.0.9 dev eth0",
                "-rule from 10.50.0.0/16 lookup 100 preference 1000"
            ]
        );
    }

    #[test]
    fn a_route_that_changes_is_replaced_not_taken_away() {
        let (routing, _) = holding(wish(&[A], &[]));
        let other = "10.50.0.0/16 via 10.9.0.10 dev eth0";
        let changes = routing.bring(&owner(), &wish(&[other], &[]), &Wish::default());
        assert_eq!(
            named(&changes),
            ["=route 10.50.0.0/16 via 10.9.0.10 dev eth0"]
        );
        let metric = "10.50.0.0/16 via 10.9.0.9 dev eth0 metric 5";
        let changes = routing.bring(&owner(), &wish(&[metric], &[]), &Wish::default());
        assert_eq!(
            named(&changes),
            [
                "+route 10.50.0.0/16 via 10.9.0.9 dev eth0 metric 5",
                "-route 10.50.0.0/16 via 10.9.0.9 dev eth0"
            ]
        );
    }

    #[test]
    fn what_another_holds_stays() {
        let (mut routing, _) = holding(wish(&[A, B], &[R]));
        let changes = routing.clear(&owner(), &wish(&[A], &[R]));
        assert_eq!(
            named(&changes),
            ["-route 10.51.0.0/16 via 10.9.0.9 dev eth0"]
        );
        assert_eq!(routing.owners().next(), None);
    }

    #[test]
    fn rules_go_before_routes() {
        let (mut routing, _) = holding(wish(&[A], &[R]));
        assert_eq!(
            named(&routing.clear(&owner(), &Wish::default())),
            [
                "-rule from 10.50.0.0/16 lookup 100 preference 1000",
                "-route 10.50.0.0/16 via 10.9.0.9 dev eth0"
            ]
        );
    }

    #[test]
    fn what_somebody_removed_is_missed_once() {
        let (mut routing, mut listed) = holding(wish(&[A, B], &[R]));
        listed.change(&Change::RemoveRoute(placed(A)));
        listed.change(&Change::RemoveRule(rule(R)));
        let missed = routing.missed(&listed);
        assert_eq!(
            named(&missed[&owner()]),
            [
                "+route 10.50.0.0/16 via 10.9.0.9 dev eth0",
                "+rule from 10.50.0.0/16 lookup 100 preference 1000"
            ]
        );
        assert_eq!(routing.missed(&listed), BTreeMap::new());
    }

    #[test]
    fn what_is_not_tracked_or_was_never_seen_is_not_missed() {
        let mut untracked = wish(&[A], &[R]);
        untracked.routes[0].tracked = false;
        untracked.rules[0].tracked = false;
        let (mut routing, _) = holding(untracked);
        assert!(!routing.tracks());
        assert_eq!(routing.missed(&Listed::default()), BTreeMap::new());
        let mut fresh = Routing::default();
        fresh.settle(owner(), wish(&[A], &[R]), &[]);
        assert!(fresh.tracks());
        assert_eq!(fresh.missed(&Listed::default()), BTreeMap::new());
    }

    #[test]
    fn what_was_seen_before_is_missed_at_once() {
        let (mut routing, _) = holding(wish(&[A], &[R]));
        routing.clear(&owner(), &Wish::default());
        routing.settle(owner(), wish(&[A], &[R]), &[]);
        // Removed before it was looked at.
        let missed = routing.missed(&Listed::default());
        assert_eq!(missed[&owner()].len(), 2);
    }

    #[test]
    fn what_was_refused_is_not_held() {
        let mut routing = Routing::default();
        let refused = RefusedChange {
            change: Change::AddRoute(placed(A)),
            source: std::io::ErrorKind::InvalidInput.into(),
        };
        routing.settle(owner(), wish(&[A, B], &[]), &[refused]);
        let again = routing.bring(&owner(), &wish(&[A, B], &[]), &Wish::default());
        assert_eq!(named(&again), ["+route 10.50.0.0/16 via 10.9.0.9 dev eth0"]);
    }
}
