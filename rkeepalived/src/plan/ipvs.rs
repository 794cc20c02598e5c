//! What the model asks of IPVS as a whole.

use std::time::Duration;

use ipvs_netlink::{Daemon, DaemonState};
use keepalived_conf as conf;

use super::{Programs, VrrpPlan, timeliness};
use crate::cli::Options;
use crate::kernel::nft;
use crate::lvs::settings::{OnStop, Settings, WantedFirewall, WantedSync, WantedTimeouts};

/// What is asked of IPVS. Without virtual servers only a synchronisation daemon is, and only one that follows an
/// instance (keepalived behaviour).
pub(super) fn settings(
    model: &conf::Model,
    options: &Options,
    vrrp: &VrrpPlan,
    sessions: bool,
) -> Settings {
    let checkers = options.runs_checkers() && !model.virtual_servers.is_empty();
    let sync = model.global.lvs_sync_daemon.as_ref();
    let sync = sync.and_then(|sync| wanted_sync(sync, checkers, vrrp));
    if !checkers {
        return Settings {
            sync,
            ..Settings::default()
        };
    }
    let conf::LvsTimeouts { tcp, tcp_fin, udp } = model.global.lvs_timeouts;
    Settings {
        flush: model.global.lvs_flush,
        on_stop: match model.global.lvs_flush_on_stop {
            conf::FlushOnStop::No => OnStop::Each,
            conf::FlushOnStop::VirtualServers => OnStop::Services,
            conf::FlushOnStop::Everything => OnStop::Flush,
        },
        timeouts: WantedTimeouts {
            tcp: tcp.map(seconds),
            tcp_fin: tcp_fin.map(seconds),
            udp: udp.map(seconds),
        },
        sync,
        firewall: None,
        urgency: timeliness::checks(model, sessions),
        monitor: model.global.receive_buffers.lvs_monitor,
        commands: model.global.receive_buffers.lvs_commands,
    }
}

fn seconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX)
}

/// The rules that give the addresses of groups their marks, if that is asked for; or why it cannot be.
///
/// # Errors
/// As a log line: the addresses become services each, as without `nftables_ipvs`, which the kernel takes as well.
pub(super) fn firewall(
    model: &conf::Model,
    programs: &dyn Programs,
) -> Result<Option<WantedFirewall>, String> {
    let conf::Firewall {
        ipvs_table: Some(table),
        ipvs_priority,
        ipvs_first_mark,
        counters,
        ..
    } = &model.global.firewall
    else {
        return Ok(None);
    };
    let instead = "nftables_ipvs is left alone, and each address of a group is a service";
    if !is_identifier(table) {
        return Err(format!(
            "{instead}: `{table}` cannot be the name of a table: a letter or `_`, then letters, digits, `_`, `.`"
        ));
    }
    if !programs.is_there(nft::PROGRAM) {
        return Err(format!(
            "{instead}: there is no program `{}` (package nftables)",
            nft::PROGRAM
        ));
    }
    Ok(Some(WantedFirewall {
        table: table.clone(),
        priority: *ipvs_priority,
        first_mark: *ipvs_first_mark,
        counters: *counters,
    }))
}

/// What nftables takes for a name without quoting, which it does not offer for tables.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    let first = characters.next();
    first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '.'))
}

/// keepalived behaviour: one that follows an instance is VRRP's, and is there while VRRP runs; one that follows none is
/// the checkers'.
fn wanted_sync(sync: &conf::SyncDaemon, checkers: bool, vrrp: &VrrpPlan) -> Option<WantedSync> {
    let id = match &sync.instance {
        None if checkers => 0,
        None => return None,
        Some(name) => {
            let of_that_name = |planned: &&super::PlannedInstance| *planned.config.name == **name;
            let instance = vrrp.instances.iter().find(of_that_name)?;
            instance.config.vrid.get()
        }
    };
    Some(WantedSync {
        instance: sync.instance.clone(),
        daemon: Daemon {
            state: DaemonState::Backup,
            interface: sync.interface.clone(),
            sync_id: u32::from(sync.id.unwrap_or(id)),
            max_length: sync.max_length.map(Into::into),
            group: sync.group,
            port: sync.port.map(Into::into),
            ttl: sync.ttl.map(Into::into),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{INSTANCE, Nobody, model};

    const SERVICE: &str = "
        virtual_server 172.16.1.1 80 {
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server 172.16.1.10 80 {
            }
        }";

    fn of(global: &str, rest: &str, options: &Options) -> Settings {
        let text = format!("global_defs {{\n{global}\n}}\n{rest}");
        let model = model(Box::leak(text.into()));
        let (vrrp, _) = if options.runs_vrrp() {
            super::super::vrrp::plan(&model, &Nobody, &[])
        } else {
            Default::default()
        };
        settings(&model, options, &vrrp, false)
    }

    // Whose job it is, as keepalived 2.2.7 has it with `-P`, `-C` and files without one or the other.
    #[test]
    fn a_daemon_that_follows_an_instance_is_vrrps_and_another_the_checkers() {
        let both = format!("{INSTANCE}{SERVICE}");
        let only_vrrp = Options {
            vrrp: true,
            ..Options::default()
        };
        let only_checkers = Options {
            check: true,
            ..Options::default()
        };
        let id = |global: &str, rest: &str, options: &Options| {
            let sync = of(global, rest, options).sync;
            sync.map(|sync| sync.daemon.sync_id)
        };
        let follows = "lvs_sync_daemon eth1 inst VI_1";
        assert_eq!(id(follows, &both, &Options::default()), Some(50));
        assert_eq!(id(follows, INSTANCE, &Options::default()), Some(50));
        assert_eq!(id(follows, &both, &only_vrrp), Some(50));
        assert_eq!(id(follows, &both, &only_checkers), None);
        let alone = "lvs_sync_daemon eth1";
        assert_eq!(id(alone, &both, &Options::default()), Some(0));
        assert_eq!(id(alone, SERVICE, &only_checkers), Some(0));
        assert_eq!(id(alone, INSTANCE, &Options::default()), None);
        assert_eq!(id(alone, &both, &only_vrrp), None);
        assert_eq!(
            id("lvs_sync_daemon eth1 inst VI_1 id 9", &both, &only_vrrp),
            Some(9)
        );
    }

    #[test]
    fn timeouts_are_those_that_are_given() {
        let planned = of("lvs_timeouts tcp 100 udp 50", SERVICE, &Options::default());
        assert_eq!(
            planned.timeouts,
            WantedTimeouts {
                tcp: Some(100),
                tcp_fin: None,
                udp: Some(50),
            }
        );
        let planned = of("lvs_timeouts tcp 100", INSTANCE, &Options::default());
        assert_eq!(planned, Settings::default());
    }

    struct Without;

    impl Programs for Without {
        fn script_fault(&self, _: &str) -> Option<String> {
            None
        }

        fn is_there(&self, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn rules_need_a_name_that_nft_takes_and_nft() {
        let asked = |words: &str, programs: &dyn Programs| {
            let text = format!("global_defs {{\n{words}\n}}\n{SERVICE}");
            firewall(&model(Box::leak(text.into())), programs)
        };
        assert_eq!(asked("lvs_flush", &Without), Ok(None));
        let planned = asked("nftables_ipvs", &Nobody).unwrap().unwrap();
        assert_eq!(planned.table, "keepalived_ipvs");
        assert_eq!((planned.priority, planned.first_mark.get()), (-1, 1000));
        let reason = asked("nftables_ipvs", &Without).unwrap_err();
        assert!(reason.contains("no program `nft`"), "{reason}");
        let reason = asked("nftables_ipvs a;b", &Nobody).unwrap_err();
        assert!(reason.contains("`a;b` cannot be the name"), "{reason}");
    }
}
