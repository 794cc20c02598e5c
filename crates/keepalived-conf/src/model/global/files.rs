//! Reloads, and the files that are read and written.

/// The reload words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reload {
    /// `reload_check_config [LOGFILE]`: a new configuration is tested first, and what the test says goes to that file.
    pub check: Option<Destination>,
    /// `reload_time_file`: holds the time of a reload.
    pub time_file: Option<String>,
    /// `reload_repeat`: that reload happens every day.
    pub repeat: bool,
    /// `reload_file [FILE]`: is there while a reload runs.
    pub marker: Option<Destination>,
}

/// A file that need not be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The one that is usual.
    Usual,
    /// That one.
    File(String),
}

/// What must hold for `include` besides that it is one: `include_check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IncludeCheck {
    /// Every file can be read.
    pub readable: bool,
    /// There is a file.
    pub found: bool,
    /// Every wildcard finds a file.
    pub wildcards: bool,
    /// Every `{a,b}` finds a file.
    pub braces: bool,
}

impl IncludeCheck {
    /// A bare `include_check`.
    pub const ALL: Self = Self {
        readable: true,
        found: true,
        wildcards: true,
        braces: true,
    };

    /// Whether anything must hold.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// Those of both.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            readable: self.readable || other.readable,
            found: self.found || other.found,
            wildcards: self.wildcards || other.wildcards,
            braces: self.braces || other.braces,
        }
    }

    /// After the words of a line `include_check`: `+NAME` or `NAME` asks for a check, `-NAME` for none; no word at all asks
    /// for every one. What is no check changes nothing.
    #[must_use]
    pub(crate) fn changed<'w>(mut self, words: impl Iterator<Item = &'w str>) -> Self {
        let mut words = words.peekable();
        if words.peek().is_none() {
            return Self::ALL;
        }
        for word in words {
            let (name, on) = Self::meant(word);
            if let Some(check) = self.named(name) {
                *check = on;
            }
        }
        self
    }

    /// The check that a word names, and whether it asks for it.
    pub(crate) fn meant(word: &str) -> (&str, bool) {
        let name = word.strip_prefix(['+', '-']).unwrap_or(word);
        (name, !word.starts_with('-'))
    }

    /// By the name that the file has for it.
    pub(crate) fn named(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "read" => &mut self.readable,
            "match" => &mut self.found,
            "wildcard_match" => &mut self.wildcards,
            "brace_match" => &mut self.braces,
            _ => return None,
        })
    }
}

/// The file words of `global_defs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// `umask`, nine bits.
    pub umask: u16,
    /// `include_check`.
    pub include_check: IncludeCheck,
    /// `config_save_dir`: a copy of each configuration goes there.
    pub config_save_dir: Option<String>,
    /// `tmp_config_directory`: the copy that subsystems read goes there.
    pub tmp_config_directory: Option<String>,
    /// `data_use_instance`: names of dumps carry the namespace and the instance name.
    pub data_use_instance: bool,
    /// `json_version`: 1 or 2.
    pub json_version: u8,
    /// `iproute_usr_dir`: names of tables, protocols and scopes.
    pub iproute_usr_dir: Option<String>,
    /// `iproute_etc_dir`: the same, the administrator's.
    pub iproute_etc_dir: Option<String>,
    /// `state_dump_file`.
    pub state_dump_file: Option<String>,
    /// `stats_dump_file`, which keepalived does not use.
    pub stats_dump_file: Option<String>,
    /// `json_dump_file`, which keepalived does not use.
    pub json_dump_file: Option<String>,
    /// `random_seed`: the same random numbers at every start, for tests.
    pub random_seed: Option<u32>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            umask: 0o177,
            include_check: IncludeCheck::default(),
            config_save_dir: None,
            tmp_config_directory: None,
            data_use_instance: false,
            json_version: 1,
            iproute_usr_dir: None,
            iproute_etc_dir: None,
            state_dump_file: None,
            stats_dump_file: None,
            json_dump_file: None,
            random_seed: None,
        }
    }
}
