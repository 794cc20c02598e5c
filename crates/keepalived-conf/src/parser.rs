//! Tokens -> tree. Recovers at the end of every line and at every brace, and loses nothing that keepalived keeps.
//!
//! keepalived behaviour: what follows a brace is read as a line of its own; an unknown block is not skipped: its lines are
//! read as if they stood in the block around it, and its `}` closes that one. So nothing unknown ever nests, and the
//! depth of the tree is that of the keyword table.

use std::collections::HashSet;
use std::iter;

use crate::ast::{Tree, Word};
use crate::diag::{Code, Diagnostic, Sink, nearest};
use crate::header::Headers;
use crate::keyword::{self, Block, Keyword, Shape, Status};
use crate::lexer::{LONGEST_LINE, Lexer, Token};
use crate::secret;
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

/// Reads one source.
pub(crate) fn parse(source: SourceId, bytes: &[u8], sink: &mut Sink) -> Vec<Tree> {
    let mut parser = Parser {
        bytes,
        sink,
        headers: Headers::default(),
        stack: Vec::new(),
        heading: None,
        depth: 0,
        secret: false,
        definitions: HashSet::new(),
        tree: Tree::new(source),
        trees: Vec::new(),
    };
    let end = Span {
        source,
        start: bytes.len(),
        end: bytes.len(),
    };
    parser.run(Lexer::new(source, bytes), end);
    parser.trees
}

struct Parser<'p> {
    bytes: &'p [u8],
    sink: &'p mut Sink,
    headers: Headers,
    stack: Vec<Frame>,
    heading: Option<Heading>,
    /// Braces that are open, those of unknown blocks included.
    depth: usize,
    /// A secret stands on this line: nothing of it may be quoted.
    secret: bool,
    /// Names that were defined: a `$` before any other name is just a `$`.
    definitions: HashSet<String>,
    /// The statement of the outermost level that is being read.
    tree: Tree,
    trees: Vec<Tree>,
}

impl Parser<'_> {
    fn run(&mut self, mut lexer: Lexer<'_>, end: Span) {
        let mut words: Vec<Word<'_>> = Vec::new();
        while let Some(token) = lexer.next() {
            match token {
                Token::Word(word) if words.is_empty() && is_definition(&word.text) => {
                    let name = word
                        .text
                        .trim_start_matches('$')
                        .split('=')
                        .next()
                        .unwrap_or_default();
                    self.definitions.insert(name.to_owned());
                    self.unsupported(word.span, "definitions");
                    skip_definition(&mut lexer, &word.text);
                }
                Token::Word(word) => words.push(word),
                Token::Open(span) => {
                    self.statement_end(&mut words, true);
                    self.open(span);
                }
                Token::Close(span) => {
                    self.statement_end(&mut words, false);
                    self.close(span);
                }
                Token::EndOfLine => {
                    self.statement_end(&mut words, false);
                    self.secret = false;
                }
                Token::Unterminated(span) => {
                    let start = words.first().map_or(span, |word| word.span);
                    self.secret |= words
                        .iter()
                        .any(|word| secret::is_secret_keyword(&word.text));
                    let message = match self.bytes.get(start.start..span.end) {
                        Some(line) if !self.secret => {
                            format!("Unterminated quote '{}'", String::from_utf8_lossy(line))
                        }
                        _ => "Unterminated quote".to_owned(),
                    };
                    self.push(
                        Diagnostic::error(Code::UnterminatedQuote, span, message)
                            .help("close it with `\"`"),
                    );
                    words.clear();
                }
                Token::LineTooLong(span) => {
                    self.statement_end(&mut words, false);
                    self.secret = false;
                    let message = "line too long - ignoring";
                    let help = format!("a line may have {LONGEST_LINE} bytes");
                    self.push(Diagnostic::error(Code::LineTooLong, span, message).help(help));
                }
            }
        }
        self.statement_end(&mut words, false);
        self.finish(end);
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    fn statement_end(&mut self, words: &mut Vec<Word<'_>>, opens: bool) {
        self.statement(words, opens);
        words.clear();
    }

    /// One line, or what stands between braces on it.
    fn statement(&mut self, words: &[Word<'_>], opens: bool) {
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
        if let Some(what) = unsupported_kind(&first.text) {
            self.unsupported(first.span, what);
            if opens {
                self.heading = Some(Heading::Skipped);
            }
            return;
        }
        if let Some(word) = words.iter().find(|word| self.refers(&word.text)) {
            self.unsupported(word.span, "definitions");
            if !opens {
                return;
            }
        }
        let spans = words.iter().map(|word| word.span);
        match inside {
            Place::List(list) => {
                // A password that strayed into a list must not be quoted as one of its words.
                let password = words.iter().position(|word| word.text == "auth_pass");
                let secret_from = password.map_or(usize::MAX, |at| at + 1);
                self.tree.push(list, spans, secret_from);
            }
            Place::Block(block) => match keyword::find(block, &first.text) {
                Some(keyword) => self.known(keyword, spans, first.span),
                None => self.unknown(first, block, conceal),
            },
        }
    }

    /// Whether a word uses a definition: `$NAME` up to its end or a `,` or `)`, `${NAME}` anywhere, `${_NAME ..}` always.
    fn refers(&self, word: &str) -> bool {
        word.match_indices('$').any(|(at, _)| {
            let rest = word.get(at + 1..).unwrap_or_default();
            let (rest, braces) = rest
                .strip_prefix('{')
                .map_or((rest, false), |rest| (rest, true));
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(length).unwrap_or_default();
            let ends = braces || after.is_empty() || after.starts_with([',', ')']);
            ends && (self.definitions.contains(name) || braces && name.starts_with('_'))
        })
    }

    fn known(&mut self, keyword: &'static Keyword, spans: impl Iterator<Item = Span>, span: Span) {
        self.note(keyword, span);
        let at = self.tree.len();
        self.tree.push(keyword, spans, usize::MAX);
        match keyword.shape {
            Shape::Word | Shape::Option => self.attach(),
            Shape::Block | Shape::Values => {
                let node = self.tree.node(at, self.bytes);
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
        self.sink.push_with(Code::UnknownKeyword, word.span, || {
            let mut diagnostic = Diagnostic::error(
                Code::UnknownKeyword,
                word.span,
                format!("Unknown keyword '{name}'"),
            );
            diagnostic.help = unknown_help(name, inside);
            diagnostic
        });
    }

    fn unsupported(&mut self, span: Span, what: &str) {
        if matches!(self.stack.last(), Some(Frame::Skipped { .. })) {
            return;
        }
        let message = format!("{what} are not supported yet - ignoring the line");
        let help = "the daemon does not start with a file that it reads only in part";
        self.push(Diagnostic::error(Code::UnsupportedSyntax, span, message).help(help));
    }

    /// A heading that waits for its `{` gets it now, or the complaint that it has none.
    fn begin(&mut self, noticed: Span) {
        if let Some(Heading::Known(open)) = self.heading.take() {
            let message = "Missing '{' at beginning of configuration block";
            let help = format!(
                "`{}` before it begins a block: write `{0} {{`",
                open.keyword.name
            );
            self.push(Diagnostic::error(Code::MissingOpeningBrace, noticed, message).help(help));
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
            Some(Heading::Known(open)) => self.enter(open),
            Some(Heading::Skipped) => self.stack.push(Frame::Skipped { depth: 0 }),
            None => match self.stack.last_mut() {
                Some(Frame::Skipped { depth }) => *depth += 1,
                Some(Frame::Known { open, .. }) if open.keyword.shape == Shape::Values => {
                    self.tree.push(open.keyword, iter::once(span), usize::MAX);
                }
                _ => {
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
        if let Some(Frame::Skipped { depth: depth @ 1.. }) = self.stack.last_mut() {
            *depth -= 1;
            self.depth = self.depth.saturating_sub(1);
            return;
        }
        let popped = self.leave(Some(span));
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

    /// The end of the text: what is open is used as it is.
    fn finish(&mut self, end: Span) {
        self.begin(end);
        let open = self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Known { open, .. } => Some((open.span, open.keyword.name)),
            Frame::Skipped { .. } => None,
        });
        if self.depth > 0 {
            let message = format!("There are {} missing '}}'s or extra '{{'s", self.depth);
            let (span, name) = open.unwrap_or((end, ""));
            let mut diagnostic = Diagnostic::error(Code::UnbalancedBraces, span, message);
            if !name.is_empty() {
                diagnostic = diagnostic.help(format!("`{name}`, begun here, is not closed"));
            }
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

fn is_definition(word: &str) -> bool {
    word.strip_prefix('$')
        .and_then(|rest| rest.split_once('='))
        .is_some_and(|(name, _)| !name.starts_with('{'))
}

/// A definition goes on as long as its lines end with a backslash.
fn skip_definition(lexer: &mut Lexer<'_>, first: &str) {
    let mut goes_on = first.ends_with('\\');
    for token in lexer {
        match token {
            Token::EndOfLine if goes_on => goes_on = false,
            Token::EndOfLine | Token::LineTooLong(_) => break,
            Token::Word(word) => goes_on = word.text.ends_with('\\'),
            _ => goes_on = false,
        }
    }
}

fn unsupported_kind(word: &str) -> Option<&'static str> {
    if word.starts_with('@') {
        return Some("conditional lines");
    }
    if word.starts_with("~SEQ") || word.starts_with("~LST") {
        return Some("~SEQ and ~LST");
    }
    matches!(
        word,
        "include" | "includer" | "includem" | "includew" | "includeb" | "includea"
    )
    .then_some("includes")
}
