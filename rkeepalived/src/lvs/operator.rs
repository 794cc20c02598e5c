//! What an operator asks of a real server, over what configuration and checks say. Pure.
//!
//! It outlives reloads that keep the server, and ends with `enable`, or with the daemon.

use std::net::SocketAddr;

use super::change::{Change, Effects};
use super::live::{Finding, LiveService};
use super::pool::{Pool, ServiceAt};
use super::wanted::{ServerName, ServiceName};

/// What was asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// No new clients: weight 0. Those that it has stay, as long as its checks find it alive.
    Drained,
    /// Out of the pool, as if a check had failed it.
    Disabled,
    /// This weight while it is alive.
    Weight(u32),
}

/// Which real server is meant: `IP:PORT`, `[IP6]:PORT`, or `VS/IP:PORT` where only one virtual server is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    service: Option<String>,
    server: SocketAddr,
}

/// It is not one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a server: write IP:PORT, [IP6]:PORT, or VS/IP:PORT for one virtual server only"
)]
pub struct NotATarget(pub String);

/// No server is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// There is no such virtual server.
    #[error("no virtual server is {0}: `rkeepalived status` lists them")]
    Service(String),
    /// There is no such real server.
    #[error("no real server is {0}: `rkeepalived status` lists them")]
    Server(SocketAddr),
    /// It is elsewhere.
    #[error("virtual server {0} has no real server {1}: `rkeepalived status` lists them")]
    NotThere(String, SocketAddr),
}

/// What became of one server.
#[derive(Clone, Debug, PartialEq)]
pub struct Steered {
    /// Which one.
    pub server: ServerName,
    /// Where.
    pub service: ServiceName,
    /// Its weight until now.
    pub from: u32,
    /// Its weight from now on, while it is alive.
    pub to: u32,
    /// Whether it may have clients from now on.
    pub alive: bool,
    /// Its clients come back to it by persistence, weight 0 or not.
    pub persistent: bool,
}

impl std::str::FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Target, NotATarget> {
        // The name of a group may have a slash in it, an address has none.
        let (service, server) = match text.rsplit_once('/') {
            Some((service, server)) => (Some(service.to_owned()), server),
            None => (None, text),
        };
        if service.as_deref() == Some("") {
            return Err(NotATarget(text.to_owned()));
        }
        let server = server.parse().map_err(|_| NotATarget(text.to_owned()))?;
        Ok(Target { service, server })
    }
}

impl Target {
    /// Where there are no virtual servers.
    #[must_use]
    pub fn nowhere(&self) -> Unknown {
        match &self.service {
            Some(service) => Unknown::Service(service.clone()),
            None => Unknown::Server(self.server),
        }
    }

    fn is_at(&self, service: &LiveService) -> bool {
        let Some(text) = &self.service else {
            return true;
        };
        let name = &service.wanted.name;
        *text == name.to_string()
            || match name {
                ServiceName::Socket(_, address) => text.parse() == Ok(*address),
                ServiceName::Fwmark(_, mark) => text.parse() == Ok(*mark),
                ServiceName::Group { name, .. } => **name == **text,
            }
    }
}

impl Pool {
    /// Does to the servers that are meant what an operator asks for; nothing asked is `enable`. Answers what became of each,
    /// the services that have to be brought to the kernel, and what follows.
    ///
    /// # Errors
    /// When no server is meant.
    pub fn steer(
        &mut self,
        target: &Target,
        operator: Option<Operator>,
    ) -> Result<(Vec<Steered>, Vec<ServiceAt>, Effects), Unknown> {
        let mut effects = Effects::default();
        let (mut steered, mut changed) = (Vec::new(), Vec::new());
        for (at, server) in self.meant(target)? {
            let Some(service) = self.service_mut(at) else {
                continue;
            };
            let (outcome, table) = steer(service, server, operator, &mut effects);
            steered.extend(outcome);
            if table && changed.last() != Some(&at) {
                changed.push(at);
            }
        }
        Ok((steered, changed, effects))
    }

    /// The servers that are meant: each service, and where in it.
    ///
    /// # Errors
    /// When there is none.
    pub fn meant(&self, target: &Target) -> Result<Vec<(ServiceAt, usize)>, Unknown> {
        let mut meant = Vec::new();
        let mut is_service = false;
        for (at, service) in self.services_at() {
            if !target.is_at(service) {
                continue;
            }
            is_service = true;
            let servers = service.wanted.servers.iter().enumerate();
            let servers = servers.filter(|(_, server)| server.address == target.server);
            meant.extend(servers.map(|(server, _)| (at, server)));
        }
        match (&target.service, meant.is_empty()) {
            (_, false) => Ok(meant),
            (None, true) => Err(Unknown::Server(target.server)),
            (Some(service), true) if is_service => {
                Err(Unknown::NotThere(service.clone(), target.server))
            }
            (Some(service), true) => Err(Unknown::Service(service.clone())),
        }
    }
}

fn steer(
    service: &mut LiveService,
    at: usize,
    operator: Option<Operator>,
    effects: &mut Effects,
) -> (Option<Steered>, bool) {
    let rank = |service: &LiveService| {
        let (live, wanted) = (service.servers.get(at)?, service.wanted.servers.get(at)?);
        Some((live.rank(wanted), wanted.address, live.operator))
    };
    let Some((before, address, was)) = rank(service) else {
        return (None, false);
    };
    let name = service.wanted.name.clone();
    let server = name.server(address);
    if was != operator {
        effects.log(Change::Operator {
            server,
            service: name.clone(),
            operator,
        });
    }
    let table = service.happen(at, Finding::Other, effects, |live| live.operator = operator);
    let after = rank(service).map_or(before, |(after, ..)| after);
    let steered = Steered {
        server,
        persistent: service.wanted.spec.persistence.is_some(),
        service: name,
        from: before.weight,
        to: after.weight,
        alive: after.alive,
    };
    (Some(steered), table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::wanted::WantedService;
    use crate::plan::tests::planned;
    use checkers::{Failure, Health, Outcome, Report};

    const TWO: &str = "
        virtual_server 10.0.0.1 80 {
            lb_kind NAT
            protocol TCP
            sorry_server 10.0.0.99 80
            real_server 10.0.0.10 80 {
                weight 5
                TCP_CHECK {
                }
            }
            real_server 10.0.0.11 80 {
                weight 3
                TCP_CHECK {
                }
            }
        }
        virtual_server 10.0.0.2 80 {
            lb_kind NAT
            protocol TCP
            real_server 10.0.0.10 80 {
                weight 7
            }
        }
        virtual_server fwmark 4 {
            lb_kind NAT
            protocol TCP
            real_server 10.0.0.12 80 {
                weight 1
            }
        }";

    fn wanted(text: &'static str) -> Vec<WantedService> {
        planned(text).services
    }

    fn started() -> Pool {
        let mut pool = Pool::default();
        let _ = pool.configure(wanted(TWO));
        pool
    }

    /// `10.0.0.10:80=5 10.0.0.11:80=3`, service by service, in the kernel's table.
    fn table(pool: &Pool) -> Vec<String> {
        let services = pool.services().iter().flat_map(|service| service.places());
        let each = services.map(|(_, service)| {
            let servers = service.destinations.iter();
            let servers = servers.map(|(address, spec)| format!("{address}={}", spec.weight));
            servers.collect::<Vec<_>>().join(" ")
        });
        each.collect()
    }

    fn steer(pool: &mut Pool, target: &str, operator: Option<Operator>) -> usize {
        let target = target.parse().unwrap();
        let (steered, ..) = pool.steer(&target, operator).unwrap();
        steered.len()
    }

    #[test]
    fn a_server_is_meant_everywhere_or_in_one_service() {
        let mut pool = started();
        assert_eq!(steer(&mut pool, "10.0.0.10:80", Some(Operator::Drained)), 2);
        assert_eq!(
            table(&pool),
            [
                "10.0.0.10:80=0 10.0.0.11:80=3",
                // Nobody else is alive there, but nobody is thrown out.
                "10.0.0.10:80=0",
                "10.0.0.12:80=1"
            ]
        );
        assert_eq!(steer(&mut pool, "10.0.0.10:80", None), 2);
        for one in ["10.0.0.2:80/10.0.0.10:80", "[10.0.0.2]:tcp:80/10.0.0.10:80"] {
            assert_eq!(steer(&mut pool, one, Some(Operator::Weight(9))), 1);
        }
        assert_eq!(
            steer(&mut pool, "4/10.0.0.12:80", Some(Operator::Weight(2))),
            1
        );
        assert_eq!(
            steer(&mut pool, "FWM 4/10.0.0.12:80", Some(Operator::Weight(2))),
            1
        );
        assert_eq!(
            table(&pool),
            [
                "10.0.0.10:80=5 10.0.0.11:80=3",
                "10.0.0.10:80=9",
                "10.0.0.12:80=2"
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_named() {
        let mut pool = started();
        for (target, said) in [
            ("10.0.0.77:80", "no real server is 10.0.0.77:80"),
            ("web/10.0.0.10:80", "no virtual server is web"),
            (
                "10.0.0.1:80/10.0.0.12:80",
                "virtual server 10.0.0.1:80 has no real server 10.0.0.12:80",
            ),
        ] {
            let error = pool.steer(&target.parse().unwrap(), None).unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
        }
        for target in ["10.0.0.10", "/10.0.0.10:80", "", "fe80::1:80", "x:80"] {
            assert!(target.parse::<Target>().is_err(), "{target}");
        }
        assert!("[2001:db8::1]:80".parse::<Target>().is_ok());
    }

    #[test]
    fn it_outlives_a_reload_and_enable_gives_back_what_the_others_say() {
        let mut pool = started();
        steer(
            &mut pool,
            "10.0.0.1:80/10.0.0.10:80",
            Some(Operator::Disabled),
        );
        steer(&mut pool, "10.0.0.11:80", Some(Operator::Weight(8)));
        let _ = pool.configure(wanted(TWO));
        assert_eq!(table(&pool)[0], "10.0.0.11:80=8");
        let (_, _, effects) = pool.steer(&"10.0.0.11:80".parse().unwrap(), None).unwrap();
        assert!(
            effects
                .changes
                .iter()
                .any(|change| matches!(change, Change::Weight { from: 8, to: 3, .. }))
        );
        steer(&mut pool, "10.0.0.10:80", None);
        assert_eq!(table(&pool)[0], "10.0.0.10:80=5 10.0.0.11:80=3");
    }

    #[test]
    fn a_drained_server_that_dies_goes_and_all_drained_make_room_for_the_sorry_server() {
        let mut pool = started();
        for server in ["10.0.0.1:80/10.0.0.10:80", "10.0.0.11:80"] {
            steer(&mut pool, server, Some(Operator::Drained));
        }
        // Connections of the drained ones live on beside it.
        assert_eq!(
            table(&pool)[0],
            "10.0.0.10:80=0 10.0.0.11:80=0 10.0.0.99:80=1"
        );
        let id = pool.checks().first().map(|check| check.id).unwrap();
        let _ = pool.handle(&Report {
            id,
            outcome: Outcome::Failure(Failure::Refused),
            change: Some(Health::Down),
            attempt: 1,
            retry: 0,
            elapsed: std::time::Duration::ZERO,
            dynamic_weight: None,
        });
        assert_eq!(table(&pool)[0], "10.0.0.11:80=0 10.0.0.99:80=1");
        let again = pool.steer(&"10.0.0.11:80".parse().unwrap(), Some(Operator::Drained));
        let (_, services, effects) = again.unwrap();
        assert!(
            services.is_empty() && effects == Effects::default(),
            "twice is once"
        );
    }
}
