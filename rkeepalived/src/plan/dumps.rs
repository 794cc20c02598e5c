//! Where dumps go, and what they say that only the configuration knows.

use std::path::PathBuf;

use keepalived_conf::{Model, TrackKind};

use crate::kernel::routing::{RouteText, RuleText};
use crate::status::json::Described;

/// What dumps need of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dumps {
    /// All but the virtual servers, which are shown as they stand.
    pub model: Box<Model>,
    /// The instances, in the order of the file.
    pub instances: Vec<Described>,
    /// `json_version`.
    pub json_version: u8,
    /// `state_dump_file`.
    pub state_file: Option<PathBuf>,
    /// `data_use_instance`.
    pub use_instance: bool,
}

pub(super) fn dumps(model: &Model) -> Dumps {
    let files = &model.global.files;
    let command = |name: &str| {
        let script = model.scripts.iter().find(|script| script.name == name)?;
        let argv = script.script.argv.iter();
        let words: Vec<_> = argv.map(|word| format!("'{word}'")).collect();
        Some(words.join(" "))
    };
    let instances = model.instances.iter().map(|instance| Described {
        scripts: instance
            .tracked
            .iter()
            .filter(|entry| entry.kind == TrackKind::Script)
            .filter_map(|entry| command(&entry.name))
            .collect(),
        routes: instance
            .routes
            .iter()
            .map(|route| RouteText(route).to_string())
            .collect(),
        rules: instance
            .rules
            .iter()
            .map(|rule| RuleText(rule).to_string())
            .collect(),
        instance: instance.clone(),
    });
    let kept = Model {
        global: model.global.clone(),
        sync_groups: model.sync_groups.clone(),
        instances: model.instances.clone(),
        scripts: model.scripts.clone(),
        track_files: model.track_files.clone(),
        track_processes: model.track_processes.clone(),
        bfd_instances: model.bfd_instances.clone(),
        interface_delays: model.interface_delays.clone(),
        statics: model.statics.clone(),
        ..Model::default()
    };
    Dumps {
        instances: instances.collect(),
        model: Box::new(kept),
        json_version: files.json_version,
        state_file: files.state_dump_file.as_ref().map(PathBuf::from),
        use_instance: files.data_use_instance,
    }
}

impl Dumps {
    /// Where the data of a part go: `part` is empty for VRRP, else `_check`, `_bfd`, `_parent`; `home` is what tells
    /// daemons apart, as `_NAMESPACE_INSTANCE`.
    ///
    /// keepalived behaviour: both go before the last dot of the name.
    #[must_use]
    pub fn data_file(&self, part: &str, home: &str) -> PathBuf {
        let usual = || crate::status::dump::folder().join("keepalived.data");
        let path = self.state_file.clone().map_or_else(usual, |path| {
            if path.is_absolute() {
                path
            } else {
                crate::status::dump::folder().join(path)
            }
        });
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) => (stem, format!(".{ending}")),
            None => (name.as_str(), String::new()),
        };
        let of_home = match (self.use_instance, home.strip_prefix('_')) {
            (true, Some(home)) => format!(".{home}"),
            _ => String::new(),
        };
        path.with_file_name(format!("{stem}{part}{of_home}{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_part_and_the_daemon() {
        let mut dumps = Dumps {
            state_file: Some("/run/state/lb.data".into()),
            ..Dumps::default()
        };
        let shown = |dumps: &Dumps, part| dumps.data_file(part, "_ns_one").display().to_string();
        assert_eq!(shown(&dumps, ""), "/run/state/lb.data");
        assert_eq!(shown(&dumps, "_check"), "/run/state/lb_check.data");
        dumps.use_instance = true;
        assert_eq!(shown(&dumps, "_check"), "/run/state/lb_check.ns_one.data");
        dumps.state_file = Some("/run/dump".into());
        assert_eq!(shown(&dumps, ""), "/run/dump.ns_one");
    }
}
