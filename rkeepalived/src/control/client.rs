//! The commands' end of the sockets: blocking, one question at a time.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::protocol::{Complaint, Question, Raw, Request, VERSION};

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
            stream: BufReader::with_capacity(256 * 1024, stream),
        })
    }

    /// Asks, and answers what was answered, as it is.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn ask(&mut self, request: Request) -> Result<Box<RawValue>, Failure> {
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
        asked.map_err(|source| self.broken(source))?;
        self.following()
    }

    /// The next answer: of events that are followed.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub fn following(&mut self) -> Result<Box<RawValue>, Failure> {
        let mut text = String::new();
        let read = self.stream.read_line(&mut text);
        let strange = |error: serde_json::Error| Failure::Strange(error.to_string());
        match read {
            Ok(0) => Err(Failure::Io {
                path: self.path.clone(),
                source: io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"),
            }),
            Ok(_) => {
                let answer: Raw = serde_json::from_str(&text).map_err(strange)?;
                match (answer.ok, answer.error) {
                    (_, Some(complaint)) => Err(Failure::Refused(complaint)),
                    (Some(ok), None) => Ok(ok),
                    // `null` is an answer, too.
                    (None, None) => serde_json::from_str("null").map_err(strange),
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                Err(self.broken(io::Error::new(
                    error.kind(),
                    "it does not answer; is it stopped?",
                )))
            }
            Err(error) => Err(self.broken(error)),
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

    fn broken(&self, source: io::Error) -> Failure {
        Failure::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// The answer as a value.
///
/// # Errors
/// [`Failure::Strange`].
pub fn understood<T: DeserializeOwned>(answer: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(answer.get()).map_err(|error| Failure::Strange(error.to_string()))
}
