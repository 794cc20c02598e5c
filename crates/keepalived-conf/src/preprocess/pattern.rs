//! Names with `*`, `?`, `[..]` and `{a,b}` -> the files they mean.

use std::path::{Path, PathBuf};

use crate::source::Loader;

/// So many alternatives may come out of the braces of one pattern.
const ALTERNATIVES: usize = 1000;

/// A name with its braces resolved: each alternative of `{a,b}`, in their order.
pub(super) fn alternatives(text: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut waiting = vec![text.to_owned()];
    while let Some(text) = waiting.pop() {
        match braces(&text) {
            Some((head, choices, tail)) if waiting.len() + done.len() < ALTERNATIVES => {
                let more = choices.iter().rev();
                waiting.extend(more.map(|choice| format!("{head}{choice}{tail}")));
            }
            _ => done.push(text),
        }
    }
    done
}

/// The first group in braces: what is before it, its alternatives, what is after it.
fn braces(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = text.find('{')?;
    let inside = text.get(open + 1..)?;
    let (mut depth, mut from, mut choices) = (0_usize, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                choices.push(inside.get(from..at)?);
                from = at + 1;
            }
            '}' if depth == 0 => {
                choices.push(inside.get(from..at)?);
                return Some((text.get(..open)?, choices, inside.get(at + 1..)?));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A name that may have wildcards in each of its components.
pub(super) struct Pattern<'p>(&'p str);

impl<'p> Pattern<'p> {
    pub(super) fn new(text: &'p str) -> Self {
        Self(text)
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.0.contains(['*', '?', '['])
    }

    /// The paths it means, in the order of their names; a relative one begins in the folder `base`. `None` if a folder
    /// that it wants to look into is not there. `left` is how many names may still be looked for: it gets less, and where
    /// none is left nothing is found.
    pub(super) fn matches(
        &self,
        base: &Path,
        loader: &dyn Loader,
        left: &mut usize,
    ) -> Option<Vec<PathBuf>> {
        let mut found = match self.0.strip_prefix('/') {
            Some(_) => vec![PathBuf::from("/")],
            None => vec![base.to_owned()],
        };
        let (mut listed, mut folders) = (true, true);
        for component in self.0.split('/').filter(|part| !part.is_empty()) {
            listed = component.contains(['*', '?', '[']);
            let mut next = Vec::new();
            for folder in found {
                if *left == 0 {
                    return Some(Vec::new());
                }
                if !listed {
                    next.push(folder.join(component));
                    continue;
                }
                let here = match folder.as_os_str().is_empty() {
                    true => Path::new("."),
                    false => &folder,
                };
                let list = loader.list(here);
                folders &= list.is_ok();
                let mut names = list.unwrap_or_default();
                *left = left.saturating_sub(names.len());
                names.retain(|name| is_match(component.as_bytes(), name.as_bytes()));
                names.sort();
                next.extend(names.into_iter().map(|name| folder.join(name)));
            }
            found = next;
        }
        *left = left.saturating_sub(found.len().max(1));
        // What was listed is there.
        found.retain(|path| listed || loader.kind(path).is_ok());
        (folders || !found.is_empty()).then_some(found)
    }
}

/// Whether a name matches a component with wildcards. A leading dot must be written.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    loop {
        let rest = pattern.get(p..).unwrap_or_default();
        let step = match (rest.first(), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                retry = Some((p, n + 1));
                Some((1, 0))
            }
            (Some(b'?'), Some(_)) => Some((1, 1)),
            (Some(b'['), Some(c)) => match class(rest, *c) {
                Some((true, length)) => Some((length, 1)),
                Some((false, _)) => None,
                None => (*c == b'[').then_some((1, 1)),
            },
            (Some(b'\\'), Some(c)) if rest.len() > 1 => (rest.get(1) == Some(c)).then_some((2, 1)),
            (Some(b), Some(c)) if b == c => Some((1, 1)),
            _ => None,
        };
        match (step, retry) {
            (Some((more, used)), _) => {
                p += more;
                n += used;
            }
            (None, Some((star, from))) if from <= name.len() => {
                retry = Some((star, from + 1));
                p = star + 1;
                n = from;
            }
            (None, _) => return false,
        }
    }
}

/// Whether a byte is in the class `[..]` that a pattern begins with, and how long that is; `None` if it has no end.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = 1 + usize::from(negated);
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|b| *b == b']')?;
    let (mut at, mut inside) = (first, false);
    while at < end {
        let low = *pattern.get(at)?;
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(high)) if at + 2 < end => {
                inside |= (low..=*high).contains(&byte);
                at += 3;
            }
            _ => {
                inside |= low == byte;
                at += 1;
            }
        }
    }
    Some((inside != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::{alternatives, is_match};

    #[test]
    fn braces() {
        assert_eq!(alternatives("a.conf"), ["a.conf"]);
        assert_eq!(alternatives("/x/{a,b}.conf"), ["/x/a.conf", "/x/b.conf"]);
        assert_eq!(
            alternatives("{a,b{c,d}}{,e}"),
            ["a", "ae", "bc", "bce", "bd", "bde"]
        );
        assert_eq!(alternatives("{a,b.conf"), ["{a,b.conf"]);
        assert!(alternatives(&"{a,b}".repeat(60)).len() <= 1100);
    }

    #[test]
    fn wildcards() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("*", "a"),
            ("?.conf", "b.conf"),
            ("[ab].conf", "b.conf"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("a*b*c", "a-b-b-c"),
            ("\\*x", "*x"),
            (".*", ".a"),
            ("[]x]", "]"),
        ] {
            assert!(
                is_match(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        for (pattern, name) in [
            ("*.conf", "a.conf~"),
            ("*", ".a"),
            ("?", "ab"),
            ("[ab]", "c"),
            ("[!a]", "a"),
            ("a*b", "a"),
            ("[", "x"),
        ] {
            assert!(
                !is_match(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
    }
}
