//! Which processes are the ones that are tracked. Pure.

use std::collections::{BTreeMap, BTreeSet};

use keepalived_conf::ParamMatch;

use crate::kernel::processes::Process;
use crate::plan::TrackedProcess;

/// Bytes of a name that the kernel keeps.
const COMM: usize = 15;

/// Whether `process` is one of those that `wanted` means.
#[must_use]
pub fn is_meant(wanted: &TrackedProcess, process: &Process) -> bool {
    let Some((name, parameters)) = wanted.argv.split_first() else {
        return false;
    };
    let name = name.as_bytes();
    let named = match wanted.full_command {
        true => process.argv.first().is_some_and(|first| first == name),
        false => process.comm == name.get(..COMM).unwrap_or(name),
    };
    let Some(rule) = wanted.parameters.filter(|_| named) else {
        return named;
    };
    let given = process.argv.get(1..).unwrap_or_default();
    let same = |pair: (&String, &Vec<u8>)| pair.0.as_bytes() == pair.1;
    let begins =
        |count: usize| given.len() >= count && parameters.iter().take(count).zip(given).all(same);
    match (rule, parameters.split_last()) {
        (ParamMatch::Exact, _) => given.len() == parameters.len() && begins(parameters.len()),
        (ParamMatch::Initial, _) | (ParamMatch::Partial, None) => begins(parameters.len()),
        (ParamMatch::Partial, Some((last, before))) => {
            let at = given.get(before.len());
            begins(before.len()) && at.is_some_and(|at| at.starts_with(last.as_bytes()))
        }
    }
}

/// The processes that are meant, by the name of what tracks them.
#[derive(Debug, Default)]
pub struct Census {
    wanted: Vec<TrackedProcess>,
    found: BTreeMap<u32, BTreeSet<usize>>,
}

impl Census {
    /// Looks for these from now on; nothing is known then.
    #[must_use]
    pub fn new(wanted: Vec<TrackedProcess>) -> Census {
        Census {
            wanted,
            found: BTreeMap::new(),
        }
    }

    /// A process is this now.
    pub fn see(&mut self, pid: u32, process: Option<&Process>) {
        let is = |process: &Process| {
            let wanted = self.wanted.iter().enumerate();
            let meant = wanted.filter(|(_, wanted)| is_meant(wanted, process));
            meant.map(|(at, _)| at).collect::<BTreeSet<_>>()
        };
        let found = process.map(is).unwrap_or_default();
        if found.is_empty() {
            self.found.remove(&pid);
        } else {
            self.found.insert(pid, found);
        }
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Nothing is known any more.
    pub fn forget(&mut self) {
        self.found.clear();
    }

    /// What is looked for, with how many there are.
    pub fn counts(&self) -> impl Iterator<Item = (&TrackedProcess, usize)> {
        self.wanted.iter().enumerate().map(|(at, wanted)| {
            let count = self.found.values().filter(|found| found.contains(&at));
            (wanted, count.count())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) fn wanted(line: &str, parameters: Option<ParamMatch>) -> TrackedProcess {
        TrackedProcess {
            name: "p".into(),
            argv: line.split(' ').map(str::to_owned).collect(),
            parameters,
            // keepalived behaviour: parameters count with the whole name only.
            full_command: parameters.is_some(),
            quorum: 1,
            quorum_max: None,
            terminate_delay: Duration::ZERO,
            fork_delay: Duration::ZERO,
        }
    }

    fn process(line: &str) -> Process {
        let argv: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let name = line.split(' ').next().unwrap().rsplit('/').next().unwrap();
        Process {
            comm: name.as_bytes().iter().take(15).copied().collect(),
            argv,
        }
    }

    /// Seen of keepalived 2.2.7: `sleep 9999` is `process sleep 9999`, and not `process /bin/sleep`.
    #[test]
    fn names() {
        assert!(is_meant(
            &wanted("sleep", None),
            &process("/usr/bin/sleep 5")
        ));
        assert!(!is_meant(
            &wanted("/bin/sleep", None),
            &process("sleep 9999")
        ));
        assert!(is_meant(
            &wanted("a-rather-long-name", None),
            &process("a-rather-long-name")
        ));
        let whole = TrackedProcess {
            full_command: true,
            ..wanted("/bin/sleep", None)
        };
        assert!(is_meant(&whole, &process("/bin/sleep 5")));
        assert!(!is_meant(&whole, &process("sleep 5")));
    }

    #[test]
    fn parameters() {
        use ParamMatch::{Exact, Initial, Partial};
        for (rule, line, is) in [
            (Exact, "d -f x", true),
            (Exact, "d -f x y", false),
            (Exact, "d -f", false),
            (Initial, "d -f x y", true),
            (Initial, "d -f xy", false),
            (Partial, "d -f xy z", true),
            (Partial, "d -g xy", false),
            (Partial, "d -f", false),
        ] {
            let tracked = wanted("d -f x", Some(rule));
            assert_eq!(is_meant(&tracked, &process(line)), is, "{rule:?} {line}");
        }
        assert!(is_meant(&wanted("d", Some(Exact)), &process("d")));
        assert!(!is_meant(&wanted("d", Some(Exact)), &process("d x")));
    }

    #[test]
    fn a_process_counts_until_it_is_something_else_or_ends() {
        let mut census = Census::new(vec![wanted("a", None), wanted("b", None)]);
        let counts = |census: &Census| census.counts().map(|(_, count)| count).collect::<Vec<_>>();
        census.see(1, Some(&process("a")));
        census.see(2, Some(&process("a")));
        assert_eq!(counts(&census), [2, 0]);
        census.see(2, Some(&process("b")));
        assert_eq!(counts(&census), [1, 1]);
        census.see(1, None);
        assert_eq!(counts(&census), [0, 1]);
        census.forget();
        assert_eq!(counts(&census), [0, 0]);
    }
}
