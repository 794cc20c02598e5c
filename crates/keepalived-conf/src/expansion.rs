//! The text that definitions and sequences were replaced by, and where each piece of it comes from.

use crate::source::Source;
use crate::span::{SourceId, Span};

/// One line after the other, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    pub(crate) source: Source,
    /// In the order of the text.
    pieces: Vec<Piece>,
}

/// A stretch of the text, up to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins.
    pub at: usize,
    /// In a file: its very bytes, or what was replaced by it.
    pub origin: Span,
    /// Whether they are its very bytes.
    pub verbatim: bool,
}

impl Expansion {
    /// How much text there is.
    pub(crate) fn len(&self) -> usize {
        self.source.bytes.len()
    }

    /// Adds a line; the places of its pieces count from its beginning.
    pub(crate) fn push(&mut self, line: &[u8], pieces: &[Piece]) -> Span {
        let start = self.len();
        self.source.bytes.extend_from_slice(line);
        self.source.bytes.push(b'\n');
        self.pieces.extend(pieces.iter().map(|piece| Piece {
            at: piece.at + start,
            ..*piece
        }));
        Span {
            source: SourceId::EXPANSION,
            start,
            end: start + line.len(),
        }
    }

    /// Adds a line that stands for a place in a file.
    pub(crate) fn push_for(&mut self, line: &[u8], origin: Span) -> Span {
        let piece = Piece {
            at: 0,
            origin,
            verbatim: false,
        };
        self.push(line, &[piece])
    }

    fn piece(&self, offset: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// The place in a file that a stretch comes from.
    pub(crate) fn origin(&self, span: Span) -> Span {
        let Some(first) = self.piece(span.start) else {
            return Span::default();
        };
        let start = match first.verbatim {
            true => first.origin.start + (span.start - first.at),
            false => first.origin.start,
        };
        let last_byte = span.end.saturating_sub(1).max(span.start);
        let last = self.piece(last_byte).unwrap_or(first);
        let end = match last.verbatim {
            true => last.origin.start + (last_byte - last.at) + usize::from(span.end > span.start),
            false => last.origin.end,
        };
        if last.origin.source != first.origin.source || end < start {
            return first.origin;
        }
        Span {
            source: first.origin.source,
            start,
            end,
        }
    }
}
