//! What tracked scripts last came to, for people to look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::verdict::Ended;

/// Of one script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// How it ended.
    pub ended: Ended,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A copy, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Results(BTreeMap<String, LastRun>);

impl Results {
    /// Of the script of that name, if it has ended once.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<LastRun> {
        self.0.get(name).copied()
    }
}

/// Where scripts write it down. Nobody holds its lock for longer than that.
#[derive(Clone, Debug, Default)]
pub struct Slate(Arc<Mutex<Results>>);

impl Slate {
    /// A script ended.
    pub fn note(&self, name: &str, ended: Ended, at_ms: u64) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.0.insert(name.to_owned(), LastRun { ended, at_ms });
    }

    /// Only these scripts are there from now on.
    pub fn keep(&self, known: impl Fn(&str) -> bool) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.0.retain(|name, _| known(name));
    }

    /// All of them.
    #[must_use]
    pub fn copy(&self) -> Results {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.clone()
    }
}
