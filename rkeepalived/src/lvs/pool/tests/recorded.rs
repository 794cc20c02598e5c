//! Stories that keepalived 2.2.7 was seen to tell: what it logged, whom it told, and its table. Lines as it wrote them
//! (all but those of the checks themselves), with `VS` for the service; scripts after `->`.

use std::collections::BTreeSet;

use ipvs_netlink::DestinationSpec;

use super::*;
use crate::journal::Line;
use crate::lvs::wanted::WantedFile;
use crate::lvs::weight::FileWeight;
use crate::notify::Script;

/// `VS`'s address, that of the sorry server, and those of the real servers.
const VIP: &str = "10.0.0.1:80";
const SORRY: &str = "10.0.0.99:80";

fn script(words: &str) -> Option<Arc<Script>> {
    Some(Arc::new(Script {
        argv: words.split(' ').map(str::to_owned).collect(),
        user: None,
    }))
}

/// A real server 10.0.0.N with `notify_up` and `notify_down`, and one check.
fn real(last: u8, weight: u32) -> WantedServer {
    let mut server = server(&format!("10.0.0.{last}:80"), weight, 1);
    server.checks = vec![check(last.into())];
    server.scripts = Scripts {
        up: script(&format!("up {last}")),
        down: script(&format!("down {last}")),
        mail: false,
    };
    server
}

/// A service of such servers with `quorum_up` and `quorum_down`.
fn virtual_server(servers: Vec<WantedServer>) -> WantedService {
    let mut service = service(servers);
    service.name = ServiceName::Socket(Protocol::Tcp, socket(VIP));
    service.places = vec![ServiceKey::Socket(Protocol::Tcp, socket(VIP))];
    service.scripts = Scripts {
        up: script("qup"),
        down: script("qdown"),
        mail: false,
    };
    service
}

fn two() -> WantedService {
    virtual_server(vec![real(10, 1), real(11, 1)])
}

fn sorry(address: &str, inhibit: bool) -> Option<SorryServer> {
    Some(SorryServer {
        address: socket(address),
        spec: spec(1),
        inhibit,
    })
}

fn alpha(mut service: WantedService) -> WantedService {
    for server in &mut service.servers {
        for check in &mut server.checks {
            Arc::make_mut(&mut check.timing).alpha = true;
        }
    }
    service
}

fn inhibit(mut service: WantedService) -> WantedService {
    service
        .servers
        .iter_mut()
        .for_each(|server| server.inhibit = true);
    service
}

/// The pool with what it said since it was last asked.
#[derive(Default)]
struct Told {
    pool: Pool,
    said: Vec<String>,
}

impl Told {
    fn start(service: WantedService) -> Told {
        let mut told = Told::default();
        told.load(service);
        told
    }

    fn load(&mut self, service: WantedService) {
        let effects = self.pool.configure(vec![service]);
        self.hear(effects);
    }

    fn hear(&mut self, effects: Effects) {
        let lines = effects
            .changes
            .into_iter()
            .map(|change| Line::Pool(change).to_string());
        let lines = lines.map(|line| line.replace("VS [10.0.0.1]:tcp:80", "VS"));
        // Every healthchecker is activated, without a story to it.
        self.said
            .extend(lines.filter(|line| !line.starts_with("Activating")));
        for notice in effects.notices {
            let script = notice.script.as_ref();
            self.said
                .extend(script.map(|script| format!("-> {}", script.argv.join(" "))));
        }
    }

    /// The `nth` check, from 0, ends an attempt.
    fn attempt(&mut self, nth: usize, change: Option<Health>, success: bool, dynamic: Option<u8>) {
        let id = self.pool.checks()[nth].id;
        let (_, effects) = self.pool.handle(&Report {
            outcome: match success {
                true => Outcome::Success(Evidence::Connected),
                false => Outcome::Failure(Failure::Refused),
            },
            change,
            dynamic_weight: dynamic,
            ..report(id, Health::Up)
        });
        self.hear(effects);
    }

    fn up(&mut self, nth: usize) {
        self.attempt(nth, Some(Health::Up), true, None);
    }

    fn down(&mut self, nth: usize) {
        self.attempt(nth, Some(Health::Down), false, None);
    }

    fn weighs(&mut self, nth: usize, weight: u8) {
        self.attempt(nth, None, true, Some(weight));
    }

    fn file(&mut self, number: i32) {
        let (_, effects) = self.pool.read(Path::new("/f"), number);
        self.hear(effects);
    }

    fn stop(&mut self) {
        let effects = self.pool.stop();
        self.hear(effects);
    }

    /// What was said, and the table: `10 w1, 99 w0`.
    #[track_caller]
    fn says(&mut self, said: &[&str], table_now: &str) {
        assert_eq!(std::mem::take(&mut self.said), said);
        let shown = table(&self.pool).into_iter().map(|(address, weight)| {
            let last = address
                .trim_start_matches("10.0.0.")
                .trim_end_matches(":80");
            format!("{last} w{weight}")
        });
        assert_eq!(shown.collect::<Vec<_>>().join(", "), table_now);
    }
}

#[test]
fn recorded_two_servers_fail_and_come_back() {
    let mut told = Told::start(two());
    told.says(
        &["Gained quorum 1+0=1 <= 2 for VS", "-> qup"],
        "10 w1, 11 w1",
    );
    // The first success changes nothing.
    told.up(0);
    told.says(&[], "10 w1, 11 w1");
    told.down(1);
    told.says(
        &["Removing service [10.0.0.11]:tcp:80 from VS", "-> down 11"],
        "10 w1",
    );
    told.down(0);
    told.says(
        &[
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "Lost quorum 1-0=1 > 0 for VS",
            "-> down 10",
            "-> qdown",
        ],
        "",
    );
    told.up(0);
    told.says(
        &[
            "Adding service [10.0.0.10]:tcp:80 to VS",
            "Gained quorum 1+0=1 <= 1 for VS",
            "-> up 10",
            "-> qup",
        ],
        "10 w1",
    );
    // Without omega a stop tells nobody.
    told.stop();
    told.says(&[], "10 w1");
}

#[test]
fn recorded_a_sorry_server_serves_and_steps_back() {
    let mut service = two();
    service.quorum = 2;
    service.sorry = sorry(SORRY, false);
    let mut told = Told::start(service);
    told.says(
        &["Gained quorum 2+0=2 <= 2 for VS", "-> qup"],
        "10 w1, 11 w1",
    );
    told.down(0);
    told.says(
        &[
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "Lost quorum 2-0=2 > 1 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> down 10",
            "-> qdown",
        ],
        "99 w1",
    );
    told.down(1);
    told.says(
        &["Removing service [10.0.0.11]:tcp:80 from VS", "-> down 11"],
        "99 w1",
    );
    told.up(0);
    told.says(
        &["Adding service [10.0.0.10]:tcp:80 to VS", "-> up 10"],
        "99 w1",
    );
    told.up(1);
    told.says(
        &[
            "Adding service [10.0.0.11]:tcp:80 to VS",
            "Gained quorum 2+0=2 <= 2 for VS",
            "Removing sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> up 11",
            "-> qup",
        ],
        "10 w1, 11 w1",
    );
}

#[test]
fn recorded_everything_inhibited_stays_with_weight_0() {
    let mut service = inhibit(two());
    service.quorum = 2;
    service.sorry = sorry(SORRY, true);
    let mut told = Told::start(service);
    told.says(
        &["Gained quorum 2+0=2 <= 2 for VS", "-> qup"],
        "10 w1, 11 w1, 99 w0",
    );
    // 11 is alive, and makes room by its weight.
    told.down(0);
    told.says(
        &[
            "Disabling service [10.0.0.10]:tcp:80 of VS",
            "Lost quorum 2-0=2 > 1 for VS",
            "Enabling sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> down 10",
            "-> qdown",
        ],
        "10 w0, 11 w0, 99 w1",
    );
    told.up(0);
    told.says(
        &[
            "Enabling service [10.0.0.10]:tcp:80 of VS",
            "Gained quorum 2+0=2 <= 2 for VS",
            "Disabling sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> up 10",
            "-> qup",
        ],
        "10 w1, 11 w1, 99 w0",
    );
}

#[test]
fn recorded_a_sorry_server_that_is_a_real_server_too() {
    for (inhibited, quorum) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
        let mut service = two();
        service.quorum = quorum;
        service.sorry = sorry("10.0.0.10:80", inhibited);
        if inhibited {
            service = inhibit(service);
        }
        let mut told = Told::start(service);
        let mut seen = |act: &dyn Fn(&mut Told)| {
            act(&mut told);
            let rows = table(&told.pool).into_iter();
            let rows = rows.map(|(address, weight)| format!("{} w{weight}", &address[7..9]));
            rows.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(seen(&|_| {}), "10 w1 11 w1");
        let (first_down, second_down) = match (inhibited, quorum) {
            (false, 1) => ("11 w1", "10 w1"),
            (false, _) => ("10 w1", "10 w1"),
            (true, 1) => ("10 w0 11 w1", "10 w1 11 w0"),
            (true, _) => ("10 w1 11 w0", "10 w1 11 w0"),
        };
        assert_eq!(seen(&|told| told.down(0)), first_down);
        assert_eq!(seen(&|told| told.down(1)), second_down);
        let first_up = match (inhibited, quorum) {
            (false, _) => "10 w1",
            (true, _) => "10 w1 11 w0",
        };
        assert_eq!(seen(&|told| told.up(0)), first_up);
        assert_eq!(seen(&|told| told.up(1)), "10 w1 11 w1");
    }
}

#[test]
fn recorded_alpha_with_a_sorry_server_and_omega() {
    let mut service = alpha(two());
    service.sorry = sorry(SORRY, false);
    service.omega = true;
    let mut told = Told::start(service);
    told.says(
        &[
            "Starting with quorum down 1-0=1 > 0 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> qdown",
        ],
        "99 w1",
    );
    told.up(0);
    told.says(
        &[
            "Adding service [10.0.0.10]:tcp:80 to VS",
            "Gained quorum 1+0=1 <= 1 for VS",
            "Removing sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> up 10",
            "-> qup",
        ],
        "10 w1",
    );
    // The first failure of a server that alpha held down is told, the others are not.
    told.down(1);
    told.says(&["-> down 11"], "10 w1");
    told.attempt(1, None, false, None);
    told.says(&[], "10 w1");
    told.stop();
    told.says(&["-> down 10", "-> qdown"], "10 w1");
}

#[test]
fn recorded_without_a_sorry_server_nobody_is_told_of_a_start_without_quorum() {
    let mut service = alpha(two());
    service.omega = true;
    let mut told = Told::start(service);
    assert!(
        !told.said.iter().any(|line| line.starts_with("->")),
        "{:?}",
        told.said
    );
    told.said.clear();
    // But omega tells that it is down at the end.
    told.stop();
    told.says(&["-> qdown"], "");
}

#[test]
fn recorded_servers_that_are_up_at_first_are_told_on_request() {
    let init = |servers| {
        let mut service = virtual_server(servers);
        service.init_notifies = true;
        service
    };
    let mut told = Told::start(init(vec![real(10, 1)]));
    told.says(
        &["Gained quorum 1+0=1 <= 1 for VS", "-> up 10", "-> qup"],
        "10 w1",
    );
    told.load(init(vec![real(10, 1), real(11, 1)]));
    told.says(&["-> up 11"], "10 w1, 11 w1");
    let mut told = Told::start(alpha(init(vec![real(10, 1)])));
    told.said.clear();
    told.load(alpha(init(vec![real(10, 1)])));
    told.says(&[], "");
}

#[test]
fn recorded_weights_across_the_quorum() {
    let mut service = virtual_server(vec![real(10, 10), real(11, 10)]);
    (service.quorum, service.hysteresis) = (15, 3);
    service.sorry = sorry(SORRY, false);
    let mut told = Told::start(service);
    told.says(
        &["Gained quorum 15+3=18 <= 20 for VS", "-> qup"],
        "10 w10, 11 w10",
    );
    told.weighs(0, 3);
    told.says(
        &["Changing weight from 10 to 3 for active service [10.0.0.10]:tcp:80 of VS"],
        "10 w3, 11 w10",
    );
    told.weighs(0, 0);
    told.says(
        &[
            "Changing weight from 3 to 0 for active service [10.0.0.10]:tcp:80 of VS",
            "Lost quorum 15-3=12 > 10 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> qdown",
        ],
        "99 w1",
    );
    told.weighs(0, 7);
    told.says(
        &["Changing weight from 0 to 7 for active service [10.0.0.10]:tcp:80 of VS"],
        "99 w1",
    );
    told.weighs(0, 8);
    told.says(
        &[
            "Changing weight from 7 to 8 for active service [10.0.0.10]:tcp:80 of VS",
            "Gained quorum 15+3=18 <= 18 for VS",
            "Removing sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> qup",
        ],
        "10 w8, 11 w10",
    );
    told.weighs(0, 20);
    told.said.clear();
    // What is down asks for nothing, in silence; what comes back says its weight first.
    told.down(0);
    told.says(
        &[
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "Lost quorum 15-3=12 > 10 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> down 10",
            "-> qdown",
        ],
        "99 w1",
    );
    told.attempt(0, Some(Health::Up), true, Some(30));
    told.says(
        &[
            "Changing weight from 10 to 30 for inactive service [10.0.0.10]:tcp:80 of VS",
            "Adding service [10.0.0.10]:tcp:80 to VS",
            "Gained quorum 15+3=18 <= 40 for VS",
            "Removing sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> up 10",
            "-> qup",
        ],
        "10 w30, 11 w10",
    );
}

#[test]
fn recorded_a_weight_changes_while_another_check_keeps_the_server_down() {
    let mut service = inhibit(virtual_server(vec![real(10, 10), real(11, 10)]));
    service.servers[0].checks.push(check(20));
    let mut told = Told::start(service);
    told.weighs(0, 3);
    told.said.clear();
    told.down(1);
    told.says(
        &["Disabling service [10.0.0.10]:tcp:80 of VS", "-> down 10"],
        "10 w0, 11 w10",
    );
    told.weighs(0, 6);
    told.says(
        &["Changing weight from 3 to 6 for inactive service [10.0.0.10]:tcp:80 of VS"],
        "10 w0, 11 w10",
    );
    told.up(1);
    told.says(
        &["Enabling service [10.0.0.10]:tcp:80 of VS", "-> up 10"],
        "10 w6, 11 w10",
    );
}

fn with_file(factor: i32, reverse: bool) -> WantedService {
    let mut service = virtual_server(vec![real(10, 10), real(11, 10)]);
    for server in &mut service.servers {
        server.checks.clear();
    }
    service.servers[0].files = vec![WantedFile {
        name: "f".into(),
        path: Path::new("/f").into(),
        weight: FileWeight { factor, reverse },
    }];
    service
}

#[test]
fn recorded_a_files_number_is_added_to_the_weight() {
    let mut told = Told::default();
    told.pool.note(&Path::new("/f").into(), 3);
    told.load(with_file(1, false));
    told.says(
        &["Gained quorum 1+0=1 <= 23 for VS", "-> qup"],
        "10 w13, 11 w10",
    );
    for (number, from, to) in [(5, 13, 15), (-5, 15, 5), (-10, 5, 0)] {
        told.file(number);
        let line = format!(
            "Changing weight from {from} to {to} for active service [10.0.0.10]:tcp:80 of VS"
        );
        told.says(&[&line], &format!("10 w{to}, 11 w10"));
    }
    told.file(-11);
    told.says(&[], "10 w0, 11 w10");
    told.file(3);
    told.said.clear();
    // A reload with another weight, with another factor, without the check.
    let mut heavier = with_file(1, false);
    heavier.servers[0].spec = spec(20);
    told.load(heavier.clone());
    told.says(
        &["Changing weight from 13 to 23 for active service [10.0.0.10]:tcp:80 of VS"],
        "10 w23, 11 w10",
    );
    heavier.servers[0].files[0].weight.factor = 2;
    told.load(heavier.clone());
    told.says(
        &["Changing weight from 23 to 26 for active service [10.0.0.10]:tcp:80 of VS"],
        "10 w26, 11 w10",
    );
    heavier.servers[0].files.clear();
    told.load(heavier);
    told.says(
        &["Changing weight from 26 to 20 for active service [10.0.0.10]:tcp:80 of VS"],
        "10 w20, 11 w10",
    );
    // Nobody minds the file any more.
    told.file(7);
    told.says(&[], "10 w20, 11 w10");
}

#[test]
fn recorded_a_file_takes_a_server_out() {
    let mut told = Told::start(with_file(0, false));
    told.said.clear();
    told.file(2);
    told.says(
        &[
            "([10.0.0.10]:tcp:80): tracked file f now FAULT state",
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "-> down 10",
        ],
        "11 w10",
    );
    told.file(0);
    told.says(
        &[
            "([10.0.0.10]:tcp:80): tracked file f leaving FAULT state",
            "Adding service [10.0.0.10]:tcp:80 to VS",
            "-> up 10",
        ],
        "10 w10, 11 w10",
    );
    let mut told = Told::start(inhibit(with_file(i32::MAX, false)));
    told.said.clear();
    told.file(-2);
    told.says(
        &[
            "([10.0.0.10]:tcp:80): tracked file f now FAULT state",
            "Disabling service [10.0.0.10]:tcp:80 of VS",
            "-> down 10",
        ],
        "10 w0, 11 w10",
    );
    told.file(1);
    told.says(
        &[
            "([10.0.0.10]:tcp:80): tracked file f leaving FAULT state",
            "Enabling service [10.0.0.10]:tcp:80 of VS",
            "-> up 10",
        ],
        "10 w2147483647, 11 w10",
    );
}

#[test]
fn recorded_a_reload_takes_servers_away() {
    let mut told = Told::start(two());
    told.said.clear();
    told.load(virtual_server(vec![real(10, 1)]));
    told.says(
        &[
            "service [10.0.0.11]:tcp:80 no longer exist",
            "Removing service [10.0.0.11]:tcp:80 from VS",
            "-> down 11",
        ],
        "10 w1",
    );
    // A dead one goes without being told again; the last living one takes the quorum along.
    let mut service = two();
    service.sorry = sorry(SORRY, false);
    let mut told = Told::start(service.clone());
    told.down(1);
    told.said.clear();
    service.servers.remove(0);
    told.load(service.clone());
    told.says(
        &[
            "service [10.0.0.10]:tcp:80 no longer exist",
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "Starting with quorum down 1-0=1 > 0 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> down 10",
            "-> qdown",
        ],
        "99 w1",
    );
}

#[test]
fn recorded_a_reload_takes_a_service_away() {
    let mut told = Told::start(two());
    told.down(1);
    told.said.clear();
    let effects = told.pool.configure(Vec::new());
    told.hear(effects);
    assert_eq!(
        told.said,
        [
            "Removing Virtual Server [10.0.0.1]:tcp:80",
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "-> down 10",
            "-> qdown",
        ]
    );
}

#[test]
fn recorded_a_reload_changes_what_is_required() {
    let with = |quorum| {
        let mut service = two();
        service.quorum = quorum;
        service.sorry = sorry(SORRY, false);
        service
    };
    let mut told = Told::start(with(1));
    told.down(1);
    told.said.clear();
    told.load(with(2));
    told.says(
        &[
            "Starting with quorum down 2-0=2 > 1 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> qdown",
        ],
        "99 w1",
    );
    told.load(with(1));
    told.says(
        &[
            "Gained quorum 1+0=1 <= 1 for VS",
            "Removing sorry server [10.0.0.99]:tcp:80 from VS",
            "Adding alive servers to the pool for VS",
            "-> qup",
        ],
        "10 w1",
    );
    // Without a sorry server too.
    let mut told = Told::start(two());
    told.down(1);
    told.said.clear();
    let mut service = two();
    service.quorum = 2;
    told.load(service);
    told.says(
        &["Starting with quorum down 2-0=2 > 1 for VS", "-> qdown"],
        "10 w1",
    );
    // By a weight.
    let weighing = |weight| {
        let mut service = with(2);
        service
            .servers
            .iter_mut()
            .for_each(|server| server.spec = DestinationSpec { weight, ..spec(0) });
        service
    };
    let mut told = Told::start(weighing(2));
    told.down(1);
    told.said.clear();
    told.load(weighing(1));
    assert_eq!(
        told.said[0],
        "Changing weight from 2 to 1 for active service [10.0.0.10]:tcp:80 of VS"
    );
    told.said.remove(0);
    told.said.retain(|line| !line.contains("inactive"));
    told.says(
        &[
            "Starting with quorum down 2-0=2 > 1 for VS",
            "Adding sorry server [10.0.0.99]:tcp:80 to VS",
            "Removing alive servers from the pool for VS",
            "-> qdown",
        ],
        "99 w1",
    );
}

#[test]
fn recorded_a_reload_changes_the_sorry_server_that_serves() {
    let with = |sorry| {
        let mut service = two();
        service.sorry = sorry;
        service
    };
    let mut told = Told::start(with(None));
    told.down(0);
    told.down(1);
    told.said.clear();
    told.load(with(sorry(SORRY, false)));
    let begins = |last: u8| {
        [
            "Starting with quorum down 1-0=1 > 0 for VS".to_owned(),
            format!("Adding sorry server [10.0.0.{last}]:tcp:80 to VS"),
            "Removing alive servers from the pool for VS".to_owned(),
            "-> qdown".to_owned(),
        ]
    };
    assert_eq!(std::mem::take(&mut told.said), begins(99));
    told.load(with(sorry(SORRY, false)));
    told.says(&[], "99 w1");
    told.load(with(sorry("10.0.0.98:80", false)));
    assert_eq!(
        told.said.remove(0),
        "Removing sorry server [10.0.0.99]:tcp:80 from VS"
    );
    assert_eq!(std::mem::take(&mut told.said), begins(98));
    told.says(&[], "98 w1");
    told.load(with(None));
    told.says(&["Removing sorry server [10.0.0.98]:tcp:80 from VS"], "");
}

#[test]
fn recorded_a_reload_changes_a_check() {
    let changed = |service: WantedService| {
        let mut service = service;
        let timing = service.servers[1].checks[0].timing.clone();
        service.servers[1].checks = vec![WantedCheck {
            timing,
            ..check(21)
        }];
        service
    };
    // Of a living server: it goes on until the new check finds it dead.
    for held in [two(), alpha(two())] {
        let mut told = Told::start(held.clone());
        told.up(0);
        told.up(1);
        told.said.clear();
        told.load(changed(held));
        told.says(&[], "10 w1, 11 w1");
        told.down(1);
        told.says(
            &["Removing service [10.0.0.11]:tcp:80 from VS", "-> down 11"],
            "10 w1",
        );
    }
    // Of a dead one: it comes back at once, with alpha when the check succeeds.
    let mut told = Told::start(two());
    told.down(1);
    told.said.clear();
    told.load(changed(two()));
    told.says(
        &["Adding service [10.0.0.11]:tcp:80 to VS", "-> up 11"],
        "10 w1, 11 w1",
    );
    let mut told = Told::start(alpha(two()));
    told.up(0);
    told.down(1);
    told.said.clear();
    told.load(changed(alpha(two())));
    told.says(&[], "10 w1");
    told.up(1);
    told.says(
        &["Adding service [10.0.0.11]:tcp:80 to VS", "-> up 11"],
        "10 w1, 11 w1",
    );
    // A dead one that loses its check.
    let mut told = Told::start(two());
    told.down(1);
    told.said.clear();
    let mut service = two();
    service.servers[1].checks.clear();
    told.load(service);
    told.says(
        &["Adding service [10.0.0.11]:tcp:80 to VS", "-> up 11"],
        "10 w1, 11 w1",
    );
}

#[test]
fn recorded_a_reload_inhibits_dead_servers_or_lets_them_go() {
    let mut told = Told::start(two());
    told.down(1);
    told.said.clear();
    told.load(inhibit(two()));
    told.says(&[], "10 w1, 11 w0");
    told.load(two());
    told.says(&[], "10 w1");
}

#[test]
fn recorded_scripts_of_the_new_configuration_are_told() {
    let mut told = Told::start(two());
    told.said.clear();
    let mut service = two();
    service.servers[0].scripts.down = script("newdown 10");
    told.load(service);
    told.down(0);
    told.says(
        &[
            "Removing service [10.0.0.10]:tcp:80 from VS",
            "-> newdown 10",
        ],
        "11 w1",
    );
}

#[test]
fn recorded_checks_rest_while_the_address_is_elsewhere() {
    let addresses = |list: &[&str]| -> BTreeSet<std::net::IpAddr> {
        list.iter()
            .map(|address| address.parse().unwrap())
            .collect()
    };
    let mut service = two();
    service.ha_suspend = true;
    let mut told = Told::default();
    let _ = told.pool.settle_addresses(addresses(&["10.0.0.5"]));
    told.load(service.clone());
    told.says(
        &[
            "Deactivating healthchecker for service [10.0.0.10]:tcp:80 for VS",
            "Deactivating healthchecker for service [10.0.0.11]:tcp:80 for VS",
            "Gained quorum 1+0=1 <= 2 for VS",
            "-> qup",
        ],
        "10 w1, 11 w1",
    );
    assert!(told.pool.resting().all(|(_, rests)| rests));
    let effects = told
        .pool
        .settle_addresses(addresses(&["10.0.0.5", "10.0.0.1"]));
    told.hear(effects);
    told.says(
        &["Netlink reflector reports IP 10.0.0.1 added"],
        "10 w1, 11 w1",
    );
    assert!(!told.pool.resting().any(|(_, rests)| rests));
    told.down(1);
    told.said.clear();
    // The table stays as the checks left it.
    let effects = told.pool.settle_addresses(addresses(&["10.0.0.5"]));
    told.hear(effects);
    told.says(
        &[
            "Netlink reflector reports IP 10.0.0.1 removed",
            "Suspending healthchecker for service [10.0.0.10]:tcp:80 for VS",
            "Suspending healthchecker for service [10.0.0.11]:tcp:80 for VS",
        ],
        "10 w1",
    );
    // What was on its way to us counts: nobody tells it again.
    told.up(1);
    told.says(
        &["Adding service [10.0.0.11]:tcp:80 to VS", "-> up 11"],
        "10 w1, 11 w1",
    );
    told.load(service);
    told.says(
        &[
            "Deactivating healthchecker for service [10.0.0.10]:tcp:80 for VS",
            "Deactivating healthchecker for service [10.0.0.11]:tcp:80 for VS",
        ],
        "10 w1, 11 w1",
    );
}
