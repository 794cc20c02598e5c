//! `------< VRRP Topology >------`: each instance, as configured and as it stands.

use keepalived_conf::{
    Authentication, Device, InitialState, NotifyDeleted, TrackEntry, TrackKind, Transport,
    UnicastChecksum, VirtualAddress, VrrpInstance,
};
use vrrp::{InstanceView, Standing, StateView};

use super::{Page, Seen, routing, script, switch};
use crate::kernel::Link;
use crate::status::scripts;

/// With the counters of what stops it; nothing of an instance that does not run.
pub(super) fn put(page: &mut Page, one: &VrrpInstance, seen: &Seen<'_>) {
    let of_it = |view: &&InstanceView| *view.name == *one.name;
    let Some(view) = seen.instances.iter().find(of_it) else {
        return;
    };
    let link = seen.links.iter().find(|link| link.index == view.interface);
    page.item(" VRRP Instance", &one.name);
    page.item("   VRRP Version", one.version);
    if matches!(one.family, keepalived_conf::Family::Inet6) {
        page.line("   Using Native IPv6");
    }
    page.maybe("   Sync group", view.group.as_deref());
    standing(page, one, view, seen, link);
    device(page, one, seen, link);
    transport(page, one, link);
    announcing(page, one);
    competing(page, one, view);
    addresses(page, one, view, link);
    if let Transport::Unicast(unicast) = &one.transport {
        page.item("   Unicast TTL", unicast.ttl.unwrap_or(255));
        let checks = if unicast.check_source { "yes" } else { "no" };
        page.line(format_args!("   Check unicast src : {checks}"));
        page.line("   Unicast Peer :");
        for peer in &unicast.peers {
            page.line(format_args!(
                "     {} min_ttl {} max_ttl {}",
                peer.address, peer.min_ttl, peer.max_ttl
            ));
        }
        let checksum = match unicast.checksum {
            UnicastChecksum::Detect => "no",
            UnicastChecksum::Old => "yes",
            UnicastChecksum::New => "never",
        };
        page.item("   Unicast checksum compatibility", checksum);
    }
    routing::routes(page, "   Virtual Routes :", &one.routes);
    routing::rules(page, "   Virtual Rules :", &one.rules);
    tracked(page, &one.tracked);
    told(page, one);
}

/// The state, and what leads away from it.
fn standing(
    page: &mut Page,
    one: &VrrpInstance,
    view: &InstanceView,
    seen: &Seen<'_>,
    link: Option<&Link>,
) {
    page.item("   State", state(view.state));
    match &one.transport {
        Transport::Unicast(_) => {
            page.line("   Flags:");
            page.line("     Using unicast");
        }
        Transport::Multicast(_) => page.line("   Flags: none"),
    }
    if view.state == StateView::Backup
        && let Some(master) = view.master
    {
        page.item("   Master router", master);
        page.item("   Master priority", view.master_priority);
    }
    let wanted = match (view.state, one.state) {
        (StateView::Fault, _) => "FAULT",
        (StateView::Master, _) | (_, InitialState::Master) => "MASTER",
        (StateView::Backup | StateView::Init, InitialState::Backup) => "BACKUP",
    };
    page.item("   Wantstate", wanted);
    let decides = |entry: &&TrackEntry| entry.weight.points == 0;
    let stands = |entry: &TrackEntry| seen.standing(entry.kind, &entry.name);
    let down = one.tracked.iter().filter(decides);
    let down = down.filter(|entry| matches!(stands(entry), Some(Standing::Down)));
    let link_down = !one.dont_track_primary && link.is_some_and(|link| !link.up);
    let faults = down.count() + usize::from(link_down);
    page.item("   Number of interface and track script faults", faults);
    let scripts = one.tracked.iter().filter(decides);
    let scripts = scripts.filter(|entry| entry.kind == TrackKind::Script);
    let unknown = scripts.filter(|entry| matches!(stands(entry), None | Some(Standing::Unknown)));
    page.item("   Number of track scripts init", unknown.count());
    page.item("   Last transition", seen.moment(view.last_transition));
    let deadline = view.deadline.map(|at| seen.moment(at));
    page.item("   Read timeout", deadline.as_deref().unwrap_or("DISABLED"));
    let down = view.master_down.get();
    page.line(format_args!("   Master down timer = {down} usecs"));
}

/// As keepalived's logs and dumps have it.
pub(super) fn state(state: StateView) -> &'static str {
    match state {
        StateView::Init => "INIT",
        StateView::Backup => "BACKUP",
        StateView::Master => "MASTER",
        StateView::Fault => "FAULT",
    }
}

/// The link that it speaks through.
fn device(page: &mut Page, one: &VrrpInstance, seen: &Seen<'_>, link: Option<&Link>) {
    let base = one.interface.as_deref();
    let named = link.map(|link| link.name.as_str()).or(base);
    let below = link.and_then(|link| link.base);
    let below = seen.links.iter().find(|link| Some(link.index) == below);
    let up = link.is_some_and(|link| link.up);
    match (&one.device, named) {
        (Device::Vmac(vmac), Some(name)) => {
            // With adverts through the interface below, that is the link of the view.
            let base_name = below.map(|link| link.name.as_str()).or(base);
            page.line(format_args!(
                "   Use VMAC, i/f name {name}, is_up = {up}, xmit_base = {}",
                vmac.transmit_base
            ));
            let through = if vmac.transmit_base {
                ", xmit base i/f"
            } else {
                ""
            };
            page.line(format_args!(
                "   Interface = {name}, vmac on {}{through}",
                base_name.unwrap_or("none")
            ));
        }
        (Device::Ipvlan(_), Some(name)) => {
            page.line(format_args!("   Use IPVLAN, i/f name {name}, is_up = {up}"));
            let base_name = below.map(|link| link.name.as_str()).or(base);
            page.line(format_args!(
                "   Interface = {name}, ipvlan on {}",
                base_name.unwrap_or("none")
            ));
        }
        (Device::Interface | Device::Vmac(_) | Device::Ipvlan(_), name) => {
            page.maybe("   Interface", name);
        }
    }
    if one.dont_track_primary {
        page.line("   VRRP interface tracking disabled");
    }
    if one.skip_check_adv_addr {
        page.line("   Skip checking advert IP addresses");
    }
    if one.strict {
        page.line("   Enforcing strict VRRP compliance");
    }
}

/// From where adverts come and whom they go to.
fn transport(page: &mut Page, one: &VrrpInstance, link: Option<&Link>) {
    let of_family = |address: &std::net::IpAddr| match one.family {
        keepalived_conf::Family::Inet => address.is_ipv4(),
        keepalived_conf::Family::Inet6 => {
            matches!(address, std::net::IpAddr::V6(six) if six.is_unicast_link_local())
        }
    };
    match one.source {
        Some(source) => page.line(format_args!(
            "   Using src_ip = {source} (from configuration)"
        )),
        None => {
            let own = link.iter().flat_map(|link| &link.addresses);
            let source = own.map(|(address, _)| *address).find(of_family);
            page.maybe("   Using src_ip", source);
        }
    }
    if let Transport::Multicast(group) = &one.transport {
        match (group, link) {
            (std::net::IpAddr::V6(_), Some(link)) => page.line(format_args!(
                "   Multicast address {group}, ifindex {}",
                link.index
            )),
            _ => page.line(format_args!("   Multicast address {group}")),
        }
    }
}

fn announcing(page: &mut Page, one: &VrrpInstance) {
    let garp = &one.garp;
    page.item("   Gratuitous ARP delay", garp.delay.as_secs());
    page.item("   Gratuitous ARP repeat", garp.repeat);
    page.item("   Gratuitous ARP refresh", garp.refresh.as_secs());
    page.item("   Gratuitous ARP refresh repeat", garp.refresh_repeat);
    let delay = garp.lower_prio_delay.as_secs();
    page.item("   Gratuitous ARP lower priority delay", delay);
    let repeat = garp.lower_prio_repeat;
    page.item("   Gratuitous ARP lower priority repeat", repeat);
    page.item("   Down timer adverts", one.down_timer_adverts);
    page.item(
        "   Send advert after receive lower priority advert",
        !one.lower_prio_no_advert,
    );
    page.item(
        "   Send advert after receive higher priority advert",
        one.higher_prio_send_advert,
    );
}

fn competing(page: &mut Page, one: &VrrpInstance, view: &InstanceView) {
    page.item("   Virtual Router ID", one.vrid);
    page.item("   Priority", one.priority);
    page.item("   Effective priority", view.effective_priority);
    let centis = one.advert_interval.0;
    page.item(
        "   Advert interval",
        match one.version {
            2 => format!("{} sec", centis / 100),
            _ => format!("{} milli-sec", u64::from(centis) * 10),
        },
    );
    page.item("   Accept", switch(one.accept));
    page.item("   Preempt", switch(!one.nopreempt));
    if !one.preempt_delay.is_zero() {
        let seconds = one.preempt_delay.as_secs_f64();
        page.line(format_args!("   Preempt delay = {seconds} secs"));
    }
    page.item("   Promote_secondaries", switch(one.promote_secondaries));
    let authentication = match &one.auth {
        Authentication::None if one.version == 2 => Some("none"),
        Authentication::None => None,
        Authentication::Simple(_) => Some("SIMPLE_PASSWORD"),
        Authentication::Ah(_) => Some("IPSEC_AH"),
        Authentication::Hmac(_) => Some("HMAC"),
    };
    page.maybe("   Authentication type", authentication);
    if matches!(&one.auth, Authentication::Simple(_)) {
        page.item("   Password", "***");
    }
    if one.debug > 0 {
        page.item("   Debug level", one.debug);
    }
}

fn addresses(page: &mut Page, one: &VrrpInstance, view: &InstanceView, link: Option<&Link>) {
    let usual = link.map_or(one.interface.as_deref(), |link| Some(link.name.as_str()));
    let usual = usual.unwrap_or("none");
    let set = view.state == StateView::Master;
    let count = one.addresses.len();
    page.line(format_args!("   Virtual IP ({count}):"));
    for address in &one.addresses {
        page.line(format_args!("     {}", self::address(address, usual, set)));
    }
    if !one.excluded_addresses.is_empty() {
        page.line("   Virtual IP Excluded :");
    }
    for address in &one.excluded_addresses {
        page.line(format_args!("     {}", self::address(address, usual, set)));
    }
}

/// `10.99.0.2/24 brd 10.99.0.255 dev v0 scope global label v0:x set`; `usual` is the interface where it names none.
pub(super) fn address(address: &VirtualAddress, usual: &str, set: bool) -> String {
    let whole = if address.address.is_ipv4() { 32 } else { 128 };
    let mut text = address.address.to_string();
    if address.prefix_len != whole {
        text.push_str(&format!("/{}", address.prefix_len));
    }
    if let Some(peer) = address.options.peer {
        text.push_str(&format!(" peer {peer}"));
    }
    if let Some(broadcast) = address.broadcast {
        text.push_str(&format!(" brd {broadcast}"));
    }
    let device = address.device.as_deref().unwrap_or(usual);
    let scope = match address.scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    };
    text.push_str(&format!(" dev {device} scope {scope}"));
    if let Some(label) = &address.label {
        text.push_str(&format!(" label {label}"));
    }
    if address.options.no_track {
        text.push_str(" no_track");
    }
    if address.address.is_ipv6() {
        text.push_str(&match address.options.preferred {
            keepalived_conf::Lifetime::Forever => " preferred_lft forever".to_owned(),
            keepalived_conf::Lifetime::For(span) if span.is_zero() => " deprecated".to_owned(),
            keepalived_conf::Lifetime::For(span) => {
                format!(" preferred_lft {}", span.as_secs())
            }
        });
    }
    if set {
        text.push_str(" set");
    }
    text
}

/// What it, or a group, depends on: kind by kind.
pub(super) fn tracked(page: &mut Page, entries: &[TrackEntry]) {
    for (kind, heading, colon) in [
        (TrackKind::Interface, "   Tracked interfaces :", ""),
        (TrackKind::Script, "   Tracked scripts :", ""),
        (TrackKind::File, "   Tracked files :", ","),
        (TrackKind::Process, "   Tracked processes :", ","),
        (TrackKind::Bfd, "   Tracked BFDs :", ":"),
    ] {
        let mut of_kind = entries.iter().filter(|entry| entry.kind == kind).peekable();
        if of_kind.peek().is_some() {
            page.line(heading);
        }
        for entry in of_kind {
            let reverse = if entry.weight.reverse { " reverse" } else { "" };
            page.line(format_args!(
                "     {}{colon} weight {}{reverse}",
                entry.name, entry.weight.points
            ));
        }
    }
}

/// Who hears of its changes.
fn told(page: &mut Page, one: &VrrpInstance) {
    let notify = &one.notify;
    let mails = if notify.smtp_alert { "yes" } else { "no" };
    page.item("   Using smtp notification", mails);
    let word = match &one.notify_deleted {
        NotifyDeleted::AsFault => "Fault",
        NotifyDeleted::Deleted | NotifyDeleted::Script(_) => "Deleted",
    };
    page.item("   Notify deleted", word);
    for told in scripts::of(one) {
        let run = told.script.map(script);
        page.maybe(&format!("   {} transition script", told.label), run);
    }
    page.item("   Notify priority changes", notify.priority_changes);
}
