//! Lines -> tree. Recovers at the end of every line and at every brace, and loses nothing that keepalived keeps.
//!
//! keepalived behaviour: what follows a brace is read as a line of its own; an unknown block is not skipped: its lines are
//! read as if they stood in the block around it, and its `}` closes that one. So nothing unknown ever nests, and the
//! depth of the tree is that of the keyword table.

use std::iter;

use crate::ast::{Tree, Word};
use crate::diag::{Code, Diagnostic, Pass, Passes, Sink, nearest};
use crate::header::Headers;
use crate::keyword::{self, Block, Keyword, Shape, Status};
use crate::lexer::{Lexer, Token};
use crate::preprocess::Reader;
use crate::secret;
use crate::source::{Loader, Sources};
use crate::span::{SourceId, Span};

/// Words that keepalived once had, or that people take for its.
const FORMER: [(&str, &str); 3] = [
    ("lvs_id", "keepalived dropped lvs_id; use router_id"),
    (
        "stats_file_location",
        "keepalived's name for it is `stats_dump_file`",
    ),
    (
        "json_file_location",
        "keepalived's name for it is `json_dump_file`",
    ),
];

enum Frame {
    /// A block or a value block; `quiet` where a note has been given for all that is in it.
    Known { open: Open, quiet: bool },
    /// A block whose heading was refused: only its braces count.
    Skipped { depth: usize },
}

/// Where a line stands.
enum Place {
    Block(Block),
    /// In a value block.
    List(&'static Keyword),
}

/// A heading whose `{` has not come yet.
enum Heading {
    Known(Open),
    Skipped,
}

/// A block whose `}` has not come yet.
#[derive(Clone, Copy)]
struct Open {
    keyword: &'static Keyword,
    span: Span,
    /// Its line in the tree.
    at: usize,
}

/// A block around a line: the name of its heading, empty for the outermost level.
struct Home {
    name: &'static str,
    inside: Block,
}

/// A block whose `}` seems to be missing, and the first word that says so.
struct Suspect {
    block: Open,
    word: Span,
}

/// Reads files that are among the sources already, and all that they include.
pub(crate) fn parse(
    files: &[SourceId],
    loader: &dyn Loader,
    sources: &mut Sources,
    sink: &mut Sink,
) -> (Vec<Tree>, Passes) {
    let file = files.last().copied().unwrap_or_default();
    let end = sources.source(file).map_or(0, |source| source.bytes.len());
    let end = Span {
        source: file,
        start: end,
        end,
    };
    let mut parser = Parser {
        sink,
        headers: Headers::default(),
        stack: Vec::new(),
        heading: None,
        depth: 0,
        secret: false,
        skipped: None,
        suspect: None,
        stray: None,
        insists: None,
        passes: Passes::default(),
        tree: Tree::new(),
        trees: Vec::new(),
    };
    let mut reader = Reader::new(files, loader, sources);
    let mut words = Vec::new();
    while let Some(line) = reader.next(parser.sink) {
        parser.secret &= line.rest;
        let mut here = emptied(words);
        let rest = parser.line(line.span, reader.sources(), &mut here);
        words = emptied(here);
        if let Some(words) = parser.insists.take() {
            reader.insist(words.iter().map(String::as_str));
        }
        if let Some(rest) = rest {
            reader.put_back(rest);
        }
    }
    parser.finish(end, reader.sources());
    (parser.trees, parser.passes)
}

/// The same memory for words of another line.
fn emptied<'b>(mut words: Vec<Word<'_>>) -> Vec<Word<'b>> {
    words.clear();
    words.into_iter().map_while(|_| None).collect()
}

struct Parser<'p> {
    sink: &'p mut Sink,
    headers: Headers,
    stack: Vec<Frame>,
    heading: Option<Heading>,
    /// Braces that are open, those of unknown blocks included.
    depth: usize,
    /// A secret stands on this line: nothing of it may be quoted.
    secret: bool,
    /// The outermost block that keepalived skips when it reads what stands in no block: its heading and how many braces
    /// were open before it.
    skipped: Option<(Pass, Span, usize)>,
    /// The first block with a word in it that belongs in a block around it: the place of a missing `}`, if one is missing.
    suspect: Option<Suspect>,
    /// The last brace that belongs to no block.
    stray: Option<Span>,
    /// The words of an `include_check`: what is read next depends on them.
    insists: Option<Vec<String>>,
    passes: Passes,
    /// The statement of the outermost level that is being read.
    tree: Tree,
    trees: Vec<Tree>,
}

impl Parser<'_> {
    /// Reads a line up to its first brace; what follows that is another line.
    fn line<'s>(
        &mut self,
        line: Span,
        sources: &'s Sources,
        words: &mut Vec<Word<'s>>,
    ) -> Option<Span> {
        let bytes = &sources.source(line.source)?.bytes;
        let mut lexer = Lexer::new(bytes, line);
        while let Some(token) = lexer.next() {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open(span) => {
                    self.statement_end(words, sources);
                    self.open(span);
                    return lexer.rest();
                }
                Token::Close(span) => {
                    self.statement_end(words, sources);
                    self.close(span);
                    return lexer.rest();
                }
                Token::EndOfLine => self.statement_end(words, sources),
                Token::Unterminated(span) => self.unterminated(span, words, sources),
            }
        }
        self.statement_end(words, sources);
        None
    }

    /// A quote that its line does not close.
    ///
    /// keepalived behaviour: the words before it are used, except those of a keyword that takes a script.
    fn unterminated(&mut self, span: Span, words: &mut Vec<Word<'_>>, sources: &Sources) {
        let start = words.first().map_or(span, |word| word.span);
        self.secret |= words
            .iter()
            .any(|word| secret::is_secret_keyword(&word.text));
        let secret = self.secret;
        self.sink.push_with(Code::UnterminatedQuote, span, || {
            let message = match String::from_utf8_lossy(sources.text(start.to(span))) {
                line if !secret => format!("Unterminated quote '{line}'"),
                _ => "Unterminated quote".to_owned(),
            };
            Diagnostic::error(Code::UnterminatedQuote, span, message).help("close it with `\"`")
        });
        let quotes = |first: &Word<'_>| match self.stack.last() {
            Some(Frame::Skipped { .. }) => true,
            Some(Frame::Known { open, .. }) => takes_quotes(open.keyword.inside, &first.text),
            None => takes_quotes(keyword::outermost(), &first.text),
        };
        if words.first().is_some_and(quotes) {
            words.clear();
        }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    fn statement_end(&mut self, words: &mut Vec<Word<'_>>, sources: &Sources) {
        self.statement(words, sources);
        words.clear();
    }

    /// One line, or what stands between braces on it.
    fn statement(&mut self, words: &[Word<'_>], sources: &Sources) {
        let Some(first) = words.first() else { return };
        self.begin(first.span);
        let inside = match self.stack.last() {
            Some(Frame::Skipped { .. }) => return,
            Some(Frame::Known { open, .. }) if open.keyword.shape == Shape::Values => {
                Place::List(open.keyword)
            }
            Some(Frame::Known { open, .. }) => Place::Block(open.keyword.inside),
            None => Place::Block(keyword::outermost()),
        };
        let conceal = self.secret;
        self.secret |= words
            .iter()
            .any(|word| secret::is_secret_keyword(&word.text));
        if self.is_astray() {
            let known = match inside {
                Place::List(_) => true,
                Place::Block(block) => keyword::find(block, &first.text).is_some(),
            };
            match keyword::find(keyword::outermost(), &first.text) {
                // They know this one, and skip it.
                Some(outer) if outer.shape.is_block() => {
                    self.skipped = Some((Pass::of(outer.name), first.span, self.depth));
                }
                _ if known => self.lost(first, conceal),
                _ => {}
            }
        }
        let spans = words.iter().map(|word| word.span);
        match inside {
            Place::List(list) => {
                self.suspect(&first.text, first.span);
                // A password that strayed into a list must not be quoted as one of its words.
                let password = words.iter().position(|word| word.text == "auth_pass");
                let secret_from = password.map_or(usize::MAX, |at| at + 1);
                self.tree.push(list, spans, secret_from);
            }
            Place::Block(block) => match keyword::find(block, &first.text) {
                Some(keyword) => {
                    if keyword.name == "include_check" {
                        let words = words.iter().skip(1);
                        self.insists = Some(words.map(|word| word.text.to_string()).collect());
                    }
                    self.known(keyword, spans, first.span, sources);
                }
                None => self.unknown(first, block, conceal),
            },
        }
    }

    fn known(
        &mut self,
        keyword: &'static Keyword,
        spans: impl Iterator<Item = Span>,
        span: Span,
        sources: &Sources,
    ) {
        if self.is_unread(keyword) {
            let message = format!(
                "`{}` is not read: keepalived takes it for a part of a block above that is not closed",
                keyword.name
            );
            let help = "close that one; what reads this skips that by counting braces";
            self.push(Diagnostic::note(Code::UnbalancedBraces, span, message).help(help));
            if keyword.shape.is_block() {
                self.heading = Some(Heading::Skipped);
            }
            return;
        }
        self.note(keyword, span);
        if self.stack.is_empty() {
            self.pass(keyword, span);
        }
        let at = self.tree.len();
        self.tree.push(keyword, spans, usize::MAX);
        match keyword.shape {
            Shape::Word | Shape::Option => self.attach(),
            Shape::Block | Shape::Values => {
                let node = self.tree.node(at, sources);
                let accepted = node.is_some_and(|node| self.headers.accept(node, self.sink));
                self.heading = Some(if accepted {
                    Heading::Known(Open { keyword, span, at })
                } else {
                    self.tree.pop();
                    Heading::Skipped
                });
            }
        }
    }

    /// Whether a statement of the outermost level stands in a block that its reader skips and that has not ended to it.
    fn is_unread(&self, keyword: &Keyword) -> bool {
        self.stack.is_empty()
            && (self.skipped.as_ref()).is_some_and(|(pass, _, _)| *pass != Pass::of(keyword.name))
    }

    /// Notes by whom a statement of the outermost level is read.
    fn pass(&mut self, keyword: &'static Keyword, span: Span) {
        let pass = Pass::of(keyword.name);
        if self.skipped.is_some() {
            return;
        }
        match keyword.shape.is_block() {
            true => self.skipped = Some((pass, span, self.depth)),
            false => self.passes.push(pass, span, span),
        }
    }

    fn note(&mut self, keyword: &'static Keyword, span: Span) {
        if self.is_quiet() {
            return;
        }
        match keyword.status {
            Status::NotYet => {
                self.push(Diagnostic::note(Code::NotYet, span, keyword.not_yet()));
            }
            Status::Ignored(reason) => {
                let message = format!("`{}` is accepted and ignored", keyword.name);
                self.push(Diagnostic::note(Code::Ignored, span, message).help(reason));
            }
            Status::Works | Status::Refused(_) => {}
        }
    }

    fn is_quiet(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Known { quiet: true, .. }))
    }

    fn unknown(&mut self, word: &Word<'_>, inside: Block, conceal: bool) {
        if conceal {
            self.push(Diagnostic::error(
                Code::UnknownKeyword,
                word.span,
                "Unknown keyword '***'",
            ));
            return;
        }
        let name = word.text.as_ref();
        let unclosed = self.suspect(name, word.span);
        self.sink.push_with(Code::UnknownKeyword, word.span, || {
            let mut diagnostic = Diagnostic::error(
                Code::UnknownKeyword,
                word.span,
                format!("Unknown keyword '{name}'"),
            );
            diagnostic.help = match unclosed {
                Some((block, home)) => {
                    let home = match home.name {
                        "" => "in no block".to_owned(),
                        home => format!("in `{home}`"),
                    };
                    Some(format!(
                        "`{name}` belongs {home}: is the `}}` of `{}` missing above?",
                        block.name
                    ))
                }
                None => unknown_help(name, inside),
            };
            diagnostic
        });
    }

    /// The innermost block and the one around it that a word belongs in, if it does; the first such is remembered.
    fn suspect(&mut self, name: &str, word: Span) -> Option<(&'static Keyword, Home)> {
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return None;
        }
        let mut around = self.stack.iter().rev().filter_map(|frame| match frame {
            Frame::Known { open, .. } => Some(*open),
            Frame::Skipped { .. } => None,
        });
        let block = around.next()?;
        let home = around
            .map(|open| Home {
                name: open.keyword.name,
                inside: open.keyword.inside,
            })
            .chain([Home {
                name: "",
                inside: keyword::outermost(),
            }])
            .find(|home| keyword::find(home.inside, name).is_some())?;
        self.suspect.get_or_insert(Suspect { block, word });
        Some((block.keyword, home))
    }

    /// Whether those parts of keepalived that have no use for the outermost block take its lines for lines of their own.
    ///
    /// keepalived behaviour: they skip it by counting braces. Where one is missing they lose their way.
    fn is_astray(&self) -> bool {
        self.skipped.is_none() && matches!(self.stack.first(), Some(Frame::Known { .. }))
    }

    /// A line that is in its place, but not to all parts of keepalived.
    fn lost(&mut self, word: &Word<'_>, conceal: bool) {
        let name = if conceal { "***" } else { word.text.as_ref() };
        self.sink.push_with(Code::UnknownKeyword, word.span, || {
            let help = "a `{` is missing above: where keepalived skips the block, it loses its way";
            let message = format!("Unknown keyword '{name}'");
            Diagnostic::error(Code::UnknownKeyword, word.span, message).help(help)
        });
    }

    /// A heading that waits for its `{` gets it now, or the complaint that it has none.
    ///
    /// keepalived behaviour: it reads the lines of a value block up to the `}`, with a `{` or without.
    fn begin(&mut self, noticed: Span) {
        if let Some(Heading::Known(open)) = self.heading.take() {
            let message = "Missing '{' at beginning of configuration block";
            let help = format!(
                "`{}` before it begins a block: write `{0} {{`",
                open.keyword.name
            );
            let diagnostic = match open.keyword.shape {
                Shape::Values => Diagnostic::note(Code::MissingOpeningBrace, noticed, message),
                _ => Diagnostic::error(Code::MissingOpeningBrace, noticed, message),
            };
            self.push(diagnostic.help(help));
            if self.stack.is_empty()
                && let Some((pass, start, _)) = self.skipped.take()
            {
                self.passes.push(pass, start, start);
            }
            self.enter(open);
        }
    }

    fn enter(&mut self, open: Open) {
        let quiet = self.is_quiet() || !matches!(open.keyword.status, Status::Works);
        self.stack.push(Frame::Known { open, quiet });
    }

    fn open(&mut self, span: Span) {
        self.depth += 1;
        match self.heading.take() {
            Some(Heading::Known(open)) => {
                if self.is_astray() {
                    let message = "Unexpected '{' - ignoring";
                    self.push(Diagnostic::error(Code::UnexpectedBrace, span, message));
                }
                self.enter(open);
            }
            Some(Heading::Skipped) => self.stack.push(Frame::Skipped { depth: 0 }),
            None => match self.stack.last_mut() {
                Some(Frame::Skipped { depth }) => *depth += 1,
                Some(Frame::Known { open, .. }) if open.keyword.shape == Shape::Values => {
                    self.tree.push(open.keyword, iter::once(span), usize::MAX);
                }
                _ => {
                    self.stray = Some(span);
                    self.sink.push_with(Code::UnexpectedBrace, span, || {
                        let help = "an unknown block is not skipped: its lines count as lines of the block around it, \
                                    and its `}` closes that one";
                        Diagnostic::error(Code::UnexpectedBrace, span, "Unexpected '{' - ignoring").help(help)
                    });
                }
            },
        }
    }

    fn close(&mut self, span: Span) {
        self.begin(span);
        let astray = self.is_astray();
        self.close_pass(span);
        if let Some(Frame::Skipped { depth: depth @ 1.. }) = self.stack.last_mut() {
            *depth -= 1;
            self.depth = self.depth.saturating_sub(1);
            return;
        }
        let popped = self.leave(Some(span)) && !astray;
        if self.depth == 0 {
            self.sink.push_with(Code::ExtraBrace, span, || {
                let mut diagnostic = Diagnostic::error(Code::ExtraBrace, span, "Extra '}' found");
                if !popped {
                    diagnostic = diagnostic.also("Unknown keyword '}'");
                }
                diagnostic.help("nothing is open here")
            });
        } else if !popped {
            let help =
                "the block it should close was closed before, by the `}` of an unknown block";
            self.push(Diagnostic::error(Code::ExtraBrace, span, "Unknown keyword '}'").help(help));
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// keepalived behaviour: where it skips a block it counts braces, whatever is between them.
    fn close_pass(&mut self, span: Span) {
        let ends = |(_, _, before): &(Pass, Span, usize)| self.depth <= before + 1;
        if let Some((pass, start, _)) = self.skipped.take_if(|skipped| ends(skipped)) {
            self.passes.push(pass, start, span);
        }
    }

    /// Closes the innermost block, if there is one; without a brace at the end of the text.
    fn leave(&mut self, brace: Option<Span>) -> bool {
        match self.stack.pop() {
            Some(Frame::Known { open, .. }) => {
                self.tree.close(open.at, brace);
                self.attach();
                true
            }
            Some(Frame::Skipped { .. }) => true,
            None => false,
        }
    }

    /// A line or a block is complete; it is in the tree, which is complete with it if nothing is around it.
    fn attach(&mut self) {
        if self.stack.is_empty() {
            self.trees.extend(self.tree.take());
        }
    }

    /// Where a `}` is missing, as far as one can tell: a block that holds what belongs around it, else the innermost that
    /// is open, else the last brace that opened nothing.
    fn unclosed(&self, end: Span, sources: &Sources) -> (Span, String) {
        if let Some(Suspect { block, word }) = &self.suspect {
            let text = String::from_utf8_lossy(sources.text(*word));
            let origin = sources.origin(*word);
            let line = sources
                .source(origin.source)
                .map_or(0, |source| source.position(origin.start).0);
            let help = format!(
                "`{}`, begun here, seems not to be closed: `{text}` in line {line} does not belong in it",
                block.keyword.name
            );
            return (block.span, help);
        }
        let open = self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Known { open, .. } => Some(open),
            Frame::Skipped { .. } => None,
        });
        match (open, self.stray) {
            (Some(open), _) => {
                let help = format!("`{}`, begun here, is not closed", open.keyword.name);
                (open.span, help)
            }
            (None, Some(stray)) => (stray, "this one has no `}`".to_owned()),
            (None, None) => (end, "a block above is not closed".to_owned()),
        }
    }

    /// The end of the text: what is open is used as it is.
    fn finish(&mut self, end: Span, sources: &Sources) {
        self.begin(end);
        if let Some((pass, start, _)) = self.skipped.take() {
            self.passes.push(pass, start, end);
        }
        if self.depth > 0 {
            let (span, help) = self.unclosed(end, sources);
            let message = format!("There are {} missing '}}'s or extra '{{'s", self.depth);
            let mut diagnostic =
                Diagnostic::error(Code::UnbalancedBraces, span, message).help(help);
            diagnostic.late = true;
            self.push(diagnostic);
        }
        while self.leave(None) {}
    }
}

fn unknown_help(name: &str, inside: Block) -> Option<String> {
    if let Some((_, help)) = FORMER.iter().find(|(former, _)| *former == name) {
        return Some((*help).to_owned());
    }
    let homes = keyword::homes(name);
    if !homes.is_empty() {
        let mut names: Vec<&str> = homes
            .iter()
            .map(|home| home.rsplit('/').next().unwrap_or_default())
            .collect();
        names.dedup();
        let more = if names.len() > 4 { ", .." } else { "" };
        names.truncate(4);
        let places = names.iter().map(|n| {
            if n.is_empty() {
                "no block".to_owned()
            } else {
                format!("`{n}`")
            }
        });
        let places = places.collect::<Vec<_>>().join(", ");
        return Some(format!("`{name}` belongs in {places}{more}"));
    }
    let near = nearest(name, keyword::within(inside).map(|keyword| keyword.name))?;
    Some(format!("did you mean `{near}`?"))
}

/// Whether a keyword takes a script, which has quotes of its own.
fn takes_quotes(block: Block, name: &str) -> bool {
    keyword::find(block, name).is_some_and(|keyword| keyword.arguments.contains("quoted"))
}
