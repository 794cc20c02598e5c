//! Reloads, and the files that are read and written.

use super::{Lower, takes};
use crate::ast::Node;
use crate::diag::{Code, nearest};
use crate::model::{Destination, Files, IncludeCheck};

/// The bits of a mode, by the names that `umask` knows.
const BITS: [(&str, u16); 12] = [
    ("IRUSR", 0o400),
    ("IWUSR", 0o200),
    ("IXUSR", 0o100),
    ("IRWXU", 0o700),
    ("IRGRP", 0o040),
    ("IWGRP", 0o020),
    ("IXGRP", 0o010),
    ("IRWXG", 0o070),
    ("IROTH", 0o004),
    ("IWOTH", 0o002),
    ("IXOTH", 0o001),
    ("IRWXO", 0o007),
];

const CHECKS: [&str; 4] = ["read", "match", "wildcard_match", "brace_match"];

impl Lower<'_> {
    pub(super) fn files_word(&mut self, node: Node<'_>) -> bool {
        match node.name() {
            "reload_check_config" => self.global.reload.check = Some(destination(node)),
            "reload_file" => self.global.reload.marker = Some(destination(node)),
            "reload_repeat" => self.global.reload.repeat = true,
            "reload_time_file" => match self.only_word(node) {
                Some(file) => self.global.reload.time_file = Some(file),
                None => self.one_word_wanted(node, "reload_time_file invalid"),
            },
            "umask" => self.umask(node),
            "include_check" => self.include_check(node),
            "tmp_config_directory" => {
                let missing = "tmp_config_directory missing directory name";
                if let Some(folder) = self.expect_text(node, missing) {
                    let message = "tmp_config_directory already specified - ignoring";
                    self.once(node, folder, message, |global| {
                        &mut global.files.tmp_config_directory
                    });
                }
            }
            "config_save_dir" => self.file(node, |files| &mut files.config_save_dir),
            "state_dump_file" => self.file(node, |files| &mut files.state_dump_file),
            "stats_dump_file" => self.file(node, |files| &mut files.stats_dump_file),
            "json_dump_file" => self.file(node, |files| &mut files.json_dump_file),
            "iproute_usr_dir" => self.folder(node, |files| &mut files.iproute_usr_dir),
            "iproute_etc_dir" => self.folder(node, |files| &mut files.iproute_etc_dir),
            "data_use_instance" => {
                let value = self.global_switch(node);
                self.keep(value, |global| &mut global.files.data_use_instance);
            }
            "json_version" => {
                let also = |text: &str| format!("json_version '{text}' must be 1 or 2 - ignoring");
                let version = self.u8(node, 1..=2, also);
                self.keep(version, |global| &mut global.files.json_version);
            }
            "random_seed" => {
                let also = |text: &str| format!("random_seed {text} invalid");
                let seed = self.u32(node, 0..=u32::MAX, also);
                self.keep_some(seed, |global| &mut global.files.random_seed);
            }
            _ => return false,
        }
        true
    }

    fn file(&mut self, node: Node<'_>, of: fn(&mut Files) -> &mut Option<String>) {
        let path = self.required_text(node);
        self.keep_some(path, |global| of(&mut global.files));
    }

    fn folder(&mut self, node: Node<'_>, of: fn(&mut Files) -> &mut Option<String>) {
        match self.only_word(node) {
            Some(folder) => *of(&mut self.global.files) = Some(folder),
            None => self.one_word_wanted(node, format!("{} invalid", node.name())),
        }
    }

    fn only_word(&self, node: Node<'_>) -> Option<String> {
        let word = node.argument(0)?;
        node.argument(1).is_none().then(|| word.text.into_owned())
    }

    fn one_word_wanted(&mut self, node: Node<'_>, message: impl Into<String>) {
        let span = node.argument(1).map_or(node.span(), |word| word.span);
        self.error_help(Code::InvalidValue, span, message, takes(node));
    }

    /// A number as in C, or names of bits with `|` between them, which may have blanks around them.
    fn umask(&mut self, node: Node<'_>) {
        let Some(first) = self.require(node) else {
            return;
        };
        if first.text.starts_with(|c: char| c.is_ascii_digit()) {
            let umask = mode(&first.text);
            if umask.is_none() {
                let message = format!("invalid umask value {}", first.text);
                self.error_help(Code::InvalidNumber, first.span, message, takes(node));
            } else if let Some(extra) = node.argument(1) {
                let message = "Extra parameter(s) to umask option";
                self.error_help(Code::InvalidValue, extra.span, message, takes(node));
            } else {
                self.keep(umask, |global| &mut global.files.umask);
            }
            return;
        }
        let mut umask = 0;
        // Whether a name has to come now, and whether one may.
        let (mut wanted, mut separated) = (true, true);
        for word in node.arguments() {
            let mut rest = &*word.text;
            if let Some(after) = rest.strip_prefix('|').filter(|_| !wanted) {
                (rest, wanted, separated) = (after, true, true);
            }
            if rest.is_empty() {
                continue;
            }
            if !separated {
                let message = format!("Invalid umask syntax {rest}");
                self.error_help(Code::InvalidValue, word.span, message, takes(node));
                return;
            }
            while !rest.is_empty() {
                let (name, after) = match rest.get(1..).and_then(|tail| tail.find('|')) {
                    Some(at) => rest.split_at_checked(at + 1).unwrap_or((rest, "")),
                    None => (rest, ""),
                };
                let Some((_, bit)) = BITS.iter().find(|(known, _)| *known == name) else {
                    let message = format!("Unknown umask bit {name}");
                    let near = nearest(name, BITS.iter().map(|(known, _)| *known));
                    let help =
                        near.map_or_else(|| takes(node), |near| format!("did you mean `{near}`?"));
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    return;
                };
                umask |= bit;
                wanted = after.starts_with('|');
                rest = after.strip_prefix('|').unwrap_or(after);
            }
            separated = wanted;
        }
        if wanted {
            let message = "umask missing bit value";
            self.error_help(Code::InvalidValue, node.span(), message, takes(node));
            return;
        }
        self.global.files.umask = umask;
    }

    fn include_check(&mut self, node: Node<'_>) {
        if node.argument(0).is_none() {
            self.global.files.include_check = IncludeCheck::ALL;
            return;
        }
        let mut seen: Vec<String> = Vec::new();
        for word in node.arguments() {
            let (name, on) = IncludeCheck::meant(&word.text);
            if seen.iter().any(|before| before == name) {
                let message = format!("Duplicate include_check '{name}' specified - ignoring");
                self.error_help(Code::Duplicate, word.span, message, takes(node));
                continue;
            }
            match self.global.files.include_check.named(name) {
                Some(check) => *check = on,
                None => {
                    let message = format!("Unknown include_check type '{name}' - ignoring");
                    let near = nearest(name, CHECKS.into_iter());
                    let help =
                        near.map_or_else(|| takes(node), |near| format!("did you mean `{near}`?"));
                    self.error_help(Code::InvalidValue, word.span, message, help);
                    continue;
                }
            }
            seen.push(name.to_owned());
        }
    }
}

fn destination(node: Node<'_>) -> Destination {
    node.argument(0).map_or(Destination::Usual, |word| {
        Destination::File(word.text.into_owned())
    })
}

/// Nine bits, octal after a `0`, hexadecimal after `0x`.
fn mode(text: &str) -> Option<u16> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let found = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => u16::from_str_radix(digits, 16),
        (None, Some(digits)) if !digits.is_empty() => u16::from_str_radix(digits, 8),
        _ => text.parse(),
    };
    found.ok().filter(|mode| *mode <= 0o777)
}

#[cfg(test)]
mod tests {
    use super::mode;

    // What keepalived -t takes and refuses.
    #[test]
    fn modes() {
        assert_eq!(
            (mode("077"), mode("18"), mode("0x1f"), mode("0")),
            (Some(0o077), Some(18), Some(0x1f), Some(0))
        );
        assert_eq!((mode("0777"), mode("511")), (Some(511), Some(511)));
        assert_eq!(
            (mode("01000"), mode("512"), mode("089"), mode("5.5")),
            (None, None, None, None)
        );
    }
}
