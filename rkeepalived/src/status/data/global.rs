//! `global_defs`, with the defaults of what it does not say.

use std::time::Duration;

use keepalived_conf::{
    AdvertBufferPolicy, AutoPriority, Destination, DynamicInterfaces, Fifo, FlushOnStop, Global,
    IpvsNamespace, MailHost, Scheduling,
};

use super::{Page, script};

/// keepalived's `vrrp_garp_master_delay` and `.._repeat`.
const GARP: u64 = 5;

pub(super) fn put(page: &mut Page, global: &Global, host: &str) {
    page.heading("Global definitions");
    page.maybe(" Config save dir", global.files.config_save_dir.as_deref());
    let home = &global.home;
    let namespace = home.net_namespace.as_deref().unwrap_or("(default)");
    page.item(" Network namespace", namespace);
    let ipvs = match &home.net_namespace_ipvs {
        None | Some(IpvsNamespace::Initial) => "(main namespace)",
        Some(IpvsNamespace::Named(name)) => name,
    };
    page.item(" Network namespace ipvs", ipvs);
    page.maybe(" Instance name", home.instance.as_deref());
    page.maybe(" Parent process name", global.process_name.as_deref());
    page.maybe(" VRRP process name", global.vrrp_process_name.as_deref());
    page.maybe(" LVS process name", global.checker_process_name.as_deref());
    page.maybe(" BFD process name", global.bfd_process_name.as_deref());
    page.item(" Router ID", global.router_id.as_deref().unwrap_or(host));
    mail(page, global, host);
    reload(page, global);
    let dynamic = global.interfaces.dynamic;
    page.item(" Dynamic interfaces", dynamic != DynamicInterfaces::No);
    if dynamic != DynamicInterfaces::No {
        let changing = dynamic == DynamicInterfaces::Changing;
        page.item(" Allow interface changes", changing);
    }
    if !global.mail.faults {
        page.item(" Send emails for fault transitions", "off");
    }
    let default = global.interfaces.default.as_deref().unwrap_or("eth0");
    page.item(" Default interface", default);
    lvs(page, global);
    fifo(page, "Global", &global.fifos.all);
    fifo(page, "VRRP", &global.fifos.vrrp);
    fifo(page, "LVS", &global.fifos.lvs);
    page.item(
        " FIFO write vrrp states on reload",
        global.fifos.states_on_reload,
    );
    page.item(
        " VRRP notify priority changes",
        global.fifos.priority_changes,
    );
    vrrp(page, global);
    processes(page, global);
    rest(page, global);
}

fn mail(page: &mut Page, global: &Global, host: &str) {
    let mail = &global.mail;
    if let Some(server) = &mail.server {
        match &server.host {
            MailHost::Address(address) => page.item(" Smtp server", address),
            MailHost::Name(name) => page.item(" Smtp server", name),
        }
        page.item(" Smtp server port", server.port);
    }
    if mail.server.is_some() {
        page.item(" Smtp HELO name", mail.helo.as_deref().unwrap_or(host));
        let seconds = mail.connect_timeout.as_secs();
        page.item(" Smtp server connection timeout", seconds);
        page.maybe(" Email notification from", mail.from.as_deref());
        page.line(" Email notification to:");
        for address in &mail.to {
            page.line(format_args!("   {address}"));
        }
    }
    let said = |alert: Option<bool>| match alert {
        None => "unset",
        Some(true) => "on",
        Some(false) => "off",
    };
    page.item(" Default smtp_alert", said(mail.alert));
    page.item(" Default smtp_alert_vrrp", said(mail.alert_vrrp));
    page.item(" Default smtp_alert_checker", said(mail.alert_checker));
    page.item(
        " Checkers log all failures",
        global.checker_log_all_failures,
    );
}

fn reload(page: &mut Page, global: &Global) {
    let reload = &global.reload;
    page.line(match &reload.check {
        None => " No test config before reload".to_owned(),
        Some(Destination::Usual) => " Test config before reload, log to /dev/null".to_owned(),
        Some(Destination::File(path)) => format!(" Test config before reload, log to {path}"),
    });
    if let Some(path) = &reload.time_file {
        let repeat = if reload.repeat { " (repeat)" } else { "" };
        page.item(" Reload time file", format_args!("{path}{repeat}"));
    }
    if let Some(Destination::File(path)) = &reload.marker {
        page.item(" Reload_file", path);
    }
    if global.files.data_use_instance {
        page.line(" Use instance name in data dumps");
    }
    let hooks = &global.hooks;
    for (word, hook, patience) in [
        ("Startup", &hooks.startup, hooks.startup_timeout),
        ("Shutdown", &hooks.shutdown, hooks.shutdown_timeout),
    ] {
        if let Some(hook) = hook {
            let seconds = patience.as_secs();
            page.line(format_args!(
                " {word} script = {}, timeout {seconds}",
                script(hook)
            ));
        }
    }
}

fn lvs(page: &mut Page, global: &Global) {
    let timeouts = &global.lvs_timeouts;
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
    page.maybe(" LVS TCP timeout", seconds(timeouts.tcp));
    page.maybe(" LVS TCP FIN timeout", seconds(timeouts.tcp_fin));
    page.maybe(" LVS UDP timeout", seconds(timeouts.udp));
    let igmp = global.interfaces.disable_local_igmp;
    page.item(" Disable local IGMP", if igmp { "yes" } else { "no" });
    if let Some(sync) = &global.lvs_sync_daemon {
        page.maybe(" LVS syncd vrrp name", sync.instance.as_deref());
        page.item(" LVS syncd interface", &sync.interface);
        page.maybe(" LVS syncd syncid", sync.id);
        page.maybe(" LVS syncd maxlen", sync.max_length);
        page.maybe(" LVS mcast group", sync.group);
        page.maybe(" LVS syncd mcast port", sync.port);
        page.maybe(" LVS syncd mcast ttl", sync.ttl);
    }
    page.item(" LVS flush", global.lvs_flush);
    page.item(
        " LVS flush on stop",
        match global.lvs_flush_on_stop {
            FlushOnStop::No => "disabled",
            FlushOnStop::Everything => "enabled",
            FlushOnStop::VirtualServers => "VS",
        },
    );
}

fn fifo(page: &mut Page, whose: &str, fifo: &Fifo) {
    if let Some(path) = &fifo.path {
        let owner = fifo
            .owner
            .as_ref()
            .map_or((0, 0), |user| (user.uid, user.gid));
        page.line(format_args!(
            " {whose} notify fifo = {path}, uid:gid {}:{}",
            owner.0, owner.1
        ));
    }
    let reader = fifo.script.as_deref().map(script);
    page.maybe(&format!(" {whose} notify fifo script"), reader);
}

fn vrrp(page: &mut Page, global: &Global) {
    page.item(" VRRP IPv4 mcast group", global.vrrp_mcast_group4);
    page.item(" VRRP IPv6 mcast group", global.vrrp_mcast_group6);
    let seconds = |span: Option<Duration>| span.map_or(GARP, |span| span.as_secs());
    let delay = seconds(global.vrrp_garp_master_delay);
    let repeat = global.vrrp_garp_master_repeat.map_or(GARP, u64::from);
    page.item(" Gratuitous ARP delay", delay);
    page.item(" Gratuitous ARP repeat", repeat);
    let refresh = global.vrrp_garp_master_refresh.as_secs();
    page.item(" Gratuitous ARP refresh timer", refresh);
    let again = global.vrrp_garp_master_refresh_repeat;
    page.item(" Gratuitous ARP refresh repeat", again);
    let lower = global.vrrp_garp_lower_prio_delay;
    let lower = lower.map_or(delay, |span| span.as_secs());
    page.item(" Gratuitous ARP lower priority delay", lower);
    let lower = global.vrrp_garp_lower_prio_repeat.map_or(repeat, u64::from);
    page.item(" Gratuitous ARP lower priority repeat", lower);
    page.item(" Num adverts before down", global.vrrp_down_timer_adverts);
    let extra = global.interfaces.garp_extra;
    let whose = match extra.is_some_and(|extra| extra.all) {
        true => "i/f",
        false => "VMAC",
    };
    let extra = extra.map_or(0, |extra| extra.interval.as_secs());
    page.line(format_args!(
        " Gratuitous ARP for each secondary {whose} = {extra}s"
    ));
    page.item(
        " Send advert after receive lower priority advert",
        !global.vrrp_lower_prio_no_advert,
    );
    page.item(
        " Send advert after receive higher priority advert",
        global.vrrp_higher_prio_send_advert,
    );
    let fraction = |span: Duration| format!("{}.{:06}", span.as_secs(), span.subsec_micros());
    let (garp, gna) = (global.vrrp_garp_interval, global.vrrp_gna_interval);
    page.item(" Gratuitous ARP interval", fraction(garp));
    page.item(" Gratuitous NA interval", fraction(gna));
    page.item(" VRRP default protocol version", global.vrrp_version);
    let firewall = &global.firewall;
    page.maybe(" nftables table name", firewall.table.as_deref());
    if firewall.table.is_some() {
        page.item(" nftables base chain priority", firewall.priority);
    }
    if firewall.by_index {
        page.line(" nftables force use ifindex for link local IPv6");
    }
    let counters = if firewall.counters { "with" } else { "without" };
    page.line(format_args!(" nftables {counters} counters"));
    page.item(" VRRP check unicast_src", global.vrrp_check_unicast_src);
    page.item(
        " VRRP skip check advert addresses",
        global.vrrp_skip_check_adv_addr,
    );
    page.item(" VRRP strict mode", global.vrrp_strict);
}

fn processes(page: &mut Page, global: &Global) {
    let schedules = &global.schedules;
    let highest = match schedules.raise {
        AutoPriority::UpTo(priority) => priority.get().to_string(),
        AutoPriority::Nothing => "-1".to_owned(),
        AutoPriority::Tell => "0".to_owned(),
    };
    page.item(" Max auto priority", highest);
    page.line(format_args!(
        " Min auto priority delay = {} usecs",
        schedules.raise_after.as_micros()
    ));
    scheduling(page, "VRRP", &schedules.vrrp);
    scheduling(page, "Checker", &schedules.checker);
    scheduling(page, "BFD", &schedules.bfd);
}

fn scheduling(page: &mut Page, whose: &str, of: &Scheduling) {
    page.item(&format!(" {whose} process priority"), of.nice.unwrap_or(0));
    page.item(&format!(" {whose} don't swap"), of.no_swap);
    let realtime = of.realtime.map_or(0, std::num::NonZeroU8::get);
    page.item(&format!(" {whose} realtime priority"), realtime);
    if !of.cpus.is_empty() {
        let cpus: Vec<_> = of.cpus.iter().map(u16::to_string).collect();
        page.item(&format!(" {whose} CPU Affinity"), cpus.join(" "));
    }
    let limit = of.realtime_limit.as_micros();
    page.item(&format!(" {whose} realtime limit"), limit);
}

fn rest(page: &mut Page, global: &Global) {
    let security = match global.enable_script_security {
        true => "enabled",
        false => "disabled",
    };
    page.line(format_args!(" Script security {security}"));
    let user = global
        .script_user
        .as_ref()
        .map_or((0, 0), |user| (user.uid, user.gid));
    page.line(format_args!(
        " Default script uid:gid {}:{}",
        user.0, user.1
    ));
    let buffers = &global.receive_buffers;
    for (name, buffer) in [
        ("vrrp_netlink_cmd", buffers.vrrp_commands),
        ("vrrp_netlink_monitor", buffers.vrrp_monitor),
        ("process_monitor", buffers.processes),
        ("lvs_netlink_cmd", buffers.lvs_commands),
        ("lvs_netlink_monitor", buffers.lvs_monitor),
    ] {
        let size = buffer.size.map_or(0, std::num::NonZeroU32::get);
        page.item(&format!(" {name}_rcv_bufs"), size);
        page.item(&format!(" {name}_rcv_bufs_force"), u8::from(buffer.force));
    }
    page.item(" rs_init_notifies", u8::from(global.rs_init_notifies));
    page.item(" no_checker_emails", u8::from(!global.mail.real_servers));
    let advert = &global.advert_buffer;
    match advert.policy {
        None => {}
        Some(AdvertBufferPolicy::Mtu) => page.item(" rx_bufs_policy", "MTU"),
        Some(AdvertBufferPolicy::Advert) => page.item(" rx_bufs_policy", "ADVERT"),
        Some(AdvertBufferPolicy::Bytes(bytes)) => page.item(" rx_bufs_size", bytes),
    }
    page.item(" rx_bufs_multiples", advert.multiplier);
    page.line(format_args!(" umask = 0{:o}", global.files.umask));
    if global.vrrp_startup_delay > Duration::ZERO {
        let seconds = global.vrrp_startup_delay.as_secs_f64();
        page.item(" vrrp_startup_delay", seconds);
    }
    if global.log_unknown_vrids {
        page.line(" log_unknown_vrids");
    }
    page.maybe(" VMAC prefix", global.interfaces.vmac_prefix.as_deref());
    page.maybe(
        " VMAC address prefix",
        global.interfaces.vmac_addr_prefix.as_deref(),
    );
}
