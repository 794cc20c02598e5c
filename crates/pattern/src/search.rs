//! One text, searched while it comes: a window of it in memory, in slices that take a moment each.

use std::time::{Duration, Instant};

use crate::Pattern;
use crate::native::{End, Look};

/// Bytes of the text in memory before a search begins without its end, and the longest match that is sure to be found.
pub const WINDOW: usize = 64 * 1024;

/// Memory of the matcher in KiB, unless told otherwise: PCRE2's own default.
const MEMORY: u32 = 20_000;

/// What stands for a byte that is no UTF-8: SUBSTITUTE.
const NONE: u8 = 0x1a;

/// Places that are tried at first before others have a turn; then as many as take about this long.
const SLICE: usize = 1024;
const MOMENT: Duration = Duration::from_millis(4);

/// Where a match may begin, and what it may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Bytes of the text before the first place.
    pub from: u64,
    /// Bytes of the text before the last place; `None` for no limit.
    pub until: Option<u64>,
    /// Bytes of memory that the matcher may take, where that is more than the usual 20 MB.
    pub memory: u32,
}

/// Looks for a pattern in a text.
///
/// The answer is the same as for the whole text at once, with two exceptions in texts of more than [`WINDOW`] bytes: a
/// match of more than about half of that may be missed, and what looks back further than a quarter of it sees nothing there.
pub struct Search<'p> {
    pattern: &'p Pattern,
    window: Vec<u8>,
    /// How large the window may become.
    room: usize,
    /// Bytes of the window that are known to be UTF-8, where that counts.
    clean: usize,
    /// Bytes of the text before the window.
    before: u64,
    /// The place to try next.
    next: u64,
    until: u64,
    memory: u32,
    slice: usize,
    answer: Option<Step>,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do with what has come: call again, after letting others have a turn.
    More,
    /// Nothing to do until more comes.
    Hungry,
    /// A match begins after so many bytes of the text.
    Found(u64),
    /// There is none.
    Absent,
}

/// The pattern takes more steps or memory on this text than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern takes too many steps at byte {at}")]
pub struct Costly {
    /// Bytes of the text before the place.
    pub at: u64,
}

impl<'p> Search<'p> {
    /// A search in a text of which nothing has come yet.
    #[must_use]
    pub fn new(pattern: &'p Pattern, range: Range) -> Search<'p> {
        Search {
            pattern,
            window: Vec::new(),
            room: WINDOW,
            clean: 0,
            before: 0,
            next: range.from,
            until: range.until.unwrap_or(u64::MAX),
            memory: MEMORY.max(range.memory / 1024),
            slice: if pattern.whole { usize::MAX } else { SLICE },
            answer: None,
        }
    }

    /// With a window of so many bytes, at least 16.
    #[must_use]
    pub fn within(self, room: usize) -> Search<'p> {
        Search {
            room: room.max(16),
            ..self
        }
    }

    /// What is searched for.
    #[must_use]
    pub fn pattern(&self) -> &'p Pattern {
        self.pattern
    }

    /// Where it was found.
    #[must_use]
    pub fn found(&self) -> Option<u64> {
        match self.answer {
            Some(Step::Found(at)) => Some(at),
            _ => None,
        }
    }

    /// The next bytes of the text. [`Search::step`] has to be called until it is hungry before more is given.
    pub fn take(&mut self, piece: &[u8]) {
        if self.answer.is_none() {
            self.window.extend_from_slice(piece);
        }
    }

    /// Does a part of the work, some milliseconds at most. `last` tells that all of the text has come.
    ///
    /// # Errors
    /// When the pattern goes beyond its limits.
    pub fn step(&mut self, last: bool) -> Result<Step, Costly> {
        if let Some(answer) = self.answer {
            return Ok(answer);
        }
        if !last && self.window.len() < self.room {
            return Ok(Step::Hungry);
        }
        let step = self.slice(last)?;
        if matches!(step, Step::Found(_) | Step::Absent) {
            self.answer = Some(step);
            self.window = Vec::new();
        }
        Ok(step)
    }

    fn slice(&mut self, last: bool) -> Result<Step, Costly> {
        let length = self.clean(last);
        let code = &self.pattern.code;
        let text = self.window.get(..length).unwrap_or_default();
        let from = self.next.saturating_sub(self.before);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let Some(rest) = text.get(from..) else {
            return Ok(if last { Step::Absent } else { self.shift() });
        };
        let from = match code.utf() {
            true => {
                from + rest
                    .iter()
                    .copied()
                    .take_while(|byte| is_continuation(*byte))
                    .count()
            }
            false => from,
        };
        let limit = usize::try_from(self.until.saturating_sub(self.before)).unwrap_or(usize::MAX);
        if from > limit {
            return Ok(Step::Absent);
        }
        let one = code.anchored();
        let slice = if one { 0 } else { self.slice };
        let until = from.saturating_add(slice).min(limit);
        let started = Instant::now();
        let end = if last { End::Text } else { End::Open };
        let look = code.look(text, from, until, self.memory, end);
        self.pace(started.elapsed());
        match look {
            Look::Match(at) => Ok(Step::Found(self.place(at))),
            Look::Exhausted => Err(Costly {
                at: self.place(from),
            }),
            Look::Part(at) => Ok(self.part(at, length)),
            Look::Nothing if one || self.line_ended(from, until, length) => Ok(Step::Absent),
            Look::Nothing if until < length && until == limit => Ok(Step::Absent),
            Look::Nothing if until < length => {
                self.next = self.place(until + 1);
                Ok(Step::More)
            }
            Look::Nothing if last => Ok(Step::Absent),
            Look::Nothing => {
                self.next = self.place(length);
                Ok(self.shift())
            }
        }
    }

    /// A match may begin at `at`, and cannot be told without more.
    fn part(&mut self, at: usize, length: usize) -> Step {
        self.next = self.place(at);
        if length - at.saturating_sub(self.lookbehind()) <= self.room / 4 * 3 {
            return self.shift();
        }
        // It is about as long as the window already.
        let text = self.window.get(..length).unwrap_or_default();
        let look = self
            .pattern
            .code
            .look(text, at, at, self.memory, End::Given);
        if let Look::Match(at) = look {
            return Step::Found(self.place(at));
        }
        if self.pattern.code.anchored() {
            return Step::Absent;
        }
        self.next = self.place(length - self.room / 2);
        self.shift()
    }

    /// Lets go of what is no longer needed.
    fn shift(&mut self) -> Step {
        let from = usize::try_from(self.next.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let mut gone = from
            .saturating_sub(self.lookbehind())
            .min(self.window.len());
        while gone > 0
            && self.pattern.code.utf()
            && self.window.get(gone).copied().is_some_and(is_continuation)
        {
            gone -= 1;
        }
        self.window.drain(..gone);
        self.clean = self.clean.saturating_sub(gone);
        self.before = self.place(gone);
        Step::Hungry
    }

    /// Bytes to keep before a place: at least one, by which a place is told from the beginning of the text.
    fn lookbehind(&self) -> usize {
        let code = &self.pattern.code;
        let width = if code.utf() { 4 } else { 1 };
        code.lookbehind()
            .max(1)
            .saturating_mul(width)
            .min(self.room / 4)
    }

    /// Makes UTF-8 of what has come, where the pattern is about characters, and answers how much of it can be searched:
    /// all but the beginning of a character at the end. What is none becomes [`NONE`], byte by byte.
    fn clean(&mut self, last: bool) -> usize {
        if !self.pattern.code.utf() {
            return self.window.len();
        }
        loop {
            let rest = self.window.get_mut(self.clean..).unwrap_or_default();
            let Err(error) = std::str::from_utf8(rest) else {
                self.clean = self.window.len();
                return self.clean;
            };
            let valid = error.valid_up_to();
            let wrong = match error.error_len() {
                Some(wrong) => wrong,
                None if last => rest.len() - valid,
                None => {
                    self.clean += valid;
                    return self.clean;
                }
            };
            if let Some(wrong) = rest.get_mut(valid..valid + wrong) {
                wrong.fill(NONE);
            }
            self.clean += valid + wrong;
        }
    }

    /// Whether a match has to begin in the first line, and that has ended among the places that were tried.
    fn line_ended(&self, from: usize, until: usize, length: usize) -> bool {
        let code = &self.pattern.code;
        let tried = self.window.get(from..until.saturating_add(1).min(length));
        code.firstline()
            && tried.is_some_and(|tried| tried.iter().any(|byte| code.ends_line(*byte)))
    }

    fn place(&self, at: usize) -> u64 {
        self.before
            .saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
    }

    fn pace(&mut self, took: Duration) {
        if self.pattern.whole {
            return;
        }
        self.slice = if took > MOMENT {
            (self.slice / 2).max(1)
        } else if took < MOMENT / 2 {
            self.slice.saturating_mul(4)
        } else {
            self.slice
        };
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests;
