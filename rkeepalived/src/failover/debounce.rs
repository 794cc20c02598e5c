//! Changes of links that must last to count (`interface_up_down_delays`). Pure.

use std::collections::BTreeMap;

use keepalived_conf::InterfaceDelay;
use vrrp::{Micros, Time};

/// What was said of links, and how they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Debounce {
    rules: BTreeMap<String, Rule>,
    links: BTreeMap<String, Standing>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    down: Micros,
    up: Micros,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    /// What counts.
    up: bool,
    /// When the opposite will, if it lasts.
    turns: Option<Time>,
}

impl Debounce {
    /// Takes over a configuration. What counts of a link that is still named stays.
    pub fn configure(&mut self, delays: &[InterfaceDelay]) {
        self.rules = delays
            .iter()
            .map(|delay| {
                let rule = Rule {
                    down: Micros::from(delay.down),
                    up: Micros::from(delay.up),
                };
                (delay.name.clone(), rule)
            })
            .collect();
        if self.rules.is_empty() {
            self.links.clear();
        }
    }

    /// A link is up or not, and is `below` or on that: one of ours changes with the link below, and as slowly.
    pub fn observe(&mut self, now: Time, link: &str, below: &str, up: bool) {
        let Some(rule) = self.rules.get(below) else {
            self.links.remove(link);
            return;
        };
        let Some(standing) = self.links.get_mut(link) else {
            // How it is at first counts at once.
            self.links
                .insert(link.to_owned(), Standing { up, turns: None });
            return;
        };
        if standing.up == up {
            standing.turns = None;
            return;
        }
        let delay = if up { rule.up } else { rule.down };
        let turns = *standing.turns.get_or_insert(now + delay);
        if turns <= now {
            *standing = Standing { up, turns: None };
        }
    }

    /// Whether a link counts as up; as it is where nothing else was said.
    pub fn is_up(&self, link: &str, up: bool) -> bool {
        self.links.get(link).map_or(up, |standing| standing.up)
    }

    /// When to look again.
    pub fn deadline(&self) -> Option<Time> {
        self.links.values().filter_map(|link| link.turns).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::new(milliseconds * 1000)
    }

    #[test]
    fn what_does_not_last_does_not_count() {
        let mut debounce = Debounce::default();
        debounce.configure(&[InterfaceDelay {
            name: "eth0".into(),
            down: Duration::from_millis(500),
            up: Duration::from_millis(200),
        }]);
        let mut see = |milliseconds, up| {
            debounce.observe(at(milliseconds), "vrrp.1", "eth0", up);
            (debounce.is_up("vrrp.1", up), debounce.deadline())
        };
        assert_eq!(see(0, true), (true, None));
        assert_eq!(see(100, false), (true, Some(at(600))));
        assert_eq!(see(300, false), (true, Some(at(600))));
        assert_eq!(see(400, true), (true, None));
        assert_eq!(see(500, false), (true, Some(at(1000))));
        assert_eq!(see(1000, false), (false, None));
        assert_eq!(see(1100, true), (false, Some(at(1300))));
        assert_eq!(see(1300, true), (true, None));
        assert!(!debounce.is_up("eth1", false));
    }
}
