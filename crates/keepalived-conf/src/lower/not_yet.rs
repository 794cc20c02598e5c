//! The keywords without effect so far that an instance or a real server should not go without.

use crate::ast::Node;
use crate::keyword::Shape;
use crate::value::boolean;

/// The first of each means nothing without the second.
const COMPANIONS: [(&str, &str); 4] = [
    ("unicast_src_ip", "unicast_peer"),
    ("check_unicast_src", "unicast_peer"),
    ("old_unicast_checksum", "unicast_peer"),
    ("unicast_ttl", "unicast_peer"),
];

/// Their names, in the order of the file, each once.
#[derive(Debug, Default)]
pub(super) struct NotYet(Vec<&'static str>);

impl NotYet {
    pub(super) fn add(&mut self, name: &'static str) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// One line, if the table says that something else happens instead of what it asks for.
    pub(super) fn line(&mut self, node: Node<'_>) {
        if !node.keyword.instead.is_empty() && asks(node) {
            self.add(node.name());
        }
    }

    /// All that is in a block.
    pub(super) fn block(&mut self, block: Node<'_>) {
        for node in block.body() {
            self.line(node);
            // As deep as the table of keywords is: what is unknown does not nest.
            if node.keyword.shape == Shape::Block {
                self.block(node);
            }
        }
    }

    pub(super) fn into_names(mut self) -> Vec<&'static str> {
        for (name, leader) in COMPANIONS {
            if !self.0.contains(&leader) {
                self.0.retain(|other| *other != name);
            }
        }
        self.0.shrink_to_fit();
        self.0
    }
}

/// An empty list and a `false` ask for nothing.
fn asks(node: Node<'_>) -> bool {
    match node.keyword.shape {
        Shape::Values => node.entries().next().is_some(),
        _ if node.keyword.arguments == "[BOOL]" => node
            .argument(0)
            .is_none_or(|word| boolean::boolean(&word.text) != Some(false)),
        _ => true,
    }
}
