//! `keepalived.data`, `keepalived_bfd.data` and `keepalived_parent.data` (SIGUSR1): all that VRRP and BFD were told and how they stand,
//! in keepalived's words.
//!
//! What this is: text, made of values. It must not know how any of it is found out. What keepalived shows of its own
//! insides (file descriptors, pools of sockets, the sysctls it remembers) has no counterpart here and is left out; passwords
//! are `***`. Enter at [`vrrp`], [`bfd`](fn@bfd) and [`parent`]. Tests: beside each part; story `dumps/data` holds it beside keepalived's.

mod global;
mod instance;
mod links;
mod routing;
mod tracked;

use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

use bfd::SessionView;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use keepalived_conf::{Model, TrackKind};
use vrrp::{InstanceView, Standing, Time};

use super::sessions;
use crate::kernel::Link;

/// What the dump is made of, besides the configuration.
pub struct Seen<'a> {
    /// The instances.
    pub instances: &'a [InstanceView],
    /// What is tracked, as far as something is known of it.
    pub standings: &'a [(TrackKind, String, Standing)],
    /// The links of this host.
    pub links: &'a [Link],
    /// The failover thread's time.
    pub now: Time,
    /// The same moment, since 1970.
    pub wall: Duration,
    /// Where people's times come from.
    pub zone: TimeZone,
}

impl Seen<'_> {
    fn standing(&self, kind: TrackKind, name: &str) -> Option<Standing> {
        let of_it = |one: &&(TrackKind, String, Standing)| one.0 == kind && one.1 == name;
        self.standings.iter().find(of_it).map(|one| one.2)
    }

    /// `1795864563.084299 (Sat Nov 28 11:16:03.084299 2026)`.
    fn moment(&self, at: Time) -> String {
        let (now, at) = (self.now.get(), at.get());
        let wall = match at.checked_sub(now) {
            Some(ahead) => self.wall.saturating_add(Duration::from_micros(ahead)),
            None => self
                .wall
                .saturating_sub(Duration::from_micros(now.saturating_sub(at))),
        };
        let shown = i64::try_from(wall.as_micros()).ok();
        let shown = shown.and_then(|at| Timestamp::from_microsecond(at).ok());
        let shown = shown.map(|at| {
            let at = at.to_zoned(self.zone.clone());
            at.strftime("%a %b %e %H:%M:%S.%6f %Y").to_string()
        });
        format!(
            "{}.{:06} ({})",
            wall.as_secs(),
            wall.subsec_micros(),
            shown.unwrap_or_default()
        )
    }
}

/// `keepalived.data`.
#[must_use]
pub fn vrrp(model: &Model, host: &str, seen: &Seen<'_>) -> String {
    let links = without_virtual(model, seen.links);
    let seen = &Seen {
        links: &links,
        zone: seen.zone.clone(),
        ..*seen
    };
    let mut page = Page::default();
    global::put(&mut page, &model.global, host);
    routing::statics(&mut page, &model.statics);
    page.heading("VRRP Topology");
    for one in &model.instances {
        instance::put(&mut page, one, seen);
    }
    tracked::put(&mut page, model, seen);
    links::put(&mut page, model, seen);
    page.0
}

/// `keepalived_bfd.data`.
#[must_use]
pub fn bfd(model: &Model, host: &str, sessions: &[SessionView]) -> String {
    let mut page = Page::default();
    global::put(&mut page, &model.global, host);
    page.0
        .push_str(&sessions::text(&model.bfd_instances, sessions));
    page.0
}

/// Links with the host's own addresses alone.
fn without_virtual(model: &Model, links: &[Link]) -> Vec<Link> {
    let instances = model.instances.iter();
    let addresses = instances.flat_map(|one| one.addresses.iter().chain(&one.excluded_addresses));
    let addresses: HashSet<_> = addresses.map(|one| one.address).collect();
    let mut links = links.to_vec();
    for link in &mut links {
        link.addresses
            .retain(|(address, _)| !addresses.contains(address));
    }
    links
}

/// `keepalived_parent.data`; `scheduled` is when the next reload is, where one is appointed.
#[must_use]
pub fn parent(model: &Model, host: &str, scheduled: Option<&str>) -> String {
    let mut page = Page::default();
    global::put(&mut page, &model.global, host);
    if model.global.reload.time_file.is_some() {
        match scheduled {
            Some(at) => page.line(format_args!(" Reload scheduled for {at}")),
            None => page.line(" No reload scheduled"),
        }
    }
    page.0
}

/// The lines of a dump.
#[derive(Default)]
struct Page(String);

impl Page {
    fn heading(&mut self, name: &str) {
        self.line(format_args!("------< {name} >------"));
    }

    fn line(&mut self, text: impl Display) {
        self.0.push_str(&text.to_string());
        self.0.push('\n');
    }

    fn item(&mut self, label: &str, value: impl Display) {
        self.line(format_args!("{label} = {value}"));
    }

    fn maybe(&mut self, label: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.item(label, value);
        }
    }
}

fn switch(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

/// A script with whom it runs as.
fn script(script: &keepalived_conf::Script) -> String {
    let user = script
        .user
        .as_ref()
        .map_or((0, 0), |user| (user.uid, user.gid));
    format!("{}, uid:gid {}:{}", command(script), user.0, user.1)
}

/// `'/bin/script' 'argument'`.
fn command(script: &keepalived_conf::Script) -> String {
    let words = script.argv.iter().map(|word| format!("'{word}'"));
    words.collect::<Vec<_>>().join(" ")
}
