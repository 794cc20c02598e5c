//! The tree: known keywords with their words, blocks with what is in them. Unknown ones never get here.

use crate::keyword::Keyword;
use crate::span::Span;

/// A word, its quotes removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub text: String,
    pub span: Span,
}

/// A keyword and all that belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub keyword: &'static Keyword,
    /// The line's words, the keyword first.
    pub words: Vec<Word>,
    /// For a block: what is in it.
    pub body: Vec<Node>,
    /// For a value block: its lines.
    pub entries: Vec<Vec<Word>>,
    /// For a block: where it ends.
    pub close: Span,
}

impl Node {
    pub(crate) fn name(&self) -> &'static str {
        self.keyword.name
    }

    /// The words after the keyword.
    pub(crate) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The n-th word after the keyword, from 0.
    pub(crate) fn argument(&self, n: usize) -> Option<&Word> {
        self.arguments().get(n)
    }

    /// Where the keyword stands.
    pub(crate) fn span(&self) -> Span {
        self.words.first().map(|word| word.span).unwrap_or_default()
    }
}
