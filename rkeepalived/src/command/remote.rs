//! How the commands reach the daemon, and how they end.

use std::path::PathBuf;

use clap::Args;

use crate::control::client::{Connection, Failure};
use crate::control::place::Paths;

/// All went well.
pub(super) const DONE: u8 = 0;
/// It could not be done: the line on standard error says why.
pub(super) const FAILED: u8 = 1;
/// It was done, and there is something to know: changes, findings, or time was up.
pub(super) const NOTABLE: u8 = 2;
/// The daemon cannot be reached: it does not run, or we may not.
pub(super) const UNREACHED: u8 = 3;

/// Which daemon.
#[derive(Args, Clone, Debug)]
pub(super) struct Where {
    /// Folder of the daemon's control sockets [default: /run/rkeepalived]
    #[arg(long, value_name = "DIR")]
    socket: Option<PathBuf>,
    /// `instance` of the daemon's configuration, where it has one
    #[arg(long = "instance", value_name = "NAME")]
    daemon_instance: Option<String>,
}

impl Where {
    fn paths(&self) -> Paths {
        Paths::new(
            self.socket.as_deref(),
            None,
            self.daemon_instance.as_deref(),
        )
    }

    /// To look: by either socket, whichever we may use.
    pub fn look(&self) -> Result<Connection, Failure> {
        let paths = self.paths();
        // Root's own first, which no other user can crowd.
        if let Ok(connection) = Connection::open(&paths.control, "") {
            return Ok(connection);
        }
        let remedy =
            "be root, or a member of the group that the socket belongs to (`ls -l` shows it)";
        Connection::open(&paths.status, remedy)
    }

    /// To steer.
    pub fn steer(&self) -> Result<Connection, Failure> {
        Connection::open(
            &self.paths().control,
            "only root steers the daemon; use sudo",
        )
    }
}

/// Says why it did not work, in one line; answers the exit status.
pub(super) fn failed(failure: &Failure) -> u8 {
    eprintln!("rkeepalived: {failure}");
    match failure {
        Failure::Nobody(_) | Failure::Forbidden { .. } => UNREACHED,
        Failure::Io { .. } | Failure::Strange(_) | Failure::Refused(_) => FAILED,
    }
}
