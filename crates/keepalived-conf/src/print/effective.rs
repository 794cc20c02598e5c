//! The effective configuration: what is left of all files once includes, definitions and conditions are resolved and lines
//! that mean nothing are gone, as one file.

use std::collections::HashSet;

use crate::ast::{Node, Tree, Word};
use crate::keyword::{self, Block, Keyword, Shape};
use crate::secret;
use crate::source::Sources;

const INDENT: usize = 4;

/// What is shown besides the configuration itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show {
    /// As comments, the defaults of the keywords that a block does not use.
    pub defaults: bool,
    /// Passwords and keys, which are `***` otherwise.
    pub secrets: bool,
}

/// The statements as text.
pub(crate) fn effective(trees: &[Tree], sources: &Sources, show: Show) -> Vec<u8> {
    let mut page = Page {
        out: Vec::new(),
        sources,
        show,
    };
    for tree in trees {
        if let Some(node) = tree.root(sources) {
            if node.keyword.shape.is_block() && !page.out.is_empty() {
                page.out.push(b'\n');
            }
            page.node(node, 0);
        }
    }
    if show.defaults {
        let used = trees.iter().map(Tree::name).collect();
        page.defaults(keyword::outermost(), &used, 0);
    }
    page.out
}

struct Page<'p> {
    out: Vec<u8>,
    sources: &'p Sources,
    show: Show,
}

impl Page<'_> {
    fn node(&mut self, node: Node<'_>, depth: usize) {
        self.words(node.words(), depth);
        match node.keyword.shape {
            Shape::Word | Shape::Option => {}
            Shape::Values => {
                self.open();
                for entry in node.entries() {
                    self.words(entry.into_iter(), depth + 1);
                    self.out.push(b'\n');
                }
                self.close(depth);
            }
            Shape::Block => {
                self.open();
                for inner in node.body() {
                    self.node(inner, depth + 1);
                }
                if self.show.defaults {
                    let used = node.body().map(|inner| inner.keyword.name).collect();
                    self.defaults(node.keyword.inside, &used, depth + 1);
                }
                self.close(depth);
            }
        }
        self.out.push(b'\n');
    }

    fn open(&mut self) {
        self.out.extend_from_slice(b" {\n");
    }

    fn close(&mut self, depth: usize) {
        self.indent(depth);
        self.out.push(b'}');
    }

    fn indent(&mut self, depth: usize) {
        self.out.resize(self.out.len() + depth * INDENT, b' ');
    }

    fn words<'w>(&mut self, words: impl Iterator<Item = Word<'w>>, depth: usize) {
        self.indent(depth);
        let mut hidden = false;
        for (at, word) in words.enumerate() {
            if at > 0 {
                self.out.push(b' ');
            }
            if hidden {
                self.out.extend_from_slice(b"***");
                continue;
            }
            self.word(self.sources.text(word.span));
            hidden = !self.show.secrets && secret::is_secret_keyword(&word.text);
        }
    }

    /// A word as it was written, or as it came out of a definition: what would begin a comment there is escaped.
    fn word(&mut self, text: &[u8]) {
        let (mut quoted, mut escaped) = (false, false);
        for byte in text {
            match byte {
                b'#' | b'!' if !quoted && !escaped => self.out.push(b'\\'),
                b'"' => quoted = !quoted,
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
            self.out.push(*byte);
        }
    }

    fn defaults(&mut self, block: Block, used: &HashSet<&str>, depth: usize) {
        let unused =
            |keyword: &&Keyword| keyword.shape == Shape::Word && !used.contains(keyword.name);
        for keyword in keyword::within(block).filter(unused) {
            if !matches!(keyword.default, "" | "-") {
                self.indent(depth);
                let line = format!("# {}: {}\n", keyword.name, keyword.default);
                self.out.extend_from_slice(line.as_bytes());
            }
        }
    }
}
