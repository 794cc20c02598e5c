//! Sync groups, and what instances and groups depend on.

use keepalived_conf::{Model, SyncGroup, TrackKind};
use vrrp::{Standing, StateView};

use super::instance::{state, tracked};
use super::{Page, Seen, command, script};

pub(super) fn put(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    if !model.sync_groups.is_empty() {
        page.heading("VRRP Sync groups");
    }
    for group in &model.sync_groups {
        self::group(page, group, seen);
    }
    scripts(page, model, seen);
    files(page, model, seen);
    processes(page, model, seen);
    sessions(page, model, seen);
}

fn group(page: &mut Page, group: &SyncGroup, seen: &Seen<'_>) {
    let views = seen.instances.iter();
    let views = views.filter(|view| group.members.iter().any(|member| **member == *view.name));
    let states: Vec<StateView> = views.map(|view| view.state).collect();
    let number = |wanted: StateView| states.iter().filter(|state| **state == wanted).count();
    // The least able one's, while they change.
    let order = [
        StateView::Fault,
        StateView::Init,
        StateView::Backup,
        StateView::Master,
    ];
    let least = order.into_iter().find(|state| states.contains(state));
    let least = state(least.unwrap_or(StateView::Init));
    page.line(format_args!(" VRRP Sync Group = {}, {least}", group.name));
    page.line(format_args!(
        "   Num member fault {}, num member init {}",
        number(StateView::Fault),
        number(StateView::Init)
    ));
    page.line("   VRRP member instances :");
    for member in &group.members {
        page.line(format_args!("     {member}"));
    }
    let mails = if group.notify.smtp_alert { "yes" } else { "no" };
    page.item("   Using smtp notification", mails);
    tracked(page, &group.tracked);
    for (label, run) in [
        ("Backup", &group.notify.backup),
        ("Master", &group.notify.master),
        ("Fault", &group.notify.fault),
        ("Stop", &group.notify.stop),
        ("Generic", &group.notify.any),
    ] {
        let run = run.as_deref().map(script);
        page.maybe(&format!("   {label} state transition script"), run);
    }
}

/// The instances that depend on something, each with its weight.
pub(super) fn trackers(page: &mut Page, heading: &str, model: &Model, kind: TrackKind, name: &str) {
    let mut found = model.instances.iter().flat_map(|instance| {
        let tracked = instance.tracked.iter();
        let of_it = tracked.filter(move |entry| entry.kind == kind && entry.name == name);
        of_it.map(|entry| (&instance.name, entry.weight.points))
    });
    let mut first = true;
    for (instance, weight) in &mut found {
        if std::mem::take(&mut first) {
            page.line(heading);
        }
        page.line(format_args!("     {instance}, weight {weight}"));
    }
}

const TRACKING: &str = "   Tracking instances :";

fn scripts(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    if !model.scripts.is_empty() {
        page.heading("VRRP Scripts");
    }
    for one in &model.scripts {
        page.item(" VRRP Script", &one.name);
        page.item("   Command", command(&one.script));
        let seconds = |span: std::time::Duration| format!("{} sec", span.as_secs_f64());
        page.item("   Interval", seconds(one.interval));
        page.item("   Timeout", seconds(one.timeout));
        page.item("   Weight", one.weight.points);
        page.item("   Rise", one.rise);
        page.item("   Fall", one.fall);
        page.item(
            "   Status",
            match seen.standing(TrackKind::Script, &one.name) {
                None | Some(Standing::Unknown) => "INIT",
                Some(Standing::Up) => "GOOD",
                Some(Standing::Down | Standing::Number(_)) => "BAD",
            },
        );
        let user = one.script.user.as_ref();
        let user = user.map_or((0, 0), |user| (user.uid, user.gid));
        page.line(format_args!("   Script uid:gid = {}:{}", user.0, user.1));
        trackers(page, TRACKING, model, TrackKind::Script, &one.name);
    }
}

fn files(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    if !model.track_files.is_empty() {
        page.heading("VRRP Track files");
    }
    for one in &model.track_files {
        page.item(" Track file", &one.name);
        page.item("   File", &one.path);
        if let Some(Standing::Number(number)) = seen.standing(TrackKind::File, &one.name) {
            page.item("   Status", number);
        }
        page.item("   Weight", one.weight.points);
        trackers(page, TRACKING, model, TrackKind::File, &one.name);
    }
}

fn processes(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    if !model.track_processes.is_empty() {
        page.heading("VRRP Track processes");
    }
    for one in &model.track_processes {
        page.item(" VRRP Track process", &one.name);
        let (program, parameters) = one
            .argv
            .split_first()
            .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        page.item("   Process", program);
        if !parameters.is_empty() {
            page.item("   Parameters", parameters.join(" "));
        }
        page.item("   Min processes", one.quorum);
        page.maybe("   Max processes", one.quorum_max);
        let standing = seen.standing(TrackKind::Process, &one.name);
        page.item("   Have quorum", standing == Some(Standing::Up));
        page.item("   Weight", one.weight.points);
        let seconds = |span: std::time::Duration| format!("{:.6}s", span.as_secs_f64());
        page.item("   Terminate delay", seconds(one.terminate_delay));
        page.item("   Fork delay", seconds(one.fork_delay));
        page.item("   Full command", one.full_command);
        trackers(page, TRACKING, model, TrackKind::Process, &one.name);
    }
}

fn sessions(page: &mut Page, model: &Model, seen: &Seen<'_>) {
    let mut of_vrrp = model.bfd_instances.iter().filter(|one| one.vrrp).peekable();
    if of_vrrp.peek().is_some() {
        page.heading("VRRP Track BFDs");
    }
    for one in of_vrrp {
        page.item(" VRRP Track BFD", &one.name);
        page.item("   Weight", one.weight.points);
        let up = seen.standing(TrackKind::Bfd, &one.name) == Some(Standing::Up);
        page.line(format_args!("   Bfd is {}", if up { "up" } else { "down" }));
        trackers(page, TRACKING, model, TrackKind::Bfd, &one.name);
    }
}
