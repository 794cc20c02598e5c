use std::num::NonZeroU8;

use super::*;
use crate::session::tests::heard;
use crate::state::State;
use crate::time::Micros;

fn config(name: &str, last: u8) -> Config {
    Config {
        name: name.into(),
        neighbour: IpAddr::from([10, 50, 0, last]),
        source: None,
        multihop: false,
        min_rx: Micros(10_000),
        min_tx: Micros(10_000),
        idle_tx: Micros(1_000_000),
        multiplier: NonZeroU8::new(5).unwrap(),
        passive: false,
        least_ttl: Some(255),
    }
}

fn packet(last: u8, bytes: &[u8]) -> Packet<'_> {
    Packet {
        from: SocketAddr::from(([10, 50, 0, last], 49152)),
        to: IpAddr::from([10, 50, 0, 1]),
        ttl: 255,
        multihop: false,
        bytes,
    }
}

fn sessions(configs: &[Config]) -> Sessions {
    let mut sessions = Sessions::new();
    let told = sessions.configure(Time::new(0), Chance(0), configs.to_vec(), 11);
    assert_eq!(told.len(), configs.len());
    sessions
}

fn states(sessions: &Sessions) -> Vec<State> {
    let views = sessions.view();
    views.into_iter().map(|view| view.local.0).collect()
}

fn receive(sessions: &mut Sessions, packet: &Packet<'_>) -> Vec<String> {
    let actions = sessions.receive(Time::new(1), Chance(0), packet);
    let logged = actions.into_iter().filter_map(|action| match action {
        Action::Log(Notice::Rejected { why, .. }) => Some(why.to_string()),
        _ => None,
    });
    logged.collect()
}

#[test]
fn a_first_packet_goes_by_its_source_and_a_later_one_by_its_discriminator() {
    let mut sessions = sessions(&[config("a", 2), config("b", 3)]);
    let first = wire::emit(&heard(State::Down, 7, 0));
    assert!(receive(&mut sessions, &packet(3, &first)).is_empty());
    assert_eq!(states(&sessions), [State::Down, State::Init]);
    let second = wire::emit(&heard(State::Init, 7, 12));
    assert!(receive(&mut sessions, &packet(3, &second)).is_empty());
    assert_eq!(states(&sessions), [State::Down, State::Up]);
    let stranger = wire::emit(&heard(State::Down, 7, 11));
    assert_eq!(
        receive(&mut sessions, &packet(3, &stranger)),
        ["the session of that discriminator has another neighbor"]
    );
    let lost = wire::emit(&heard(State::Up, 7, 99));
    assert_eq!(
        receive(&mut sessions, &packet(3, &lost)),
        ["session is not found - your discriminator field is 0x00000063"]
    );
}

/// RFC 5881 5.
#[test]
fn a_packet_from_afar_is_not_used_and_told_of_once() {
    let mut sessions = sessions(&[config("a", 2)]);
    let bytes = wire::emit(&heard(State::Down, 7, 0));
    let routed = Packet {
        ttl: 254,
        ..packet(2, &bytes)
    };
    assert_eq!(
        receive(&mut sessions, &routed),
        ["Packet ttl(254) < 255 - discarding"]
    );
    assert!(receive(&mut sessions, &routed).is_empty());
    assert_eq!(states(&sessions), [State::Down]);
    receive(&mut sessions, &packet(2, &bytes));
    assert_eq!(states(&sessions), [State::Init]);
    assert_eq!(receive(&mut sessions, &routed).len(), 1);
}

#[test]
fn the_other_port_and_another_address_of_ours_are_other_sessions() {
    let there = Config {
        multihop: true,
        source: Some(IpAddr::from([10, 50, 0, 1])),
        ..config("a", 2)
    };
    let mut sessions = sessions(&[there]);
    let bytes = wire::emit(&heard(State::Down, 7, 0));
    assert_eq!(receive(&mut sessions, &packet(2, &bytes)).len(), 1);
    let far = Packet {
        multihop: true,
        ..packet(2, &bytes)
    };
    let elsewhere = Packet {
        to: IpAddr::from([10, 50, 0, 9]),
        ..far
    };
    receive(&mut sessions, &elsewhere);
    assert_eq!(states(&sessions), [State::Down]);
    receive(&mut sessions, &far);
    assert_eq!(states(&sessions), [State::Init]);
}

#[test]
fn a_reload_keeps_the_sessions_whose_ends_are_the_same() {
    let mut sessions = sessions(&[config("a", 2), config("b", 3)]);
    for (last, ours) in [(2, 11), (3, 12)] {
        receive(
            &mut sessions,
            &packet(last, &wire::emit(&heard(State::Down, 7, 0))),
        );
        receive(
            &mut sessions,
            &packet(last, &wire::emit(&heard(State::Up, 7, ours))),
        );
    }
    assert_eq!(states(&sessions), [State::Up, State::Up]);
    let slower = Config {
        min_tx: Micros(90_000),
        ..config("a", 2)
    };
    let moved = config("b", 4);
    let actions = sessions.configure(Time::new(2), Chance(0), vec![slower, moved], 11);
    assert_eq!(states(&sessions), [State::Up, State::Down]);
    let told: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Turned { session, up } => Some((&**session, *up)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("a", true), ("b", false)]);
    let discriminators: Vec<_> = sessions
        .view()
        .iter()
        .map(|view| view.discriminator)
        .collect();
    assert_eq!(discriminators, [11, 12]);
}
