//! The rules of nftables that give packets to the addresses of a group their mark (`nftables_ipvs`). Pure.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::num::NonZeroU32;

use ipvs_netlink::{Family, Protocol};

use super::settings::WantedFirewall;
use super::wanted::AddressRange;

/// Addresses that packets get one mark for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marking<'a> {
    /// Of which protocol.
    pub protocol: Protocol,
    /// To where. No two ranges of one protocol and port overlap.
    pub ranges: &'a [AddressRange],
    /// Which mark.
    pub mark: NonZeroU32,
}

/// What `nft -f` reads to bring the tables to these markings, in one transaction: no packet meets a half of it. With
/// none the tables go. What a killed run left is replaced.
#[must_use]
pub fn script<'a>(
    wanted: &WantedFirewall,
    markings: impl IntoIterator<Item = Marking<'a>>,
) -> String {
    let mut tables: BTreeMap<Family, Table> = BTreeMap::new();
    for Marking {
        protocol,
        ranges,
        mark,
    } in markings
    {
        for range in ranges {
            let maps = tables.entry(range.family()).or_default();
            let map = maps.entry((protocol, range.port == 0)).or_default();
            map.push((*range, mark));
        }
    }
    let mut text = String::new();
    for family in [Family::Inet, Family::Inet6] {
        // Writing to a String cannot fail.
        let _ = table(&mut text, wanted, family, tables.get(&family));
    }
    text
}

/// A protocol's map: of addresses with their ports, or of those whose every port counts. The first is looked at first,
/// as IPVS itself does.
type Table = BTreeMap<(Protocol, bool), Vec<(AddressRange, NonZeroU32)>>;

/// The kernel's names.
struct Words {
    family: &'static str,
    address: &'static str,
}

fn words(family: Family) -> Words {
    match family {
        Family::Inet => Words {
            family: "ip",
            address: "ipv4_addr",
        },
        Family::Inet6 => Words {
            family: "ip6",
            address: "ipv6_addr",
        },
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

/// The form of keepalived 2.2.7's tables; of its own are the maps for every port, of which it makes elements for port 0.
fn table(
    text: &mut String,
    wanted: &WantedFirewall,
    family: Family,
    maps: Option<&Table>,
) -> fmt::Result {
    let Words { family, address } = words(family);
    let WantedFirewall {
        table,
        priority,
        counters,
        ..
    } = wanted;
    writeln!(text, "add table {family} {table}")?;
    writeln!(text, "delete table {family} {table}")?;
    let Some(maps) = maps else { return Ok(()) };
    writeln!(text, "table {family} {table} {{")?;
    for ((protocol, every_port), elements) in maps {
        let (map, port) = match every_port {
            true => (format!("{}_any_map", name(*protocol)), ""),
            false => (format!("{}_map", name(*protocol)), " . inet_service"),
        };
        writeln!(text, "\tmap {map} {{")?;
        writeln!(text, "\t\ttype {address}{port} : mark")?;
        writeln!(text, "\t\tflags interval")?;
        if *counters {
            writeln!(text, "\t\tcounter")?;
        }
        text.push_str("\t\telements = {");
        for (at, (range, mark)) in elements.iter().enumerate() {
            text.push_str(if at == 0 { "\n" } else { ",\n" });
            write!(text, "\t\t\t{}", Span(range.first, range.last))?;
            if !every_port {
                write!(text, " . {}", range.port)?;
            }
            write!(text, " : {mark}")?;
        }
        writeln!(text, "\n\t\t}}\n\t}}")?;
    }
    writeln!(text, "\tchain in {{")?;
    writeln!(
        text,
        "\t\ttype filter hook input priority {priority}; policy accept;"
    )?;
    let counter = if *counters { " counter" } else { "" };
    for (protocol, every_port) in maps.keys() {
        let protocol = name(*protocol);
        match every_port {
            false => writeln!(
                text,
                "\t\tmeta mark set {family} daddr . {protocol} dport map @{protocol}_map{counter} return"
            )?,
            true => writeln!(
                text,
                "\t\tmeta l4proto {protocol} meta mark set {family} daddr map @{protocol}_any_map{counter} return"
            )?,
        }
    }
    writeln!(text, "\t}}\n}}")
}

/// One address, or the first and the last.
struct Span(IpAddr, IpAddr);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span(first, last) = self;
        if first == last {
            first.fmt(f)
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(counters: bool) -> WantedFirewall {
        WantedFirewall {
            table: "keepalived_ipvs".into(),
            priority: -1,
            first_mark: 1000.try_into().unwrap(),
            counters,
        }
    }

    fn range(first: &str, last: &str, port: u16) -> AddressRange {
        AddressRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            port,
        }
    }

    const CLEAR: &str = "add table ip keepalived_ipvs\ndelete table ip keepalived_ipvs\n\
                         add table ip6 keepalived_ipvs\ndelete table ip6 keepalived_ipvs\n";

    #[test]
    fn without_markings_the_tables_go() {
        assert_eq!(script(&wanted(false), []), CLEAR);
    }

    // As `nft list ruleset` shows what keepalived 2.2.7 made of the same group, but for port 0, of which it makes an
    // element that no packet matches.
    #[test]
    fn ranges_become_maps_and_a_rule_each() {
        let ranges = [
            range("10.10.0.1", "10.10.0.1", 80),
            range("10.10.0.3", "10.10.0.5", 81),
            range("10.10.0.9", "10.10.0.9", 0),
            range("2001:db8::1", "2001:db8::1", 80),
        ];
        let marking = Marking {
            protocol: Protocol::Tcp,
            ranges: &ranges,
            mark: 1000.try_into().unwrap(),
        };
        assert_eq!(
            script(&wanted(true), [marking]),
            "add table ip keepalived_ipvs\n\
             delete table ip keepalived_ipvs\n\
             table ip keepalived_ipvs {\n\
             \tmap tcp_map {\n\
             \t\ttype ipv4_addr . inet_service : mark\n\
             \t\tflags interval\n\
             \t\tcounter\n\
             \t\telements = {\n\
             \t\t\t10.10.0.1 . 80 : 1000,\n\
             \t\t\t10.10.0.3-10.10.0.5 . 81 : 1000\n\
             \t\t}\n\
             \t}\n\
             \tmap tcp_any_map {\n\
             \t\ttype ipv4_addr : mark\n\
             \t\tflags interval\n\
             \t\tcounter\n\
             \t\telements = {\n\
             \t\t\t10.10.0.9 : 1000\n\
             \t\t}\n\
             \t}\n\
             \tchain in {\n\
             \t\ttype filter hook input priority -1; policy accept;\n\
             \t\tmeta mark set ip daddr . tcp dport map @tcp_map counter return\n\
             \t\tmeta l4proto tcp meta mark set ip daddr map @tcp_any_map counter return\n\
             \t}\n\
             }\n\
             add table ip6 keepalived_ipvs\n\
             delete table ip6 keepalived_ipvs\n\
             table ip6 keepalived_ipvs {\n\
             \tmap tcp_map {\n\
             \t\ttype ipv6_addr . inet_service : mark\n\
             \t\tflags interval\n\
             \t\tcounter\n\
             \t\telements = {\n\
             \t\t\t2001:db8::1 . 80 : 1000\n\
             \t\t}\n\
             \t}\n\
             \tchain in {\n\
             \t\ttype filter hook input priority -1; policy accept;\n\
             \t\tmeta mark set ip6 daddr . tcp dport map @tcp_map counter return\n\
             \t}\n\
             }\n"
        );
    }
}
