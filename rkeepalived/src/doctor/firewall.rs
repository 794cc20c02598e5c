//! Whether the firewall lets VRRP in and out. A guess from the text of the rules: it tells of a chain that drops by default
//! and names VRRP nowhere.

use super::Finding;
use crate::plan::Plan;

pub(super) fn examine(plan: &Plan, rules: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.vrrp.instances.is_empty() {
        return findings;
    }
    let signed = plan
        .vrrp
        .instances
        .iter()
        .any(|instance| matches!(instance.config.auth, vrrp::Auth::Ah(_)));
    let (words, protocol): (&[&str], _) = match signed {
        false => (
            &["vrrp", "-p 112", "protocol 112", "l4proto 112"],
            "112 (VRRP)",
        ),
        true => (
            &["-p ah", "-p 51", "protocol ah", "protocol 51", "l4proto ah"],
            "51 (AH)",
        ),
    };
    let named = rules
        .lines()
        .filter(|line| words.iter().any(|word| line.contains(word)));
    let named: Vec<&str> = named.map(str::trim).collect();
    let drops =
        |line: &&&str| line.contains("DROP") || line.contains("REJECT") || line.contains("drop");
    if let Some(rule) = named.iter().find(drops) {
        findings.push(Finding {
            seen: format!("the firewall has `{rule}`"),
            harm: "routers that do not hear each other are masters both".into(),
            remedy: "take that rule away".into(),
        });
    } else if named.is_empty()
        && let Some(chain) = closed(rules)
    {
        findings.push(Finding {
            seen: format!("the firewall drops by default ({chain}) and no rule names protocol {protocol}"),
            harm: "routers that do not hear each other are masters both".into(),
            remedy: match signed {
                false => "`iptables -I INPUT -p vrrp -j ACCEPT`, or `nft insert rule inet filter input ip protocol 112 accept` (OUTPUT likewise where that drops, too)".into(),
                true => "`iptables -I INPUT -p ah -j ACCEPT`, or `nft insert rule inet filter input ip protocol ah accept` (OUTPUT likewise where that drops, too)".into(),
            },
        });
    }
    findings
}

/// A chain of ours that drops what no rule takes.
fn closed(rules: &str) -> Option<String> {
    let closed = rules.lines().map(str::trim).find(|line| {
        line.starts_with(":INPUT DROP")
            || line.starts_with(":OUTPUT DROP")
            || (line.contains("hook input") || line.contains("hook output"))
                && line.contains("policy drop")
    });
    closed.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{INSTANCE, planned};

    fn seen(rules: &str) -> Vec<String> {
        let findings = examine(&planned(INSTANCE), rules);
        findings.into_iter().map(|finding| finding.seen).collect()
    }

    // As iptables-save and nft print them.
    #[test]
    fn a_closed_firewall_that_knows_no_vrrp_is_told_of() {
        assert!(seen("").is_empty());
        assert!(seen("*filter\n:INPUT ACCEPT [0:0]\n").is_empty());
        assert!(seen("*filter\n:INPUT DROP [0:0]\n-A INPUT -p vrrp -j ACCEPT\n").is_empty());
        let dropping = seen("*filter\n:INPUT DROP [3:120]\n-A INPUT -p tcp -j ACCEPT\n");
        assert!(dropping[0].contains(":INPUT DROP"), "{dropping:?}");
        let nft = "chain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t}";
        assert_eq!(seen(nft).len(), 1);
        let nft = format!("{nft}\n ip protocol vrrp accept");
        assert!(seen(&nft).is_empty());
        assert_eq!(
            seen("-A INPUT -p vrrp -j DROP"),
            ["the firewall has `-A INPUT -p vrrp -j DROP`"]
        );
    }
}
