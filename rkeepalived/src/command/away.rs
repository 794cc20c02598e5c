//! A host as it is not: where a file is checked for another host, nothing of this one may be held against it.

use std::io;
use std::path::{Path, PathBuf};

use keepalived_conf::{FileKind, Loader, Program};

use crate::config::Host;

/// A user or group of the other host.
const SOMEBODY: u32 = 65_533;

/// This host's files; every interface, user and name that the file speaks of is taken to exist over there. Of the scripts
/// those that are here as well are looked at.
pub struct Away<'a> {
    host: Host,
    config_id: Option<&'a str>,
    /// The host is this one after all.
    here: bool,
}

impl<'a> Away<'a> {
    pub fn new(config_id: Option<&'a str>, here: bool) -> Self {
        Self {
            host: Host::default(),
            config_id,
            here,
        }
    }
}

impl Loader for Away<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.host.read(path)
    }

    fn has_interface(&self, name: &str) -> bool {
        !self.here || self.host.has_interface(name)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.host.list(folder)
    }

    fn kind(&self, path: &Path) -> io::Result<FileKind> {
        self.host.kind(path)
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        self.host.absolute(path)
    }

    fn config_id(&self) -> String {
        self.config_id
            .map_or_else(|| self.host.config_id(), str::to_owned)
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.host.environment(name)
    }

    fn random(&self) -> u64 {
        self.host.random()
    }

    fn resolves(&self, host: &str) -> bool {
        !self.here || self.host.resolves(host)
    }

    fn has_interface_in(&self, namespace: &str, name: &str) -> Option<bool> {
        if self.here {
            self.host.has_interface_in(namespace, name)
        } else {
            None
        }
    }

    fn is_private_macvlan(&self, namespace: Option<&str>, name: &str) -> bool {
        !self.here || self.host.is_private_macvlan(namespace, name)
    }

    fn cpus(&self) -> u32 {
        if self.here {
            self.host.cpus()
        } else {
            u32::MAX
        }
    }

    fn user(&self, name: &str) -> Option<(u32, u32)> {
        // Which numbers it has over there nobody knows; that it is not root is what matters.
        let somebody = (!self.here).then_some((SOMEBODY, SOMEBODY));
        self.host.user(name).or(somebody)
    }

    fn group(&self, name: &str) -> Option<u32> {
        let somebody = (!self.here).then_some(SOMEBODY);
        self.host.group(name).or(somebody)
    }

    fn program(&self, name: &str) -> Program {
        match self.host.program(name) {
            Program::Missing if !self.here => Program::Ready,
            other => other,
        }
    }
}
