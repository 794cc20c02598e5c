//! The commands' end of the sockets: blocking, one question at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::protocol::{AROUND, Complaint, Question, Raw, Request, VERSION};

/// A daemon that does not answer for so long is stopped, or stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// A reload of tens of thousands of servers, with scripts, takes longer.
const LONG: Duration = Duration::from_secs(600);

/// Why there is no answer, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no daemon.
    #[error(
        "no daemon listens at {}: start it, or say where it listens with --socket DIR or --instance NAME",
        .0.display()
    )]
    Nobody(PathBuf),
    /// We may not.
    #[error("no permission for {}: {remedy}", path.display())]
    Forbidden {
        /// The socket.
        path: PathBuf,
        /// What can be done.
        remedy: &'static str,
    },
    /// The connection failed.
    #[error("the daemon at {} cannot be asked: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It answered what we do not understand.
    #[error(
        "the daemon's answer is not understood ({0}): daemon and command must be of one version"
    )]
    Strange(String),
    /// It would not.
    #[error("{}", .0.text)]
    Refused(Complaint),
}

/// A connection to a daemon.
#[derive(Debug)]
pub struct Connection {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure::Nobody`], [`Failure::Forbidden`], or what the system says.
    pub fn open(path: &Path, remedy: &'static str) -> Result<Connection, Failure> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Failure::Nobody(path.to_owned())
            }
            io::ErrorKind::PermissionDenied => Failure::Forbidden {
                path: path.to_owned(),
                remedy,
            },
            _ => Failure::Io {
                path: path.to_owned(),
                source,
            },
        };
        let stream = UnixStream::connect(path).map_err(io)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(io)?;
        Ok(Connection {
            path: path.to_owned(),
            stream: BufReader::with_capacity(64 * 1024, stream),
        })
    }

    /// Asks, and answers what was answered, as it is.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn ask(&mut self, request: Request) -> Result<Box<RawValue>, Failure> {
        self.put(request)?;
        self.following()
    }

    /// Asks, and passes on what is answered while it comes, with an end of line. Once `out` takes no more, the rest is
    /// left. Of a daemon that ends in the middle of its answer, `out` has the beginning.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn pass(&mut self, request: Request, out: &mut impl Write) -> Result<(), Failure> {
        self.put(request)?;
        let [before, _] = AROUND.map(str::as_bytes);
        let mut start = vec![0; before.len()];
        let begun = self.stream.read_exact(&mut start);
        begun.map_err(|error| self.unread(error))?;
        if start != before {
            // A complaint, or another spelling of an answer.
            let answer = self.line(start)?;
            let _ = writeln!(out, "{answer}");
            return Ok(());
        }
        match passed(&mut self.stream, out) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.closed()),
            Err(error) => Err(self.unread(error)),
        }
    }

    fn put(&mut self, request: Request) -> Result<(), Failure> {
        let patience = match request {
            Request::Reload | Request::Plan { .. } => Some(LONG),
            Request::Events { follow: true, .. } => None,
            _ => Some(PATIENCE),
        };
        let question = Question {
            v: VERSION,
            request,
        };
        let mut line =
            serde_json::to_vec(&question).map_err(|error| Failure::Strange(error.to_string()))?;
        line.push(b'\n');
        let stream = self.stream.get_mut();
        let asked = stream
            .set_read_timeout(patience)
            .and_then(|()| stream.write_all(&line));
        asked.map_err(|source| self.broken(source))
    }

    /// The next answer: of events that are followed.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn following(&mut self) -> Result<Box<RawValue>, Failure> {
        self.line(Vec::new())
    }

    /// A whole line, of which that was read already.
    fn line(&mut self, mut text: Vec<u8>) -> Result<Box<RawValue>, Failure> {
        let strange = |error: serde_json::Error| Failure::Strange(error.to_string());
        match self.stream.read_until(b'\n', &mut text) {
            Ok(0) => Err(self.closed()),
            Ok(_) => {
                let answer: Raw = serde_json::from_slice(&text).map_err(strange)?;
                match (answer.ok, answer.error) {
                    (_, Some(complaint)) => Err(Failure::Refused(complaint)),
                    (Some(ok), None) => Ok(ok),
                    // `null` is an answer, too.
                    (None, None) => serde_json::from_str("null").map_err(strange),
                }
            }
            Err(error) => Err(self.unread(error)),
        }
    }

    /// Asks, and understands the answer.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn get<T: DeserializeOwned>(&mut self, request: Request) -> Result<T, Failure> {
        let answer = self.ask(request)?;
        understood(&answer)
    }

    fn unread(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.broken(io::Error::new(
                error.kind(),
                "it does not answer; is it stopped?",
            )),
            io::ErrorKind::UnexpectedEof => self.closed(),
            _ => self.broken(error),
        }
    }

    fn closed(&self) -> Failure {
        let kind = io::ErrorKind::UnexpectedEof;
        self.broken(io::Error::new(kind, "it closed the connection"))
    }

    fn broken(&self, source: io::Error) -> Failure {
        Failure::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The rest of an answer whose beginning was read, without the brace that is around it: false where it has no end. Who takes no
/// more of it is done.
fn passed(stream: &mut impl BufRead, out: &mut impl Write) -> io::Result<bool> {
    // A brace at the end of what came may be that one.
    let mut brace = false;
    loop {
        let piece = match stream.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        if piece.is_empty() {
            return Ok(false);
        }
        // There is no other end of line in JSON of one line.
        let (text, ends) = match piece.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (piece, false),
        };
        let held = brace && !(text.is_empty() && ends);
        let before: &[u8] = if held { b"}" } else { b"" };
        let (text, closes) = match text.strip_suffix(b"}") {
            Some(text) => (text, true),
            None => (text, false),
        };
        brace = closes;
        let behind: &[u8] = if ends { b"\n" } else { b"" };
        let length = piece.len();
        for part in [before, text, behind] {
            if out.write_all(part).is_err() {
                return Ok(true);
            }
        }
        if ends {
            return Ok(true);
        }
        stream.consume(length);
    }
}

/// The answer as a value.
///
/// # Errors
/// [`Failure::Strange`].
pub fn understood<T: DeserializeOwned>(answer: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(answer.get()).map_err(|error| Failure::Strange(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_passed_on_without_what_is_around_it() {
        for (answer, document) in [
            (r#"{"a":{"b":[1,"}"]}}"#, r#"{"a":{"b":[1,"}"]}}"#),
            ("null", "null"),
            ("[{}]", "[{}]"),
        ] {
            let line = format!("{answer}}}\n");
            // However it comes.
            for room in 1..=line.len() {
                let mut out = Vec::new();
                let mut stream = BufReader::with_capacity(room, line.as_bytes());
                assert!(passed(&mut stream, &mut out).unwrap());
                assert_eq!(out, format!("{document}\n").as_bytes(), "by {room}");
                let half = line.as_bytes().get(..line.len() - 1).unwrap();
                let mut stream = BufReader::with_capacity(room, half);
                assert!(!passed(&mut stream, &mut Vec::new()).unwrap());
            }
        }
    }

    fn answered(line: &'static [u8]) -> (Result<(), Failure>, String) {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut connection = Connection {
            path: "status.sock".into(),
            stream: BufReader::new(near),
        };
        far.write_all(line).unwrap();
        far.shutdown(std::net::Shutdown::Write).unwrap();
        let mut out = Vec::new();
        let passed = connection.pass(Request::Status { vrrp_only: false }, &mut out);
        (passed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_passed_on_may_be_a_complaint_or_break_off() {
        let (passed, out) = answered(b"{\"v\":1,\"ok\":{\"version\":1}}\n");
        assert!(passed.is_ok());
        assert_eq!(out, "{\"version\":1}\n");
        let (passed, out) = answered(b"{\"ok\":{\"version\":1},\"v\":1}\n");
        assert!(passed.is_ok());
        assert_eq!(out, "{\"version\":1}\n", "another order of the same");
        let (passed, out) =
            answered(b"{\"v\":1,\"error\":{\"code\":\"busy\",\"text\":\"the daemon stops\"}}\n");
        assert_eq!(passed.unwrap_err().to_string(), "the daemon stops");
        assert_eq!(out, "");
        for broken in [&b"{\"v\":1,\"ok\":{\"vers"[..], b"{\"v\"", b""] {
            let (passed, _) = answered(broken);
            let text = passed.unwrap_err().to_string();
            assert!(text.contains("it closed the connection"), "{text}");
        }
    }
}
