//! This host, looked at through /proc and the system's own programs.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::{Host, Interface};

/// This host, in our network namespace.
#[derive(Debug, Default)]
pub struct ThisHost;

impl Host for ThisHost {
    fn sysctl(&self, name: &str) -> Option<String> {
        // An interface may have a dot in its name, which is a slash to sysctl(8).
        let (head, rest) = match name.strip_prefix("net.ipv4.conf.") {
            Some(rest) => {
                let (interface, key) = rest.rsplit_once('.')?;
                (format!("net/ipv4/conf/{interface}"), key.to_owned())
            }
            None => (String::new(), name.replace('.', "/")),
        };
        let path = Path::new("/proc/sys").join(head).join(rest);
        fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    }

    fn has_module(&self, name: &str) -> bool {
        Path::new("/sys/module").join(name).exists()
            || quietly("modprobe", &["-n", "-q", name]).is_some()
    }

    fn has_ipvs(&self) -> bool {
        Path::new("/proc/net/ip_vs").exists()
    }

    fn links(&self) -> Vec<Interface> {
        let mut links: BTreeMap<String, Interface> = BTreeMap::new();
        for entry in getifaddrs().into_iter().flatten() {
            let name = entry.interface_name;
            let link = links.entry(name.clone()).or_insert_with(|| Interface {
                mtu: mtu(&name),
                name,
                ..Interface::default()
            });
            link.up = entry
                .flags
                .contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING);
            let address = entry.address.as_ref();
            let v4 = address.and_then(|address| address.as_sockaddr_in());
            let v6 = address.and_then(|address| address.as_sockaddr_in6());
            link.addresses
                .extend(v4.map(|address| IpAddr::V4(address.ip())));
            link.addresses
                .extend(v6.map(|address| IpAddr::V6(address.ip())));
        }
        links.into_values().collect()
    }

    fn processes(&self) -> Vec<(u32, String)> {
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let ours = namespace("self");
        let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = folders.filter_map(|folder| {
            let pid = folder.file_name().into_string().ok()?;
            let number = pid.parse().ok()?;
            if namespace(&pid) != ours {
                return None;
            }
            // A child of keepalived is no second one; it has its parent's name.
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let field = |key: &str| {
                let line = status.lines().find(|line| line.starts_with(key))?;
                line.split_whitespace().nth(1).map(str::to_owned)
            };
            let name = field("Name:")?;
            let parent = fs::read_to_string(format!("/proc/{}/comm", field("PPid:")?));
            (parent.unwrap_or_default().trim() != name).then_some((number, name))
        });
        processes.collect()
    }

    fn rules(&self) -> String {
        let listings = [
            quietly("nft", &["list", "ruleset"]),
            quietly("iptables-save", &[]),
            quietly("iptables-legacy-save", &[]),
            quietly("ip6tables-legacy-save", &[]),
        ];
        listings.into_iter().flatten().collect()
    }
}

fn mtu(name: &str) -> u32 {
    let text = fs::read_to_string(Path::new("/sys/class/net").join(name).join("mtu"));
    let number = text.ok().and_then(|text| text.trim().parse().ok());
    // In a namespace whose /sys is another's.
    number.unwrap_or(1500)
}

/// What a program prints, if it is there and succeeds.
fn quietly(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
