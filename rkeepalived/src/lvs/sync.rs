//! The kernel's synchronisation daemons: which run, and what leads to those that shall.

use std::net::{IpAddr, Ipv4Addr};

use ipvs_netlink::{Daemon, DaemonState, IpvsError};

use crate::kernel::Ipvs;

/// What a kernel takes that is not told otherwise (linux/ip_vs.h, net/netfilter/ipvs/ip_vs_sync.c as its manual
/// ipvsadm(8) has it).
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
const PORT: u16 = 8848;
const TTL: u8 = 1;

/// The daemons that we know of; none before any was wanted, so that those of others are left alone.
#[derive(Debug, Default)]
pub struct Sync {
    running: Option<Vec<Daemon>>,
}

/// One step. A daemon of one end cannot be changed, only stopped and started.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Stop(DaemonState),
    Start(Daemon),
}

impl Sync {
    /// Brings the kernel's daemons to `wanted`. Once some are wanted, those that are there are ours: also what a killed
    /// run left. Answers what failed; that is tried again the next time.
    pub fn bring(&mut self, kernel: &mut impl Ipvs, wanted: &[Daemon]) -> Vec<IpvsError> {
        let mut failed = Vec::new();
        let mut running = match self.running.take() {
            Some(running) => running,
            None if wanted.is_empty() => return failed,
            None => match kernel.daemons() {
                Ok(there) => there
                    .into_iter()
                    .map(|there| adopted(there, wanted))
                    .collect(),
                Err(error) => {
                    failed.push(error);
                    return failed;
                }
            },
        };
        for step in steps(&running, wanted) {
            let done = match &step {
                Step::Stop(state) => kernel.stop_daemon(*state),
                Step::Start(daemon) => kernel.start_daemon(daemon),
            };
            match (done, step) {
                (Ok(()), Step::Stop(state)) => running.retain(|daemon| daemon.state != state),
                (Ok(()), Step::Start(daemon)) => running.push(daemon),
                (Err(error), _) => failed.push(error),
            }
        }
        self.running = (!running.is_empty() || !wanted.is_empty()).then_some(running);
        failed
    }
}

/// One that was there, as the one that is wanted if it is that. How long its packets are is not looked at: the kernel
/// rounds that, and differently at each end.
fn adopted(there: Daemon, wanted: &[Daemon]) -> Daemon {
    let facts = |daemon: &Daemon| {
        (
            daemon.state,
            daemon.interface.clone(),
            daemon.sync_id,
            daemon.group.unwrap_or(GROUP),
            daemon.port.unwrap_or(PORT),
            daemon.ttl.unwrap_or(TTL),
        )
    };
    let same = wanted
        .iter()
        .find(|wanted| facts(wanted) == facts(&there))
        .cloned();
    same.unwrap_or(there)
}

/// What leads from the daemons that run to those that shall. What stops comes first: of each end there can be one.
fn steps(running: &[Daemon], wanted: &[Daemon]) -> Vec<Step> {
    let stopped = running.iter().filter(|daemon| !wanted.contains(daemon));
    let started = wanted.iter().filter(|daemon| !running.contains(daemon));
    stopped
        .map(|daemon| Step::Stop(daemon.state))
        .chain(started.cloned().map(Step::Start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeIpvs;
    use crate::lvs::settings::WantedSync;

    fn sync(instance: Option<&str>) -> WantedSync {
        WantedSync {
            instance: instance.map(str::to_owned),
            daemon: Daemon {
                state: DaemonState::Backup,
                interface: "eth0".into(),
                sync_id: 51,
                max_length: None,
                group: None,
                port: None,
                ttl: None,
            },
        }
    }

    fn ends(kernel: &FakeIpvs) -> Vec<DaemonState> {
        kernel.daemons.iter().map(|daemon| daemon.state).collect()
    }

    // As keepalived 2.2.7 did: backup at start and while another is master, both ends without an instance.
    #[test]
    fn the_end_follows_the_instance() {
        let (mut kernel, mut running) = (FakeIpvs::default(), Sync::default());
        let wanted = sync(Some("VI_1"));
        for (master, expected) in [
            (false, DaemonState::Backup),
            (true, DaemonState::Master),
            (true, DaemonState::Master),
            (false, DaemonState::Backup),
        ] {
            assert!(
                running
                    .bring(&mut kernel, &wanted.daemons(master))
                    .is_empty()
            );
            assert_eq!(ends(&kernel), [expected]);
        }
        let both = sync(None).daemons(false);
        assert!(running.bring(&mut kernel, &both).is_empty());
        assert_eq!(kernel.daemons.len(), 2);
        assert!(running.bring(&mut kernel, &[]).is_empty());
        assert_eq!(ends(&kernel), []);
    }

    #[test]
    fn what_a_killed_run_left_is_adopted_or_stopped_and_strangers_are_left_alone() {
        let left = |state, sync_id| Daemon {
            state,
            sync_id,
            // As the kernel tells it.
            max_length: Some(1472),
            group: Some(GROUP),
            port: Some(PORT),
            ttl: Some(TTL),
            ..sync(None).daemon
        };
        let mut kernel = FakeIpvs {
            daemons: vec![left(DaemonState::Master, 3), left(DaemonState::Backup, 51)],
            ..FakeIpvs::default()
        };
        assert!(Sync::default().bring(&mut kernel, &[]).is_empty());
        assert_eq!(kernel.daemons.len(), 2);
        let wanted = sync(Some("VI_1")).daemons(false);
        assert!(Sync::default().bring(&mut kernel, &wanted).is_empty());
        assert_eq!(kernel.daemons, [left(DaemonState::Backup, 51)]);
    }

    #[test]
    fn another_id_is_another_daemon() {
        let (mut kernel, mut running) = (FakeIpvs::default(), Sync::default());
        let mut wanted = sync(Some("VI_1"));
        let _ = running.bring(&mut kernel, &wanted.daemons(true));
        wanted.daemon.sync_id = 7;
        assert!(running.bring(&mut kernel, &wanted.daemons(true)).is_empty());
        assert_eq!(kernel.daemons[0].sync_id, 7);
    }
}
