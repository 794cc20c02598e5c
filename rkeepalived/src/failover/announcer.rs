//! The pace of gratuitous ARPs and neighbour advertisements (`vrrp_garp_interval`, `vrrp_gna_interval`, `garp_group`). Pure.
//!
//! keepalived behaviour: one goes out at once where the last is long enough ago. The others of that interface, or of its
//! group, are marked, and go out one by one in the order of the configuration; a mark is made once, however many rounds are
//! asked for meanwhile.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use keepalived_conf::GarpGroup;
use vrrp::{Micros, Name, Time};

/// An address to announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Whose it is.
    pub instance: Name,
    /// Number of the interface that it is announced by.
    pub interface: u32,
    /// Name of that interface, for the log.
    pub interface_name: String,
    /// The address.
    pub address: IpAddr,
}

/// What waits for each other: an interface or a group of them, and which of the two protocols.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Interface(u32, bool),
    Group(usize, bool),
}

#[derive(Clone, Debug, Default)]
struct Queue {
    pause: Micros,
    /// When the next may go out.
    next: Option<Time>,
    /// By the place of the instance and of the address in the configuration.
    marked: BTreeMap<(usize, usize), Announcement>,
}

/// Who has to wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcer {
    groups: Vec<GarpGroup>,
    queues: BTreeMap<Lane, Queue>,
}

impl Announcer {
    /// Takes over a configuration. What waits goes on waiting.
    pub fn configure(&mut self, groups: &[GarpGroup]) {
        self.groups = groups.to_vec();
    }

    /// Whether this one may go out now; otherwise it is marked, by its place. `base` is the interface that is named in a
    /// group: that of the announcement, or the one below; `pause` counts where no group has another.
    pub fn admit(
        &mut self,
        now: Time,
        place: (usize, usize),
        base: &str,
        pause: Duration,
        announcement: &Announcement,
    ) -> bool {
        let six = announcement.address.is_ipv6();
        let of_it = |group: &GarpGroup| group.interfaces.iter().any(|name| name == base);
        let group = self.groups.iter().position(of_it);
        let pace = group.and_then(|at| self.groups.get(at)).and_then(|group| {
            if six {
                group.gna_interval
            } else {
                group.garp_interval
            }
        });
        let lane = group.map_or(Lane::Interface(announcement.interface, six), |at| {
            Lane::Group(at, six)
        });
        let pause = Micros::from(pace.unwrap_or(pause));
        if pause.is_zero() {
            return true;
        }
        let queue = self.queues.entry(lane).or_default();
        queue.pause = pause;
        if queue.marked.is_empty() && queue.next.is_none_or(|next| next <= now) {
            queue.next = Some(now + pause);
            return true;
        }
        queue.marked.insert(place, announcement.clone());
        false
    }

    /// Those whose time has come.
    pub fn due(&mut self, now: Time) -> Vec<Announcement> {
        let mut due = Vec::new();
        for queue in self.queues.values_mut() {
            if queue.next.is_some_and(|next| next <= now)
                && let Some((_, announcement)) = queue.marked.pop_first()
            {
                queue.next = Some(now + queue.pause);
                due.push(announcement);
            }
        }
        // One that is idle has nothing to remember.
        self.queues.retain(|_, queue| {
            !queue.marked.is_empty() || queue.next.is_some_and(|next| next > now)
        });
        due
    }

    /// An instance holds its addresses no longer.
    pub fn forget(&mut self, instance: &Name) {
        for queue in self.queues.values_mut() {
            queue.marked.retain(|_, one| one.instance != *instance);
        }
    }

    /// When the next has its time.
    pub fn deadline(&self) -> Option<Time> {
        let waiting = self.queues.values().filter(|one| !one.marked.is_empty());
        waiting.filter_map(|queue| queue.next).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(address: &str, interface: u32) -> Announcement {
        Announcement {
            instance: "V".into(),
            interface,
            interface_name: format!("v{interface}"),
            address: address.parse().unwrap(),
        }
    }

    fn at(milliseconds: u64) -> Time {
        Time::new(milliseconds * 1000)
    }

    /// All that waits, with the time of each.
    fn rest(announcer: &mut Announcer) -> Vec<(u64, String)> {
        let mut seen = Vec::new();
        while let Some(next) = announcer.deadline() {
            for due in announcer.due(next) {
                seen.push((next.get() / 1000, due.address.to_string()));
            }
        }
        seen
    }

    const PAUSE: Duration = Duration::from_millis(200);

    // Seen of keepalived 2.2.7: two rounds over 100, 101 and, on another interface, 102, then two over 110 of a second
    // instance.
    #[test]
    fn the_first_goes_at_once_the_others_one_by_one() {
        let mut announcer = Announcer::default();
        let mut sent = Vec::new();
        for _ in 0..2 {
            for (place, address, interface) in [
                ((0, 0), "10.9.0.100", 0),
                ((0, 1), "10.9.0.101", 0),
                ((0, 2), "10.9.1.102", 1),
            ] {
                let one = one(address, interface);
                if announcer.admit(at(0), place, &one.interface_name, PAUSE, &one) {
                    sent.push(address);
                }
            }
        }
        for _ in 0..2 {
            let one = one("10.9.0.110", 0);
            assert!(!announcer.admit(at(10), (1, 0), "v0", PAUSE, &one));
        }
        assert_eq!(sent, ["10.9.0.100", "10.9.1.102"]);
        let expected = [
            (200, "10.9.0.100"),
            (200, "10.9.1.102"),
            (400, "10.9.0.101"),
            (600, "10.9.0.110"),
        ];
        let expected = expected.map(|(time, address)| (time, address.to_owned()));
        assert_eq!(rest(&mut announcer), expected);
    }

    #[test]
    fn a_group_is_one_queue_and_has_its_own_pace() {
        let mut announcer = Announcer::default();
        announcer.configure(&[GarpGroup {
            garp_interval: Some(Duration::from_millis(50)),
            gna_interval: None,
            interfaces: vec!["v0".into(), "v1".into()],
        }]);
        assert!(announcer.admit(at(0), (0, 0), "v0", PAUSE, &one("10.9.0.1", 0)));
        assert!(!announcer.admit(at(0), (0, 1), "v1", PAUSE, &one("10.9.1.1", 1)));
        assert!(announcer.admit(at(0), (0, 2), "v0", PAUSE, &one("fe80::1", 0)));
        assert!(!announcer.admit(at(0), (0, 2), "v1", PAUSE, &one("fe80::2", 1)));
        let expected = [(50, "10.9.1.1".to_owned()), (200, "fe80::2".to_owned())];
        assert_eq!(rest(&mut announcer), expected);
        announcer.admit(at(210), (0, 2), "v1", PAUSE, &one("fe80::2", 1));
        announcer.forget(&"V".into());
        assert_eq!(announcer.deadline(), None);
    }

    #[test]
    fn without_a_pause_nobody_waits() {
        let mut announcer = Announcer::default();
        for _ in 0..3 {
            let one = one("10.9.0.1", 0);
            assert!(announcer.admit(at(0), (0, 0), "v0", Duration::ZERO, &one));
        }
        assert_eq!(announcer.deadline(), None);
    }
}
