//! Whose turn it is in the loop, with packets that never end. On the machine's own links, which are only looked at.

use tokio::task::LocalSet;

use super::*;

/// One that belongs to nobody.
fn packet() -> Packet {
    Packet::of_a_test(vec![0; 40])
}

/// A loop that has just been opened, with its other ends, and a listener that has always another packet.
fn flooded<T>(act: impl AsyncFnOnce(Loop, mpsc::Sender<Command>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (commands, receiver) = mpsc::channel(4);
        let outlet = Outlet::new(mpsc::channel(4).0);
        let sessions = watch::channel(SessionStates::new()).0;
        let this = Loop::open(receiver, outlet, sessions).unwrap();
        let inlet = this.inlet.clone();
        let listener = spawn_local(async move { while inlet.send(packet()).await.is_ok() {} });
        // It has filled the channel before anybody looks.
        while this.packets.len() < PACKETS {
            tokio::task::yield_now().await;
        }
        let outcome = act(this, commands).await;
        listener.abort();
        outcome
    })
}

/// Takes events until there is one that is no packet: how many packets came before, and what it is. Wakes up in between as
/// [`Loop::run`] does.
async fn until_another(this: &mut Loop) -> (usize, Event) {
    for packets in 0.. {
        match this.next().await {
            // The machine's links may change meanwhile.
            Event::Packet(_) | Event::NetworkChanged(_) | Event::RoutingChanged(_)
                if packets > 10 * STREAK =>
            {
                panic!("nothing but packets");
            }
            Event::Packet(_) | Event::NetworkChanged(_) | Event::RoutingChanged(_) => {}
            other => return (packets, other),
        }
    }
    unreachable!("the loop above ends")
}

#[test]
fn packets_that_never_end_hold_up_no_timer() {
    flooded(async |mut this, _commands| {
        for turn in 0..3 {
            // An advert that is due, say.
            let due = this.now();
            this.driver.look_later(due);
            let (packets, event) = until_another(&mut this).await;
            assert!(packets <= STREAK, "{packets} packets in turn {turn}");
            // Those that are here come first: none of them is to be taken for a lost advert.
            assert!(packets >= PACKETS, "{packets} packets in turn {turn}");
            assert!(matches!(event, Event::Deadline(at) if at == due));
            this.driver.network_changed(this.now());
            // Nothing else is there: packets again.
            assert!(matches!(this.next().await, Event::Packet(_)));
        }
    });
}

#[test]
fn packets_that_never_end_hold_up_no_command() {
    flooded(async |mut this, commands| {
        for turn in 0..3 {
            commands.send(Command::ClearStats).await.unwrap();
            let (packets, event) = until_another(&mut this).await;
            assert!(packets <= STREAK, "{packets} packets in turn {turn}");
            assert!(packets >= PACKETS, "{packets} packets in turn {turn}");
            assert!(matches!(event, Event::Command(Some(Command::ClearStats))));
            assert!(matches!(this.next().await, Event::Packet(_)));
        }
    });
}
