//! The table of every keyword: the block it lives in, its shape, what becomes of it.
//!
//! The rows are in `keywords.tsv`; the parser, the hints and the notes are driven by them.

use std::fmt;
use std::sync::OnceLock;

/// What a keyword looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A line of words.
    Word,
    /// A block with keywords in it.
    Block,
    /// A block with one entry a line.
    Values,
    /// A word inside an entry or a line, not a keyword of its own.
    Option,
}

impl Shape {
    /// Whether braces follow.
    #[must_use]
    pub fn is_block(self) -> bool {
        matches!(self, Self::Block | Self::Values)
    }
}

/// What becomes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does what keepalived does.
    Works,
    /// Read and accepted, without effect so far.
    NotYet,
    /// Accepted and ignored, for this reason.
    Ignored(&'static str),
    /// Not accepted, for this reason.
    Refused(&'static str),
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The block it lives in: `/` or names joined by `/`.
    pub block: &'static str,
    /// The word itself.
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// What becomes of it.
    pub status: Status,
    /// What follows it, for people.
    pub arguments: &'static str,
    /// What holds without it, for people.
    pub default: &'static str,
    /// For a keyword without effect so far on which it hangs who is master, where packets go or which server is up:
    /// what happens instead, for people. Empty for every other.
    pub(crate) instead: &'static str,
    /// The block it opens.
    pub(crate) inside: Block,
}

impl Keyword {
    /// For a keyword without effect so far: what happens instead, for people, where that matters; else empty.
    #[must_use]
    pub fn instead(&self) -> &'static str {
        self.instead
    }

    /// What is said where a keyword without effect so far is used.
    pub(crate) fn not_yet(&self) -> String {
        not_yet(format_args!("`{}`", self.name), self.instead)
    }
}

/// The note about something that is read and has no effect so far, and about what happens instead.
pub(crate) fn not_yet(what: impl fmt::Display, instead: &str) -> String {
    let colon = if instead.is_empty() { "" } else { ": " };
    format!("{what} is accepted, but rkeepalived does not act on it yet{colon}{instead}")
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::NotYet => f.write_str("accepted, without effect yet"),
            Self::Ignored(reason) => write!(f, "ignored: {reason}"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}

/// The keywords that a block may have: a part of [`Table::by_place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Block {
    start: u16,
    end: u16,
}

struct Table {
    rows: Vec<Keyword>,
    /// Which rows are keywords, by block, then by name.
    by_place: Vec<u16>,
    outermost: Block,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::new(include_str!("keywords.tsv")))
}

impl Table {
    fn new(text: &'static str) -> Self {
        let mut rows = Vec::with_capacity(text.lines().count());
        rows.extend(text.lines().filter_map(row));
        let mut by_place: Vec<u16> = (0_u16..)
            .zip(&rows)
            .filter(|(_, row)| row.shape != Shape::Option)
            .map(|(at, _)| at)
            .collect();
        let place = |at: &u16| {
            rows.get(usize::from(*at))
                .map(|row| (row.block, row.name))
                .unwrap_or_default()
        };
        by_place.sort_unstable_by_key(place);
        let mut blocks: Vec<(&str, Block)> = Vec::new();
        for (at, (path, _)) in (0_u16..).zip(by_place.iter().map(place)) {
            let end = at + 1;
            match blocks.last_mut() {
                Some((last, block)) if *last == path => block.end = end,
                _ => blocks.push((path, Block { start: at, end })),
            }
        }
        let find = |path: &str| {
            let at = blocks.binary_search_by_key(&path, |(path, _)| path).ok()?;
            blocks.get(at).map(|(_, block)| *block)
        };
        let mut path = String::new();
        for row in rows.iter_mut().filter(|row| row.shape == Shape::Block) {
            path.clear();
            if row.block != "/" {
                path.push_str(row.block);
                path.push('/');
            }
            path.push_str(row.name);
            row.inside = find(&path).unwrap_or_default();
        }
        Self {
            by_place,
            outermost: find("/").unwrap_or_default(),
            rows,
        }
    }

    fn within(&self, block: Block) -> &[u16] {
        self.by_place
            .get(usize::from(block.start)..usize::from(block.end))
            .unwrap_or_default()
    }
}

fn row(line: &'static str) -> Option<Keyword> {
    let mut fields = line.split('\t');
    let mut field = || fields.next();
    let (block, name) = (field()?, field()?);
    let shape = match field()? {
        "word" => Shape::Word,
        "block" => Shape::Block,
        "values" => Shape::Values,
        "option" => Shape::Option,
        _ => return None,
    };
    let (status, arguments, default, reason) = (field()?, field()?, field()?, field()?);
    let instead = if status == "not-yet" { reason } else { "" };
    let status = match status {
        "works" => Status::Works,
        "not-yet" => Status::NotYet,
        "ignored" => Status::Ignored(reason),
        "refused" => Status::Refused(reason),
        _ => return None,
    };
    Some(Keyword {
        block,
        name,
        shape,
        status,
        arguments,
        default,
        instead,
        inside: Block::default(),
    })
}

/// Every row.
#[must_use]
pub fn keywords() -> &'static [Keyword] {
    &table().rows
}

/// What stands in no block.
pub(crate) fn outermost() -> Block {
    table().outermost
}

/// The keyword of that name in that block.
pub(crate) fn find(block: Block, name: &str) -> Option<&'static Keyword> {
    let table = table();
    let within = table.within(block);
    let named = |at: &u16| table.rows.get(usize::from(*at)).map(|row| row.name);
    let found = within.binary_search_by_key(&Some(name), named).ok()?;
    table.rows.get(usize::from(*within.get(found)?))
}

/// The keywords of a block, in the order of the table.
pub(crate) fn within(block: Block) -> impl Iterator<Item = &'static Keyword> {
    let table = table();
    let mut rows = table.within(block).to_vec();
    rows.sort_unstable();
    rows.into_iter()
        .filter_map(|at| table.rows.get(usize::from(at)))
}

/// The blocks that know that keyword.
pub(crate) fn homes(name: &str) -> Vec<&'static str> {
    keywords()
        .iter()
        .filter(|row| row.name == name && row.shape != Shape::Option)
        .map(|row| row.block)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there() {
        // Counted in keepalived 2.4.3: 528 keywords, 114 options of value blocks and lines. Ours: `tls_verify`, twice.
        const KEYWORDS: usize = 528 + 2;
        let lines = include_str!("keywords.tsv")
            .lines()
            .filter(|l| !l.starts_with('#') && !l.starts_with("BLOCK\t"));
        assert_eq!(lines.count(), KEYWORDS + 114);
        let options = keywords()
            .iter()
            .filter(|row| row.shape == Shape::Option)
            .count();
        assert_eq!((keywords().len() - options, options), (KEYWORDS, 114));
    }

    fn block(path: &str) -> Block {
        if path == "/" {
            return outermost();
        }
        let (around, name) = path.rsplit_once('/').unwrap_or(("/", path));
        find(block(around), name).map_or(Block::default(), |row| row.inside)
    }

    #[test]
    fn every_row_is_found_in_its_place() {
        for row in keywords().iter().filter(|row| row.shape != Shape::Option) {
            assert_eq!(
                find(block(row.block), row.name).map(|found| (found.block, found.name)),
                Some((row.block, row.name)),
                "{}",
                row.block
            );
            let parent = row.block == "/"
                || keywords()
                    .iter()
                    .any(|p| p.inside == block(row.block) && p.shape == Shape::Block);
            assert!(parent, "{} {} hangs in the air", row.block, row.name);
        }
    }

    #[test]
    fn places_matter() {
        assert!(find(block("virtual_server/real_server/HTTP_GET"), "retry").is_some());
        assert!(find(block("vrrp_instance"), "retry").is_none());
        assert!(find(block("global_defs"), "lvs_id").is_none());
        assert!(homes("connect_port").contains(&"virtual_server/real_server/TCP_CHECK"));
    }
}
