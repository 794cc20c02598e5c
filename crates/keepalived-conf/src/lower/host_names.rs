//! Names of routing tables, protocols, scopes and the like that the host has in files of iproute2: the administrator's in
//! `iproute_etc_dir` before those that came with it in `iproute_usr_dir`.
//!
//! A file is read when a name is first looked for, so a configuration without such names needs none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Lower;
use crate::model::Realms;
use crate::value::{host_names, routing};

/// `iproute_etc_dir`, when none was given.
const ETC: &str = "/etc/iproute2";
/// `iproute_usr_dir`, when none was given.
const USR: &str = "/usr/share/iproute2";

/// What has a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    Table,
    Protocol,
    Scope,
    Field,
    Realm,
    Group,
}

impl Named {
    fn file(self) -> &'static str {
        match self {
            Named::Table => "rt_tables",
            Named::Protocol => "rt_protos",
            Named::Scope => "rt_scopes",
            Named::Field => "rt_dsfield",
            Named::Realm => "rt_realms",
            Named::Group => "group",
        }
    }
}

/// The files that were read.
pub(super) type HostNames = HashMap<PathBuf, HashMap<String, u32>>;

impl Lower<'_> {
    /// The number of a name that the host has, as text; any other text is as it is.
    pub(super) fn host_number<'t>(&mut self, named: Named, text: &'t str) -> Cow<'t, str> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Cow::Borrowed(text);
        }
        let files = &self.global.files;
        let etc = files.iproute_etc_dir.as_deref().unwrap_or(ETC);
        let usr = files.iproute_usr_dir.as_deref().unwrap_or(USR);
        for folder in [etc, usr] {
            let path = Path::new(folder).join(named.file());
            let names = self.host_names.entry(path).or_insert_with_key(|path| {
                let read = self.loader.read(path);
                read.map(|text| host_names::parse(&text))
                    .unwrap_or_default()
            });
            if let Some(number) = names.get(text) {
                return Cow::Owned(number.to_string());
            }
        }
        Cow::Borrowed(text)
    }

    /// `[SRC/]DST`.
    pub(super) fn realms(&mut self, text: &str) -> Option<Realms> {
        let parts = text.split('/');
        let parts: Vec<_> = parts
            .map(|part| self.host_number(Named::Realm, part))
            .collect();
        routing::realms(&parts.join("/"))
    }
}
