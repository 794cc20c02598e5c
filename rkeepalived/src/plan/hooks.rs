//! What runs before and after everything else, and how reloads are done.

use std::path::PathBuf;

use keepalived_conf::{Destination, Model};

use super::script::Scripts;
use super::{About, LeftOut, Programs};
use crate::notify::hook::Hook;

/// What surrounds a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `startup_script`.
    pub startup: Option<Hook>,
    /// `shutdown_script`.
    pub shutdown: Option<Hook>,
    /// `reload_check_config`: a file with any complaint is not taken; they are written there, if anywhere.
    pub check: Option<Option<PathBuf>>,
    /// `reload_file`: is there while a reload runs; the usual one where the path is none.
    pub marker: Option<Option<PathBuf>>,
    /// `reload_time_file`.
    pub appointment: Option<PathBuf>,
    /// `reload_repeat`.
    pub repeat: bool,
    /// `config_save_dir`.
    pub archive: Option<PathBuf>,
}

pub(super) fn plan(model: &Model, programs: &dyn Programs) -> (Hooks, Vec<LeftOut>) {
    let scripts = Scripts::new(programs, model.global.enable_script_security);
    let mut texts = Vec::new();
    let wanted = &model.global.hooks;
    let mut hook = |word, script: &Option<Box<keepalived_conf::Script>>, patience| {
        let script = scripts.script(script.as_deref(), word, &mut texts)?;
        Some(Hook {
            word,
            script,
            patience,
        })
    };
    let path = |destination: &Destination| match destination {
        Destination::Usual => None,
        Destination::File(path) => Some(PathBuf::from(path)),
    };
    let reload = &model.global.reload;
    let hooks = Hooks {
        startup: hook("startup_script", &wanted.startup, wanted.startup_timeout),
        shutdown: hook("shutdown_script", &wanted.shutdown, wanted.shutdown_timeout),
        check: reload.check.as_ref().map(path),
        marker: reload.marker.as_ref().map(path),
        appointment: reload.time_file.as_ref().map(PathBuf::from),
        repeat: reload.repeat,
        archive: model
            .global
            .files
            .config_save_dir
            .as_ref()
            .map(PathBuf::from),
    };
    let left_out = |text| LeftOut {
        about: About::Vrrp,
        text,
    };
    (hooks, texts.into_iter().map(left_out).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::planned;

    #[test]
    fn what_surrounds_a_run_is_planned() {
        let hooks = planned(
            "global_defs {\nscript_user root\nstartup_script \"/bin/check a\"\nstartup_script_timeout 3\n\
             shutdown_script /bin/check\nreload_check_config /run/log\nreload_file\n}\n",
        )
        .hooks;
        let startup = hooks.startup.unwrap();
        assert_eq!(startup.script.argv, ["/bin/check", "a"]);
        assert_eq!(startup.patience.as_secs(), 3);
        assert_eq!(hooks.shutdown.unwrap().patience.as_secs(), 10);
        assert_eq!(hooks.check, Some(Some("/run/log".into())));
        assert_eq!(hooks.marker, Some(None));
    }
}
