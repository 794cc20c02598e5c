//! The table of every keyword: the block it lives in, its shape, what becomes of it.
//!
//! The rows are in `keywords.tsv`; the parser, the hints and the notes are driven by them.

use std::collections::HashMap;
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
    /// The path of the block it opens.
    pub(crate) inside: String,
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

struct Table {
    rows: Vec<Keyword>,
    by_place: HashMap<(&'static str, &'static str), usize>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let rows: Vec<Keyword> = include_str!("keywords.tsv")
            .lines()
            .filter_map(row)
            .collect();
        let words = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.shape != Shape::Option);
        let by_place = words.map(|(at, row)| ((row.block, row.name), at)).collect();
        Table { rows, by_place }
    })
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
    let status = match status {
        "works" => Status::Works,
        "not-yet" => Status::NotYet,
        "ignored" => Status::Ignored(reason),
        "refused" => Status::Refused(reason),
        _ => return None,
    };
    let inside = if block == "/" {
        name.to_owned()
    } else {
        format!("{block}/{name}")
    };
    Some(Keyword {
        block,
        name,
        shape,
        status,
        arguments,
        default,
        inside,
    })
}

/// Every row.
#[must_use]
pub fn keywords() -> &'static [Keyword] {
    &table().rows
}

/// The keyword of that name in that block.
pub(crate) fn find(block: &str, name: &str) -> Option<&'static Keyword> {
    // The key's lifetime is only a formality of the map's type: any borrowed pair compares equal.
    let table = table();
    table
        .by_place
        .get(&(block, name))
        .and_then(|at| table.rows.get(*at))
}

/// The keywords of a block.
pub(crate) fn within(block: &str) -> impl Iterator<Item = &'static Keyword> {
    keywords()
        .iter()
        .filter(move |row| row.block == block && row.shape != Shape::Option)
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
        // Counted in keepalived 2.4.3: 528 keywords, 114 options of value blocks and lines.
        let lines = include_str!("keywords.tsv")
            .lines()
            .filter(|l| !l.starts_with('#') && !l.starts_with("BLOCK\t"));
        assert_eq!(lines.count(), 528 + 114);
        let options = keywords()
            .iter()
            .filter(|row| row.shape == Shape::Option)
            .count();
        assert_eq!((keywords().len() - options, options), (528, 114));
    }

    #[test]
    fn every_row_is_found_in_its_place() {
        for row in keywords().iter().filter(|row| row.shape != Shape::Option) {
            assert_eq!(
                find(row.block, row.name).map(|found| found.name),
                Some(row.name),
                "{}",
                row.block
            );
            let parent = row.block == "/"
                || keywords()
                    .iter()
                    .any(|p| p.inside == row.block && p.shape == Shape::Block);
            assert!(parent, "{} {} hangs in the air", row.block, row.name);
        }
    }

    #[test]
    fn places_matter() {
        assert!(find("virtual_server/real_server/HTTP_GET", "retry").is_some());
        assert!(find("vrrp_instance", "retry").is_none());
        assert!(find("global_defs", "lvs_id").is_none());
        assert!(homes("connect_port").contains(&"virtual_server/real_server/TCP_CHECK"));
    }
}
