//! What keepalived accepts in silence and people regret: notes, which never change a status.
//!
//! Must not know: the model, in which places are lost. Enter at [`lint`]. Tests: `tests/lint.rs`.

mod address;
mod segment;
mod service;

use std::borrow::Cow;
use std::net::IpAddr;

use crate::ast::{Node, Tree, Word};
use crate::diag::Sink;
use crate::source::Sources;
use crate::span::Span;
use crate::value::address::with_prefix;

/// Looks at the whole text.
pub(crate) fn lint(trees: &[Tree], sources: &Sources, sink: &mut Sink) {
    let roots: Vec<Node<'_>> = trees.iter().filter_map(|tree| tree.root(sources)).collect();
    let instances: Vec<Instance<'_>> = named(&roots, "vrrp_instance").map(Instance::new).collect();
    let strict =
        named(&roots, "global_defs").any(|block| line(block, "vrrp_strict").is_some_and(is_on));
    address::deaf(&instances, strict, sink);
    segment::shared_router_ids(&instances, sink);
    service::clashes(&roots, sink);
    service::loops(&roots, &instances, sink);
}

fn named<'t>(roots: &[Node<'t>], name: &'static str) -> impl Iterator<Item = Node<'t>> {
    roots
        .iter()
        .copied()
        .filter(move |node| node.name() == name)
}

/// The last line of a block that has this keyword.
fn line<'t>(block: Node<'t>, name: &str) -> Option<Node<'t>> {
    block.body().filter(|node| node.name() == name).last()
}

/// Whether a switch is on: alone, or with a word for yes.
fn is_on(node: Node<'_>) -> bool {
    let off = |word: Word<'_>| matches!(&*word.text, "off" | "false" | "no");
    !node.argument(0).is_some_and(off)
}

/// What these lints want to know of an instance.
struct Instance<'t> {
    name: Word<'t>,
    node: Node<'t>,
    addresses: Vec<Address>,
}

/// A virtual address and where it stands.
struct Address {
    ip: IpAddr,
    /// The full length where none is said.
    prefix_len: u8,
    span: Span,
}

impl<'t> Instance<'t> {
    fn new(node: Node<'t>) -> Self {
        let name = node.argument(0).unwrap_or(Word {
            text: "".into(),
            span: node.span(),
        });
        let lists = ["virtual_ipaddress", "virtual_ipaddress_excluded"];
        let blocks = node.body().filter(|inner| lists.contains(&inner.name()));
        let addresses = blocks.flat_map(Node::entries).filter_map(|entry| {
            let word = entry.first()?;
            let (ip, prefix) = with_prefix(&word.text)?;
            let whole = if ip.is_ipv4() { 32 } else { 128 };
            Some(Address {
                ip,
                prefix_len: prefix.and_then(|text| text.parse().ok()).unwrap_or(whole),
                span: word.span,
            })
        });
        Self {
            name,
            node,
            addresses: addresses.collect(),
        }
    }

    fn interface(&self) -> Option<Cow<'t, str>> {
        self.value("interface").map(|word| word.text)
    }

    fn value(&self, keyword: &str) -> Option<Word<'t>> {
        line(self.node, keyword)?.argument(0)
    }
}
