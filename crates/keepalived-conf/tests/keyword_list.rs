//! `docs/keywords.md` is the table of keywords, for people. `KEYWORDS=write` writes it anew.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use keepalived_conf::{Keyword, Shape, Status, keywords};

const INTRODUCTION: &str = "# Every keyword

Made from the table that the parser is driven by, `crates/keepalived-conf/src/keywords.tsv`; `cargo xtask keywords` writes it anew.

The keywords are those of keepalived 2.4.3, block by block, and `tls_verify`, which is rkeepalived's own: keepalived complains about it
and goes on. All are read, and their values checked. What then becomes of them:

- **works**: has keepalived's effect.
- **not yet**: is in the model, and the daemon does not act on it; `-t` says so in a note. Where that would do harm, what happens instead
  is told here.
- **ignored**: accepted, so that files go on working, and never acted on, for the reason told.
- **refused**: not accepted, for the reason told.

BOOL is one of `on`, `off`, `true`, `false`, `yes`, `no`; alone, such a keyword means yes. TIMER is seconds with up to six decimals.
";

#[test]
fn the_list_of_keywords_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keywords.md");
    let list = list();
    if std::env::var_os("KEYWORDS").is_some_and(|what| what == "write") {
        std::fs::write(&path, &list).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == list,
        "docs/keywords.md is stale: `cargo xtask keywords` writes it anew"
    );
}

fn list() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut blocks: Vec<&str> = Vec::new();
    for row in keywords() {
        if !blocks.contains(&row.block) {
            blocks.push(row.block);
        }
    }
    for block in blocks {
        let title = match block {
            "/" => "Outside of all blocks".to_owned(),
            block => format!("`{}`", block.replace('/', "` › `")),
        };
        let _ = write!(
            text,
            "\n## {title}\n\n| keyword | arguments | default | |\n|---|---|---|---|\n"
        );
        for row in keywords().iter().filter(|row| row.block == block) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                name(row),
                cell(row.arguments),
                cell(row.default),
                cell(&status(row))
            );
        }
    }
    text
}

fn name(row: &Keyword) -> String {
    let kind = match row.shape {
        Shape::Word => "",
        Shape::Block | Shape::Values => " `{}`",
        Shape::Option => " (in a line)",
    };
    format!("`{}`{kind}", row.name)
}

fn status(row: &Keyword) -> String {
    match row.status {
        Status::Works => "works".to_owned(),
        Status::NotYet if row.instead().is_empty() => "not yet".to_owned(),
        Status::NotYet => format!("not yet: {}", row.instead()),
        Status::Ignored(reason) => format!("ignored: {reason}"),
        Status::Refused(reason) => format!("refused: {reason}"),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
