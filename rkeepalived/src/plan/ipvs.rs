//! What the model asks of IPVS as a whole.

use std::time::Duration;

use ipvs_netlink::{Daemon, DaemonState};
use keepalived_conf as conf;

use super::VrrpPlan;
use crate::cli::Options;
use crate::lvs::settings::{OnStop, Settings, WantedSync, WantedTimeouts};

/// What is asked of IPVS. Without virtual servers only a synchronisation daemon is, and only one that follows an
/// instance (keepalived behaviour).
pub(super) fn settings(model: &conf::Model, options: &Options, vrrp: &VrrpPlan) -> Settings {
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
    }
}

fn seconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX)
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
            super::super::vrrp::plan(&model, &Nobody)
        } else {
            Default::default()
        };
        settings(&model, options, &vrrp)
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
}
