//! `docs/man/rkeepalived.conf.5` is a hand-written part and the table of keywords. `KEYWORDS=write` writes it anew.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;

use keepalived_conf::{Keyword, Shape, Status, keywords};

const MARKER: &str = ".\\\" KEYWORDS\n";

#[test]
fn the_manual_of_the_file_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/man");
    let path = folder.join("rkeepalived.conf.5");
    let part = std::fs::read_to_string(folder.join("parts/rkeepalived.conf.5.roff")).unwrap();
    let (before, after) = part.split_once(MARKER).unwrap();
    let page = format!(
        ".\\\" Made by `cargo xtask keywords` from docs/man/parts/rkeepalived.conf.5.roff and the table of keywords.\n\
         .TH RKEEPALIVED.CONF 5 \"\" \"rkeepalived\" \"File Formats\"\n{before}{}{after}",
        list()
    );
    if std::env::var_os("KEYWORDS").is_some_and(|what| what == "write") {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/man/rkeepalived.conf.5 is stale: `cargo xtask keywords` writes it anew"
    );
}

/// Each block a subsection, in the order of the table.
fn list() -> String {
    let mut text = String::new();
    let mut blocks: Vec<&str> = Vec::new();
    for row in keywords() {
        if !blocks.contains(&row.block) {
            blocks.push(row.block);
        }
    }
    for block in blocks {
        let title = match block {
            "/" => "Outside of all blocks".to_owned(),
            block => block.replace('/', ", "),
        };
        let _ = writeln!(text, ".SS {}", roff(&title));
        for row in keywords().iter().filter(|row| row.block == block) {
            let _ = writeln!(text, ".TP\n{}\n{}", heading(row), remarks(row));
        }
    }
    text
}

/// The keyword in bold, then what follows it.
fn heading(row: &Keyword) -> String {
    // The braces say that it is one.
    let cut = ["value block: ", "value block", "block", "(no name)"];
    let arguments = match (row.arguments, row.shape.is_block()) {
        ("(none)", _) => String::new(),
        (arguments, false) => arguments.to_owned(),
        (arguments, true) => cut.iter().fold(arguments.to_owned(), |text, word| {
            text.replacen(word, "", 1)
        }),
    };
    let braces = if row.shape.is_block() { "{}" } else { "" };
    let words = [
        "\\fB",
        &roff(row.name),
        "\\fP ",
        &roff(arguments.trim()),
        " ",
        braces,
    ]
    .concat();
    words.trim_end().replace("  ", " ")
}

fn remarks(row: &Keyword) -> String {
    let mut remarks = Vec::new();
    if row.shape == Shape::Option {
        remarks.push("A word in a line.".to_owned());
    }
    if row.shape == Shape::Values {
        remarks.push("One entry a line.".to_owned());
    }
    if !matches!(row.default, "" | "-") {
        remarks.push(format!("Default: {}.", roff(row.default)));
    }
    match row.status {
        Status::Works => {}
        Status::NotYet if row.instead().is_empty() => remarks.push("\\fINot yet.\\fP".to_owned()),
        Status::NotYet => remarks.push(format!("\\fINot yet\\fP: {}.", roff(row.instead()))),
        Status::Ignored(reason) => remarks.push(format!("\\fIIgnored\\fP: {}.", roff(reason))),
        Status::Refused(reason) => remarks.push(format!("\\fIRefused\\fP: {}.", roff(reason))),
    }
    match remarks.is_empty() {
        // An entry without a text would run into the next.
        true => "\\&".to_owned(),
        false => remarks.join(" "),
    }
}

/// As text of roff: a backslash, a hyphen that is to be copied, and a line that begins as a request does.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
