//! The rules of nftables on a host, as `nft` lists them, in a form that can be compared line by line.

use anyhow::Result;

use crate::netns::Netns;

/// Reads the whole ruleset as one sorted line an object: `FAMILY TABLE`, then `map NAME` or `chain NAME`, then a
/// property, an element or a rule as nft prints it (marks in hexadecimal). The order of elements is the kernel's own.
///
/// # Errors
/// When nft fails.
pub fn read(host: &Netns) -> Result<Vec<String>> {
    Ok(parse(&host.output("nft", &["-nn", "list", "ruleset"])?))
}

/// The same from nft's text.
#[must_use]
pub fn parse(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut within: Vec<&str> = Vec::new();
    let mut elements: Option<String> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let place = within.join(" ");
        if let Some(sofar) = &mut elements {
            sofar.push(' ');
            sofar.push_str(line);
        } else if let Some(first) = line.strip_prefix("elements = {") {
            elements = Some(first.to_owned());
        } else if let Some(head) = line.strip_suffix(" {") {
            let head = head.strip_prefix("table ").unwrap_or(head);
            within.push(head);
            lines.push(within.join(" "));
        } else if line == "}" {
            within.pop();
        } else {
            lines.push(format!("{place} {line}"));
        }
        if let Some(all) = elements.as_deref().and_then(|all| all.strip_suffix('}')) {
            lines.extend(
                all.split(',')
                    .map(|element| format!("{place} {}", element.trim())),
            );
            elements = None;
        }
    }
    lines.sort_unstable();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by nft 1.0.6 on Linux 6.1 after keepalived 2.2.7 had read a group and `nftables_ipvs`.
    const LISTED: &str = "\
table ip keepalived_ipvs {
	map tcp_map {
		type ipv4_addr . inet_service : mark
		flags interval
		elements = { 10.1.0.1 . 80 : 0x000003e8,
			     10.1.0.2/31 . 80 : 0x000003e8 }
	}

	chain in {
		type filter hook input priority -1; policy accept;
		meta mark set ip daddr . tcp dport map @tcp_map return
	}
}
table ip6 keepalived_ipvs {
	map udp_map {
		type ipv6_addr . inet_service : mark
		flags interval
		elements = { fd00:1::1 . 80 : 0x000003eb }
	}
}
";

    #[test]
    fn a_listing_becomes_a_line_for_each_object() {
        assert_eq!(
            parse(LISTED),
            [
                "ip keepalived_ipvs",
                "ip keepalived_ipvs chain in",
                "ip keepalived_ipvs chain in meta mark set ip daddr . tcp dport map @tcp_map return",
                "ip keepalived_ipvs chain in type filter hook input priority -1; policy accept;",
                "ip keepalived_ipvs map tcp_map",
                "ip keepalived_ipvs map tcp_map 10.1.0.1 . 80 : 0x000003e8",
                "ip keepalived_ipvs map tcp_map 10.1.0.2/31 . 80 : 0x000003e8",
                "ip keepalived_ipvs map tcp_map flags interval",
                "ip keepalived_ipvs map tcp_map type ipv4_addr . inet_service : mark",
                "ip6 keepalived_ipvs",
                "ip6 keepalived_ipvs map udp_map",
                "ip6 keepalived_ipvs map udp_map fd00:1::1 . 80 : 0x000003eb",
                "ip6 keepalived_ipvs map udp_map flags interval",
                "ip6 keepalived_ipvs map udp_map type ipv6_addr . inet_service : mark",
            ]
        );
        assert!(parse("").is_empty());
    }
}
