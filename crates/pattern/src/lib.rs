//! PCRE2 patterns, searched for in a text that comes in pieces and may be longer than memory.
//!
//! A [`Pattern`] is compiled once and shared; a [`Search`] is one text's. Must not know: where patterns and texts come
//! from. `native` is the only place of the workspace with `unsafe` in it (docs/adr/0010): no safe crate reaches all the
//! options of `regex_options`, limits, and partial matching.
//!
//! Enter at [`Pattern::compile`] and [`Search::new`]. Tests: in `tests/`.

mod flag;
mod native;
mod search;

use std::fmt;

pub use flag::Flag;
pub use search::{Costly, Range, Search, Step, WINDOW};

/// A compiled pattern. Two are equal that were made of the same words.
pub struct Pattern {
    text: String,
    flags: Vec<Flag>,
    code: native::Code,
    /// It says something about where a search begins or goes on, so that the search must not be cut into slices.
    whole: bool,
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at offset {offset}")]
pub struct Wrong {
    /// Bytes before the mistake.
    pub offset: usize,
    /// PCRE2's words.
    pub reason: String,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// When it is no pattern of PCRE2, or the flags forbid what it uses.
    pub fn compile(text: &str, flags: &[Flag]) -> Result<Pattern, Wrong> {
        Ok(Pattern {
            text: text.to_owned(),
            flags: flags.to_owned(),
            code: native::Code::compile(text, flag::bits(flags))?,
            whole: ["\\G", "(*COMMIT", "(*SKIP"]
                .iter()
                .any(|word| text.contains(word)),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        (&self.text, &self.flags) == (&other.text, &other.flags)
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?}, {:?})", self.text, self.flags)
    }
}
