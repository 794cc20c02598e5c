use std::net::IpAddr;
use std::num::{NonZeroU8, NonZeroU32};

use super::*;

const MS: u64 = 1000;

/// A packet of a neighbour with 80 ms, 120 ms and 4.
pub(crate) fn heard(state: State, mine: u32, yours: u32) -> Control {
    Control {
        diagnostic: Diagnostic::None,
        state,
        poll: false,
        final_: false,
        independent: false,
        authenticated: false,
        demand: false,
        multiplier: NonZeroU8::new(4).unwrap(),
        mine: NonZeroU32::new(mine).unwrap(),
        yours: NonZeroU32::new(yours),
        desired_min_tx: Micros(80_000),
        required_min_rx: Micros(120_000),
        required_min_echo_rx: Micros(0),
    }
}

/// The session `one` of the capture: 150 ms out, 100 ms in, 3; the neighbour of [`heard`] has 80 ms, 120 ms, 4.
fn config() -> Config {
    Config {
        name: "one".into(),
        neighbour: IpAddr::from([10, 50, 0, 2]),
        source: None,
        multihop: false,
        min_rx: Micros(100_000),
        min_tx: Micros(150_000),
        idle_tx: Micros(1_000_000),
        multiplier: NonZeroU8::new(3).unwrap(),
        passive: false,
        least_ttl: None,
    }
}

/// A session at virtual times, without jitter.
struct Bench {
    session: Session,
    out: Vec<Action>,
}

impl Bench {
    fn new(config: Config) -> Bench {
        Bench {
            session: Session::new(Time::new(0), config, NonZeroU32::new(11).unwrap()),
            out: Vec::new(),
        }
    }

    fn up() -> Bench {
        let mut bench = Bench::new(config());
        bench.hear(0, heard(State::Down, 7, 0));
        bench.hear(10, heard(State::Up, 7, 11));
        assert!(bench.session.is_up());
        bench
    }

    fn hear(&mut self, at: u64, control: Control) {
        let (now, chance) = (Time::new(at * MS), Chance(0));
        self.session.receive(now, chance, control, &mut self.out);
    }

    fn timer(&mut self, at: u64) {
        self.session
            .timer(Time::new(at * MS), Chance(0), &mut self.out);
    }

    /// What was sent since the last question.
    fn sent(&mut self) -> Vec<Control> {
        self.out
            .drain(..)
            .filter_map(|action| match action {
                Action::Send { packet, .. } => Some(wire::parse(&packet).unwrap()),
                Action::Turned { .. } | Action::Log(_) => None,
            })
            .collect()
    }

    fn deadline(&self) -> u64 {
        self.session.deadline().unwrap().get() / MS
    }
}

#[test]
fn it_begins_down_and_says_so_once_a_second() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.deadline(), 0);
    bench.timer(0);
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].state, sent[0].yours), (State::Down, None));
    // RFC 5880 6.8.3: not less than one second while the session is not up.
    assert_eq!(sent[0].desired_min_tx, Micros(1_000_000));
    assert_eq!(sent[0].required_min_rx, Micros(100_000));
    assert_eq!(bench.deadline(), 1000);
}

#[test]
fn a_change_of_state_is_told_at_once_and_up_asks_for_confirmation() {
    let mut bench = Bench::new(config());
    bench.timer(0);
    bench.sent();
    bench.hear(100, heard(State::Down, 7, 0));
    let sent = bench.sent();
    assert_eq!(
        (sent[0].state, sent[0].yours),
        (State::Init, NonZeroU32::new(7))
    );
    bench.hear(200, heard(State::Init, 7, 11));
    assert!(bench.out.contains(&Action::Turned {
        session: "one".into(),
        up: true
    }));
    let sent = bench.sent();
    assert_eq!((sent[0].state, sent[0].poll), (State::Up, true));
    assert_eq!(sent[0].desired_min_tx, Micros(150_000));
    assert_eq!(bench.deadline(), 350);
}

/// RFC 5880 6.5: the answer is sent at once, has F and not P, and the asked one's own poll goes on.
#[test]
fn a_poll_is_answered_at_once() {
    let mut bench = Bench::up();
    bench.sent();
    let poll = Control {
        poll: true,
        ..heard(State::Up, 7, 11)
    };
    bench.hear(20, poll);
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].final_, sent[0].poll), (true, false));
    bench.timer(160);
    assert!(bench.sent()[0].poll);
    let answer = Control {
        final_: true,
        ..heard(State::Up, 7, 11)
    };
    bench.hear(170, answer);
    bench.timer(310);
    assert!(!bench.sent()[0].poll);
}

/// Seen of keepalived 2.2.7: 4 packets of 100 ms, since we can receive no faster.
#[test]
fn silence_for_the_detection_time_takes_it_down() {
    let mut bench = Bench::up();
    bench.sent();
    bench.timer(409);
    assert!(bench.session.is_up());
    bench.timer(410);
    assert!(!bench.session.is_up());
    assert!(bench.out.contains(&Action::Turned {
        session: "one".into(),
        up: false
    }));
    let sent = bench.sent();
    let last = sent.last().unwrap();
    assert_eq!(last.diagnostic, Diagnostic::DetectionTimeExpired);
    // RFC 5880 6.8.1: the neighbour may have begun anew with another discriminator.
    assert_eq!((last.state, last.yours), (State::Down, None));
    assert_eq!(last.desired_min_tx, Micros(1_000_000));
}

#[test]
fn a_neighbour_that_is_down_takes_us_down() {
    for state in [State::Down, State::AdminDown] {
        let mut bench = Bench::up();
        bench.sent();
        bench.hear(20, heard(state, 7, 11));
        let sent = bench.sent();
        assert_eq!(
            (sent[0].state, sent[0].diagnostic),
            (State::Down, Diagnostic::NeighborSignaledDown)
        );
    }
}

/// RFC 5880 6.8.1, bfd.SessionState, and 6.8.7.
#[test]
fn a_passive_end_waits_to_be_spoken_to() {
    let passive = Config {
        passive: true,
        ..config()
    };
    let mut bench = Bench::new(passive);
    assert_eq!(bench.session.deadline(), None);
    bench.hear(50, heard(State::Down, 7, 0));
    assert_eq!(bench.sent()[0].state, State::Init);
    bench.timer(4051);
    assert_eq!(bench.session.deadline(), None);
}

/// RFC 5880 6.6 and 6.8.7.
#[test]
fn a_neighbour_that_wants_nothing_gets_nothing() {
    let mut bench = Bench::up();
    let quiet = Control {
        demand: true,
        final_: true,
        ..heard(State::Up, 7, 11)
    };
    bench.hear(20, quiet);
    bench.sent();
    bench.timer(300);
    assert!(bench.sent().is_empty());
    let deaf = Control {
        required_min_rx: Micros(0),
        ..heard(State::Up, 7, 11)
    };
    bench.hear(310, deaf);
    bench.timer(600);
    assert!(bench.sent().is_empty());
    bench.hear(610, heard(State::Up, 7, 11));
    bench.timer(610);
    assert_eq!(bench.sent().len(), 1);
}

/// RFC 5880 6.8.3: a slower sender and a faster detector wait until the neighbour knows.
#[test]
fn other_intervals_are_asked_for_before_they_bite() {
    let mut bench = Bench::up();
    let answer = Control {
        final_: true,
        ..heard(State::Up, 7, 11)
    };
    bench.hear(20, answer);
    bench.timer(160);
    bench.sent();
    let slower = Config {
        min_tx: Micros(500_000),
        min_rx: Micros(20_000),
        ..config()
    };
    let now = Time::new(170 * MS);
    bench
        .session
        .reconfigure(now, Chance(0), slower, &mut bench.out);
    // Heard at 20, 4 times 100 ms.
    assert_eq!(bench.session.expires_at(), Some(Time::new(420 * MS)));
    bench.timer(310);
    let sent = bench.sent();
    assert_eq!(
        (
            sent[0].poll,
            sent[0].desired_min_tx,
            sent[0].required_min_rx
        ),
        (true, Micros(500_000), Micros(20_000))
    );
    assert_eq!(bench.session.send_at, Some(Time::new(460 * MS)));
    bench.hear(320, answer);
    assert_eq!(bench.session.send_at, Some(Time::new(810 * MS)));
    // 4 times the neighbour's 80 ms.
    assert_eq!(bench.session.expires_at(), Some(Time::new(640 * MS)));
}

#[test]
fn an_answer_to_the_question_before_is_not_taken_for_one_to_this() {
    let mut bench = Bench::up();
    let slower = Config {
        min_tx: Micros(500_000),
        ..config()
    };
    let now = Time::new(15 * MS);
    bench
        .session
        .reconfigure(now, Chance(0), slower, &mut bench.out);
    let answer = Control {
        final_: true,
        ..heard(State::Up, 7, 11)
    };
    bench.hear(20, answer);
    assert_eq!(bench.session.in_force.tx, Micros(150_000));
    bench.hear(180, answer);
    assert_eq!(bench.session.in_force.tx, Micros(500_000));
    assert_eq!(bench.session.poll, Poll::No);
}
