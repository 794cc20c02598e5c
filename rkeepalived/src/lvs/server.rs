//! One real server as it lives. Pure.

use checkers::{CheckId, Health, Outcome, Report};

use super::operator::Operator;
use super::wanted::{WantedCheck, WantedServer};
use super::weight::{self, FileEffect};

/// A real server as it stands.
#[derive(Clone, Debug)]
pub struct LiveServer {
    /// Its checks, in the order of the configuration.
    pub checks: Vec<LiveCheck>,
    /// What its files say, in the same order.
    pub numbers: Vec<i32>,
    /// Whether its BFD sessions are up, in the same order.
    pub sessions: Vec<bool>,
    /// What its scripts were told last, `true` for up; what it is at the beginning counts as told.
    pub told: Option<bool>,
    /// How often it came and went.
    pub turns: Turns,
    /// What an operator asked for, over all of this.
    pub operator: Option<Operator>,
}

/// A check as it stands.
#[derive(Clone, Debug)]
pub struct LiveCheck {
    /// What the runner knows it by.
    pub id: CheckId,
    /// What it holds of its server.
    pub health: Health,
    /// The weight that it asks for in place of the configured one.
    pub dynamic_weight: Option<u8>,
    /// How often it changed its mind.
    pub turns: Turns,
    /// What the last attempt that failed saw.
    pub last_failure: Option<Box<str>>,
}

/// How often something came up and went down. Outlives reloads that leave it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// From down to up.
    pub ups: u64,
    /// From up to down.
    pub downs: u64,
}

impl Turns {
    fn count(&mut self, before: bool, after: bool) {
        match (before, after) {
            (false, true) => self.ups += 1,
            (true, false) => self.downs += 1,
            _ => {}
        }
    }
}

/// What a server is to the table: compared before and after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Whether it may have clients.
    pub alive: bool,
    /// How many.
    pub weight: u32,
}

impl LiveCheck {
    /// A check that has not been tried, `health` being what is believed until then.
    #[must_use]
    pub fn new(id: CheckId, health: Health) -> LiveCheck {
        LiveCheck {
            id,
            health,
            dynamic_weight: None,
            turns: Turns::default(),
            last_failure: None,
        }
    }

    /// Takes what an attempt found.
    pub fn take(&mut self, report: &Report) {
        let before = self.health;
        if let Some(health) = report.change {
            self.health = health;
        }
        let up = |health| health == Health::Up;
        self.turns.count(up(before), up(self.health));
        match &report.outcome {
            Outcome::Success(_) => self.dynamic_weight = report.dynamic_weight,
            Outcome::Failure(failure) => {
                self.last_failure = Some(failure.to_string().into());
                // keepalived behaviour: what is down asks for nothing.
                if self.health == Health::Down {
                    self.dynamic_weight = None;
                }
            }
        }
    }
}

impl LiveServer {
    /// Whether it may have clients.
    #[must_use]
    pub fn is_alive(&self, wanted: &WantedServer) -> bool {
        self.operator != Some(Operator::Disabled)
            && self.checks.iter().all(|check| check.health == Health::Up)
            && self.sessions.iter().all(|up| *up)
            && !self
                .effects(wanted)
                .any(|effect| effect == FileEffect::Fails)
    }

    /// Its weight while it is alive.
    #[must_use]
    pub fn weight(&self, wanted: &WantedServer) -> u32 {
        match self.operator {
            Some(Operator::Drained) => 0,
            Some(Operator::Weight(weight)) => weight,
            Some(Operator::Disabled) | None => self.given_weight(wanted),
        }
    }

    /// The weight that configuration and checks give it.
    #[must_use]
    pub fn given_weight(&self, wanted: &WantedServer) -> u32 {
        let asked = self.checks.iter().filter_map(|check| check.dynamic_weight);
        weight::weight(wanted.spec.weight, asked, self.effects(wanted))
    }

    /// Both.
    #[must_use]
    pub fn rank(&self, wanted: &WantedServer) -> Rank {
        Rank {
            alive: self.is_alive(wanted),
            weight: self.weight(wanted),
        }
    }

    /// Counts what became of it.
    pub fn count(&mut self, before: bool, after: bool) {
        self.turns.count(before, after);
    }

    fn effects(&self, wanted: &WantedServer) -> impl Iterator<Item = FileEffect> {
        let files = wanted.files.iter().zip(&self.numbers);
        files.map(|(file, number)| file.weight.effect(*number))
    }

    /// Its check that is like this one, with what is known of it.
    pub(super) fn like<'a>(
        &'a self,
        wanted: &'a WantedServer,
        check: &'a WantedCheck,
    ) -> impl Iterator<Item = &'a LiveCheck> {
        let pairs = wanted.checks.iter().zip(&self.checks);
        let alike = pairs.filter(|(other, _)| other.is_alike(check));
        alike.map(|(_, live)| live)
    }
}
