//! TLS as a health check wants it: does a server answer, and only where asked for, is it to be trusted.
//!
//! Old and weak servers are reachable, whatever a system's openssl.cnf says, since a check that cannot speak to a server
//! that clients can use would take it out of service. Sessions are not resumed (keepalived behaviour).

mod files;
mod stream;

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslVerifyMode,
};
use openssl::x509::X509VerifyResult;
use tokio::net::TcpStream;

use files::Stamp;
pub use files::TlsFiles;
pub use stream::TlsStream;

use crate::dial::reason;
use crate::outcome::Failure;

/// Files are looked at no more often than this.
const LOOK: Duration = Duration::from_secs(1);

/// Security of a chain of certificates: 112 bits, no SHA-1 (SSL_CTX_set_security_level(3)).
const CHAIN_LEVEL: i32 = 2;

/// Ciphers, signatures and groups that OpenSSL has, the weak ones too; for TLS before 1.3.
const CIPHERS: &str = "ALL:@SECLEVEL=0";
const SIGNATURES: &str = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_pss_sha256:rsa_pss_pss_sha384:\
    rsa_pss_pss_sha512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:\
    ECDSA+SHA224:RSA+SHA224:DSA+SHA256:ECDSA+SHA1:RSA+SHA1:DSA+SHA1";
const GROUPS: &str = "X25519:P-256:X448:P-521:P-384";

/// One client of TLS, shared by all checks: the configuration's `SSL` block, or none.
///
/// Equal to another that has the same files by name: what is in them is read again when they change, without any check
/// being started anew.
pub struct TlsClient {
    files: TlsFiles,
    made: Mutex<Made>,
}

/// What has been made of the files.
#[derive(Default)]
struct Made {
    stamp: Option<Stamp>,
    looked: Option<Instant>,
    /// For those who do not verify, and for those who do.
    contexts: [Option<SslContext>; 2],
}

/// What one handshake wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The server name to send.
    pub sni: Option<&'a str>,
    /// An end without `close_notify` is an error.
    pub compliant: bool,
    /// The name that the server's certificate has to be valid for.
    pub verify: Option<Name<'a>>,
}

/// What a certificate is to be valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A host's name.
    Host(&'a str),
    /// An address.
    Address(IpAddr),
}

impl TlsClient {
    /// A client with these files. They are read when they are first needed.
    #[must_use]
    pub fn new(files: TlsFiles) -> TlsClient {
        TlsClient {
            files,
            made: Mutex::default(),
        }
    }

    /// Makes the handshake on `stream`.
    ///
    /// # Errors
    /// The failure that was seen, or why there can be none.
    pub async fn handshake(&self, stream: TcpStream, wish: Wish<'_>) -> Result<TlsStream, Failure> {
        let failed = |error: ErrorStack| Failure::Tls {
            reason: stack(&error),
        };
        let context = self
            .context(wish.verify.is_some())
            .map_err(|reason| Failure::Tls { reason })?;
        let session = session(&context, wish).map_err(failed)?;
        let mut stream = TlsStream::new(session, stream).map_err(failed)?;
        let result = poll_fn(|context| stream.poll_connect(context)).await;
        result.map_err(|error| Failure::Tls {
            reason: words(&error, stream.session(), wish.verify),
        })?;
        Ok(stream)
    }

    /// The context for such handshakes, made once: that takes longer than a handshake.
    fn context(&self, verify: bool) -> Result<SslContext, String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let Made {
            stamp,
            looked,
            contexts,
        } = &mut *made;
        let now = Instant::now();
        let due = looked.is_none_or(|looked| now.duration_since(looked) >= LOOK);
        let mut changed = false;
        if due && !self.files.is_empty() {
            let seen = self.files.stamp();
            changed = stamp.as_ref() != Some(&seen);
            *stamp = Some(seen);
        }
        *looked = Some(if due { now } else { looked.unwrap_or(now) });
        if changed {
            self.renew(contexts)?;
        }
        let Some(slot) = contexts.get_mut(usize::from(verify)) else {
            return Err("no such context".into());
        };
        if let Some(context) = slot {
            return Ok(context.clone());
        }
        Ok(slot.insert(self.files.make(verify)?).clone())
    }

    /// Makes anew what was made of earlier files; where that fails (a certificate is there already and its key not
    /// yet), what was made before serves on until the files change again.
    fn renew(&self, contexts: &mut [Option<SslContext>; 2]) -> Result<(), String> {
        let mut anew = [None, None];
        for (place, (old, new)) in contexts.iter().zip(&mut anew).enumerate() {
            if old.is_none() {
                continue;
            }
            match self.files.make(place == 1) {
                Ok(context) => *new = Some(context),
                Err(_) => return Ok(()),
            }
        }
        *contexts = anew;
        Ok(())
    }
}

impl PartialEq for TlsClient {
    fn eq(&self, other: &TlsClient) -> bool {
        self.files == other.files
    }
}

impl Eq for TlsClient {}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsClient").field(&self.files).finish()
    }
}

/// A context that takes any server, without files.
fn context(verify: bool) -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_security_level(0);
    context.set_min_proto_version(None)?;
    context.set_max_proto_version(None)?;
    context.set_sigalgs_list(SIGNATURES)?;
    context.set_groups_list(GROUPS)?;
    context.set_cipher_list(CIPHERS)?;
    context.set_options(SslOptions::ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    if verify {
        // A server without a certificate has nothing to be verified: such ciphers are out.
        context.set_cipher_list(&format!("{CIPHERS}:!aNULL"))?;
        context.set_verify(SslVerifyMode::PEER);
        context.verify_param_mut().set_auth_level(CHAIN_LEVEL);
    }
    Ok(context)
}

fn session(context: &SslContext, wish: Wish<'_>) -> Result<Ssl, ErrorStack> {
    let mut session = Ssl::new(context)?;
    if let Some(name) = wish.sni {
        session.set_hostname(name)?;
    }
    match wish.verify {
        Some(Name::Host(name)) => session.param_mut().set_host(name)?,
        Some(Name::Address(address)) => session.param_mut().set_ip(address)?,
        None => {}
    }
    Ok(session)
}

/// What went wrong, without file names and numbers of OpenSSL's source.
fn words(error: &openssl::ssl::Error, session: &SslRef, verify: Option<Name<'_>>) -> String {
    let verified = session.verify_result();
    match verify {
        Some(name) if verified != X509VerifyResult::OK => {
            let why = verified.error_string();
            format!("the certificate is not valid for {name}: {why}")
        }
        _ => own(error),
    }
}

/// OpenSSL's words.
pub fn own(error: &openssl::ssl::Error) -> String {
    match (error.ssl_error(), error.io_error()) {
        (Some(errors), _) => stack(errors),
        (None, Some(error)) => reason(error),
        (None, None) => error.to_string(),
    }
}

fn stack(errors: &ErrorStack) -> String {
    let first = errors
        .errors()
        .first()
        .and_then(openssl::error::Error::reason);
    first.map_or_else(|| errors.to_string(), str::to_owned)
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Host(name) => f.write_str(name),
            Name::Address(address) => write!(f, "{address}"),
        }
    }
}
