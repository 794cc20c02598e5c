//! Two directors that do not meet, and one host with all their real servers: the stage of the parity stories.
//!
//! Smaller than [`crate::stage::Stage`], since many are built: the servers' host is the bridge too, and its servers are a
//! [`Farm`]. Each director has an interface `dummy0` of its own, where VRRP hears nobody.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::daemon::{Daemon, Director};
use crate::farm::Farm;
use crate::netns::Netns;
use crate::stage;
use crate::table::Table;

/// The last number of each server's address, 172.16.1.N and fd16::N.
const SERVERS: std::ops::RangeInclusive<u8> = 10..=17;

/// All hosts. Everything ends and is removed when this is dropped.
#[derive(Debug)]
pub struct Twins {
    /// The servers, on 172.16.1.10 to 17 and fd16::10 to 17.
    pub farm: Farm,
    /// The directors `director-a` and `director-b`.
    pub director: [Arc<Netns>; 2],
    /// The servers' host.
    pub servers: Netns,
    /// Set where more was changed than servers and services: another story cannot have them then.
    pub touched: bool,
    folder: TempDir,
}

/// A director's own addresses.
#[must_use]
pub fn own(index: usize) -> [&'static str; 2] {
    if index == 0 {
        ["172.16.1.2", "fd16::2"]
    } else {
        ["172.16.1.3", "fd16::3"]
    }
}

impl Twins {
    /// Builds the hosts. `name` keeps stages that stand at the same time apart.
    ///
    /// # Errors
    /// When the process is not root, or the kernel lacks veth, bridges or dummy.
    pub fn build(name: &str) -> Result<Self> {
        let folder = folder()?;
        let [a, b, servers] = Netns::create(name, ["director-a", "director-b", "servers"])?;
        let director = [Arc::new(a), Arc::new(b)];
        let mut lines = String::from("link set lo up\nlink add br0 type bridge\n");
        for (port, host) in ["director-a", "director-b"].into_iter().zip(&director) {
            let host = host.name();
            lines.push_str(&format!(
                "link add {port} type veth peer name eth1 netns {host}\nlink set {port} master br0 up\n"
            ));
        }
        for number in SERVERS {
            lines.push_str(&format!(
                "address add 172.16.1.{number}/24 dev br0\naddress add fd16::{number}/64 dev br0 nodad\n"
            ));
        }
        lines.push_str("link set br0 up\n");
        servers.ip_batch(&lines)?;
        servers.sysctl(&[
            // An address that goes does not take the others with it.
            ("ipv4/conf/br0/promote_secondaries", "1"),
            // Every datagram to a closed port is told, not one a second.
            ("ipv4/icmp_ratelimit", "0"),
        ])?;
        for (index, host) in director.iter().enumerate() {
            let [v4, v6] = own(index);
            host.ip_batch(&format!(
                "link set lo up\naddress add {v4}/24 dev eth1\naddress add {v6}/64 dev eth1 nodad\nlink set eth1 up\n\
                 link add dummy0 type dummy\naddress add 10.99.0.1/24 dev dummy0\nlink set dummy0 multicast on up\n"
            ))?;
        }
        Ok(Self {
            farm: Farm::start(&servers)?,
            director,
            servers,
            touched: false,
            folder,
        })
    }

    /// The stage's private folder, on the kernel's own tmpfs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A daemon that is not started yet, on director-a (0) or director-b (1).
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn prepare(&self, index: usize, daemon: Daemon) -> Result<Director> {
        let host = self
            .director
            .get(index)
            .ok_or_else(|| anyhow!("there is no director {index}"))?;
        let name = stage::DIRECTORS.get(index).copied().unwrap_or_default();
        Director::prepare(daemon, host, self.folder().join(name), "")
    }

    /// Makes room for another story: no servers, no services.
    ///
    /// # Errors
    /// When ipvsadm fails.
    pub fn clear(&self) -> Result<()> {
        self.farm.clear()?;
        for host in &self.director {
            host.output("ipvsadm", &["-C"])?;
            let _there_is_none = host.ip_batch("link del nlmon0\n");
        }
        Ok(())
    }

    /// Twins that stand idle since another story has ended, or new ones.
    ///
    /// # Errors
    /// As [`Twins::build`].
    pub fn take(name: &str) -> Result<Self> {
        let idle = idle().pop();
        idle.map_or_else(|| Self::build(name), Ok)
    }

    /// Lets another story have them, if this one left nothing behind: to build them anew takes longer than many a story.
    ///
    /// # Errors
    /// When a table cannot be read, or there is no room for a folder.
    pub fn give_back(mut self) -> Result<()> {
        for host in &self.director {
            self.touched |= !Table::is_empty(host)?;
        }
        if !self.touched {
            self.farm.clear()?;
            self.folder = folder()?;
            idle().push(self);
        }
        Ok(())
    }

    /// Ends those that stand idle.
    pub fn end_idle() {
        idle().clear();
    }
}

fn idle() -> MutexGuard<'static, Vec<Twins>> {
    static IDLE: Mutex<Vec<Twins>> = Mutex::new(Vec::new());
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("lab-")
        .tempdir_in("/run")
        .context("make a folder under /run")
}
