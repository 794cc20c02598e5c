//! What holds whatever happens.

use proptest::prelude::*;

use super::*;
use crate::lvs::wanted::WantedFile;
use crate::lvs::weight::FileWeight;

/// Something that happens to the pool.
#[derive(Clone, Debug)]
enum Step {
    /// A check, by its place, ends an attempt, and asks for a weight.
    Attempt(usize, bool, Option<u8>),
    /// The file says another number.
    File(i32),
    /// The same configuration once more.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6usize, any::<bool>(), proptest::option::of(0..=253u8))
            .prop_map(|(at, up, weight)| Step::Attempt(at, up, weight)),
        2 => prop_oneof![Just(0), Just(i32::MIN), Just(i32::MAX), -300..300].prop_map(Step::File),
        1 => Just(Step::Reload),
    ]
}

prop_compose! {
    fn wanted()(
        weights in proptest::collection::vec(0..20u32, 1..4),
        quorum in 0..30u32, hysteresis in 0..5u32, factor in -3..4i32, reverse: bool,
        has_sorry: bool, inhibit: bool, sorry_inhibit: bool, alpha: bool,
    ) -> WantedService {
        let servers = weights.iter().zip(10..).map(|(weight, last)| {
            let mut server = server(&format!("172.16.1.{last}:80"), *weight, 2);
            server.inhibit = inhibit;
            for check in &mut server.checks {
                Arc::make_mut(&mut check.timing).alpha = alpha;
            }
            server
        });
        let mut service = service(servers.collect());
        service.servers[0].files.push(WantedFile {
            name: "f".into(),
            path: Path::new("/f").into(),
            weight: FileWeight { factor, reverse },
        });
        (service.quorum, service.hysteresis) = (quorum, hysteresis.min(quorum));
        service.sorry = has_sorry.then(|| SorryServer {
            address: socket("172.16.1.99:80"),
            spec: spec(1),
            inhibit: sorry_inhibit,
        });
        service
    }
}

fn play(pool: &mut Pool, wanted: &WantedService, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Attempt(at, up, weight) => {
                if let Some(check) = pool.checks().get(*at) {
                    let health = if *up { Health::Up } else { Health::Down };
                    let dynamic_weight = weight.filter(|_| *up);
                    let _ = pool.handle(&Report {
                        dynamic_weight,
                        ..report(check.id, health)
                    });
                }
            }
            Step::File(number) => drop(pool.read(Path::new("/f"), *number)),
            Step::Reload => {
                let effects = pool.configure(vec![wanted.clone()]);
                assert_eq!(effects, Effects::default());
            }
        }
    }
}

/// What each check and the file said last: all that the weights may depend on.
fn replay(wanted: &WantedService, steps: &[Step]) -> Vec<Step> {
    let checks = wanted
        .servers
        .iter()
        .map(|server| server.checks.len())
        .sum();
    let mut last: Vec<Option<Step>> = vec![None; checks];
    let mut file = None;
    for step in steps {
        match step {
            Step::Attempt(at, ..) => {
                if let Some(place) = last.get_mut(*at) {
                    *place = Some(step.clone());
                }
            }
            Step::File(_) => file = Some(step.clone()),
            Step::Reload => {}
        }
    }
    last.into_iter().chain([file]).flatten().collect()
}

proptest! {
    #[test]
    fn who_is_alive_and_weights_depend_on_what_was_said_last_alone(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..40),
    ) {
        let (mut long, mut short) = (pool(wanted.clone()), pool(wanted.clone()));
        play(&mut long, &wanted, &steps);
        play(&mut short, &wanted, &replay(&wanted, &steps));
        let ranks = |pool: &Pool| -> Vec<_> {
            let pairs = pool.services()[0].pairs();
            pairs.map(|(live, wanted)| live.rank(wanted)).collect()
        };
        prop_assert_eq!(ranks(&long), ranks(&short));
        // The kernel takes no larger ones.
        let table = long.table();
        let weights = table.services.values().flat_map(|service| service.destinations.values());
        prop_assert!(weights.into_iter().all(|spec| spec.weight <= i32::MAX.unsigned_abs()));
    }

    #[test]
    fn an_equal_configuration_changes_nothing_and_keeps_every_verdict(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut pool = pool(wanted.clone());
        play(&mut pool, &wanted, &steps);
        let (table, checks) = (pool.table(), pool.checks());
        prop_assert_eq!(pool.configure(vec![wanted]), Effects::default());
        prop_assert_eq!((pool.table(), pool.checks()), (table, checks));
    }

    #[test]
    fn reports_of_an_earlier_configuration_change_nothing(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..20), up: bool,
    ) {
        let mut pool = pool(wanted.clone());
        play(&mut pool, &wanted, &steps);
        let stale = pool.checks();
        let mut other = wanted;
        for check in other.servers.iter_mut().flat_map(|server| &mut server.checks) {
            let Probe::Tcp(dial) = Arc::make_mut(&mut check.probe) else {
                unreachable!("{check:?}");
            };
            dial.timeout *= 2;
        }
        let _ = pool.configure(vec![other]);
        let table = pool.table();
        for check in stale {
            let health = if up { Health::Up } else { Health::Down };
            prop_assert_eq!(pool.handle(&report(check.id, health)), (None, Effects::default()));
        }
        prop_assert_eq!(pool.table(), table);
    }

    /// Whoever changes how often a check asks has not asked for another verdict.
    #[test]
    fn other_times_change_nothing(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut pool = pool(wanted.clone());
        play(&mut pool, &wanted, &steps);
        let ids = |pool: &Pool| pool.checks().iter().map(|check| check.id).collect::<Vec<_>>();
        let (table, before) = (pool.table(), ids(&pool));
        let mut other = wanted;
        for check in other.servers.iter_mut().flat_map(|server| &mut server.checks) {
            let timing = Arc::make_mut(&mut check.timing);
            timing.retry += 1;
            timing.delay_loop *= 2;
        }
        prop_assert_eq!(pool.configure(vec![other]), Effects::default());
        prop_assert_eq!((pool.table(), ids(&pool)), (table, before));
    }

    /// One more success never loses the quorum, one more failure never gains it.
    #[test]
    fn the_quorum_is_monotone(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..40), at in 0..6usize, up: bool,
    ) {
        let mut pool = pool(wanted.clone());
        play(&mut pool, &wanted, &steps);
        let before = (pool.services()[0].living_weight(), pool.services()[0].has_quorum);
        play(&mut pool, &wanted, &[Step::Attempt(at, up, None)]);
        let after = (pool.services()[0].living_weight(), pool.services()[0].has_quorum);
        if after.0 >= before.0 && pool.services()[0].any_alive() {
            prop_assert!(after.1 >= before.1, "{before:?} {after:?}");
        }
        if after.0 <= before.0 && after.0 > 0 {
            prop_assert!(after.1 <= before.1, "{before:?} {after:?}");
        }
    }

    /// The sorry server and the living ones never serve together.
    #[test]
    fn the_sorry_server_serves_alone(
        wanted in wanted(), steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut pool = pool(wanted.clone());
        play(&mut pool, &wanted, &steps);
        let serving: Vec<_> = table(&pool).into_iter().filter(|(_, weight)| *weight > 0).collect();
        let sorry = serving.iter().filter(|(address, _)| address == "172.16.1.99:80").count();
        prop_assert!(sorry == 0 || serving.len() == 1, "{serving:?}");
        let lost = !pool.services()[0].has_quorum && wanted.sorry.is_some();
        prop_assert_eq!(sorry == 1, lost);
    }
}
