//! One session: the variables of RFC 5880 6.8.1 and what moves them.

use std::time::Duration;

use crate::config::{Config, Discriminator};
use crate::diagnostic::Diagnostic;
use crate::notice::{Notice, Parameters};
use crate::sessions::Action;
use crate::state::State;
use crate::time::{Micros, Time};
use crate::timing::{Chance, detection, jittered};
use crate::view::SessionView;
use crate::wire::{self, Control};

/// RFC 5880 6.8.1: what a neighbour that was not heard yet is taken to receive at.
const FIRST_REMOTE_MIN_RX: Micros = Micros(1);

/// A pair of intervals: `bfd.DesiredMinTxInterval` and `bfd.RequiredMinRxInterval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Intervals {
    tx: Micros,
    rx: Micros,
}

/// A poll sequence (RFC 5880 6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poll {
    No,
    Asked,
    /// The intervals changed while one was on its way: the answer may be to the old ones, so it is asked again.
    AskAgain,
}

#[derive(Debug)]
pub(crate) struct Session {
    config: Config,
    discriminator: Discriminator,
    state: State,
    diagnostic: Diagnostic,
    /// The neighbour's last packet; nothing at the beginning and once the detection time is over.
    remote: Option<Control>,
    heard_at: Option<Time>,
    /// What our packets say.
    told: Intervals,
    /// What we go by: what is told, but for a poll that is not answered yet (RFC 5880 6.8.3).
    in_force: Intervals,
    poll: Poll,
    sent_at: Option<Time>,
    send_at: Option<Time>,
    /// The interval that `send_at` was drawn from.
    drawn_from: Option<Micros>,
    /// What was last logged.
    agreed: Option<(Parameters, Parameters)>,
    sent: u64,
    received: u64,
    ups: u64,
    downs: u64,
}

impl Session {
    pub fn new(now: Time, config: Config, discriminator: Discriminator) -> Session {
        let told = Intervals {
            tx: config.idle_tx,
            rx: config.min_rx,
        };
        let mut session = Session {
            config,
            discriminator,
            state: State::Down,
            diagnostic: Diagnostic::None,
            remote: None,
            heard_at: None,
            told,
            in_force: told,
            poll: Poll::No,
            sent_at: None,
            send_at: None,
            drawn_from: None,
            agreed: None,
            sent: 0,
            received: 0,
            ups: 0,
            downs: 0,
        };
        session.reschedule(now, Chance::default());
        session
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn discriminator(&self) -> Discriminator {
        self.discriminator
    }

    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// When [`Session::timer`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        [self.send_at, self.expires_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Other intervals, of the same session.
    pub fn reconfigure(
        &mut self,
        now: Time,
        chance: Chance,
        config: Config,
        out: &mut Vec<Action>,
    ) {
        self.config = config;
        let told = Intervals {
            tx: match self.state {
                State::Up => self.config.min_tx,
                State::AdminDown | State::Down | State::Init => self.config.idle_tx,
            },
            rx: self.config.min_rx,
        };
        self.tell(told, out);
        self.reschedule(now, chance);
    }

    /// RFC 5880 6.8.3: while up, neither do we send more rarely nor take the neighbour for down sooner before it knows.
    fn tell(&mut self, told: Intervals, out: &mut Vec<Action>) {
        if told == self.told {
            return;
        }
        self.told = told;
        if self.state != State::Up {
            self.in_force = told;
            return;
        }
        self.in_force = Intervals {
            tx: self.in_force.tx.min(told.tx),
            rx: self.in_force.rx.max(told.rx),
        };
        self.poll = match self.poll {
            Poll::No => {
                out.push(Action::Log(Notice::Polling {
                    session: self.config.name.clone(),
                }));
                Poll::Asked
            }
            Poll::Asked | Poll::AskAgain => Poll::AskAgain,
        };
    }

    /// A packet for this session, with all that can be said against it said (RFC 5880 6.8.6, from "Set bfd.RemoteDiscr").
    pub fn receive(&mut self, now: Time, chance: Chance, control: Control, out: &mut Vec<Action>) {
        self.received = self.received.saturating_add(1);
        self.heard_at = Some(now);
        self.remote = Some(control);
        if control.final_ {
            match self.poll {
                Poll::No => {}
                Poll::Asked => {
                    self.poll = Poll::No;
                    self.in_force = self.told;
                }
                Poll::AskAgain => self.poll = Poll::Asked,
            }
        }
        let before = self.state;
        let after = before.after(control.state);
        if after != before {
            let diagnostic = match after {
                State::Down => Diagnostic::NeighborSignaledDown,
                State::Up => Diagnostic::None,
                State::AdminDown | State::Init => self.diagnostic,
            };
            self.enter(after, diagnostic, out);
        }
        self.reschedule(now, chance);
        if control.poll {
            // At once, whatever the timer says (RFC 5880 6.8.7); also tells of a change.
            self.send(true, out);
        } else if after != before {
            self.send_periodic(now, chance, out);
        }
        self.report(out);
    }

    /// The time has come for something, or it has not.
    pub fn timer(&mut self, now: Time, chance: Chance, out: &mut Vec<Action>) {
        if let Some(expires_at) = self.expires_at()
            && expires_at <= now
        {
            self.expire(now, chance, expires_at, out);
        }
        if self.send_at.is_some_and(|at| at <= now) {
            self.send_periodic(now, chance, out);
        }
    }

    fn expire(&mut self, now: Time, chance: Chance, expired_at: Time, out: &mut Vec<Action>) {
        let after = self.detection_time();
        let turns = matches!(self.state, State::Init | State::Up);
        if turns {
            out.push(Action::Log(Notice::Expired {
                session: self.config.name.clone(),
                after,
                overdue: now - expired_at,
            }));
            self.enter(State::Down, Diagnostic::DetectionTimeExpired, out);
        }
        // RFC 5880 6.8.1, bfd.RemoteDiscr.
        self.remote = None;
        self.heard_at = None;
        self.reschedule(now, chance);
        if turns {
            // The neighbour may still hear us: the sooner it knows, the better.
            self.send_periodic(now, chance, out);
        }
    }

    fn enter(&mut self, state: State, diagnostic: Diagnostic, out: &mut Vec<Action>) {
        let was_up = self.is_up();
        self.state = state;
        self.diagnostic = diagnostic;
        let session = self.config.name.clone();
        match state {
            State::Up => {
                self.ups = self.ups.saturating_add(1);
                out.push(Action::Log(Notice::Up {
                    session: session.clone(),
                }));
                let tx = self.config.min_tx;
                self.tell(Intervals { tx, ..self.told }, out);
                out.push(Action::Turned { session, up: true });
            }
            State::Down | State::AdminDown => {
                let remote = self.remote.map_or(Diagnostic::None, |last| last.diagnostic);
                out.push(Action::Log(Notice::Down {
                    session: session.clone(),
                    local: diagnostic,
                    remote,
                }));
                self.poll = Poll::No;
                self.told.tx = self.config.idle_tx;
                self.in_force = self.told;
                if was_up {
                    self.downs = self.downs.saturating_add(1);
                    out.push(Action::Turned { session, up: false });
                }
            }
            State::Init => {}
        }
    }

    /// The interval of our packets, or nothing where we must be silent.
    fn transmit_interval(&self) -> Option<Micros> {
        let Some(remote) = &self.remote else {
            // RFC 5880 6.8.7: a passive end waits to be spoken to.
            let tx = self.in_force.tx.max(FIRST_REMOTE_MIN_RX);
            return (!self.config.passive).then_some(tx);
        };
        // RFC 5880 6.6, 6.8.7.
        let demanded = remote.demand
            && self.state == State::Up
            && remote.state == State::Up
            && self.poll == Poll::No;
        let deaf = remote.required_min_rx == Micros(0);
        (!demanded && !deaf).then(|| self.in_force.tx.max(remote.required_min_rx))
    }

    /// Draws the next time to send where the interval is another than it was drawn from.
    fn reschedule(&mut self, now: Time, chance: Chance) {
        let interval = self.transmit_interval();
        if interval == self.drawn_from {
            return;
        }
        self.drawn_from = interval;
        self.send_at = interval.map(|interval| match self.sent_at {
            Some(sent_at) => {
                (sent_at + jittered(interval, self.config.multiplier, chance)).max(now)
            }
            None => now,
        });
    }

    fn send_periodic(&mut self, now: Time, chance: Chance, out: &mut Vec<Action>) {
        let interval = self.transmit_interval();
        self.drawn_from = interval;
        self.send_at = None;
        if let Some(interval) = interval {
            self.send(false, out);
            self.sent_at = Some(now);
            self.send_at = Some(now + jittered(interval, self.config.multiplier, chance));
        }
    }

    fn send(&mut self, final_: bool, out: &mut Vec<Action>) {
        self.sent = self.sent.saturating_add(1);
        let control = Control {
            diagnostic: self.diagnostic,
            state: self.state,
            // RFC 5880 6.5: never both.
            poll: !final_ && self.poll != Poll::No,
            final_,
            independent: false,
            authenticated: false,
            demand: false,
            multiplier: self.config.multiplier,
            mine: self.discriminator,
            yours: self.remote.map(|remote| remote.mine),
            desired_min_tx: self.told.tx,
            required_min_rx: self.told.rx,
            required_min_echo_rx: Micros(0),
        };
        out.push(Action::Send {
            session: self.config.name.clone(),
            packet: wire::emit(&control),
        });
    }

    fn detection_time(&self) -> Duration {
        self.remote.map_or(Duration::ZERO, |remote| {
            detection(remote.multiplier, self.in_force.rx, remote.desired_min_tx)
        })
    }

    fn expires_at(&self) -> Option<Time> {
        Some(self.heard_at? + self.detection_time())
    }

    /// Tells of intervals that were agreed on anew.
    fn report(&mut self, out: &mut Vec<Action>) {
        let Some(remote) = &self.remote else { return };
        let theirs = remote.desired_min_tx.max(self.told.rx);
        let local = Parameters {
            min_tx: self.told.tx.0,
            min_rx: self.told.rx.0,
            transmit_interval: self.in_force.tx.max(remote.required_min_rx).0,
            multiplier: self.config.multiplier.get(),
            detection_time: self.detection_time(),
        };
        let remote = Parameters {
            min_tx: remote.desired_min_tx.0,
            min_rx: remote.required_min_rx.0,
            transmit_interval: theirs.0,
            multiplier: remote.multiplier.get(),
            detection_time: detection(self.config.multiplier, remote.required_min_rx, self.told.tx),
        };
        let before = self.agreed.replace((local, remote));
        if before == self.agreed {
            return;
        }
        out.push(Action::Log(Notice::Agreed {
            session: self.config.name.clone(),
            local,
            remote,
            before: before.map_or(Duration::ZERO, |(local, _)| local.detection_time),
        }));
    }

    pub fn view(&self) -> SessionView {
        let remote = self.remote.as_ref();
        SessionView {
            name: self.config.name.clone(),
            neighbour: self.config.neighbour,
            source: self.config.source,
            local: (self.state, self.diagnostic),
            remote: remote.map_or_else(Default::default, |last| (last.state, last.diagnostic)),
            discriminator: self.discriminator.get(),
            remote_discriminator: remote.map_or(0, |last| last.mine.get()),
            transmit_interval: self
                .transmit_interval()
                .map_or(Duration::ZERO, Micros::duration),
            detection_time: self.detection_time(),
            heard_at: self.heard_at,
            sent: self.sent,
            received: self.received,
            ups: self.ups,
            downs: self.downs,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
