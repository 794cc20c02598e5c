//! VRRP's counters in the form of `keepalived.stats` (SIGUSR2).

use std::fmt::Write;

use vrrp::{InstanceView, RejectKind, Stats};

/// The counters of all instances. Labels and their order are keepalived 2.4's; `Dropped Packets`, ours, comes
/// last and is there only when a packet was dropped: each reason, and each reason by sender. What belonged to no instance
/// (`strays`) has such a part of its own at the end.
#[must_use]
pub fn text(views: &[InstanceView], strays: &Stats) -> String {
    let mut text = views.iter().fold(String::new(), |mut text, view| {
        // Writing to a String cannot fail.
        let _ = instance(&mut text, view);
        text
    });
    if strays.rejects().next().is_some() {
        text.push_str("Packets of no VRRP Instance:\n");
        let _ = dropped(&mut text, strays);
    }
    text
}

fn instance(text: &mut String, view: &InstanceView) -> std::fmt::Result {
    let stats = &view.stats;
    writeln!(text, "VRRP Instance: {}", view.name)?;
    section(
        text,
        "Advertisements",
        &[
            ("Received", stats.adverts_received),
            ("Sent", stats.adverts_sent),
        ],
    )?;
    writeln!(text, "  Became master: {}", stats.became_master)?;
    writeln!(text, "  Released master: {}", stats.released_master)?;
    section(
        text,
        "Packet Errors",
        &[
            ("Length", stats.length_errors()),
            ("TTL", stats.ttl_errors()),
            ("Invalid Type", stats.type_errors()),
            ("Advertisement Interval", stats.interval_errors()),
            ("Address List", stats.address_list_errors),
        ],
    )?;
    section(
        text,
        "Authentication Errors",
        &[
            ("Invalid Type", stats.auth_type_errors()),
            ("Type Mismatch", stats.auth_mismatch_errors()),
            ("Failure", stats.auth_failures()),
        ],
    )?;
    section(
        text,
        "Authentication Extension Errors",
        &[
            ("Missing", RejectKind::SealMissing),
            ("Malformed", RejectKind::SealMalformed),
            ("Unknown Key", RejectKind::SealKey),
            ("Invalid HMAC", RejectKind::SealInvalid),
            ("Stale", RejectKind::SealStale),
            ("Replay", RejectKind::SealReplay),
        ]
        .map(|(label, kind)| (label, stats.rejected(kind))),
    )?;
    section(
        text,
        "Priority Zero",
        &[
            ("Received", stats.priority_zero_received),
            ("Sent", stats.priority_zero_sent),
        ],
    )?;
    dropped(text, stats)
}

fn dropped(text: &mut String, stats: &Stats) -> std::fmt::Result {
    if stats.rejects().next().is_none() {
        return Ok(());
    }
    writeln!(text, "  Dropped Packets:")?;
    for (reason, count) in stats.rejects() {
        writeln!(text, "    {reason}: {count}")?;
    }
    for (peer, reason, count) in stats.rejects_by_peer() {
        writeln!(text, "    {peer} {reason}: {count}")?;
    }
    Ok(())
}

fn section(text: &mut String, name: &str, counters: &[(&str, u64)]) -> std::fmt::Result {
    writeln!(text, "  {name}:")?;
    counters
        .iter()
        .try_for_each(|(label, count)| writeln!(text, "    {label}: {count}"))
}

#[cfg(test)]
mod tests {
    use vrrp::{Event, Router, Time};

    use super::*;

    /// Each sender and each reason, of what is no VRRP too: as it stands in the file.
    #[test]
    fn what_belongs_to_no_instance_is_there() {
        let mut router = Router::new();
        let _ = router.handle(
            Time::new(1),
            Event::Datagram {
                interface: 3,
                bytes: &[0x60],
            },
        );
        let _ = router.handle(
            Time::new(2),
            Event::Datagram6 {
                interface: 3,
                source: "fe80::2".parse().unwrap(),
                destination: "ff02::12".parse().unwrap(),
                hop_limit: 255,
                payload: &[0x31, 9, 100, 0, 0, 100, 0, 0],
            },
        );
        assert_eq!(
            text(&[], router.strays()),
            "Packets of no VRRP Instance:\n  Dropped Packets:\n    header: 1\n    unknown_vrid: 1\n    \
             fe80::2 unknown_vrid: 1\n"
        );
        assert_eq!(text(&[], &Stats::default()), "");
    }
}
