//! The tree: known keywords with their words, blocks with what is in them. Unknown ones never get here.
//!
//! It is kept flat and knows only where its words stand; their text is taken out of the source when it is asked for. What is
//! read once at every start is mostly memory touched for the first time, so a large file must not become a large tree.

use std::borrow::Cow;
use std::iter;

use crate::keyword::{Keyword, Shape};
pub(crate) use crate::lexer::Word;
use crate::lexer::plain;
use crate::source::Sources;
use crate::span::{SourceId, Span};

/// A statement of the outermost level: a line, or a block with all that is in it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// Each before what is in it.
    branches: Vec<Branch>,
    /// Those of all branches, in the same order.
    words: Vec<Place>,
    /// The `}` of each block that has one, in the order of the text.
    closings: Vec<Closing>,
}

/// Where a block ends.
#[derive(Debug, Clone)]
struct Closing {
    /// One past the last branch that is in the block.
    end: usize,
    /// The block's branch.
    at: usize,
    span: Span,
}

#[derive(Debug, Clone)]
struct Branch {
    keyword: &'static Keyword,
    /// One past its last word; its first comes after those of the branch before.
    words_end: usize,
    /// One past the last branch that is in it.
    end: usize,
}

#[derive(Debug, Clone)]
struct Place {
    start: usize,
    /// In bytes; a longer line is not read.
    length: u16,
    /// Which file; the greatest number for text of no file.
    source: u16,
    /// Its text is not to be shown.
    secret: bool,
}

impl Place {
    fn span(&self) -> Span {
        let source = match self.source {
            u16::MAX => SourceId::EXPANSION,
            file => SourceId(usize::from(file)),
        };
        Span {
            source,
            start: self.start,
            end: self.start + usize::from(self.length),
        }
    }
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            branches: Vec::new(),
            words: Vec::new(),
            closings: Vec::new(),
        }
    }

    /// Adds a line, the last so far; words after `secret_from` (an index) are secrets.
    pub(crate) fn push(
        &mut self,
        keyword: &'static Keyword,
        spans: impl Iterator<Item = Span>,
        secret_from: usize,
    ) {
        let places = spans.enumerate().map(|(at, span)| Place {
            start: span.start,
            length: u16::try_from(span.end.saturating_sub(span.start)).unwrap_or(u16::MAX),
            source: u16::try_from(span.source.0).unwrap_or(u16::MAX),
            secret: at >= secret_from,
        });
        self.words.extend(places);
        self.branches.push(Branch {
            keyword,
            words_end: self.words.len(),
            end: self.branches.len() + 1,
        });
    }

    /// Takes the last line back.
    pub(crate) fn pop(&mut self) {
        self.branches.pop();
        let words_end = self.branches.last().map_or(0, |before| before.words_end);
        self.words.truncate(words_end);
    }

    /// So many lines have been added.
    pub(crate) fn len(&self) -> usize {
        self.branches.len()
    }

    /// Everything since this line is in it; `brace` is its `}`, if it has one.
    pub(crate) fn close(&mut self, at: usize, brace: Option<Span>) {
        let end = self.branches.len();
        if let Some(branch) = self.branches.get_mut(at) {
            branch.end = end;
            self.closings
                .extend(brace.map(|span| Closing { end, at, span }));
        }
    }

    /// What was gathered, in no more memory than it takes; what it was gathered in is used again.
    pub(crate) fn take(&mut self) -> Option<Self> {
        let whole = (!self.branches.is_empty()).then(|| self.clone());
        self.branches.clear();
        self.words.clear();
        self.closings.clear();
        whole
    }

    /// The keyword of the statement.
    pub(crate) fn name(&self) -> &'static str {
        self.branches.first().map_or("", |root| root.keyword.name)
    }

    /// The statement, read where its words stand.
    pub(crate) fn root<'t>(&'t self, sources: &'t Sources) -> Option<Node<'t>> {
        self.node(0, sources)
    }

    /// One line of it.
    pub(crate) fn node<'t>(&'t self, at: usize, sources: &'t Sources) -> Option<Node<'t>> {
        self.branches.get(at).map(|branch| Node {
            keyword: branch.keyword,
            tree: self,
            sources,
            at,
        })
    }
}

/// A keyword and all that belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'t> {
    pub keyword: &'static Keyword,
    tree: &'t Tree,
    sources: &'t Sources,
    at: usize,
}

impl<'t> Node<'t> {
    pub(crate) fn name(self) -> &'static str {
        self.keyword.name
    }

    /// The line's words, the keyword first.
    pub(crate) fn words(self) -> impl DoubleEndedIterator<Item = Word<'t>> {
        self.places().iter().map(move |place| self.word(place))
    }

    /// The words after the keyword.
    pub(crate) fn arguments(self) -> impl Iterator<Item = Word<'t>> {
        self.words().skip(1)
    }

    /// The n-th word after the keyword, from 0.
    pub(crate) fn argument(self, n: usize) -> Option<Word<'t>> {
        self.places().get(n + 1).map(|place| self.word(place))
    }

    /// Where the keyword stands.
    pub(crate) fn span(self) -> Span {
        self.places()
            .first()
            .map(|place| place.span())
            .unwrap_or_default()
    }

    /// For a block: its `}`, where keepalived sees what it lacks; its keyword if it has none.
    pub(crate) fn closing(self) -> Span {
        let end = self.tree.branches.get(self.at).map(|branch| branch.end);
        let closings = &self.tree.closings;
        let first = closings.partition_point(|closing| Some(closing.end) < end);
        // Blocks that end at the same line, the inner ones first.
        let here = closings.iter().skip(first);
        here.take_while(|closing| Some(closing.end) == end)
            .find(|closing| closing.at == self.at)
            .map_or(self.span(), |closing| closing.span)
    }

    /// For a block: what is in it.
    pub(crate) fn body(self) -> impl Iterator<Item = Node<'t>> {
        self.inside()
            .filter(move |_| self.keyword.shape != Shape::Values)
    }

    /// For a value block: its lines.
    pub(crate) fn entries(self) -> impl Iterator<Item = Vec<Word<'t>>> {
        self.inside()
            .filter(move |_| self.keyword.shape == Shape::Values)
            .map(|entry| entry.words().collect())
    }

    fn inside(self) -> impl Iterator<Item = Node<'t>> {
        let end = |at: usize| self.tree.branches.get(at).map_or(at, |branch| branch.end);
        let last = end(self.at);
        let first = Some(self.at + 1);
        iter::successors(first, move |at| Some(end(*at).max(at + 1)))
            .take_while(move |at| *at < last)
            .filter_map(move |at| self.tree.node(at, self.sources))
    }

    fn places(self) -> &'t [Place] {
        let end = |at: usize| self.tree.branches.get(at).map(|branch| branch.words_end);
        let start = self.at.checked_sub(1).and_then(end).unwrap_or(0);
        self.tree
            .words
            .get(start..end(self.at).unwrap_or(start))
            .unwrap_or_default()
    }

    fn word(self, place: &Place) -> Word<'t> {
        let span = place.span();
        let bytes = self.sources.text(span);
        let text = if place.secret {
            Cow::Borrowed("***")
        } else {
            plain(bytes)
        };
        Word { text, span }
    }
}
