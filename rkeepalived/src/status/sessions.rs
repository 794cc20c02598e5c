//! BFD sessions as they were configured and as they stand, in the form of keepalived's `keepalived_bfd.data`; what all dumps begin
//! with is not here.

use std::fmt::{self, Write as _};

use bfd::SessionView;
use keepalived_conf::BfdInstance;

/// Their part of the dump.
#[must_use]
pub fn text(configured: &[BfdInstance], sessions: &[SessionView]) -> String {
    let mut text = String::from("------< BFD Topology >------\n");
    for session in sessions {
        let of_it = |one: &&BfdInstance| one.name == *session.name;
        // Writing to a String cannot fail.
        let _ = one(&mut text, configured.iter().find(of_it), session);
    }
    text
}

fn one(text: &mut String, told: Option<&BfdInstance>, session: &SessionView) -> fmt::Result {
    writeln!(text, " BFD Instance = {}", session.name)?;
    writeln!(text, "   Neighbor IP = {}", session.neighbour)?;
    if let Some(source) = session.source {
        writeln!(text, "   Source IP = {source}")?;
    }
    if let Some(told) = told {
        configuration(text, told)?;
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

fn configuration(text: &mut String, told: &BfdInstance) -> fmt::Result {
    let (receive, transmit) = (told.min_rx.as_micros(), told.min_tx.as_micros());
    writeln!(text, "   Required min RX interval = {receive} us")?;
    writeln!(text, "   Desired min TX interval = {transmit} us")?;
    let idle = told.idle_tx.as_micros();
    writeln!(text, "   Desired idle TX interval = {idle} us")?;
    writeln!(text, "   Detection multiplier = {}", told.multiplier)?;
    let lifetime = match told.neighbour.is_ipv6() {
        true => "hoplimit",
        false => "TTL",
    };
    writeln!(text, "   {lifetime} = {}", told.ttl)?;
    // keepalived behaviour: as many as it lives for, where it does not matter.
    let hops = told.max_hops.unwrap_or(told.ttl.get());
    writeln!(text, "   max_hops = {hops}")?;
    writeln!(text, "   passive = {}", told.passive)?;
    let yes = |on| if on { "Yes" } else { "No" };
    let (vrrp, checker) = (yes(told.vrrp), yes(told.checker));
    writeln!(text, "   send event to VRRP process = {vrrp}")?;
    writeln!(text, "   send event to checker process = {checker}")
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
        let model = crate::plan::tests::model(
            "bfd_instance one {\nneighbor_ip 10.50.0.2\nsource_ip 10.50.0.1\nmin_rx 100\nmin_tx 150\nmultiplier 1\nchecker\n}\n",
        );
        assert_eq!(
            text(&model.bfd_instances, &sessions.view()),
            "------< BFD Topology >------\n BFD Instance = one\n   Neighbor IP = 10.50.0.2\n   Source IP = 10.50.0.1\n   \
             Required min RX interval = 100000 us\n   Desired min TX interval = 150000 us\n   \
             Desired idle TX interval = 1000000 us\n   Detection multiplier = 1\n   TTL = 255\n   max_hops = 0\n   passive = false\n   \
             send event to VRRP process = No\n   send event to checker process = Yes\n   \
             local state = Down\n   remote state = Down\n   local discriminator = 0xabc\n   remote discriminator = 0x0\n   \
             local diag = No Diagnostic\n   remote diag = No Diagnostic\n   local tx intv = 1000000 us\n   \
             local detection time = 0 us\n   packets sent = 0\n   packets received = 0\n   went up = 0, went down = 0\n"
        );
    }
}
