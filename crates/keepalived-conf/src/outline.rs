//! Which keyword each line is: for whoever walks a configuration line by line without knowing the language.

use crate::ast::{Node, Tree};
use crate::keyword::{Keyword, Shape};
use crate::source::Sources;
use crate::span::Span;

/// A line that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Its row of the table; for an entry of a value block, the row of that block.
    pub row: &'static Keyword,
    /// From its first word to its last.
    pub line: Span,
    /// Whether it is an entry of a value block.
    pub entry: bool,
}

/// Every line that was understood, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The lines.
    pub lines: Vec<Used>,
    /// The files they stand in.
    pub sources: Sources,
}

impl Outline {
    pub(crate) fn new(trees: &[Tree], sources: Sources) -> Self {
        let mut lines = Vec::new();
        for tree in trees {
            if let Some(node) = tree.root(&sources) {
                walk(node, &sources, &mut lines);
            }
        }
        Self { lines, sources }
    }
}

fn walk(node: Node<'_>, sources: &Sources, lines: &mut Vec<Used>) {
    // One word may stand in a file and the next in what replaced a reference; where they come from is one line of one file.
    let line = |spans: &mut dyn Iterator<Item = Span>| {
        spans
            .map(|span| sources.origin(span))
            .reduce(|line, word| match line.source == word.source {
                true => Span {
                    start: line.start.min(word.start),
                    ..line.to(word)
                },
                false => line,
            })
            .unwrap_or_else(|| node.span())
    };
    let row = node.keyword;
    lines.push(Used {
        row,
        line: line(&mut node.words().map(|word| word.span)),
        entry: false,
    });
    if row.shape == Shape::Values {
        lines.extend(node.entries().map(|entry| Used {
            row,
            line: line(&mut entry.iter().map(|word| word.span)),
            entry: true,
        }));
    }
    // As deep as the table of keywords, not as the text.
    for inner in node.body() {
        walk(inner, sources, lines);
    }
}
