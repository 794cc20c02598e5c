//! BFD sessions as they stand, in the form of keepalived's `keepalived_bfd.data`.

use std::fmt::{self, Write as _};

use bfd::SessionView;

/// The text of the dump.
#[must_use]
pub fn text(sessions: &[SessionView]) -> String {
    let mut text = String::from("------< BFD Topology >------\n");
    for session in sessions {
        // Writing to a String cannot fail.
        let _ = one(&mut text, session);
    }
    text
}

fn one(text: &mut String, session: &SessionView) -> fmt::Result {
    writeln!(text, " BFD Instance = {}", session.name)?;
    writeln!(text, "   Neighbor IP = {}", session.neighbour)?;
    if let Some(source) = session.source {
        writeln!(text, "   Source IP = {source}")?;
    }
    writeln!(text, "   local state = {}", session.local.0)?;
    writeln!(text, "   remote state = {}", session.remote.0)?;
    writeln!(
        text,
        "   local discriminator = 0x{:x}",
        session.discriminator
    )?;
    let remote = session.remote_discriminator;
    writeln!(text, "   remote discriminator = 0x{remote:x}")?;
    writeln!(text, "   local diag = {}", session.local.1)?;
    writeln!(text, "   remote diag = {}", session.remote.1)?;
    let (interval, detection) = (session.transmit_interval, session.detection_time);
    writeln!(text, "   local tx intv = {} us", interval.as_micros())?;
    writeln!(
        text,
        "   local detection time = {} us",
        detection.as_micros()
    )?;
    writeln!(text, "   packets sent = {}", session.sent)?;
    writeln!(text, "   packets received = {}", session.received)?;
    writeln!(
        text,
        "   went up = {}, went down = {}",
        session.ups, session.downs
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use bfd::{Chance, Config, Micros, Sessions, Time};

    use super::*;

    /// The lines of keepalived 2.2.7, as far as there is something to say.
    #[test]
    fn a_session_that_nothing_was_heard_of() {
        let mut sessions = Sessions::new();
        let config = Config {
            name: "one".into(),
            neighbour: [10, 50, 0, 2].into(),
            source: Some([10, 50, 0, 1].into()),
            multihop: false,
            min_rx: Micros(100_000),
            min_tx: Micros(150_000),
            idle_tx: Micros(1_000_000),
            multiplier: NonZeroU8::MIN,
            passive: false,
            least_ttl: None,
        };
        let told = sessions.configure(Time::new(0), Chance(0), vec![config], 0xabc);
        assert_eq!(told.len(), 1);
        assert_eq!(
            text(&sessions.view()),
            "------< BFD Topology >------\n BFD Instance = one\n   Neighbor IP = 10.50.0.2\n   Source IP = 10.50.0.1\n   \
             local state = Down\n   remote state = Down\n   local discriminator = 0xabc\n   remote discriminator = 0x0\n   \
             local diag = No Diagnostic\n   remote diag = No Diagnostic\n   local tx intv = 1000000 us\n   \
             local detection time = 0 us\n   packets sent = 0\n   packets received = 0\n   went up = 0, went down = 0\n"
        );
    }
}
