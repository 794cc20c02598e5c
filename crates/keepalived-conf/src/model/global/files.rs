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
