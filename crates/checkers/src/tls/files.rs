//! The files of a client of TLS.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslContext, SslContextBuilder};

use super::{context, stack};
use crate::dial::reason;

/// Where our certificate is, and whose certificates we trust. PEM files.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, with those that lead from it to its authority.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// What the key is encrypted with; not shown.
    pub password: Option<String>,
    /// The authorities that a server's certificate has to come from, where it is verified; without, the system's.
    pub authority: Option<PathBuf>,
}

/// What tells that a file was changed, for each of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamp([Option<(u64, u64, i64, i64)>; 3]);

impl TlsFiles {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|file| file.is_none())
    }

    fn all(&self) -> [Option<&Path>; 3] {
        [&self.certificate, &self.key, &self.authority].map(Option::as_deref)
    }

    /// How the files are now.
    pub fn stamp(&self) -> Stamp {
        Stamp(self.all().map(|file| {
            let seen = fs::metadata(file?).ok()?;
            Some((seen.ino(), seen.size(), seen.mtime(), seen.mtime_nsec()))
        }))
    }

    /// A context with what is in them.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn make(&self, verify: bool) -> Result<SslContext, String> {
        let mut context = context(verify).map_err(|error| stack(&error))?;
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            read(certificate, "certificate")?;
            context
                .set_certificate_chain_file(certificate)
                .map_err(|error| refused("certificate", certificate, &error))?;
            let private = self.private_key(key)?;
            context
                .set_private_key(&private)
                .map_err(|error| refused("key", key, &error))?;
        }
        if verify {
            self.trust(&mut context)?;
        }
        Ok(context.build())
    }

    fn private_key(&self, key: &Path) -> Result<PKey<Private>, String> {
        let pem = read(key, "key")?;
        // An empty password, so that nobody is asked for one on a terminal.
        let password = self.password.as_deref().unwrap_or_default();
        PKey::private_key_from_pem_passphrase(&pem, password.as_bytes())
            .map_err(|error| refused("key", key, &error))
    }

    fn trust(&self, context: &mut SslContextBuilder) -> Result<(), String> {
        match &self.authority {
            None => context
                .set_default_verify_paths()
                .map_err(|error| stack(&error)),
            Some(authority) if authority.is_dir() => context
                .load_verify_locations(None, Some(authority))
                .map_err(|error| refused("ca", authority, &error)),
            Some(authority) => {
                read(authority, "ca")?;
                context
                    .set_ca_file(authority)
                    .map_err(|error| refused("ca", authority, &error))
            }
        }
    }
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFiles")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("authority", &self.authority)
            .finish()
    }
}

/// The kernel knows better than OpenSSL why a file cannot be read.
fn read(file: &Path, what: &str) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("SSL {what} {}: {}", file.display(), reason(&error)))
}

fn refused(what: &str, file: &Path, error: &ErrorStack) -> String {
    format!("SSL {what} {}: {}", file.display(), stack(error))
}
