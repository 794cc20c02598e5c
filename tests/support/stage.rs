//! The hosts of the lab: two directors, two web servers and a client on one bridge, with the addresses of the
//! published configuration and direct routing.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::capture::Capture;
use crate::config::{Blog, PAGE, Role, VIP};
use crate::daemon::{Daemon, Director, genhash};
use crate::netns::Netns;
use crate::web::WebServer;
use crate::{table, wait};

/// The web servers' addresses.
pub const WEB: [Ipv4Addr; 2] = [Ipv4Addr::new(172, 16, 1, 10), Ipv4Addr::new(172, 16, 1, 11)];
/// The directors' own addresses.
pub const DIRECTOR: [Ipv4Addr; 2] = [Ipv4Addr::new(172, 16, 1, 2), Ipv4Addr::new(172, 16, 1, 3)];
/// The directors' names, which their folders have too.
pub const DIRECTORS: [&str; 2] = ["director-a", "director-b"];
/// The client's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 16, 1, 100);

/// Long enough for anything that has to happen, on a slow kernel.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a host holds the VIP.
///
/// # Errors
/// When the kernel does not tell.
pub fn holds_vip(host: &Netns) -> Result<bool> {
    let vip = format!("eth1 {VIP}/24");
    Ok(host.addresses()?.contains(&vip))
}

/// Waits until `director` is master: it says so, and the VIP, which comes after that line, is there.
fn wait_for_master(director: &mut Director) -> Result<()> {
    director.wait_log("Entering MASTER STATE", PATIENCE)?;
    wait::until("the VIP", PATIENCE, || {
        Ok(holds_vip(director.host())?.then_some(()))
    })
}

/// All hosts. Everything ends and is removed when this is dropped.
#[derive(Debug)]
pub struct Stage {
    /// The web servers' processes, running on [`Stage::web`].
    pub servers: [WebServer; 2],
    /// The directors `director-a` and `director-b`.
    pub director: [Arc<Netns>; 2],
    /// The web servers' hosts.
    pub web: [Netns; 2],
    /// The client's host.
    pub client: Netns,
    bridge: Netns,
    folder: TempDir,
}

impl Stage {
    /// Builds the hosts and starts both web servers. `name` keeps stages that run at the same time apart.
    ///
    /// # Errors
    /// When the process is not root, or the kernel lacks veth or bridges.
    pub fn build(name: &str) -> Result<Self> {
        // Not the temporary folder: in the lab kernel that is the host's, where locks and renames behave differently.
        let folder = tempfile::Builder::new()
            .prefix("lab-")
            .tempdir_in("/run")
            .context("make a folder under /run")?;
        let names = [
            "bridge",
            "director-a",
            "director-b",
            "web-1",
            "web-2",
            "client",
        ];
        let [bridge, a, b, web_1, web_2, client] = Netns::create(name, names)?;
        let director = [Arc::new(a), Arc::new(b)];
        let web = [web_1, web_2];
        let mut lines = String::from("link add br0 type bridge\nlink set br0 up\n");
        for (port, host) in [
            ("director-a", director[0].as_ref()),
            ("director-b", director[1].as_ref()),
            ("web-1", &web[0]),
            ("web-2", &web[1]),
            ("client", &client),
        ] {
            lines.push_str(&format!(
                "link add {port} type veth peer name eth1 netns {}\n",
                host.name()
            ));
            lines.push_str(&format!("link set {port} master br0 up\n"));
        }
        bridge.ip_batch(&lines)?;
        let plain = |host: &Netns, address: Ipv4Addr, vip: &str| {
            host.ip_batch(&format!(
                "link set lo up\naddress add {address}/24 dev eth1\n{vip}link set eth1 up\n"
            ))
        };
        for (host, address) in director
            .iter()
            .map(AsRef::as_ref)
            .zip(DIRECTOR)
            .chain([(&client, CLIENT)])
        {
            plain(host, address, "")?;
        }
        for (host, address) in web.iter().zip(WEB) {
            // The VIP is theirs too, but they do not say so on the wire: that is what direct routing asks for.
            host.sysctl(&[
                ("ipv4/conf/all/arp_ignore", "1"),
                ("ipv4/conf/all/arp_announce", "2"),
                ("ipv4/conf/all/rp_filter", "0"),
            ])?;
            plain(host, address, &format!("address add {VIP}/32 dev lo\n"))?;
        }
        let mut servers = [
            WebServer::new("web-1", &folder.path().join("web-1"))?,
            WebServer::new("web-2", &folder.path().join("web-2"))?,
        ];
        for (server, host) in servers.iter_mut().zip(&web) {
            server.page(PAGE, &Self::page_of(server.name()))?;
            server.start(host)?;
        }
        Ok(Self {
            servers,
            director,
            web,
            client,
            bridge,
            folder,
        })
    }

    /// The stage's private folder, on the kernel's own tmpfs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts to record every frame on the wire.
    ///
    /// # Errors
    /// As [`Capture::start`].
    pub fn capture(&self) -> Result<Capture> {
        Capture::start(&self.bridge, "br0", self.folder().join("wire.pcap"))
    }

    /// Takes a host's cable out.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn unplug(&self, port: &str) -> Result<()> {
        self.bridge.ip_batch(&format!("link set {port} down\n"))
    }

    /// Puts it in again.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn plug(&self, port: &str) -> Result<()> {
        self.bridge.ip_batch(&format!("link set {port} up\n"))
    }

    /// The page that a server shows at first.
    #[must_use]
    pub fn page_of(server: &str) -> String {
        format!("<html><body>This is {server}.</body></html>\n")
    }

    /// The page's address at the VIP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{VIP}{PAGE}")
    }

    /// Where the service listens.
    #[must_use]
    pub fn vip(&self) -> SocketAddr {
        SocketAddr::from((VIP, 80))
    }

    /// The published file for a role, with the digests that `daemon`'s own genhash gives for the pages as they are now.
    ///
    /// # Errors
    /// When genhash fails.
    pub fn blog(&self, daemon: Daemon, role: Role) -> Result<Blog> {
        // The pages are the same on every stage, and genhash takes a while on the lab's kernel.
        static KNOWN: Mutex<BTreeMap<Daemon, [String; 2]>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digests) = known.get(&daemon) {
            return Ok(Blog::corrected(role, digests));
        }
        let [first, second] = WEB.map(|server| genhash(daemon, &self.director[0], server, PAGE));
        let digests = known.entry(daemon).or_insert([first?, second?]);
        Ok(Blog::corrected(role, digests))
    }

    /// A director that is not started yet. `index` 0 is director-a, 1 is director-b.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn prepare(&self, index: usize, daemon: Daemon, text: &str) -> Result<Director> {
        let host = self
            .director
            .get(index)
            .ok_or_else(|| anyhow!("there is no director {index}"))?;
        let name = DIRECTORS.get(index).copied().unwrap_or_default();
        Director::prepare(daemon, host, self.folder().join(name), text)
    }

    /// Starts the published configuration in both roles, director-a as [`Role::First`], and waits until the first is
    /// master and both tables are full.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn pair(&self, first: Daemon, second: Daemon) -> Result<[Director; 2]> {
        let mut a = self.prepare(0, first, self.blog(first, Role::First)?.text())?;
        let mut b = self.prepare(1, second, self.blog(second, Role::Second)?.text())?;
        a.start()?;
        b.start()?;
        wait_for_master(&mut a)?;
        table::wait_for_servers(a.host(), &WEB, PATIENCE)?;
        table::wait_for_servers(b.host(), &WEB, PATIENCE)?;
        Ok([a, b])
    }

    /// Starts one director with the published configuration and waits until it is master with a full table.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn alone(&self, daemon: Daemon) -> Result<Director> {
        let mut a = self.prepare(0, daemon, self.blog(daemon, Role::First)?.text())?;
        a.start()?;
        wait_for_master(&mut a)?;
        table::wait_for_servers(a.host(), &WEB, PATIENCE)?;
        Ok(a)
    }
}

/// The end of every log of the directors of a stage, for a story that failed. `folder` is the stage's.
#[must_use]
pub fn log_tails(folder: &Path, lines: usize) -> String {
    let mut tails = String::new();
    for director in DIRECTORS {
        let mut logs: Vec<PathBuf> = fs::read_dir(folder.join(director))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        logs.sort_unstable();
        for log in logs {
            let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
            let all: Vec<&str> = text.lines().collect();
            let name = log
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            tails.push_str(&format!(
                "    -- {director}/{name}, last {lines} of {} lines\n",
                all.len()
            ));
            for line in all.iter().skip(all.len().saturating_sub(lines)) {
                tails.push_str(&format!("    | {line}\n"));
            }
        }
    }
    tails
}
