//! `SSL`: the client's side of SSL_GET.

use std::fmt;

/// `SSL`. Shows as `***` where it is a secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Ssl {
    /// `password` of the private key.
    pub password: Option<String>,
    /// `ca`: file of authorities.
    pub authority: Option<String>,
    /// `certificate`: file.
    pub certificate: Option<String>,
    /// `key`: file of the private key.
    pub key: Option<String>,
}

impl fmt::Debug for Ssl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssl")
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("authority", &self.authority)
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish()
    }
}
