//! `~SEQ(VAR, START, STEP, END) TEXT` and `~LST(VAR, a, b) TEXT`: a text once for each value.

use std::vec;

use super::{Input, Reader, Work};
use crate::diag::{Code, Diagnostic, Sink};
use crate::secret;

/// A name and its value.
type Setting = (Box<[u8]>, Vec<u8>);

/// The values that are still to come.
pub(super) enum Values {
    Numbers {
        name: Box<[u8]>,
        next: Option<i64>,
        step: i64,
        end: i64,
        hexadecimal: bool,
    },
    Sets(vec::IntoIter<Vec<Setting>>),
}

impl Values {
    /// The values of the next round.
    pub(super) fn next(&mut self) -> Option<Vec<Setting>> {
        match self {
            Self::Sets(sets) => sets.next(),
            Self::Numbers {
                name,
                next,
                step,
                end,
                hexadecimal,
            } => {
                let value = (*next)?;
                *next = value
                    .checked_add(*step)
                    .filter(|n| if *step < 0 { *n >= *end } else { *n <= *end });
                let text = match hexadecimal {
                    true => format!("{value:x}"),
                    false => value.to_string(),
                };
                Some(vec![(name.clone(), text.into_bytes())])
            }
        }
    }
}

/// What is wrong with a sequence, in keepalived's words before the line is quoted.
type Wrong = &'static str;

const SEQ: Wrong = "Invalid ~SEQ specification";
const SEQ_DEFINITION: Wrong = "Invalid ~SEQ definition";
const SEQ_VALUES: Wrong = "Invalid ~SEQ values";
const SEQ_OPEN: Wrong = "~SEQ parameter strings too long";
const SEQX_NEGATIVE: Wrong = "~SEQx is only valid for positive numbers";
const LST: Wrong = "Invalid ~LST specification";
const LST_MANY: Wrong = "~LST specification has too many values";

pub(super) fn is_sequence(line: &[u8]) -> bool {
    line.starts_with(b"~SEQ") || line.starts_with(b"~LST")
}

impl Reader<'_> {
    /// Takes a sequence: its rounds are read next.
    pub(super) fn sequence(&mut self, work: Work, sink: &mut Sink) {
        let line = self.sources.text(work.span);
        let header = line.iter().position(|b| *b == b')').map(|end| end + 1);
        let span = work.span.head(header.unwrap_or(line.len()));
        let text = self.replaced_text(span, sink);
        match values(&text, header.is_some()) {
            Ok(values) => {
                let text = Work {
                    span: self.trimmed(work.span.after(header.unwrap_or(0))),
                    conditioned: false,
                    ..work
                };
                if text.span.start < text.span.end {
                    self.inputs.push(Input::Repeat { values, text });
                }
            }
            Err(wrong) => {
                let line = self.sources.text(work.span);
                let shown = match secret::values(line).is_empty() {
                    true => line,
                    // A password may follow.
                    false => self.sources.text(span),
                };
                let line = String::from_utf8_lossy(shown);
                let general = if line.starts_with("~SEQ") { SEQ } else { LST };
                let message = format!("{wrong} '{line}'");
                let help = match general {
                    SEQ => {
                        "it takes (VAR, END), (VAR, START, END) or (VAR, START, STEP, END), then a text"
                    }
                    _ => {
                        "it takes (VAR, VALUE, VALUE ..) or ({VAR, VAR}, {VALUE, VALUE} ..), values without blanks, then a text"
                    }
                };
                let place = work.origin.unwrap_or(span);
                let mut diagnostic =
                    Diagnostic::error(Code::InvalidSequence, place, message).help(help);
                if wrong != general {
                    diagnostic = diagnostic.also(format!("{general} '{line}'"));
                }
                sink.push(diagnostic);
            }
        }
    }
}

/// The values that a header gives; it begins with `~SEQ` or `~LST`.
fn values(header: &[u8], closed: bool) -> Result<Values, Wrong> {
    let (kind, rest) = header.split_at_checked(4).unwrap_or_default();
    let (hexadecimal, rest) = match (kind, rest) {
        (b"~SEQ", [b'x', rest @ ..]) => (true, rest),
        _ => (false, rest),
    };
    let inside = rest.trim_ascii_start().strip_prefix(b"(");
    if kind == b"~LST" {
        let inside = inside
            .filter(|_| closed)
            .and_then(|text| text.strip_suffix(b")"));
        return sets(inside.ok_or(LST)?).map(|sets| Values::Sets(sets.into_iter()));
    }
    let inside = inside.ok_or(SEQ)?;
    let inside = match inside.strip_suffix(b")") {
        Some(inside) => inside,
        None if inside.is_empty() => return Err(SEQ_DEFINITION),
        None => return Err(SEQ_OPEN),
    };
    let mut words = inside.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    let name = words.next().unwrap_or_default();
    let numbers: Option<Vec<i64>> = words.map(number).collect();
    let numbers = numbers.ok_or(SEQ_DEFINITION)?;
    let (start, step, end) = match *numbers {
        [end] if end < 1 => (if end < 0 { -1 } else { 1 }, -1, end),
        [end] => (1, 1, end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] => (start, step, end),
        _ => return Err(SEQ_DEFINITION),
    };
    if step == 0 || step > 0 && start > end || step < 0 && start < end {
        return Err(SEQ_VALUES);
    }
    if hexadecimal && (start < 0 || end < 0) {
        return Err(SEQX_NEGATIVE);
    }
    Ok(Values::Numbers {
        name: name.into(),
        next: Some(start),
        step,
        end,
        hexadecimal,
    })
}

/// A number as C reads it: decimal, `0x` or a leading 0; nothing is 0, too much is the most there is.
fn number(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if text.is_empty() {
        return Some(0);
    }
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let most = if sign.is_empty() { i64::MAX } else { i64::MIN };
    Some(i64::from_str_radix(&format!("{sign}{digits}"), radix).unwrap_or(most))
}

/// The rounds of a list: what is between its parentheses.
fn sets(text: &[u8]) -> Result<Vec<Vec<Setting>>, Wrong> {
    let (names, mut rest) = group(text).ok_or(LST)?;
    let mut sets = Vec::new();
    if names.iter().any(|name| name.is_empty()) {
        return Err(LST);
    }
    while let Some(more) = rest {
        let (values, after) = group(more).ok_or(LST)?;
        if values.len() > names.len() {
            return Err(LST_MANY);
        }
        let values = values.into_iter().map(<[u8]>::to_vec);
        let values = values.chain(std::iter::repeat(Vec::new()));
        let names = names.iter().map(|name| Box::from(*name));
        sets.push(names.zip(values).collect());
        rest = after;
    }
    if sets.is_empty() {
        return Err(LST);
    }
    Ok(sets)
}

/// Words, and the text behind them.
type Group<'t> = (Vec<&'t [u8]>, Option<&'t [u8]>);

/// `a` or `{a,b}`, and what is after the comma behind it, if there is one. No word has blanks in it.
fn group(text: &[u8]) -> Option<Group<'_>> {
    let text = text.trim_ascii();
    let (inside, after) = match text.strip_prefix(b"{") {
        Some(rest) => {
            let end = rest.iter().position(|b| *b == b'}')?;
            (rest.get(..end)?, rest.get(end + 1..)?)
        }
        None => text.split_at(text.iter().position(|b| *b == b',').unwrap_or(text.len())),
    };
    let after = after.trim_ascii_start();
    let rest = match after.split_first() {
        None => None,
        Some((b',', rest)) => Some(rest),
        Some(_) => return None,
    };
    let words: Vec<&[u8]> = match text.starts_with(b"{") {
        true => inside
            .split(|b| *b == b',')
            .map(<[u8]>::trim_ascii)
            .collect(),
        false => vec![inside.trim_ascii()],
    };
    let blank = |word: &&[u8]| word.iter().any(u8::is_ascii_whitespace);
    (!words.iter().any(blank)).then_some((words, rest))
}

#[cfg(test)]
mod tests {
    use super::{LST, LST_MANY, SEQ, SEQ_DEFINITION, SEQ_OPEN, SEQ_VALUES, SEQX_NEGATIVE, values};

    fn show(header: &str) -> Result<String, &'static str> {
        let mut values = values(header.as_bytes(), header.contains(')'))?;
        let mut rounds = Vec::new();
        while let Some(set) = values.next().filter(|_| rounds.len() < 5) {
            let set = set.iter().map(|(name, value)| {
                String::from_utf8_lossy(name).into_owned() + "=" + &String::from_utf8_lossy(value)
            });
            rounds.push(set.collect::<Vec<_>>().join(","));
        }
        Ok(rounds.join(" "))
    }

    /// Seen: `keepalived -t`, unknown keywords that name what was made of them.
    #[test]
    fn numbers() {
        let cases = [
            ("~SEQ(N,3,1)", Ok("N=3 N=2 N=1")),
            ("~SEQ(N, 2)", Ok("N=1 N=2")),
            ("~SEQ(N,-2)", Ok("N=-1 N=-2")),
            ("~SEQ(N,0)", Ok("N=1 N=0")),
            ("~SEQ(N,1,2,6)", Ok("N=1 N=3 N=5")),
            ("~SEQ(N,5,-2,1)", Ok("N=5 N=3 N=1")),
            ("~SEQ(N,010,011)", Ok("N=8 N=9")),
            ("~SEQx(N,9,0xb)", Ok("N=9 N=a N=b")),
            ("~SEQ ( N , +1 , 2 )", Ok("N=1 N=2")),
            ("~SEQ(N,,2)", Ok("N=0 N=1 N=2")),
            ("~SEQ(N,2,-1,2)", Ok("N=2")),
            (
                "~SEQ(N,9223372036854775806,99999999999999999999999)",
                Ok("N=9223372036854775806 N=9223372036854775807"),
            ),
            ("~SEQ(N,5,2,1)", Err(SEQ_VALUES)),
            ("~SEQ(N,1,0,3)", Err(SEQ_VALUES)),
            ("~SEQx(N,-1,1)", Err(SEQX_NEGATIVE)),
            ("~SEQ(N,x,1)", Err(SEQ_DEFINITION)),
            ("~SEQ(N,1,2x)", Err(SEQ_DEFINITION)),
            ("~SEQ(N)", Err(SEQ_DEFINITION)),
            ("~SEQ()", Err(SEQ_DEFINITION)),
            ("~SEQ(N,1,2,3,4)", Err(SEQ_DEFINITION)),
            ("~SEQ(", Err(SEQ_DEFINITION)),
            ("~SEQ(N,1,2 a", Err(SEQ_OPEN)),
            ("~SEQ", Err(SEQ)),
            ("~SEQxx(N,2)", Err(SEQ)),
        ];
        for (header, expected) in cases {
            assert_eq!(
                show(header).as_deref(),
                expected.as_ref().copied(),
                "{header}"
            );
        }
    }

    #[test]
    fn lists() {
        let cases = [
            ("~LST(V, a , c )", Ok("V=a V=c")),
            ("~LST(V,a,,c)", Ok("V=a V= V=c")),
            ("~LST(V,)", Ok("V=")),
            ("~LST({V,W}, {a,b}, {c}, {,d})", Ok("V=a,W=b V=c,W= V=,W=d")),
            ("~LST({ V , W },{a ,b},c)", Ok("V=a,W=b V=c,W=")),
            ("~LST(V,{a},{b})", Ok("V=a V=b")),
            ("~LST (V,a)", Ok("V=a")),
            ("~LST(V)", Err(LST)),
            ("~LST()", Err(LST)),
            ("~LST", Err(LST)),
            ("~LST(V, a", Err(LST)),
            ("~LST(V, a b, c)", Err(LST)),
            ("~LST({V,W} {a,b})", Err(LST)),
            ("~LST({V,W}, {a,b,c})", Err(LST_MANY)),
            ("~LST(V, {a,b})", Err(LST_MANY)),
        ];
        for (header, expected) in cases {
            assert_eq!(
                show(header).as_deref(),
                expected.as_ref().copied(),
                "{header}"
            );
        }
    }
}
