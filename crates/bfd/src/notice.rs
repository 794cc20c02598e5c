//! What is worth a line in the log, with keepalived's words where it has some.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Name;
use crate::diagnostic::Diagnostic;
use crate::reject::Reject;

/// One end's half of what was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// What it says that it would send at.
    pub min_tx: u32,
    /// What it says that it can receive at.
    pub min_rx: u32,
    /// What it does send at.
    pub transmit_interval: u32,
    /// Its multiplier.
    pub multiplier: u8,
    /// After what it takes the session for down.
    pub detection_time: Duration,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Other intervals are in force.
    Agreed {
        /// The session.
        session: Name,
        /// Our half.
        local: Parameters,
        /// The neighbour's.
        remote: Parameters,
        /// Our detection time before.
        before: Duration,
    },
    /// A session is up.
    Up {
        /// The session.
        session: Name,
    },
    /// The neighbour is asked to confirm new intervals.
    Polling {
        /// The session.
        session: Name,
    },
    /// Nothing was heard for the detection time.
    Expired {
        /// The session.
        session: Name,
        /// The detection time.
        after: Duration,
        /// How much later than that it was noticed.
        overdue: Duration,
    },
    /// A session is down.
    Down {
        /// The session.
        session: Name,
        /// Why.
        local: Diagnostic,
        /// What the neighbour said last.
        remote: Diagnostic,
    },
    /// A packet is not used. Further ones of the kind from the same address are only counted, until a good one came.
    Rejected {
        /// Where it came from.
        from: SocketAddr,
        /// Why.
        why: Reject,
    },
}

impl fmt::Display for Notice {
    /// Of several lines where keepalived has several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Agreed {
                session,
                local,
                remote,
                before,
            } => {
                let half = |name: &str, one: &Parameters| {
                    format!(
                        "      {name:<6}  {:>7} {:>7}  {:>7}  {:>4}  {:>11}",
                        one.min_tx,
                        one.min_rx,
                        one.transmit_interval,
                        one.multiplier,
                        one.detection_time.as_micros()
                    )
                };
                writeln!(
                    f,
                    "({session}) ---------------< Session parameters >--------------"
                )?;
                writeln!(
                    f,
                    "               min_tx  min_rx  tx_intv  mult  detect_time"
                )?;
                writeln!(f, "{}", half("local", local))?;
                writeln!(f, "{}", half("remote", remote))?;
                write!(
                    f,
                    "      Detection time is {} us (was {} us)",
                    local.detection_time.as_micros(),
                    before.as_micros()
                )
            }
            Notice::Up { session } => write!(f, "({session}) Entering Up state"),
            Notice::Polling { session } => write!(f, "({session}) Starting poll sequence"),
            Notice::Expired {
                session,
                after,
                overdue,
            } => write!(
                f,
                "({session}) Expired after {} ms ({} usec overdue)",
                after.as_millis(),
                overdue.as_micros()
            ),
            Notice::Down {
                session,
                local,
                remote,
            } => write!(
                f,
                "({session}) Entering Down state (Local diagnostic - {local}, Remote diagnostic - {remote})"
            ),
            Notice::Rejected { from, why } => {
                let (address, port) = (from.ip(), from.port());
                match why {
                    Reject::Hops { .. } => write!(f, "{why} (from [{address}]:{port})"),
                    why if why.is_bogus() => {
                        write!(f, "{why}\nDiscarding bogus packet from [{address}]:{port}")
                    }
                    why => write!(f, "Discarding packet from [{address}]:{port} ({why})"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As keepalived 2.2.7 logged it.
    #[test]
    fn the_table_of_parameters_is_keepaliveds() {
        let half = |min_tx, min_rx, transmit_interval, multiplier, detection| Parameters {
            min_tx,
            min_rx,
            transmit_interval,
            multiplier,
            detection_time: Duration::from_micros(detection),
        };
        let notice = Notice::Agreed {
            session: "one".into(),
            local: half(1_000_000, 100_000, 150_000, 3, 400_000),
            remote: half(80_000, 120_000, 100_000, 4, 450_000),
            before: Duration::from_secs(4),
        };
        assert_eq!(
            notice.to_string(),
            "(one) ---------------< Session parameters >--------------\n               \
             min_tx  min_rx  tx_intv  mult  detect_time\n      \
             local   1000000  100000   150000     3       400000\n      \
             remote    80000  120000   100000     4       450000\n      \
             Detection time is 400000 us (was 4000000 us)"
        );
    }
}
