//! Where in which source a piece of text stands.

/// Which source a [`Span`] points into: its index in [`Sources`](crate::Sources).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub usize);

impl SourceId {
    /// Text that stands in no file: what definitions and sequences were replaced by.
    pub(crate) const EXPANSION: Self = Self(usize::MAX);
}

/// A half-open range of bytes `start..end` of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The source.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// What is left after the first `n` bytes.
    pub(crate) fn after(self, n: usize) -> Self {
        Self {
            start: self.start.saturating_add(n).min(self.end),
            ..self
        }
    }

    /// Its first `n` bytes.
    pub(crate) fn head(self, n: usize) -> Self {
        Self {
            end: self.start.saturating_add(n).min(self.end),
            ..self
        }
    }

    /// From the start of this span to the end of the other one.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            end: other.end.max(self.end),
            ..self
        }
    }
}
