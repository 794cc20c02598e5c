//! Rules of nftables by which reports of multicast groups leave by the interface below a VMAC, so that a switch does not
//! learn the virtual router's address from a backup (RFC 9568 section 7.3 has it used by the master alone). Pure.
//!
//! keepalived behaviour: it has the same rules in its table `keepalived`; here they have a table of their own, since that
//! one comes and goes with `no_accept`.

use std::collections::BTreeMap;

use crate::kernel::{Link, LinkKind};
use crate::plan::PlannedDevice;

/// What keepalived calls its table without `nftables`.
pub(super) const TABLE: &str = "keepalived";

/// The names of VMACs, each with that of the interface below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vmacs {
    /// For IPv4.
    inet: BTreeMap<String, String>,
    /// For IPv6.
    inet6: BTreeMap<String, String>,
}

impl Vmacs {
    /// Of those planned, those that are there. `quiet`: the kernel makes no reports over IPv4 at all (`disable_local_igmp`).
    pub fn of<'a>(
        there: impl Iterator<Item = (&'a PlannedDevice, &'a Link)>,
        quiet: bool,
    ) -> Vmacs {
        let mut vmacs = Vmacs::default();
        for (planned, link) in there {
            let plain = |name: &str| {
                let odd = |letter: char| !letter.is_ascii_graphic() || letter == '"';
                !name.contains(odd)
            };
            // A name that cannot stand between quotes would spoil the others' rules.
            if !matches!(link.kind, LinkKind::Macvlan { .. })
                || !plain(&link.name)
                || !plain(&planned.base)
            {
                continue;
            }
            let (vmac, base) = (link.name.clone(), planned.base.clone());
            if planned.six {
                vmacs.inet6.insert(vmac, base);
            } else if !quiet {
                vmacs.inet.insert(vmac, base);
            }
        }
        vmacs
    }

    /// Whether there is nothing to rule.
    pub fn is_empty(&self) -> bool {
        self.inet.is_empty() && self.inet6.is_empty()
    }

    /// The script for nft that brings the rules from whatever they are to these.
    pub fn script(&self, table: &str) -> String {
        let mut script = String::new();
        for (family, vmacs) in [("ip", &self.inet), ("ip6", &self.inet6)] {
            let table = format!("{family} {table}_vmac");
            // That one which is not there can be deleted, it is added first.
            script.push_str(&format!("add table {table}\ndelete table {table}\n"));
            if vmacs.is_empty() {
                continue;
            }
            let pairs: Vec<String> = vmacs
                .iter()
                .map(|(vmac, base)| format!("\"{vmac}\" : \"{base}\""))
                .collect();
            let names: Vec<String> = vmacs.keys().map(|vmac| format!("\"{vmac}\"")).collect();
            script.push_str(&format!(
                "add table {table}\nadd map {table} vmac_map {{ type iface_index : iface_index; }}\n\
                 add element {table} vmac_map {{ {} }}\n\
                 add chain {table} out {{ type filter hook output priority -1; policy accept; }}\n",
                pairs.join(", ")
            ));
            let rules = match family {
                "ip" => "ip protocol igmp dup to ip daddr device oif map @vmac_map drop",
                _ => {
                    script.push_str(&format!(
                        "add set {table} vmac_set {{ type iface_index; }}\n\
                         add element {table} vmac_set {{ {} }}\n\
                         add rule {table} out icmpv6 type nd-router-solicit oif @vmac_set drop\n",
                        names.join(", ")
                    ));
                    "icmpv6 type mld2-listener-report dup to ip6 daddr device oif map @vmac_map drop"
                }
            };
            script.push_str(&format!("add rule {table} out {rules}\n"));
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_without_vmacs_has_no_table() {
        let vmacs = Vmacs {
            inet: BTreeMap::from([("vrrp.61".into(), "eth0".into())]),
            inet6: BTreeMap::new(),
        };
        assert_eq!(
            vmacs.script("k"),
            "add table ip k_vmac\ndelete table ip k_vmac\nadd table ip k_vmac\n\
             add map ip k_vmac vmac_map { type iface_index : iface_index; }\n\
             add element ip k_vmac vmac_map { \"vrrp.61\" : \"eth0\" }\n\
             add chain ip k_vmac out { type filter hook output priority -1; policy accept; }\n\
             add rule ip k_vmac out ip protocol igmp dup to ip daddr device oif map @vmac_map drop\n\
             add table ip6 k_vmac\ndelete table ip6 k_vmac\n"
        );
    }
}
