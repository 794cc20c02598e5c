//! Who is told of VRRP, and the FIFOs.

use std::path::PathBuf;

use keepalived_conf::{self as conf, Model, NotifyDeleted};
use vrrp::Name;

use super::script::Scripts;
use super::{About, LeftOut, Programs};
use crate::notify::audience::{Audience, Listeners};
use crate::notify::{Topic, WantedFifo};

/// Plans who is told; also answers which scripts had to be left out.
pub(super) fn plan(model: &Model, programs: &dyn Programs) -> (Audience, Vec<LeftOut>) {
    let scripts = Scripts::new(programs, model.global.enable_script_security);
    let mut texts = Vec::new();
    let mut audience = Audience {
        no_faults: !model.global.mail.faults,
        ..Audience::default()
    };
    for instance in &model.instances {
        let of = format!("of ({})", instance.name);
        let mut listeners = listeners(&instance.notify, &of, &scripts, &mut texts);
        let mut script = |script: &conf::Script, what: &str| {
            scripts.script(Some(script), &format!("{what} {of}"), &mut texts)
        };
        listeners.lower = instance
            .notify_master_rx_lower_pri
            .as_deref()
            .and_then(|lower| script(lower, "notify_master_rx_lower_pri"));
        listeners.deleted = match &instance.notify_deleted {
            NotifyDeleted::AsFault => None,
            NotifyDeleted::Deleted => Some(None),
            NotifyDeleted::Script(deleted) => Some(script(deleted, "notify_deleted")),
        };
        let name = Name::from(instance.name.as_str());
        audience.instances.insert(name, listeners);
    }
    for group in &model.sync_groups {
        let of = format!("of group {}", group.name);
        let listeners = listeners(&group.notify, &of, &scripts, &mut texts);
        let name = Name::from(group.name.as_str());
        audience.groups.insert(name, listeners);
    }
    (audience, left_out(texts))
}

fn left_out(texts: Vec<String>) -> Vec<LeftOut> {
    let left_out = |text| LeftOut {
        about: About::Vrrp,
        text,
    };
    texts.into_iter().map(left_out).collect()
}

fn listeners(
    notify: &conf::Notify,
    of: &str,
    scripts: &Scripts<'_>,
    left_out: &mut Vec<String>,
) -> Listeners {
    let mut script = |script: &Option<Box<conf::Script>>, what: &str| {
        scripts.script(script.as_deref(), &format!("{what} {of}"), left_out)
    };
    Listeners {
        master: script(&notify.master, "notify_master"),
        backup: script(&notify.backup, "notify_backup"),
        fault: script(&notify.fault, "notify_fault"),
        stop: script(&notify.stop, "notify_stop"),
        any: script(&notify.any, "notify"),
        priority_changes: notify.priority_changes,
        mail: notify.smtp_alert,
        ..Listeners::default()
    }
}

/// Plans the FIFOs of what runs.
///
/// keepalived behaviour: the process that a FIFO is about makes it, and there is none without anything to run.
pub(super) fn fifos(
    model: &Model,
    (vrrp, lvs): (bool, bool),
    programs: &dyn Programs,
) -> (Vec<WantedFifo>, Vec<LeftOut>) {
    let scripts = Scripts::new(programs, model.global.enable_script_security);
    let mut texts = Vec::new();
    let fifos = &model.global.fifos;
    let wanted = [
        (Topic::All, "notify_fifo", &fifos.all, vrrp || lvs),
        (Topic::Vrrp, "vrrp_notify_fifo", &fifos.vrrp, vrrp),
        (Topic::Lvs, "lvs_notify_fifo", &fifos.lvs, lvs),
    ];
    let wanted = wanted
        .into_iter()
        .filter(|(.., runs)| *runs)
        .filter_map(|(about, word, fifo, _)| {
            let script = fifo.script.as_deref();
            Some(WantedFifo {
                about,
                path: PathBuf::from(fifo.path.as_ref()?),
                owner: fifo.owner.as_ref().map(|owner| (owner.uid, owner.gid)),
                script: scripts.script(script, &format!("{word}_script"), &mut texts),
            })
        })
        .collect();
    (wanted, left_out(texts))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{INSTANCE, planned};

    fn with(globals: &str, lines: &str) -> super::super::Plan {
        let text = INSTANCE.replace("priority 100", &format!("priority 100\n{lines}"));
        planned(Box::leak(
            format!("global_defs {{\nscript_user root\n{globals}\n}}\n{text}").into(),
        ))
    }

    #[test]
    fn scripts_of_an_instance_are_planned() {
        let plan = with(
            "vrrp_notify_priority_changes",
            "notify_master \"/bin/check a 'b c'\"\nnotify /bin/check root\nnotify_deleted\n",
        );
        let listeners = &plan.audience.instances["VI_1"];
        let argv = |script: &Option<std::sync::Arc<crate::notify::Script>>| {
            script.as_ref().map(|script| script.argv.join("|"))
        };
        assert_eq!(argv(&listeners.master).as_deref(), Some("/bin/check|a|b c"));
        assert_eq!(argv(&listeners.any).as_deref(), Some("/bin/check"));
        assert_eq!(listeners.deleted, Some(None));
        assert!(listeners.priority_changes);
    }

    #[test]
    fn an_unsafe_one_is_left_out_where_security_is_on() {
        let plan = with("enable_script_security", "notify_master /tmp/check\n");
        assert_eq!(plan.audience.instances["VI_1"].master, None);
        let texts: Vec<_> = plan.left_out.iter().map(|one| &*one.text).collect();
        assert_eq!(
            texts,
            [
                "notify_master of (VI_1) left out, so nobody is told by it: Unsafe permissions found for script \
                 '/tmp/check' - disabling: /tmp/check has mode 0777"
            ]
        );
    }

    #[test]
    fn a_fifo_is_there_for_what_runs() {
        let globals = "notify_fifo /run/all\nvrrp_notify_fifo /run/vrrp root\nlvs_notify_fifo /run/lvs\n\
                       notify_fifo_script /bin/check\n";
        let plan = with(globals, "");
        let paths: Vec<_> = plan
            .fifos
            .iter()
            .map(|fifo| fifo.path.display().to_string())
            .collect();
        assert_eq!(paths, ["/run/all", "/run/vrrp"]);
        assert_eq!(plan.fifos[1].owner, Some((0, 0)));
        assert!(plan.fifos[0].script.is_some());
    }
}
