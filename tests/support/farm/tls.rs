//! The certificate of the farm's servers: made once a run, signed by itself.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};

use crate::identity::{Identity, Kind};

/// What accepts TLS connections.
pub(super) fn acceptor() -> Result<&'static SslAcceptor> {
    static ACCEPTOR: OnceLock<SslAcceptor> = OnceLock::new();
    if ACCEPTOR.get().is_none() {
        let _another_thread_was_first = ACCEPTOR.set(make().context("make a certificate")?);
    }
    ACCEPTOR.get().context("the acceptor that was just made")
}

fn make() -> Result<SslAcceptor> {
    let folder = tempfile::tempdir()?;
    let identity = Identity::make(folder.path(), "farm.example.org", Kind::PLAIN)?;
    let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls_server())?;
    acceptor.set_certificate_file(identity.certificate, SslFiletype::PEM)?;
    acceptor.set_private_key_file(identity.key, SslFiletype::PEM)?;
    Ok(acceptor.build())
}
