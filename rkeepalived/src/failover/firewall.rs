//! The rules of nftables that drop packets to and from virtual addresses which are not to be taken (`no_accept`, strict
//! mode). Pure.
//!
//! What it must not know: who is master. Enter at [`DropRules::script`]. Tests: here, with what keepalived 2.2.7 makes, and story `firewall`.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::firewall::{Purpose, Script};

/// `nftables`, `nftables_priority`, `nftables_ifindex`, `nftables_counters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropRules {
    /// Name of the tables.
    pub table: String,
    /// Priority of the chains.
    pub priority: i32,
    /// Interfaces of link-local addresses by number, not by name.
    pub by_index: bool,
    /// Rules count.
    pub counters: bool,
}

impl DropRules {
    /// What `nft -f` reads to bring the tables to these addresses, each with its interface's name, in one transaction: no packet meets a half of it. With none the
    /// tables go. What a killed run left is replaced.
    #[must_use]
    pub fn script<'a>(&self, addresses: impl IntoIterator<Item = (IpAddr, &'a str)>) -> Script {
        let (mut v4, mut v6, mut local) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (address, interface) in addresses {
            match address {
                IpAddr::V4(address) => {
                    v4.insert(address);
                }
                IpAddr::V6(address) if address.is_unicast_link_local() => {
                    local.insert((address, interface));
                }
                IpAddr::V6(address) => {
                    v6.insert(address);
                }
            }
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.inet(&mut text, &v4);
        let _ = self.inet6(&mut text, &v6, &local);
        Script {
            purpose: Purpose::NoAccept,
            table: self.table.clone(),
            text,
        }
    }

    fn inet(&self, text: &mut String, addresses: &BTreeSet<Ipv4Addr>) -> fmt::Result {
        self.replace(text, "ip", addresses.is_empty())?;
        if addresses.is_empty() {
            return Ok(());
        }
        let count = self.count();
        set(text, "vips", "ipv4_addr", addresses)?;
        self.hook(text, "out", "output")?;
        writeln!(text, "\t\tip saddr @vips {count}drop\n\t}}")?;
        self.hook(text, "in", "input")?;
        writeln!(text, "\t\tip daddr @vips {count}drop\n\t}}\n}}")
    }

    /// As keepalived's, whether there are addresses of either kind or of both. Link-local ones are known by their interface, and
    /// neighbours are found all the same.
    fn inet6(
        &self,
        text: &mut String,
        addresses: &BTreeSet<Ipv6Addr>,
        local: &BTreeSet<(Ipv6Addr, &str)>,
    ) -> fmt::Result {
        let none = addresses.is_empty() && local.is_empty();
        self.replace(text, "ip6", none)?;
        if none {
            return Ok(());
        }
        let count = self.count();
        let (kind, by, to) = match self.by_index {
            true => ("iface_index", "iif", "oif"),
            false => ("ifname", "iifname", "oifname"),
        };
        set(text, "vips", "ipv6_addr", addresses)?;
        writeln!(
            text,
            "\tset neighbor-discovery {{\n\t\ttype icmpv6_type\n\t\tflags constant\n\
             \t\telements = {{ nd-neighbor-solicit, nd-neighbor-advert }}\n\t}}"
        )?;
        let local: Vec<String> = local
            .iter()
            .map(|(address, interface)| format!("{address} . \"{interface}\""))
            .collect();
        set(
            text,
            "vips_link_local",
            &format!("ipv6_addr . {kind}"),
            &local,
        )?;
        writeln!(
            text,
            "\tchain in_link_local {{\n\t\tip6 daddr . {by} @vips_link_local {count}drop\n\t}}"
        )?;
        writeln!(
            text,
            "\tchain out_link_local {{\n\t\tip6 saddr . {to} @vips_link_local {count}drop\n\t}}"
        )?;
        for (chain, hook, end) in [("out", "output", "saddr"), ("in", "input", "daddr")] {
            self.hook(text, chain, hook)?;
            writeln!(text, "\t\ticmpv6 type @neighbor-discovery {count}accept")?;
            writeln!(
                text,
                "\t\tip6 {end} fe80::/10 {count}goto {chain}_link_local"
            )?;
            writeln!(text, "\t\tip6 {end} @vips {count}drop\n\t}}")?;
        }
        writeln!(text, "}}")
    }

    fn replace(&self, text: &mut String, family: &str, gone: bool) -> fmt::Result {
        let table = &self.table;
        writeln!(
            text,
            "add table {family} {table}\ndelete table {family} {table}"
        )?;
        match gone {
            true => Ok(()),
            false => writeln!(text, "table {family} {table} {{"),
        }
    }

    fn hook(&self, text: &mut String, chain: &str, hook: &str) -> fmt::Result {
        let priority = self.priority;
        writeln!(
            text,
            "\tchain {chain} {{\n\t\ttype filter hook {hook} priority {priority}; policy accept;"
        )
    }

    fn count(&self) -> &'static str {
        match self.counters {
            true => "counter ",
            false => "",
        }
    }
}

fn set<T: fmt::Display>(
    text: &mut String,
    name: &str,
    kind: &str,
    elements: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let elements: Vec<String> = elements.into_iter().map(|one| one.to_string()).collect();
    writeln!(text, "\tset {name} {{\n\t\ttype {kind}")?;
    if !elements.is_empty() {
        writeln!(text, "\t\telements = {{ {} }}", elements.join(", "))?;
    }
    writeln!(text, "\t}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> DropRules {
        DropRules {
            table: "keepalived".into(),
            priority: -1,
            by_index: false,
            counters: false,
        }
    }

    fn on<'a>(interface: &'a str, address: &str) -> (IpAddr, &'a str) {
        (address.parse().unwrap(), interface)
    }

    const CLEAR: &str = "add table ip keepalived\ndelete table ip keepalived\n\
                         add table ip6 keepalived\ndelete table ip6 keepalived\n";

    #[test]
    fn without_addresses_the_tables_go() {
        assert_eq!(rules().script([]).text, CLEAR);
    }

    // As `nft list ruleset` shows what keepalived 2.2.7 makes of `no_accept`, but for the order of chains.
    #[test]
    fn addresses_become_sets() {
        let addresses = [
            on("eth0", "10.9.0.110"),
            on("eth1", "10.9.0.100"),
            on("eth0", "2001:db8::77"),
            on("eth0", "fe80::77"),
        ];
        assert_eq!(
            rules().script(addresses).text,
            "add table ip keepalived\n\
             delete table ip keepalived\n\
             table ip keepalived {\n\
             \tset vips {\n\
             \t\ttype ipv4_addr\n\
             \t\telements = { 10.9.0.100, 10.9.0.110 }\n\
             \t}\n\
             \tchain out {\n\
             \t\ttype filter hook output priority -1; policy accept;\n\
             \t\tip saddr @vips drop\n\
             \t}\n\
             \tchain in {\n\
             \t\ttype filter hook input priority -1; policy accept;\n\
             \t\tip daddr @vips drop\n\
             \t}\n\
             }\n\
             add table ip6 keepalived\n\
             delete table ip6 keepalived\n\
             table ip6 keepalived {\n\
             \tset vips {\n\
             \t\ttype ipv6_addr\n\
             \t\telements = { 2001:db8::77 }\n\
             \t}\n\
             \tset neighbor-discovery {\n\
             \t\ttype icmpv6_type\n\
             \t\tflags constant\n\
             \t\telements = { nd-neighbor-solicit, nd-neighbor-advert }\n\
             \t}\n\
             \tset vips_link_local {\n\
             \t\ttype ipv6_addr . ifname\n\
             \t\telements = { fe80::77 . \"eth0\" }\n\
             \t}\n\
             \tchain in_link_local {\n\
             \t\tip6 daddr . iifname @vips_link_local drop\n\
             \t}\n\
             \tchain out_link_local {\n\
             \t\tip6 saddr . oifname @vips_link_local drop\n\
             \t}\n\
             \tchain out {\n\
             \t\ttype filter hook output priority -1; policy accept;\n\
             \t\ticmpv6 type @neighbor-discovery accept\n\
             \t\tip6 saddr fe80::/10 goto out_link_local\n\
             \t\tip6 saddr @vips drop\n\
             \t}\n\
             \tchain in {\n\
             \t\ttype filter hook input priority -1; policy accept;\n\
             \t\ticmpv6 type @neighbor-discovery accept\n\
             \t\tip6 daddr fe80::/10 goto in_link_local\n\
             \t\tip6 daddr @vips drop\n\
             \t}\n\
             }\n"
        );
    }

    #[test]
    fn words_of_global_defs() {
        let rules = DropRules {
            table: "mine".into(),
            priority: -7,
            by_index: true,
            counters: true,
        };
        let text = rules.script([on("eth0", "fe80::77")]).text;
        for part in [
            "table ip6 mine {\n",
            "\t\ttype ipv6_addr . iface_index\n",
            "\t\tip6 daddr . iif @vips_link_local counter drop\n",
            "\t\ttype filter hook output priority -7; policy accept;\n",
            "\t\ticmpv6 type @neighbor-discovery counter accept\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("table ip mine {"), "{text}");
    }
}
