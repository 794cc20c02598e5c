//! The failover thread's loop: one runtime of its own, one closed enum of events.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use nix::time::{ClockId, clock_gettime};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle as Task, spawn_local};
use vrrp::{Clocks, Micros, Time};

use super::STOP_PATIENCE;
use super::driver::Driver;
use super::groups::Vmacs;
use super::handle::{Command, SessionStates, VrrpReport};
use super::lateness::Lateness;
use super::neighbours::{KernelPath, Neighbours, Turned};
use super::outlet::Outlet;
use super::packets::{FromNeighbour, Listening, Packet, bfd_listener, listener};
use super::raise::Raise;
use super::rules::Rules;
use super::seldom::Seldom;
use crate::journal::{Line, Part, write};
use crate::kernel::advert::Place;
use crate::kernel::alarm::Alarm;
use crate::kernel::bfd::{self as bfd_socket, Port};
use crate::kernel::network::KernelNetwork;
use crate::kernel::readable::readable;
use crate::kernel::schedule;
use crate::kernel::watch::{Heard, Watch};
use crate::plan::{PlannedSession, Timeliness};

/// Packets that may wait. More than that are left to the sockets' own buffers.
const PACKETS: usize = 256;

/// Turns that the listeners need to hand over what lies in their sockets: one to hear of it, one to read it.
const LISTENERS_TURNS: usize = 2;
/// Packets in a row after which everything else has its turn: more than can lie in a socket when the thread could not run for a
/// while, so that an advert that is there is not taken for a lost one.
const STREAK: usize = 1024;
/// So many times as long as a look at links and addresses took, there is none; but no longer than this.
const LOOK_REST: u32 = 3;
const LOOK_REST_MOST: Duration = Duration::from_millis(300);
/// How long the start waits for rules of nftables.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// What the loop wakes up for.
enum Event {
    Command(Option<Command>),
    Packet(Packet),
    Neighbour(FromNeighbour),
    NetworkChanged(Heard),
    RoutingChanged(Heard),
    WatchBroken(io::Error),
    /// The time that it was due at has come.
    Deadline(Time),
}

/// The loop, with everything that it owns.
pub(super) struct Loop {
    driver: Driver<KernelNetwork>,
    neighbours: Neighbours<KernelPath>,
    /// Sessions that real servers may depend on.
    for_checkers: BTreeSet<bfd::Name>,
    sessions: watch::Sender<SessionStates>,
    bfd_listeners: BTreeMap<Port, Task<()>>,
    bfd_packets: mpsc::Receiver<FromNeighbour>,
    bfd_inlet: mpsc::Sender<FromNeighbour>,
    start: Instant,
    watch: AsyncFd<Watch>,
    routing: AsyncFd<Watch>,
    commands: mpsc::Receiver<Command>,
    packets: mpsc::Receiver<Packet>,
    inlet: mpsc::Sender<Packet>,
    listeners: BTreeMap<Place, Task<()>>,
    outlet: Outlet,
    alarm: Alarm,
    lateness: Lateness,
    timeliness: Timeliness,
    raise: Raise,
    rules: Rules,
    /// When links and addresses are looked at next at the earliest.
    look_after: Time,
    /// What the last wait was for.
    due: Option<Time>,
    /// Packets since anything else had its turn.
    streak: usize,
    /// When it was last said that the thread stood still, and that notices were lost.
    still: Seldom,
    lost: Seldom,
}

impl Loop {
    /// Opens its sockets.
    pub(super) fn open(
        commands: mpsc::Receiver<Command>,
        outlet: Outlet,
        sessions: watch::Sender<SessionStates>,
    ) -> io::Result<Loop> {
        // The watch first: what changes after the first look is heard.
        let watch = readable(Watch::open()?)?;
        let routing = readable(Watch::routing()?)?;
        let (inlet, packets) = mpsc::channel(PACKETS);
        let (bfd_inlet, bfd_packets) = mpsc::channel(PACKETS);
        Ok(Loop {
            neighbours: Neighbours::new(KernelPath::default()),
            for_checkers: BTreeSet::new(),
            sessions,
            bfd_listeners: BTreeMap::new(),
            bfd_packets,
            bfd_inlet,
            driver: Driver::new(KernelNetwork::open()?),
            start: Instant::now(),
            watch,
            routing,
            commands,
            packets,
            inlet,
            listeners: BTreeMap::new(),
            outlet,
            alarm: Alarm::open()?,
            lateness: Lateness::default(),
            timeliness: Timeliness::default(),
            raise: Raise::default(),
            rules: Rules::new(),
            look_after: Time::default(),
            due: None,
            streak: 0,
            still: Seldom::default(),
            lost: Seldom::default(),
        })
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(mut self) {
        loop {
            let event = self.next().await;
            self.look_at_the_clock();
            // Each time, since the wall clock may have been set.
            self.driver.set_clocks(clocks(self.start));
            match event {
                Event::Command(Some(Command::Configure(plan, sessions, done))) => {
                    self.schedule(&plan.timeliness);
                    if self.driver.prepare(&plan) {
                        // Nothing runs yet that would have to wait for this.
                        let (vmacs, table) = self.driver.vmacs_of(&plan);
                        self.rules.want(self.driver.network_mut(), vmacs, table);
                        self.settle(START_PATIENCE).await;
                    }
                    // The sessions first: instances begin with how those stand that they track.
                    self.configure_sessions(sessions);
                    self.driver.configure(self.now(), *plan);
                    self.follow();
                    self.outlet.tell(self.driver.news());
                    // Whoever asked may have gone; the work is done all the same.
                    let _ = done.send(());
                }
                Event::Command(Some(Command::View(answer))) => {
                    let _ = answer.send(self.driver.router().view());
                }
                Event::Command(Some(Command::Handover(name, back, answer))) => {
                    let outcome = self.driver.hand_over(self.now(), &name, back);
                    let _ = answer.send(outcome);
                }
                Event::Command(Some(Command::Strays(answer))) => {
                    let _ = answer.send(self.driver.router().strays().clone());
                }
                Event::Command(Some(Command::ClearStats)) => self.driver.clear_stats(),
                Event::Command(Some(Command::Report(answer))) => {
                    let _ = answer.send(self.report());
                }
                Event::Command(Some(Command::Alive(answer))) => {
                    let _ = answer.send(());
                }
                Event::Command(Some(Command::Sessions(answer))) => {
                    let _ = answer.send(self.neighbours.view());
                }
                Event::Command(Some(Command::Tracked(kind, name, standing))) => {
                    self.driver.tracked(self.now(), kind, &name, standing);
                }
                Event::Command(Some(Command::Stop(done))) => {
                    self.driver.shutdown(self.now());
                    self.outlet.tell(self.driver.news());
                    self.end().await;
                    let _ = done.send(self.outlet.rest());
                    return;
                }
                Event::Command(Some(Command::Abandon)) => return,
                // The main loop is gone without a word: give back what is not ours to keep.
                Event::Command(None) => {
                    self.driver.shutdown(self.now());
                    self.end().await;
                    return;
                }
                Event::Packet(packet) => {
                    let arrived = packet.arrived();
                    self.driver.packet(self.now(), arrived, packet.event());
                }
                Event::Neighbour(packet) => {
                    let turned = self.neighbours.packet(self.now(), &packet.packet());
                    self.turn(turned);
                }
                Event::NetworkChanged(heard) => {
                    self.say_what_was_lost(heard);
                    if self.now() < self.look_after {
                        self.driver.look_later(self.look_after);
                    } else {
                        self.look();
                    }
                }
                Event::RoutingChanged(heard) => {
                    self.say_what_was_lost(heard);
                    self.driver.routing_changed(self.now());
                }
                Event::WatchBroken(error) => {
                    write(&Line::Trouble {
                        part: Part::Vrrp,
                        reason: format!("cannot watch links and addresses: {error}; watching anew"),
                    });
                    let anew = Watch::open().and_then(readable);
                    match (anew, Watch::routing().and_then(readable)) {
                        (Ok(watch), Ok(routing)) => {
                            // It was to be had before.
                            for watch in [&watch, &routing] {
                                let _ = watch.get_ref().make_room(self.timeliness.monitor);
                            }
                            (self.watch, self.routing) = (watch, routing);
                        }
                        // Blind to links, it must not go on: the process ends, and what it leaves is adopted.
                        _ => return,
                    }
                    self.driver.network_changed(self.now());
                    self.driver.routing_changed(self.now());
                    self.follow();
                }
                Event::Deadline(due) => {
                    let late = Duration::from(self.now() - due);
                    self.lateness.note(late);
                    self.raise(late);
                    if self.driver.is_to_look(self.now()) {
                        self.look();
                    }
                    self.driver.timer(self.now());
                    let turned = self.neighbours.timer(self.now());
                    self.turn(turned);
                }
            }
            self.outlet.tell(self.driver.news());
        }
    }

    /// Says so where a timer is served so late that others may have acted on our silence.
    fn look_at_the_clock(&mut self) {
        let now = self.now();
        let Some(due) = self.due else { return };
        let late = Duration::from(now - due);
        if late < self.driver.patience() || !self.still.may(now) {
            return;
        }
        write(&Line::Trouble {
            part: Part::Vrrp,
            reason: format!(
                "The failover thread stood still for {:.1} s after a timer was due: adverts are late, and another router may have \
                 taken over. It was stopped (SIGSTOP, a virtual machine that paused), or did not get the processor in time \
                 (see vrrp_rt_priority)",
                late.as_secs_f64()
            ),
        });
    }

    /// `max_auto_priority`: a thread that is late gets a higher priority.
    fn raise(&mut self, late: Duration) {
        let Timeliness {
            urgency, raising, ..
        } = &self.timeliness;
        let Some(priority) = self.raise.late(late, raising, urgency) else {
            return;
        };
        let late = late.as_secs_f64();
        let reason = match schedule::realtime(Some((priority, raising.limit))) {
            Ok(()) => {
                self.raise.reached(priority);
                format!(
                    "A thread timer expired {late:.6} seconds ago. Set realtime priority {priority} (max_auto_priority)"
                )
            }
            Err(error) => {
                self.raise.refused();
                format!(
                    "A thread timer expired {late:.6} seconds ago. Cannot set realtime priority {priority} (max_auto_priority): \
                     {error}; it needs CAP_SYS_NICE"
                )
            }
        };
        write(&Line::Trouble {
            part: Part::Vrrp,
            reason,
        });
    }

    fn say_what_was_lost(&mut self, heard: Heard) {
        if heard == Heard::Some && self.lost.may(self.now()) {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: "notices of the kernel were lost, since they came faster than they were read; links, addresses, routes \
                         and rules are looked at anew (vrrp_netlink_monitor_rcv_bufs makes room for more notices)"
                    .to_owned(),
            });
        }
    }

    /// Looks what changed of links and addresses. The next time is as much later as the look took, and more: with thousands of
    /// addresses that come and go there is nothing but looks otherwise.
    fn look(&mut self) {
        let begun = self.now();
        self.driver.network_changed(begun);
        self.follow();
        let took = Duration::from(self.now() - begun);
        self.look_after = self.now() + Micros::from((took * LOOK_REST).min(LOOK_REST_MOST));
    }

    /// What goes by the links that there are: who listens where, and rules.
    fn follow(&mut self) {
        self.listen();
        let (vmacs, table) = self.driver.vmacs();
        let table = table.map(str::to_owned);
        let network = self.driver.network_mut();
        self.rules.want(network, vmacs, table.as_deref());
    }

    /// Takes all rules away, and waits for that.
    async fn end(&mut self) {
        let network = self.driver.network_mut();
        self.rules.want(network, Vmacs::default(), None);
        self.settle(STOP_PATIENCE).await;
    }

    /// Waits for rules: only before anything runs, and after it.
    async fn settle(&mut self, patience: Duration) {
        let settled = self.driver.network_mut().firewall_settled();
        settled.within(patience).await;
    }

    fn report(&self) -> VrrpReport {
        VrrpReport {
            now: self.now(),
            instances: self.driver.router().view(),
            standings: self.driver.standings(),
            sessions: self.neighbours.view(),
            lateness: self.lateness.clone(),
        }
    }

    fn now(&self) -> Time {
        Time::new(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn next(&mut self) -> Event {
        let deadlines = [self.driver.deadline(), self.neighbours.deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        self.due = deadline;
        if self.streak >= STREAK
            && let Some(event) = self.in_turn().await
        {
            return event;
        }
        let turned = self.streak >= STREAK;
        let event = self.first(deadline).await;
        self.streak = match event {
            Event::Packet(_) | Event::Neighbour(_) if !turned => self.streak + 1,
            _ => 0,
        };
        event
    }

    /// What is here by now besides packets, which come faster than they can be looked at.
    async fn in_turn(&mut self) -> Option<Event> {
        let now = self.now();
        if let Some(due) = self.due.filter(|due| *due <= now) {
            return Some(Event::Deadline(due));
        }
        tokio::select! {
            biased;
            changed = changed(&self.watch) => Some(changed.map_or_else(Event::WatchBroken, Event::NetworkChanged)),
            changed = changed(&self.routing) => Some(changed.map_or_else(Event::WatchBroken, Event::RoutingChanged)),
            command = self.commands.recv() => Some(Event::Command(command)),
            () = std::future::ready(()) => None,
        }
    }

    /// What comes first.
    async fn first(&mut self, deadline: Option<Time>) -> Event {
        let start = self.start;
        let alarm = &self.alarm;
        let timer = async {
            match deadline {
                Some(due) => {
                    let at = start + Duration::from_micros(due.get());
                    let wait = at.saturating_duration_since(Instant::now());
                    if alarm.after(wait).await.is_err() {
                        tokio::time::sleep_until(at.into()).await;
                    }
                    // What came while the thread could not run lies in the sockets still: their listeners first.
                    for _ in 0..LISTENERS_TURNS {
                        tokio::task::yield_now().await;
                    }
                    due
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // Packets before the timer: an advert that is already here must not be taken for a lost one.
            Some(packet) = self.packets.recv() => Event::Packet(packet),
            Some(packet) = self.bfd_packets.recv() => Event::Neighbour(packet),
            due = timer => Event::Deadline(due),
            changed = changed(&self.watch) => changed.map_or_else(Event::WatchBroken, Event::NetworkChanged),
            changed = changed(&self.routing) => changed.map_or_else(Event::WatchBroken, Event::RoutingChanged),
            command = self.commands.recv() => Event::Command(command),
        }
    }

    /// Brings the thread to how it is to be scheduled; what cannot be had is told, and the rest is.
    fn schedule(&mut self, wanted: &Timeliness) {
        let before = std::mem::replace(&mut self.timeliness, wanted.clone());
        if before == *wanted {
            return;
        }
        let told = |word: &str, act: io::Result<()>| {
            if let Err(error) = act {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!("cannot have {word}: {error}"),
                });
            }
        };
        // What it was raised to was for the configuration before.
        let raised = std::mem::take(&mut self.raise).over(&before.raising, &before.urgency);
        for (word, error) in schedule::bring(&raised, &wanted.urgency) {
            told(&format!("vrrp_{word}"), Err(error));
        }
        if before.no_swap != wanted.no_swap {
            told("vrrp_no_swap", schedule::lock_memory(wanted.no_swap));
        }
        for watch in [&self.watch, &self.routing] {
            let monitor = watch.get_ref().make_room(wanted.monitor);
            told("vrrp_netlink_monitor_rcv_bufs", monitor);
        }
        let commands = self.driver.network_mut().make_room(wanted.commands);
        told("vrrp_netlink_cmd_rcv_bufs", commands);
    }

    fn configure_sessions(&mut self, sessions: Vec<PlannedSession>) {
        self.for_checkers = sessions
            .iter()
            .filter(|session| session.checker)
            .map(|session| session.config.name.clone())
            .collect();
        let turned = self.neighbours.configure(self.now(), sessions);
        self.sessions.send_if_modified(|states| {
            let before = states.len();
            states.retain(|name, _| self.for_checkers.contains(name));
            states.len() < before
        });
        self.turn(turned);
        self.listen_to_neighbours();
    }

    /// Tells instances and real servers of sessions.
    fn turn(&mut self, turned: Vec<Turned>) {
        for Turned { session, up } in turned {
            self.driver.session_turned(self.now(), &session, up);
            if self.for_checkers.contains(&session) {
                let insert = |states: &mut SessionStates| states.insert(session, up) != Some(up);
                self.sessions.send_if_modified(insert);
            }
        }
    }

    /// One listener for each port that BFD packets come to.
    fn listen_to_neighbours(&mut self) {
        let wanted = self.neighbours.ports();
        self.bfd_listeners.retain(|port, task| {
            let keep = wanted.contains(port) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for port in wanted {
            if self.bfd_listeners.contains_key(&port) {
                continue;
            }
            match bfd_socket::Listener::open(port).and_then(readable) {
                Ok(socket) => {
                    let task = spawn_local(bfd_listener(port, socket, self.bfd_inlet.clone()));
                    self.bfd_listeners.insert(port, task);
                }
                Err(error) => write(&Line::Trouble {
                    part: Part::Bfd,
                    reason: format!(
                        "cannot listen on UDP port {} over IPv{}, so that no BFD session there comes up: {error}; \
                         `ss -lunp` shows who has it, a reload tries again",
                        port.number(),
                        if port.six { 6 } else { 4 },
                    ),
                }),
            }
        }
    }

    /// One listener for each place where adverts come in.
    fn listen(&mut self) {
        let wanted = self.driver.places();
        self.listeners.retain(|place, task| {
            let keep = wanted.contains_key(place) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        self.driver
            .network_mut()
            .forget(|place| wanted.contains_key(place));
        for (place, hearing) in wanted {
            let listening = self.listeners.contains_key(&place);
            let opened = self.driver.network_mut().adverts(place).and_then(|socket| {
                let mut groups = hearing.groups.iter();
                groups.try_for_each(|group| socket.join(*group))?;
                socket.set_buffer(hearing.buffer)?;
                if listening {
                    return Ok(None);
                }
                readable(Listening(socket)).map(Some)
            });
            match opened {
                Ok(None) => {}
                Ok(Some(socket)) => {
                    let task = spawn_local(listener(place, socket, self.inlet.clone()));
                    self.listeners.insert(place, task);
                }
                Err(error) => write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!(
                        "cannot open the VRRP socket for IPv{} on {}: {error}",
                        if place.six { 6 } else { 4 },
                        match place.interface {
                            0 => "all interfaces".to_owned(),
                            number => format!("interface number {number}"),
                        }
                    ),
                }),
            }
        }
    }
}

/// What the other clocks showed at `start`.
fn clocks(start: Instant) -> Clocks {
    let since = start.elapsed();
    let before = |time: Duration| Micros::from(time.saturating_sub(since));
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from);
    Clocks {
        wall: before(wall.unwrap_or_default()),
        boot: before(boot.unwrap_or_default()),
    }
}

async fn changed(watch: &AsyncFd<Watch>) -> io::Result<Heard> {
    let mut ready = watch.readable().await?;
    let mut heard = Heard::All;
    // Draining ends with WouldBlock, which try_io turns into `Err`: then something was there.
    let drained = ready.try_io(|watch| watch.get_ref().drain(&mut heard));
    drained.unwrap_or(Ok(())).map(|()| heard)
}

#[cfg(test)]
mod tests;
