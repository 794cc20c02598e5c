//! What a mail server did wrong.

use std::fmt;
use std::time::Duration;

use super::Seconds;
use crate::probe::reply::{Malformed, Reply};

/// Where the talk with a mail server ended, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpFailure {
    /// What was waited for.
    pub step: SmtpStep,
    /// What came instead.
    pub fault: SmtpFault,
}

/// What a mail server says, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SmtpStep {
    /// The greeting, before we say anything.
    Greeting,
    /// The reply to `HELO`.
    Helo,
    /// The reply to `QUIT`.
    Quit,
}

/// What came instead of the reply that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// Another one.
    Refused {
        /// That one.
        seen: Reply,
        /// The code that is well.
        wanted: u16,
    },
    /// Something that is none.
    Malformed(Malformed),
    /// More than that, before it was asked for.
    Unasked,
    /// Nothing, or not all of it, in time.
    Mute {
        /// The time allowed for the attempt.
        after: Duration,
    },
    /// The end of the connection.
    Closed,
    /// An error of the connection.
    Lost {
        /// The kernel's words.
        reason: String,
    },
}

impl fmt::Display for SmtpStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SmtpStep::Greeting => "greeting",
            SmtpStep::Helo => "reply to HELO",
            SmtpStep::Quit => "reply to QUIT",
        })
    }
}

impl fmt::Display for SmtpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SmtpFailure { step, fault } = self;
        match fault {
            SmtpFault::Refused { seen, wanted } => write!(f, "{step} {seen}, wanted {wanted}"),
            SmtpFault::Malformed(why) => write!(f, "{step} is not SMTP: {why}"),
            SmtpFault::Unasked => write!(f, "more than a {step}, unasked"),
            SmtpFault::Mute { after } => write!(f, "no {step} within {}", Seconds(*after)),
            SmtpFault::Closed => write!(f, "closed before the {step}"),
            SmtpFault::Lost { reason } => {
                write!(f, "connection lost before the {step}: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_and_what() {
        let said = |step, fault| SmtpFailure { step, fault }.to_string();
        let refused = SmtpFault::Refused {
            seen: Reply {
                code: 554,
                text: "no service".into(),
            },
            wanted: 220,
        };
        assert_eq!(
            said(SmtpStep::Greeting, refused),
            "greeting 554 no service, wanted 220"
        );
        let after = Duration::from_secs(3);
        assert_eq!(
            said(SmtpStep::Helo, SmtpFault::Mute { after }),
            "no reply to HELO within 3.0 s"
        );
        assert_eq!(
            said(
                SmtpStep::Greeting,
                SmtpFault::Malformed(Malformed::LongLine)
            ),
            "greeting is not SMTP: a line of more than 512 bytes"
        );
        assert_eq!(
            said(SmtpStep::Quit, SmtpFault::Closed),
            "closed before the reply to QUIT"
        );
    }
}
