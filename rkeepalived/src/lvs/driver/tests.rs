//! The driver on a table in memory.

use checkers::{Dial, Evidence, Failure, Outcome as Seen, Probe, Timing};
use ipvs_netlink::{
    DestinationSpec, Family, Forwarding, Protocol, Scheduler, Service, ServiceSpec,
};

use std::sync::Mutex;

use proptest::prelude::*;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::*;
use crate::journal::checked::Checked;
use crate::kernel::fake::FakeIpvs;
use crate::lvs::wanted::{Scripts, ServerName, ServiceName, WantedCheck, WantedServer};

fn key(address: &str) -> ServiceKey {
    ServiceKey::Socket(Protocol::Tcp, address.parse().unwrap())
}

fn wanted(service: &str, servers: &[(&str, u32)]) -> WantedService {
    let servers = servers.iter().map(|(address, weight)| WantedServer {
        address: address.parse().unwrap(),
        spec: DestinationSpec::new(Forwarding::DirectRoute, *weight),
        inhibit: false,
        files: Vec::new(),
        sessions: Vec::new(),
        scripts: Scripts::default(),
        checks: vec![WantedCheck {
            log_all: false,
            probe: Arc::new(Probe::Tcp(Dial {
                target: address.parse().unwrap(),
                bind: None,
                bind_interface: None,
                fwmark: None,
                timeout: Duration::from_secs(1),
            })),
            timing: Arc::new(Timing {
                delay_loop: Duration::from_secs(1),
                retry: 0,
                delay_before_retry: Duration::from_secs(1),
                warmup: Duration::ZERO,
                alpha: false,
            }),
        }],
    });
    WantedService {
        name: ServiceName::Socket(Protocol::Tcp, service.parse().unwrap()),
        places: vec![key(service)],
        marked: Vec::new(),
        spec: ServiceSpec::new(Scheduler::RR),
        servers: servers.collect(),
        quorum: 1,
        hysteresis: 0,
        sorry: None,
        scripts: Scripts::default(),
        omega: false,
        init_notifies: false,
        ha_suspend: false,
    }
}

const WEB: &str = "172.16.1.1:80";
const BOTH: [(&str, u32); 2] = [("172.16.1.10:80", 1), ("172.16.1.11:80", 1)];

fn started() -> Driver<FakeIpvs> {
    let mut driver = Driver::new(FakeIpvs::default(), Arc::default());
    let services = vec![wanted(WEB, &BOTH)];
    driver.adopt(&services).unwrap();
    driver.configure(services);
    driver.kernel.asked.clear();
    driver
}

fn down(driver: &Driver<FakeIpvs>, at: usize) -> Report {
    Report {
        id: driver.pool().checks()[at].id,
        outcome: Seen::Failure(Failure::Refused),
        change: Some(Health::Down),
        attempt: 1,
        retry: 0,
        elapsed: Duration::ZERO,
        dynamic_weight: None,
    }
}

/// Hears of each log line, and of each time that the fake kernel is asked: the targets of both.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Order {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut order = self.0.lock().unwrap();
        order.push(event.metadata().target().to_owned());
    }
}

#[test]
fn the_kernel_hears_of_a_dead_server_before_the_log_does() {
    let mut driver = started();
    let report = down(&driver, 0);
    let said = Line::Checked(Box::new(Checked {
        probe: Probe::clone(&driver.pool().checks()[0].probe),
        server: ServerName(Some(Protocol::Tcp), BOTH[0].0.parse().unwrap()),
        service: ServiceName::Socket(Protocol::Tcp, WEB.parse().unwrap()),
        report: report.clone(),
    }));
    let order = Order::default();
    let subscriber = tracing_subscriber::registry().with(order.clone());
    tracing::subscriber::with_default(subscriber, || driver.handle(&report, Some(&said)));
    let order = order.0.lock().unwrap();
    let (first, rest) = order.split_first().unwrap();
    assert_eq!(first, "kernel");
    // That the check failed, and that the server went.
    assert!(rest.len() >= 2, "{order:?}");
    let is_log = |target: &String| target == "Keepalived_healthcheckers";
    assert!(rest.iter().all(is_log), "{order:?}");
}

#[test]
fn a_reload_with_one_changed_weight_asks_one_thing() {
    let mut driver = started();
    let outcome = driver.configure(vec![wanted(WEB, &[BOTH[0], ("172.16.1.11:80", 3)])]);
    assert!(
        matches!(driver.kernel.asked[..], [Operation::SetDestination(..)]),
        "{:?}",
        driver.kernel.asked
    );
    assert_eq!(outcome, Outcome { done: 1, failed: 0 });
}

#[test]
fn what_is_right_already_is_adopted_and_strangers_stay() {
    let mut table = started().kernel.table;
    let stranger = Arc::new(Service {
        spec: ServiceSpec::new(Scheduler::RR),
        destinations: Default::default(),
    });
    table
        .services
        .insert(key("192.0.2.1:443"), stranger.clone());
    // A server that a killed run left, and that is not configured any more.
    let left = "172.16.1.99:80".parse().unwrap();
    let spec = DestinationSpec::new(Forwarding::DirectRoute, 1);
    let web = Arc::make_mut(table.services.get_mut(&key(WEB)).unwrap());
    web.destinations.insert(left, spec);
    let mut driver = Driver::new(
        FakeIpvs {
            table,
            ..FakeIpvs::default()
        },
        Arc::default(),
    );
    let services = vec![wanted(WEB, &BOTH)];
    driver.adopt(&services).unwrap();
    driver.configure(services);
    assert_eq!(
        driver.kernel.asked,
        [Operation::DeleteDestination(key(WEB), left)]
    );
    driver.shutdown(OnStop::Each);
    let services: Vec<_> = driver.kernel.table.services.into_iter().collect();
    assert_eq!(services, [(key("192.0.2.1:443"), stranger)]);
}

#[test]
fn a_failed_server_is_taken_out_alone() {
    let mut driver = started();
    let report = down(&driver, 0);
    driver.handle(&report, None);
    let dead = "172.16.1.10:80".parse().unwrap();
    assert_eq!(
        driver.kernel.asked,
        [Operation::DeleteDestination(key(WEB), dead)]
    );
}

#[test]
fn what_the_kernel_refused_is_tried_again_with_the_next_change() {
    let mut driver = started();
    driver.kernel.refusing = 1;
    let first = down(&driver, 0);
    driver.handle(&first, None);
    assert_eq!(
        driver.kernel.table.services[&key(WEB)].destinations.len(),
        2
    );
    let second = down(&driver, 1);
    driver.handle(&second, None);
    assert!(
        driver.kernel.table.services[&key(WEB)]
            .destinations
            .is_empty()
    );
}

#[test]
fn a_service_that_would_not_go_is_asked_to_again() {
    let mut driver = started();
    driver.kernel.refusing = 1;
    driver.configure(Vec::new());
    assert_eq!(driver.kernel.table.services.len(), 1);
    driver.configure(Vec::new());
    assert!(driver.kernel.table.services.is_empty());
}

#[test]
fn a_stop_deletes_services_not_servers() {
    let mut driver = started();
    driver.shutdown(OnStop::Each);
    assert_eq!(driver.kernel.asked, [Operation::DeleteService(key(WEB))]);
}

/// The same servers in three places, of which one is a mark; of the servers one keeps its port.
fn group(servers: &[(&str, u32)]) -> WantedService {
    let mut wanted = wanted(WEB, servers);
    wanted.name = ServiceName::Group {
        name: "web".into(),
        nth: 0,
        protocol: Some(Protocol::Tcp),
    };
    let mark = ServiceKey::Fwmark(Family::Inet, 7.try_into().unwrap());
    wanted.places = vec![key(WEB), key("172.16.1.2:8080"), mark];
    if let Some(first) = wanted.servers.first_mut() {
        first.spec.forwarding = Forwarding::Masquerade;
    }
    wanted
}

#[test]
fn a_group_is_one_service_in_many_places() {
    let mut driver = Driver::new(FakeIpvs::default(), Arc::default());
    let outcome = driver.configure(vec![group(&BOTH)]);
    assert_eq!(outcome, Outcome { done: 9, failed: 0 });
    let shown = |driver: &Driver<FakeIpvs>| -> Vec<String> {
        let services = driver.kernel.table.services.iter();
        let each = services.map(|(key, service)| {
            let servers = service.destinations.keys().map(ToString::to_string);
            format!("{key} -> {}", servers.collect::<Vec<_>>().join(" "))
        });
        each.collect()
    };
    // As keepalived 2.2.7 has it: what is masqueraded keeps its port, else the port is the place's.
    assert_eq!(
        shown(&driver),
        [
            "TCP 172.16.1.1:80 -> 172.16.1.10:80 172.16.1.11:80",
            "TCP 172.16.1.2:8080 -> 172.16.1.10:80 172.16.1.11:8080",
            "FWM 7 -> 172.16.1.10:80 172.16.1.11:0",
        ]
    );
    // One check for all places.
    let report = down(&driver, 1);
    driver.kernel.asked.clear();
    driver.handle(&report, None);
    assert_eq!(driver.kernel.asked.len(), 3);
    assert_eq!(driver.kernel.table, driver.pool.table());
    // A place that goes takes nothing else along, and the verdict stays.
    let mut fewer = group(&BOTH);
    fewer.places.remove(1);
    driver.kernel.asked.clear();
    driver.configure(vec![fewer]);
    assert_eq!(
        driver.kernel.asked,
        [Operation::DeleteService(key("172.16.1.2:8080"))]
    );
    assert_eq!(driver.pool().checks()[1].id, report.id);
    driver.kernel.asked.clear();
    driver.shutdown(OnStop::Each);
    assert_eq!(driver.kernel.asked.len(), 2);
}

#[test]
fn a_place_that_goes_to_another_service_is_changed_not_made_anew() {
    let mut driver = started();
    driver.configure(vec![group(&BOTH)]);
    let touched = |operation: &&Operation| matches!(operation, Operation::AddService(at, _) | Operation::DeleteService(at) if *at == key(WEB));
    assert_eq!(driver.kernel.asked.iter().find(touched), None);
}

// keepalived 2.2.7 with `lvs_flush_on_stop`: one flush, and nothing is left, whosever it was.
#[test]
fn a_stop_flushes_where_that_is_configured() {
    let mut driver = started();
    driver.shutdown(OnStop::Flush);
    assert_eq!(driver.kernel.asked, [Operation::Flush]);
}

#[derive(Clone, Debug)]
enum Step {
    Report(usize, bool),
    Reload(Vec<u32>),
    Group(Vec<u32>),
    Refuse(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize, any::<bool>()).prop_map(|(at, up)| Step::Report(at, up)),
        2 => prop::collection::vec(0..3u32, 0..4).prop_map(Step::Reload),
        2 => prop::collection::vec(0..3u32, 0..4).prop_map(Step::Group),
        1 => (0..3usize).prop_map(Step::Refuse),
    ]
}

proptest! {
    // Whatever the checks find, whatever is reloaded, whatever the kernel refuses in between: once it refuses no
    // more, the next reload brings its table to what is wanted.
    #[test]
    fn the_kernel_ends_up_with_what_is_wanted(steps in prop::collection::vec(step(), 0..30)) {
        let weighted = |weights: &[u32]| -> Vec<_> {
            let addresses = ["172.16.1.10:80", "172.16.1.11:80", "172.16.1.12:80"];
            addresses.into_iter().zip(weights.iter().copied()).collect()
        };
        let servers = |weights: &[u32]| vec![wanted(WEB, &weighted(weights))];
        let mut driver = started();
        for step in steps {
            match step {
                Step::Refuse(count) => driver.kernel.refusing = count,
                Step::Reload(weights) => drop(driver.configure(servers(&weights))),
                Step::Group(weights) => drop(driver.configure(vec![group(&weighted(&weights))])),
                Step::Report(at, up) => {
                    if at < driver.pool().checks().len() {
                        let mut report = down(&driver, at);
                        if up {
                            report.outcome = Seen::Success(Evidence::Connected);
                            report.change = Some(Health::Up);
                        }
                        driver.handle(&report, None);
                    }
                }
            }
        }
        driver.kernel.refusing = 0;
        driver.configure(servers(&[1, 2, 3]));
        prop_assert_eq!(&driver.kernel.table, &driver.pool.table());
        driver.configure(vec![group(&weighted(&[1, 2, 3]))]);
        prop_assert_eq!(&driver.kernel.table, &driver.pool.table());
    }
}
