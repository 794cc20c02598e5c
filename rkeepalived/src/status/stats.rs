//! VRRP's counters in the form of `keepalived.stats` (SIGUSR2).

use std::fmt::Write;

use vrrp::{InstanceView, RejectKind};

/// The counters of all instances. Labels and their order are keepalived 2.4's; `Dropped Packets`, ours, comes
/// last and is there only when a packet was dropped: each reason, and each reason by sender.
#[must_use]
pub fn text(views: &[InstanceView]) -> String {
    views.iter().fold(String::new(), |mut text, view| {
        // Writing to a String cannot fail.
        let _ = instance(&mut text, view);
        text
    })
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
    // The HMAC extension is not spoken yet, so none of its errors can have happened.
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
    if stats.rejects().next().is_some() {
        writeln!(text, "  Dropped Packets:")?;
        for (reason, count) in stats.rejects() {
            writeln!(text, "    {reason}: {count}")?;
        }
        for (peer, reason, count) in stats.rejects_by_peer() {
            writeln!(text, "    {peer} {reason}: {count}")?;
        }
    }
    Ok(())
}

fn section(text: &mut String, name: &str, counters: &[(&str, u64)]) -> std::fmt::Result {
    writeln!(text, "  {name}:")?;
    counters
        .iter()
        .try_for_each(|(label, count)| writeln!(text, "    {label}: {count}"))
}
