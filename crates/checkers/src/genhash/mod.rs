//! `genhash`: prints the digest of a page, as a check with that digest will see it.
//!
//! Must not know: anything of checks that a single fetch does not need.
//!
//! keepalived behaviour, observed: what is wrong with the command line goes to standard error with status 1;
//! what is wrong with the server goes to standard output with status 0.
//!
//! Enter at [`run`]. Tests: beside `options`, `dump` and here; the comparison with keepalived's own genhash in `tests/`.

mod dump;
mod options;
mod transcript;

use std::io::{self, Write};
use std::time::Instant;

use nix::errno::Errno;

pub use options::{Options, Wrong};

use crate::outcome::Failure;
use crate::probe::http::Fetch;
use crate::probe::response::Answer;
use crate::tls::{TlsClient, TlsFiles, Wish};
use transcript::Transcript;

/// The text after a wrong command line, and for `-h`.
pub const USAGE: &str = "\
Usage: genhash COMMAND [OPTIONS]
Commands:
   -s server-address -p port -u url
   -S -s server-address -p port -u url
   -h

Options:
Either long or short options are allowed.
   --use-ssl         -S       Use SSL connection to remote server.
   --use-sni         -I       Use SNI during SSL handshake (uses virtualhost setting; see -V).
   --server          -s       Use the specified remote server address.
   --port            -p       Use the specified remote server port.
   --url             -u       Use the specified remote server url.
   --use-virtualhost -V       Use the specified virtualhost in GET query.
   --verbose         -v       Use verbose mode output.
   --help            -h       Display this short inlined help screen.
   --fwmark          -m       Use the specified FW mark.
   --protocol        -P       Use the specified HTTP protocol - '1.0', 1.0c', '1.1'.
                                1.0c means 1.0 with 'Connection: close'
   --timeout         -t       Timeout in seconds
";

/// Runs genhash with `arguments` (without the program's name), and answers the exit status: 0, or 1 for a wrong
/// command line. Within a tokio runtime with time and I/O.
///
/// # Errors
/// When `out` or `err` cannot be written.
pub async fn run<I>(
    arguments: I,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<u8>
where
    I: IntoIterator<Item = String>,
{
    match Options::parse(arguments) {
        Ok(options) => fetch(&options, out, err).await.map(|()| 0),
        Err(Wrong(lines)) => {
            for line in lines {
                writeln!(err, "{line}")?;
            }
            err.write_all(USAGE.as_bytes())?;
            err.flush()?;
            Ok(1)
        }
    }
}

async fn fetch(
    options: &Options,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<()> {
    let virtualhost = options.virtualhost.as_deref();
    let client = TlsClient::new(TlsFiles::default());
    let wish = Wish {
        sni: virtualhost.filter(|_| options.sni),
        ..Wish::default()
    };
    let fetch = Fetch {
        dial: &options.dial,
        tls: options.tls.then_some((&client, wish)),
        version: options.version,
        path: &options.url,
        virtualhost,
    };
    let started = Instant::now();
    let result = if options.verbose {
        let mut transcript = Transcript::new(out);
        let result = fetch.answer(&mut transcript).await;
        transcript.end()?;
        result
    } else {
        fetch.answer(&mut ()).await
    };
    tell(&result, options.verbose, out, err)?;
    if options.verbose {
        let took = started.elapsed().as_micros();
        write!(
            out,
            "\nGlobal response time for [{}] = {took} usecs\n",
            options.url
        )?;
    }
    out.flush()?;
    err.flush()
}

fn tell(
    result: &Result<Answer, Failure>,
    verbose: bool,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<()> {
    let digest = match result {
        Ok(answer) => answer.digest,
        // Without a header there is no page; the digest of nothing is told in full only.
        Err(Failure::ClosedEarly { .. }) => None,
        Err(failure) => return writeln!(out, "{}", line(failure)),
    };
    if verbose {
        transcript::digest(out, digest)?;
    }
    match digest {
        Some(digest) => writeln!(out, "{digest}"),
        None => writeln!(err, "no data received from remote webserver"),
    }
}

/// keepalived's words where it has some, ours where it has none.
fn line(failure: &Failure) -> String {
    let known = match failure {
        Failure::Refused => "Connection failed",
        Failure::ConnectTimedOut { .. } | Failure::TlsTimedOut { .. } => "Timeout connecting",
        Failure::Unreachable { reason } if reason == Errno::ENETUNREACH.desc() => {
            "HTTP_CHECK - network unreachable"
        }
        Failure::Tls { .. } => "SSL handshake/communication error connecting to",
        Failure::SendTimedOut { .. } => "Timeout WEB write",
        Failure::NoAnswer { received: 0, .. } => "Timeout WEB read",
        Failure::NoAnswer { .. } => "Timeout HTTP read",
        Failure::Lost { .. } => "Read error with",
        other => return format!("Connection failed: {other}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(arguments: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = arguments.iter().map(|&word| word.to_owned());
        let status = run(arguments, &mut out, &mut err).await.unwrap();
        (
            status,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[tokio::test]
    async fn a_wrong_command_line_is_told_with_the_usage() {
        let wrong = "-s 127.0.0.1 -p 80 -u /x -P 2"
            .split(' ')
            .collect::<Vec<_>>();
        assert_eq!(
            ran(&wrong).await,
            (
                1,
                String::new(),
                format!("invalid HTTP protocol version '2'\n{USAGE}")
            )
        );
        assert_eq!(ran(&["-h"]).await, (1, String::new(), USAGE.into()));
    }

    #[tokio::test]
    async fn a_refusal_is_told_on_standard_output_with_status_0() {
        // Bound and not listening: nobody else can take the port meanwhile.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        let ran = ran(&["-s", "127.0.0.1", "-p", &port, "-u", "/x"]).await;
        assert_eq!(ran, (0, "Connection failed\n".into(), String::new()));
    }
}
