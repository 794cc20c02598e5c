//! Who may send ICMP echo requests without a privilege: `net.ipv4.ping_group_range` of the daemon's network namespace,
//! which counts for IPv6 as well (icmp(7)).
//!
//! keepalived behaviour: where a PING_CHECK is configured the range is widened until it has our group, and put back at the
//! end.

use std::fs;
use std::io;

use nix::unistd::{getegid, getgroups};

const PATH: &str = "/proc/sys/net/ipv4/ping_group_range";

/// The groups that may, first and last; none where the first is greater.
type Range = (u32, u32);

/// The range as it was before us.
#[derive(Debug, Default)]
pub struct PingGroups {
    changed: Option<Widened>,
}

/// A change of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widened {
    /// What it was.
    pub from: Range,
    /// What it is to be.
    pub to: Range,
}

impl PingGroups {
    /// Lets our group send echo requests; answers what had to be changed for that.
    ///
    /// # Errors
    /// When the range cannot be read or, with what was to be changed, written.
    pub fn admit_us(&mut self) -> Result<Option<Widened>, (Option<Widened>, io::Error)> {
        let from = read().map_err(|error| (None, error))?;
        let group = getegid().as_raw();
        let others = getgroups().unwrap_or_default();
        if others.iter().any(|group| has(from, group.as_raw())) {
            return Ok(None);
        }
        let Some(to) = widened(from, group) else {
            return Ok(None);
        };
        let change = Widened { from, to };
        write(to).map_err(|error| (Some(change), error))?;
        // Of several changes the first tells what it was.
        let from = self.changed.map_or(from, |first| first.from);
        self.changed = Some(Widened { from, to });
        Ok(Some(change))
    }

    /// Puts the range back, unless somebody else has changed it since.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_back(&mut self) -> io::Result<()> {
        match self.changed.take() {
            Some(change) if read().is_ok_and(|now| now == change.to) => write(change.from),
            _ => Ok(()),
        }
    }
}

fn read() -> io::Result<Range> {
    let text = fs::read_to_string(PATH)?;
    parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not two numbers"))
}

fn write((first, last): Range) -> io::Result<()> {
    fs::write(PATH, format!("{first} {last}\n"))
}

fn parse(text: &str) -> Option<Range> {
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some((first.parse().ok()?, last.trim().parse().ok()?))
}

fn has((first, last): Range, group: u32) -> bool {
    (first..=last).contains(&group)
}

/// The range with `group` in it; `None` if it has it already.
fn widened(range: Range, group: u32) -> Option<Range> {
    let (first, last) = range;
    if has(range, group) {
        None
    } else if first > last {
        Some((group, group))
    } else {
        Some((first.min(group), last.max(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What keepalived 2.2.7, as root, made of what it found.
    #[test]
    fn a_range_is_widened_as_far_as_needed() {
        // The kernel's own: nobody.
        assert_eq!(parse("1\t0\n"), Some((1, 0)));
        assert_eq!(widened((1, 0), 0), Some((0, 0)));
        assert_eq!(widened((100, 200), 0), Some((0, 200)));
        assert_eq!(widened((100, 200), 300), Some((100, 300)));
        assert_eq!(widened((100, 200), 200), None);
        assert_eq!(widened((0, 2_147_483_647), 0), None);
    }
}
