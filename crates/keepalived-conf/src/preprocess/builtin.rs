//! `${_PWD}`, `${_RANDOM 1 10}` and the other definitions that are always there.

use std::path::Path;

use crate::source::Loader;

/// The greatest number that `${_RANDOM}` gives unless it is told otherwise.
const RANDOM_MOST: u64 = 32_767;

/// What stands for the words between the braces.
pub(super) fn builtin(inside: &[u8], loader: &dyn Loader, folder: &Path) -> Option<Vec<u8>> {
    let inside = str::from_utf8(inside).ok()?;
    let mut words = inside.split_ascii_whitespace();
    let name = words.next()?;
    let value = match name {
        "_PWD" => loader.absolute(folder).display().to_string(),
        "_INSTANCE" => loader.config_id(),
        "_ENV" => loader.environment(words.next()?).unwrap_or_default(),
        "_HASH" => "#".to_owned(),
        "_BANG" => "!".to_owned(),
        "_RANDOM" => {
            let mut number = |default| words.next().map_or(Some(default), |word| word.parse().ok());
            let (least, most): (u64, u64) = (number(0)?, number(RANDOM_MOST)?);
            let count = most.checked_sub(least)?.checked_add(1)?;
            (least + loader.random() % count).to_string()
        }
        _ => return None,
    };
    words.next().is_none().then(|| value.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::builtin;
    use crate::source::Loader;

    struct Host;

    impl Loader for Host {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn has_interface(&self, _: &str) -> bool {
            false
        }

        fn config_id(&self) -> String {
            "vm".to_owned()
        }

        fn environment(&self, name: &str) -> Option<String> {
            (name == "HOME").then(|| "/root".to_owned())
        }

        fn random(&self) -> u64 {
            40_000
        }
    }

    fn show(inside: &str) -> Option<String> {
        let value = builtin(inside.as_bytes(), &Host, Path::new("/etc/keepalived"))?;
        String::from_utf8(value).ok()
    }

    #[test]
    fn each_of_them() {
        let cases = [
            ("_PWD", "/etc/keepalived"),
            ("_INSTANCE", "vm"),
            ("_ENV HOME", "/root"),
            ("_ENV NOPE", ""),
            ("_HASH", "#"),
            ("_BANG", "!"),
            ("_RANDOM", "7232"),
            ("_RANDOM 3 3", "3"),
            ("_RANDOM 1 10", "1"),
        ];
        for (inside, value) in cases {
            assert_eq!(show(inside).as_deref(), Some(value), "{inside}");
        }
        for inside in [
            "_ENV",
            "_NOPE",
            "_PWD x",
            "_RANDOM x",
            "_RANDOM 5 4",
            "_pwd",
            "",
        ] {
            assert_eq!(show(inside), None, "{inside}");
        }
    }
}
