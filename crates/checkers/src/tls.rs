//! TLS as a health check wants it: does a server answer, not is it to be trusted.

use std::pin::Pin;
use std::sync::OnceLock;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslOptions, SslVerifyMode};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_openssl::SslStream;

use crate::dial::reason;
use crate::outcome::Failure;
use crate::spec::Dial;

/// Makes the handshake on `stream` before `deadline`, with `name` as the server name where one is given.
///
/// # Errors
/// The failure that was seen.
pub async fn handshake(
    stream: TcpStream,
    dial: &Dial,
    name: Option<&str>,
    deadline: Instant,
) -> Result<SslStream<TcpStream>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Tls {
        reason: error.to_string(),
    };
    let session = session(name).map_err(|error| failed(&error))?;
    let mut stream = SslStream::new(session, stream).map_err(|error| failed(&error))?;
    match timeout_at(deadline, Pin::new(&mut stream).connect()).await {
        Err(_) => Err(Failure::TlsTimedOut {
            after: dial.timeout,
        }),
        Ok(Err(error)) => Err(Failure::Tls {
            reason: words(&error),
        }),
        Ok(Ok(())) => Ok(stream),
    }
}

/// What went wrong, without file names and numbers of OpenSSL's source.
fn words(error: &openssl::ssl::Error) -> String {
    let own = error
        .ssl_error()
        .and_then(|stack| stack.errors().first()?.reason());
    match (own, error.io_error()) {
        (Some(own), _) => own.to_owned(),
        (None, Some(error)) => reason(error),
        (None, None) => error.to_string(),
    }
}

fn session(name: Option<&str>) -> Result<Ssl, ErrorStack> {
    static CONTEXT: OnceLock<Result<SslContext, ErrorStack>> = OnceLock::new();
    // One for all: making it costs more than a handshake.
    let context = CONTEXT
        .get_or_init(context)
        .as_ref()
        .map_err(Clone::clone)?;
    let mut session = Ssl::new(context)?;
    if let Some(name) = name {
        session.set_hostname(name)?;
    }
    Ok(session)
}

/// keepalived behaviour: the peer's certificate is not verified. Old and weak servers are reachable, since a check
/// that cannot speak to a server that clients can use would take it out of service.
fn context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_security_level(0);
    context.set_min_proto_version(None)?;
    context.set_cipher_list("ALL:@SECLEVEL=0")?;
    // Many servers close without close_notify; the end of the connection is the end of the page either way.
    context.set_options(
        SslOptions::IGNORE_UNEXPECTED_EOF | SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION,
    );
    Ok(context.build())
}
