//! Certificates for the TLS servers of the lab, good and bad, each with its key in a PEM file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509NameBuilder};

const DAY: i64 = 24 * 60 * 60;

/// What a certificate is like; all sign themselves.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Bits of the RSA key.
    pub bits: u32,
    /// Signed by way of SHA-1 instead of SHA-256.
    pub sha1: bool,
    /// It was valid until yesterday.
    pub expired: bool,
}

impl Kind {
    /// As they ought to be, but that nobody knows who signed it.
    pub const PLAIN: Self = Self {
        bits: 2048,
        sha1: false,
        expired: false,
    };
    /// Out of date.
    pub const EXPIRED: Self = Self {
        expired: true,
        ..Self::PLAIN
    };
    /// As they were made twenty years ago.
    pub const OLD: Self = Self {
        bits: 1024,
        sha1: true,
        expired: false,
    };
}

/// A certificate and its key, in files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Identity {
    /// Makes one for the name `name` in `folder`.
    ///
    /// # Errors
    /// When OpenSSL refuses, or the files cannot be written.
    pub fn make(folder: &Path, name: &str, kind: Kind) -> Result<Self> {
        fs::create_dir_all(folder).context("make the certificates' folder")?;
        let key = PKey::from_rsa(Rsa::generate(kind.bits)?)?;
        let made = Self {
            certificate: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        };
        fs::write(&made.certificate, sign(name, kind, &key)?.to_pem()?)
            .and_then(|()| {
                fs::write(
                    &made.key,
                    key.private_key_to_pem_pkcs8().unwrap_or_default(),
                )
            })
            .context("write a certificate")?;
        Ok(made)
    }
}

fn sign(name: &str, kind: Kind, key: &PKey<Private>) -> Result<X509> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let (from, until) = if kind.expired {
        (now - 2 * DAY, now - DAY)
    } else {
        (now - DAY, now + DAY)
    };
    let mut owner = X509NameBuilder::new()?;
    owner.append_entry_by_text("CN", name)?;
    let owner = owner.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let serial = BigNum::from_u32(1)?.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&owner)?;
    builder.set_issuer_name(&owner)?;
    builder.set_pubkey(key)?;
    let (from, until) = (Asn1Time::from_unix(from)?, Asn1Time::from_unix(until)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    let digest = if kind.sha1 {
        MessageDigest::sha1()
    } else {
        MessageDigest::sha256()
    };
    builder.sign(key, digest)?;
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use openssl::nid::Nid;

    use super::*;

    fn made(kind: Kind) -> X509 {
        let folder = tempfile::tempdir().unwrap();
        let made = Identity::make(folder.path(), "www.example.org", kind).unwrap();
        X509::from_pem(&fs::read(made.certificate).unwrap()).unwrap()
    }

    #[test]
    fn an_expired_one_has_expired_and_an_old_one_is_weak() {
        let now = Asn1Time::days_from_now(0).unwrap();
        let (plain, expired, old) = (made(Kind::PLAIN), made(Kind::EXPIRED), made(Kind::OLD));
        let order = |one: &X509| one.not_after().compare(&now).unwrap();
        assert_eq!(order(&plain), Ordering::Greater);
        assert_eq!(order(&expired), Ordering::Less);
        let signed = |one: &X509| one.signature_algorithm().object().nid();
        assert_eq!(signed(&plain), Nid::SHA256WITHRSAENCRYPTION);
        assert_eq!(signed(&old), Nid::SHA1WITHRSAENCRYPTION);
        assert_eq!(old.public_key().unwrap().bits(), 1024);
    }
}
