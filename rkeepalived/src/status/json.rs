//! `keepalived.json` (SIGRTMIN+2): instances in keepalived's form, versions 1 and 2, for the exporters that read it.
//!
//! keepalived behaviour: one line, keys in this order, `/` as `\/`. Passwords are `********`; routes and rules are in the words of
//! `ip`, which keepalived adds its own to.

use std::fmt::Write;
use std::time::Duration;

use keepalived_conf::{
    Authentication, InitialState, Lifetime, NotifyDeleted, Script, TrackKind, VirtualAddress,
    VrrpInstance,
};
use vrrp::{InstanceView, RejectKind, StateView};

use super::scripts;

/// What an instance is, beside how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// As configured.
    pub instance: VrrpInstance,
    /// The commands of the scripts that it tracks, in order.
    pub scripts: Vec<String>,
    /// `virtual_routes`, in the words of `ip route`.
    pub routes: Vec<String>,
    /// `virtual_rules`, in the words of `ip rule`.
    pub rules: Vec<String>,
}

/// The dump: `since` is when each view's last transition was, since 1970.
#[must_use]
pub fn text(
    described: &[Described],
    views: &[InstanceView],
    since: impl Fn(&InstanceView) -> Duration,
    version: u8,
) -> String {
    let mut instances = Vec::new();
    for view in views {
        let of_it = |one: &&Described| *one.instance.name == *view.name;
        if let Some(described) = described.iter().find(of_it) {
            let data = data(described, view, since(view));
            instances.push(format!("{{\"data\":{data},\"stats\":{}}}", stats(view)));
        }
    }
    let list = format!("[{}]", instances.join(","));
    match version {
        2 => format!("{{\"vrrp\":{list},\"track_process\":[]}}\n"),
        _ => format!("{list}\n"),
    }
}

/// An object, in the order of what is put into it.
#[derive(Default)]
struct Object(String);

impl Object {
    fn put(&mut self, key: &str, value: impl std::fmt::Display) {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{comma}\"{key}\":{value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, quoted(value));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            self.put(key, format!("[{}]", values.join(",")));
        }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('/', "\\/")
}

pub(super) fn command(script: &Script) -> String {
    let words: Vec<_> = script.argv.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
}

/// An address as keepalived shows it.
pub(super) fn address(address: &VirtualAddress, interface: &str, set: bool) -> String {
    let whole = if address.address.is_ipv4() { 32 } else { 128 };
    let prefix = match address.prefix_len {
        length if length == whole => String::new(),
        length => format!("/{length}"),
    };
    let device = address.device.as_deref().unwrap_or(interface);
    let scope = match address.scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    };
    let label = address.label.as_ref();
    let label = label.map_or(String::new(), |label| format!(" label {label}"));
    let set = if set { " set" } else { "" };
    let preferred = match (address.address.is_ipv6(), address.options.preferred) {
        (false, _) => String::new(),
        (true, Lifetime::Forever) => " preferred_lft forever".to_owned(),
        (true, Lifetime::For(span)) if span.is_zero() => " deprecated".to_owned(),
        (true, Lifetime::For(span)) => format!(" preferred_lft {}", span.as_secs()),
    };
    format!(
        "{}{prefix} dev {device} scope {scope}{label}{preferred}{set}",
        address.address
    )
}

fn data(described: &Described, view: &InstanceView, since: Duration) -> String {
    let instance = &described.instance;
    let interface = instance.interface.as_deref().unwrap_or_default();
    let master = view.state == StateView::Master;
    let mut data = Object::default();
    data.text("iname", &instance.name);
    data.put("dont_track_primary", u8::from(instance.dont_track_primary));
    data.put(
        "skip_check_adv_addr",
        u8::from(instance.skip_check_adv_addr),
    );
    data.put("strict_mode", u8::from(instance.strict));
    data.text("vmac_ifname", "");
    data.text("ifp_ifname", interface);
    data.put("master_priority", view.master_priority);
    data.put(
        "last_transition",
        format!("{}.{:06}", since.as_secs(), since.subsec_micros()),
    );
    let garp = &instance.garp;
    data.put("garp_delay", garp.delay.as_secs());
    data.put("garp_refresh", garp.refresh.as_secs());
    data.put("garp_rep", garp.repeat);
    data.put("garp_refresh_rep", garp.refresh_repeat);
    data.put("garp_lower_prio_delay", garp.lower_prio_delay.as_secs());
    data.put("garp_lower_prio_rep", garp.lower_prio_repeat);
    data.put(
        "lower_prio_no_advert",
        u8::from(instance.lower_prio_no_advert),
    );
    data.put(
        "higher_prio_send_advert",
        u8::from(instance.higher_prio_send_advert),
    );
    data.put("vrid", instance.vrid);
    data.put("base_priority", instance.priority);
    data.put("effective_priority", view.effective_priority);
    data.put("vipset", master);
    data.put("promote_secondaries", instance.promote_secondaries);
    let interval = f64::from(instance.advert_interval.0) / 100.0;
    data.put("adver_int", interval);
    data.put("master_adver_int", interval);
    data.put("accept", u8::from(instance.accept));
    data.put("nopreempt", instance.nopreempt);
    data.put("preempt_delay", instance.preempt_delay.as_secs());
    let state = match view.state {
        StateView::Init => 0,
        StateView::Backup => 1,
        StateView::Master => 2,
        StateView::Fault => 3,
    };
    data.put("state", state);
    let wants_master = instance.state == InitialState::Master || master;
    data.put("wantstate", if wants_master { 2 } else { 1 });
    data.put("version", instance.version);
    let notify = &instance.notify;
    data.put("smtp_alert", notify.smtp_alert);
    data.put(
        "notify_deleted",
        instance.notify_deleted != NotifyDeleted::AsFault,
    );
    for told in scripts::of(instance) {
        if let Some(script) = told.script {
            data.text(told.key, &command(script));
        }
    }
    let shown = |addresses: &[VirtualAddress]| -> Vec<String> {
        let addresses = addresses.iter();
        addresses
            .map(|one| address(one, interface, master))
            .collect()
    };
    data.list("vips", &shown(&instance.addresses));
    data.list("evips", &shown(&instance.excluded_addresses));
    data.list("vroutes", &described.routes);
    data.list("vrules", &described.rules);
    let interfaces = instance.tracked.iter();
    let interfaces = interfaces.filter(|entry| entry.kind == TrackKind::Interface);
    let interfaces: Vec<_> = interfaces.map(|entry| entry.name.clone()).collect();
    data.list("track_ifp", &interfaces);
    data.list("track_script", &described.scripts);
    let auth_type = match &instance.auth {
        Authentication::None | Authentication::Hmac(_) => 0,
        Authentication::Simple(_) => 1,
        Authentication::Ah(_) => 2,
    };
    data.put("auth_type", auth_type);
    if auth_type > 0 {
        data.text("auth_data", "********");
    }
    data.end()
}

fn stats(view: &InstanceView) -> String {
    let stats = &view.stats;
    let mut object = Object::default();
    let counters = [
        ("advert_rcvd", stats.adverts_received),
        ("advert_sent", stats.adverts_sent),
        ("become_master", stats.became_master),
        ("release_master", stats.released_master),
        ("packet_len_err", stats.length_errors()),
        ("advert_interval_err", stats.interval_errors()),
        ("ip_ttl_err", stats.ttl_errors()),
        ("invalid_type_rcvd", stats.type_errors()),
        ("addr_list_err", stats.address_list_errors),
        ("invalid_authtype", stats.auth_type_errors()),
        ("authtype_mismatch", stats.auth_mismatch_errors()),
        ("auth_failure", stats.auth_failures()),
        ("auth_ext_missing", stats.rejected(RejectKind::SealMissing)),
        (
            "auth_ext_malformed",
            stats.rejected(RejectKind::SealMalformed),
        ),
        ("auth_ext_unknown_key", stats.rejected(RejectKind::SealKey)),
        (
            "auth_ext_invalid_hmac",
            stats.rejected(RejectKind::SealInvalid),
        ),
        ("auth_ext_stale", stats.rejected(RejectKind::SealStale)),
        ("auth_ext_replay", stats.rejected(RejectKind::SealReplay)),
        ("pri_zero_rcvd", stats.priority_zero_received),
        ("pri_zero_sent", stats.priority_zero_sent),
    ];
    for (key, count) in counters {
        object.put(key, count);
    }
    object.end()
}

#[cfg(test)]
mod tests {
    use vrrp::{Config, Interface, Router, Time};

    use super::*;
    use crate::plan::tests::planned;

    // keepalived 2.2.7's own of this instance (as BACKUP), with 2.4's counters and its asterisks.
    #[test]
    fn an_instance_is_shown_as_keepalived_shows_it() {
        let plan = planned(
            "vrrp_instance C {\ninterface eth1\nvirtual_router_id 53\npriority 90\nadvert_int 1\n\
             authentication {\nauth_type PASS\nauth_pass foo\n}\n\
             virtual_ipaddress {\n10.9.0.102/24\n10.9.0.103 label eth1:1\n}\nnopreempt\nnotify \"/bin/check 'b c'\" root\n}\n",
        );
        let mut router = Router::new();
        let instances = plan.vrrp.instances.iter().map(|one| one.config.clone());
        let config = Config {
            instances: instances.collect(),
            ..Config::default()
        };
        let link = Interface {
            index: 0,
            up: true,
            source: Some([10, 9, 0, 1].into()),
            source6: None,
        };
        let _ = router.configure(Time::new(0), config, &[link]);
        let since = |_: &InstanceView| Duration::from_micros(1_795_855_614_449_480);
        let one = text(&plan.dumps.instances, &router.view(), since, 1);
        assert_eq!(
            one,
            r#"[{"data":{"iname":"C","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"eth1","master_priority":0,"last_transition":1795855614.449480,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":53,"base_priority":90,"effective_priority":90,"vipset":false,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":true,"preempt_delay":0,"state":1,"wantstate":1,"version":2,"smtp_alert":false,"notify_deleted":false,"script":"'\/bin\/check' 'b c'","vips":["10.9.0.102\/24 dev eth1 scope global","10.9.0.103 dev eth1 scope global label eth1:1"],"auth_type":1,"auth_data":"********"},"stats":{"advert_rcvd":0,"advert_sent":0,"become_master":0,"release_master":0,"packet_len_err":0,"advert_interval_err":0,"ip_ttl_err":0,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"authtype_mismatch":0,"auth_failure":0,"auth_ext_missing":0,"auth_ext_malformed":0,"auth_ext_unknown_key":0,"auth_ext_invalid_hmac":0,"auth_ext_stale":0,"auth_ext_replay":0,"pri_zero_rcvd":0,"pri_zero_sent":0}}]
"#
        );
        let two = text(&plan.dumps.instances, &router.view(), since, 2);
        let list = one.trim_end();
        assert_eq!(two, format!("{{\"vrrp\":{list},\"track_process\":[]}}\n"));
        let _: serde_json::Value = serde_json::from_str(&two).unwrap();
    }
}
