//! The states of a session, and what follows from the neighbour's (RFC 5880 6.2, 6.8.6).

use std::fmt;

/// State of a session, at either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Held down by its administrator.
    AdminDown,
    /// Nothing is heard, or the neighbour has lost us.
    #[default]
    Down,
    /// The neighbour is heard; whether it hears us is not known.
    Init,
    /// Each hears the other.
    Up,
}

impl State {
    /// From the two bits of a packet; further bits do not count.
    #[must_use]
    pub const fn from_bits(bits: u8) -> State {
        match bits & 3 {
            0 => State::AdminDown,
            1 => State::Down,
            2 => State::Init,
            _ => State::Up,
        }
    }

    /// The two bits of a packet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            State::AdminDown => 0,
            State::Down => 1,
            State::Init => 2,
            State::Up => 3,
        }
    }

    /// The state after a packet in which the neighbour says that it is in `theirs`.
    #[must_use]
    pub const fn after(self, theirs: State) -> State {
        match (self, theirs) {
            (State::AdminDown, _) => State::AdminDown,
            (_, State::AdminDown) => State::Down,
            (State::Down, State::Down) => State::Init,
            (State::Down, State::Init) => State::Up,
            (State::Down, State::Up) => State::Down,
            (State::Init, State::Init | State::Up) => State::Up,
            (State::Init, State::Down) => State::Init,
            (State::Up, State::Down) => State::Down,
            (State::Up, State::Init | State::Up) => State::Up,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::State::{AdminDown, Down, Init, Up};
    use super::*;

    /// The figure in RFC 5880 6.2, one row an arrow.
    #[test]
    fn the_machine_is_the_rfcs() {
        for (ours, theirs, then) in [
            (Down, AdminDown, Down),
            (Down, Down, Init),
            (Down, Init, Up),
            (Down, Up, Down),
            (Init, AdminDown, Down),
            (Init, Down, Init),
            (Init, Init, Up),
            (Init, Up, Up),
            (Up, AdminDown, Down),
            (Up, Down, Down),
            (Up, Init, Up),
            (Up, Up, Up),
            (AdminDown, Down, AdminDown),
            (AdminDown, Up, AdminDown),
        ] {
            assert_eq!(ours.after(theirs), then, "{ours} hears {theirs}");
        }
    }

    /// RFC 5880 4.1.
    #[test]
    fn bits() {
        for (bits, state) in [(0, AdminDown), (1, Down), (2, Init), (3, Up)] {
            assert_eq!(State::from_bits(bits), state);
            assert_eq!(state.bits(), bits);
        }
    }
}
