//! What on this host keeps a configuration from working, each with the remedy.
//!
//! What this is: [`examine`] judges what a [`Host`] shows against what is planned; pure but for the host behind its trait. What it
//! must not know: the running daemon, but for what its status says. Nothing is changed. Tests: beside each, on hosts made up for it.

mod firewall;
pub mod host;
mod ipvs;
mod rivals;
mod vrrp;

use std::fmt;
use std::net::IpAddr;

use crate::plan::Plan;
use crate::status::view::Status;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is seen.
    pub seen: String,
    /// What comes of it.
    pub harm: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { seen, harm, remedy } = self;
        write!(f, "{seen}: {harm}\n    {remedy}")
    }
}

/// What is looked at on a host.
pub trait Host {
    /// A setting by its name, `net.ipv4.ip_forward`; none where the kernel has it not.
    fn sysctl(&self, name: &str) -> Option<String>;
    /// Whether the kernel has a module, loaded, built in, or to be loaded.
    fn has_module(&self, name: &str) -> bool;
    /// Whether the kernel has IPVS in this network namespace.
    fn has_ipvs(&self) -> bool;
    /// The interfaces.
    fn links(&self) -> Vec<Interface>;
    /// Processes of this network namespace, by number and name.
    fn processes(&self) -> Vec<(u32, String)>;
    /// The rules of the firewall, as `iptables-save` and `nft list ruleset` print them; empty where there are none.
    fn rules(&self) -> String;
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it is up and running.
    pub up: bool,
    /// The longest packet in bytes.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// All that is found; `status` is the running daemon's, where there is one.
#[must_use]
pub fn examine(plan: &Plan, host: &dyn Host, status: Option<&Status>) -> Vec<Finding> {
    let links = host.links();
    let mut findings = vrrp::examine(plan, host, &links);
    findings.extend(ipvs::examine(plan, host, &links));
    findings.extend(firewall::examine(plan, &host.rules()));
    findings.extend(rivals::examine(plan, host, &links, status));
    findings
}

fn number(host: &dyn Host, name: &str) -> Option<i64> {
    host.sysctl(name)?.trim().parse().ok()
}

fn set(name: &str, value: &str) -> String {
    format!(
        "`sysctl -w {name}={value}`, and a line `{name} = {value}` in /etc/sysctl.d/ to keep it"
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A host that is as it says.
    #[derive(Default)]
    pub(crate) struct Made {
        pub sysctls: BTreeMap<&'static str, &'static str>,
        pub without: Vec<&'static str>,
        pub links: Vec<Interface>,
        pub processes: Vec<(u32, &'static str)>,
        pub rules: &'static str,
    }

    impl Host for Made {
        fn sysctl(&self, name: &str) -> Option<String> {
            self.sysctls.get(name).map(|value| (*value).to_owned())
        }

        fn has_module(&self, name: &str) -> bool {
            !self.without.contains(&name)
        }

        fn has_ipvs(&self) -> bool {
            self.has_module("ip_vs")
        }

        fn links(&self) -> Vec<Interface> {
            self.links.clone()
        }

        fn processes(&self) -> Vec<(u32, String)> {
            let processes = self.processes.iter();
            processes
                .map(|(pid, name)| (*pid, (*name).to_owned()))
                .collect()
        }

        fn rules(&self) -> String {
            self.rules.to_owned()
        }
    }

    pub(crate) fn eth1(addresses: &[&str]) -> Interface {
        Interface {
            name: "eth1".into(),
            up: true,
            mtu: 1500,
            addresses: addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect(),
        }
    }
}
