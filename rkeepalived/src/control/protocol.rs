//! What goes over the sockets: a question is one line of JSON, and so is each answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of the protocol, in each question and answer.
pub const VERSION: u32 = 1;
/// What is around a value that goes over the socket in pieces, as [`line`] has it.
pub const AROUND: [&str; 2] = ["{\"v\":1,\"ok\":", "}\n"];
/// No question is longer.
pub const LONGEST_QUESTION: usize = 16 * 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// [`VERSION`].
    pub v: u32,
    /// What is wanted.
    #[serde(flatten)]
    pub request: Request,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// The daemon as it stands: a [`Status`](crate::status::view::Status).
    Status {
        /// Without the virtual servers, which may be many.
        #[serde(default)]
        vrrp_only: bool,
    },
    /// What happened: a list of [`Event`](crate::status::history::Event)s, oldest first; with `follow` a line an event, for ever.
    Events {
        /// Only those after the one with this number.
        #[serde(default)]
        after: u64,
        /// Go on with those to come.
        #[serde(default)]
        follow: bool,
    },
    /// How many connections a real server has: [`Connections`].
    Connections {
        /// `IP:PORT`, or `VS/IP:PORT`.
        server: String,
    },
    /// Read the configuration again, and wait: [`Reloaded`].
    Reload,
    /// What a reload would change: [`Planned`].
    Plan {
        /// With this file in place of the daemon's.
        #[serde(default)]
        file: Option<PathBuf>,
    },
    /// No new clients: a list of [`SteeredView`]s.
    Drain {
        /// As above.
        server: String,
    },
    /// Out of the pool: likewise.
    Disable {
        /// As above.
        server: String,
    },
    /// Back to what configuration and checks give: likewise.
    Enable {
        /// As above.
        server: String,
    },
    /// This weight: likewise.
    Weight {
        /// As above.
        server: String,
        /// 0 to 65535.
        weight: u32,
    },
    /// Give mastership away: null.
    Handover {
        /// The instance.
        instance: String,
        /// Take it back.
        #[serde(default)]
        back: bool,
    },
    /// What is logged: null.
    Log {
        /// `error`, `warning`, `info` or `detail`.
        level: String,
    },
}

impl Request {
    /// Whether it changes nothing, so that readers may ask.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        match self {
            Request::Status { .. } | Request::Events { .. } | Request::Connections { .. } => true,
            // What a plan says comes out of any file that the daemon can read.
            Request::Plan { .. }
            | Request::Reload
            | Request::Drain { .. }
            | Request::Disable { .. }
            | Request::Enable { .. }
            | Request::Weight { .. }
            | Request::Handover { .. }
            | Request::Log { .. } => false,
        }
    }
}

/// An answer: `{"v":1,"ok":..}` or `{"v":1,"error":{..}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer<T> {
    /// [`VERSION`].
    pub v: u32,
    /// What was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<T>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Complaint>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// For programs.
    pub code: Code,
    /// For people: one line.
    pub text: String,
}

/// Why a question has no answer, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// It is no question, or another version's.
    BadQuestion,
    /// It would change something, and this socket is for looking.
    ReadOnly,
    /// Nothing has that name.
    Unknown,
    /// It cannot be done now.
    Refused,
    /// The daemon stops, or has too much to do.
    Busy,
}

impl Complaint {
    /// One line.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Complaint {
        let text = text.into();
        Complaint { code, text }
    }

    /// As an answer, with its end of line.
    #[must_use]
    pub fn line(self) -> Vec<u8> {
        line::<()>(Err(self))
    }
}

/// An answer as it goes over the socket, with its end of line.
#[must_use]
pub fn line<T: Serialize>(answer: Result<T, Complaint>) -> Vec<u8> {
    let (ok, error) = match answer {
        Ok(ok) => (Some(ok), None),
        Err(error) => (None, Some(error)),
    };
    let answer = Answer {
        v: VERSION,
        ok,
        error,
    };
    // Our types have nothing that JSON cannot say.
    let mut line = serde_json::to_vec(&answer).unwrap_or_default();
    line.push(b'\n');
    line
}

/// An answer that nobody has looked into yet.
pub type Raw = Answer<Box<RawValue>>;

/// Connections of a real server, in all services that were meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Established.
    pub active: u64,
    /// In other states.
    pub inactive: u64,
    /// Whether it is in the kernel's table at all.
    pub there: bool,
}

/// What became of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteeredView {
    /// Its name in the log.
    pub server: String,
    /// Its virtual server's.
    pub service: String,
    /// Its weight until now.
    pub from: u32,
    /// Its weight from now on, while it is up.
    pub to: u32,
    /// Whether it may have clients.
    pub up: bool,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a reload would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// A line a change, `+`, `-` or `~` first.
    pub changes: Vec<String>,
    /// What somebody else did to the kernel's table, and a reload leaves so: the lines that would put it right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// What was found in the file.
    pub findings: Vec<String>,
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether the new configuration is in force.
    pub done: bool,
    /// What changed, as of [`Planned`].
    pub changes: Vec<String>,
    /// What was found in the file.
    pub findings: Vec<String>,
    /// IPVS entries that changed.
    pub changed: usize,
    /// Operations that the kernel refused.
    pub refused: usize,
    /// Why it was abandoned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    // The lines of docs/control.md.
    #[test]
    fn questions_and_answers_are_as_documented() {
        let ask =
            |text: &str| serde_json::from_str::<Question>(text).map(|question| question.request);
        for (text, request) in [
            (
                r#"{"v":1,"do":"status"}"#,
                Request::Status { vrrp_only: false },
            ),
            (
                r#"{"v":1,"do":"drain","server":"172.16.1.10:80"}"#,
                Request::Drain {
                    server: "172.16.1.10:80".into(),
                },
            ),
            (
                r#"{"v":1,"do":"events","after":17,"follow":true}"#,
                Request::Events {
                    after: 17,
                    follow: true,
                },
            ),
        ] {
            assert_eq!(ask(text).unwrap(), request);
        }
        for rubbish in [
            "",
            "{}",
            "[]",
            r#"{"v":1}"#,
            r#"{"v":1,"do":"dance"}"#,
            r#"{"do":"status"}"#,
        ] {
            assert!(ask(rubbish).is_err(), "{rubbish}");
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(line(Ok(1))), "{\"v\":1,\"ok\":1}\n");
        assert_eq!(AROUND.join("1"), text(line(Ok(1))));
        assert_eq!(
            text(Complaint::new(Code::ReadOnly, "no").line()),
            "{\"v\":1,\"error\":{\"code\":\"read-only\",\"text\":\"no\"}}\n"
        );
    }
}
