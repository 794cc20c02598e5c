//! `nftables_ipvs`: the addresses of a group become a map of nftables, and one service with a firewall mark.
//!
//! What is expected was seen of keepalived 2.2.7 on Debian's kernel 6.1.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::client::{OpenConnection, requests};
use support::config::PAGE;
use support::daemon::{Daemon, Director};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::{ruleset, table, wait};

/// Every step of a story has this long: its kernel is emulated, and may share the machine with another.
const EMULATED: Duration = PATIENCE.saturating_mul(3);

pub fn stories() -> Vec<Story> {
    [
        Story::each("nftables/group", group),
        Story::each("nftables/kinds", kinds),
        vec![Story::one("nftables/every-port", Daemon::Ours, every_port)],
    ]
    .concat()
    .into_iter()
    .map(|story| story.on(Kernel::Nftables))
    .collect()
}

/// What is expected in a host's kernel; see [`ruleset::read`] and [`table::saved`] for the form.
struct Wanted {
    rules: Vec<String>,
    services: Vec<String>,
}

impl Wanted {
    fn new<'a>(
        rules: impl IntoIterator<Item = &'a str>,
        services: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let sorted = |lines: Vec<&str>| {
            let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        Self {
            rules: sorted(rules.into_iter().collect()),
            services: sorted(services.into_iter().collect()),
        }
    }

    /// Waits until the kernel holds this and nothing else.
    fn wait(&self, director: &Director, when: &str) -> Result<()> {
        let host = director.host();
        let mut found = (Vec::new(), Vec::new());
        wait::until("rules and services", EMULATED, || {
            found = (ruleset::read(host)?, table::saved(host)?);
            Ok((found.0 == self.rules && found.1 == self.services).then_some(()))
        })
        .with_context(|| {
            format!(
                "{when}, expected\n{}\n{}\nfound\n{}\n{}",
                self.rules.join("\n"),
                self.services.join("\n"),
                found.0.join("\n"),
                found.1.join("\n")
            )
        })
    }
}

/// The lines of the rules that are there as soon as one TCP virtual server with IPv4 addresses is.
const TCP: [&str; 7] = [
    "ip keepalived_ipvs",
    "ip keepalived_ipvs chain in",
    "ip keepalived_ipvs chain in type filter hook input priority -1; policy accept;",
    "ip keepalived_ipvs chain in meta mark set ip daddr . tcp dport map @tcp_map return",
    "ip keepalived_ipvs map tcp_map",
    "ip keepalived_ipvs map tcp_map type ipv4_addr . inet_service : mark",
    "ip keepalived_ipvs map tcp_map flags interval",
];
/// The lines that UDP adds.
const UDP: [&str; 4] = [
    "ip keepalived_ipvs chain in meta mark set ip daddr . udp dport map @udp_map return",
    "ip keepalived_ipvs map udp_map",
    "ip keepalived_ipvs map udp_map type ipv4_addr . inet_service : mark",
    "ip keepalived_ipvs map udp_map flags interval",
];

/// A virtual server `web` for each protocol, and more text.
fn text(entries: &str, more: &str) -> String {
    let server = |protocol: &str| {
        format!(
            "virtual_server group web {{
                lb_algo rr
                lb_kind DR
                protocol {protocol}
                real_server 172.16.1.10 80 {{
                    weight 1
                }}
                real_server 172.16.1.11 80 {{
                    weight 1
                }}
            }}
            "
        )
    };
    format!(
        "global_defs {{
            nftables_ipvs
        }}
        virtual_server_group web {{
            {entries}
        }}
        {}{}{more}",
        server("TCP"),
        server("UDP")
    )
}

/// From start to stop: a group's addresses come and go as elements of the map, the services stay as they are.
fn group(stage: &mut Stage, daemon: Daemon) -> Told {
    let addresses = [20, 21, 22].map(|last| Ipv4Addr::new(172, 16, 1, last));
    for address in addresses {
        stage.director[0].ip_batch(&format!("address add {address}/32 dev eth1\n"))?;
        for web in &stage.web {
            web.ip_batch(&format!("address add {address}/32 dev lo\n"))?;
        }
    }
    let [first, second, third] = addresses;
    let mut director = stage.prepare(0, daemon, &text("172.16.1.20-21 80", ""))?;
    director.start()?;
    let web = [
        "-A -f 1000 -s rr",
        "-a -f 1000 -r 172.16.1.10:0 -g -w 1",
        "-a -f 1000 -r 172.16.1.11:0 -g -w 1",
        "-A -f 1001 -s rr",
        "-a -f 1001 -r 172.16.1.10:0 -g -w 1",
        "-a -f 1001 -r 172.16.1.11:0 -g -w 1",
    ];
    let range = [
        "ip keepalived_ipvs map tcp_map 172.16.1.20/31 . 80 : 0x000003e8",
        "ip keepalived_ipvs map udp_map 172.16.1.20/31 . 80 : 0x000003e9",
    ];
    let one = [
        "ip keepalived_ipvs map tcp_map 172.16.1.22 . 80 : 0x000003e8",
        "ip keepalived_ipvs map udp_map 172.16.1.22 . 80 : 0x000003e9",
    ];
    let both = || TCP.into_iter().chain(UDP);
    Wanted::new(both().chain(range), web).wait(&director, "after the start")?;
    balanced(stage, first)?;
    balanced(stage, second)?;

    let mut open = OpenConnection::open(&stage.client, SocketAddr::from((first, 80)))?;
    reload(&director, &text("172.16.1.20-21 80\n172.16.1.22 80", ""))?;
    Wanted::new(both().chain(range).chain(one), web).wait(&director, "with one more")?;
    balanced(stage, third)?;
    open.check()
        .context("after a reload that added to the group")?;

    reload(&director, &text("172.16.1.22 80", ""))?;
    Wanted::new(both().chain(one), web).wait(&director, "with the range gone")?;
    balanced(stage, third)?;
    let refused = requests(&stage.client, &format!("http://{first}{PAGE}"), 1)?;
    ensure!(refused == ["-"], "{first} is still served: {refused:?}");

    // A new virtual server takes the next mark, and keeps it when those before it go.
    let late = "virtual_server_group late {
            172.16.1.21 80
        }
        virtual_server group late {
            lb_algo rr
            lb_kind NAT
            protocol TCP
            real_server 172.16.1.10 8080 {
                weight 1
            }
        }";
    let late_rule = ["ip keepalived_ipvs map tcp_map 172.16.1.21 . 80 : 0x000003ea"];
    let late_service = ["-A -f 1002 -s rr", "-a -f 1002 -r 172.16.1.10:8080 -m -w 1"];
    reload(&director, &text("172.16.1.22 80", late))?;
    Wanted::new(
        both().chain(one).chain(late_rule),
        web.into_iter().chain(late_service),
    )
    .wait(&director, "with a second group")?;
    reload(
        &director,
        &format!("global_defs {{\nnftables_ipvs\n}}\n{late}"),
    )?;
    // keepalived leaves the map of a protocol and its rule behind when the last of it goes.
    let udp = match daemon {
        Daemon::Ours => &[],
        Daemon::Keepalived => &UDP[..],
    };
    let rules = TCP.into_iter().chain(udp.iter().copied());
    Wanted::new(rules.chain(late_rule), late_service).wait(&director, "without the first")?;

    director.stop()?;
    Wanted::new([], []).wait(&director, "after the stop")?;
    Ok(String::new())
}

/// The table's name, priority, counters, the first mark; three protocols, both families, and what has no group.
fn kinds(stage: &mut Stage, daemon: Daemon) -> Told {
    let server = |group: &str, protocol: &str, kind: &str, server: &str| {
        format!(
            "virtual_server {group} {{
                lb_algo wrr
                lb_kind {kind}
                protocol {protocol}
                real_server {server} {{
                    weight 3
                }}
            }}\n"
        )
    };
    let text = [
        "global_defs {
            nftables_ipvs balancer
            nftables_ipvs_priority 7
            nftables_ipvs_start_fwmark 5000
            nftables_counters
        }
        virtual_server_group plain {
            10.1.0.1 80
            10.1.0.250-255 443
        }
        virtual_server_group six {
            fd00:1::1 80
            fd00:1::3-9 8080
        }
        virtual_server_group dual {
            10.3.0.1 80
            fd00:3::1 80
        }
        virtual_server_group mark {
            fwmark 9
        }\n"
        .to_owned(),
        server("group plain", "SCTP", "NAT", "10.0.0.10 8000"),
        server("group six", "UDP", "DR", "fd00::10 80"),
        server("group dual", "TCP", "TUN", "10.0.0.11 80"),
        server("group mark", "TCP", "NAT", "10.0.0.12 80"),
        server("10.9.0.1 80", "TCP", "NAT", "10.0.0.13 80"),
    ]
    .concat();
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    let rules = "\
ip balancer
ip balancer chain in
ip balancer chain in type filter hook input priority 7; policy accept;
ip balancer chain in meta mark set ip daddr . sctp dport map @sctp_map counter packets 0 bytes 0 return
ip balancer chain in meta mark set ip daddr . tcp dport map @tcp_map counter packets 0 bytes 0 return
ip balancer map sctp_map
ip balancer map sctp_map type ipv4_addr . inet_service : mark
ip balancer map sctp_map flags interval
ip balancer map sctp_map counter
ip balancer map sctp_map 10.1.0.1 . 80 counter packets 0 bytes 0 : 0x00001388
ip balancer map sctp_map 10.1.0.250-10.1.0.255 . 443 counter packets 0 bytes 0 : 0x00001388
ip balancer map tcp_map
ip balancer map tcp_map type ipv4_addr . inet_service : mark
ip balancer map tcp_map flags interval
ip balancer map tcp_map counter
ip balancer map tcp_map 10.3.0.1 . 80 counter packets 0 bytes 0 : 0x0000138a
ip6 balancer
ip6 balancer chain in
ip6 balancer chain in type filter hook input priority 7; policy accept;
ip6 balancer chain in meta mark set ip6 daddr . udp dport map @udp_map counter packets 0 bytes 0 return
ip6 balancer chain in meta mark set ip6 daddr . tcp dport map @tcp_map counter packets 0 bytes 0 return
ip6 balancer map udp_map
ip6 balancer map udp_map type ipv6_addr . inet_service : mark
ip6 balancer map udp_map flags interval
ip6 balancer map udp_map counter
ip6 balancer map udp_map fd00:1::1 . 80 counter packets 0 bytes 0 : 0x00001389
ip6 balancer map udp_map fd00:1::3-fd00:1::9 . 8080 counter packets 0 bytes 0 : 0x00001389
ip6 balancer map tcp_map
ip6 balancer map tcp_map type ipv6_addr . inet_service : mark
ip6 balancer map tcp_map flags interval
ip6 balancer map tcp_map counter
ip6 balancer map tcp_map fd00:3::1 . 80 counter packets 0 bytes 0 : 0x0000138a";
    let services = "\
-A -t 10.9.0.1:80 -s wrr
-a -t 10.9.0.1:80 -r 10.0.0.13:80 -m -w 3
-A -f 9 -s wrr
-a -f 9 -r 10.0.0.12:80 -m -w 3
-A -f 5000 -s wrr
-a -f 5000 -r 10.0.0.10:8000 -m -w 3
-A -f 5001 -6 -s wrr
-a -f 5001 -6 -r [fd00::10]:0 -g -w 3
-A -f 5002 -s wrr
-a -f 5002 -r 10.0.0.11:0 -i -w 3 --tun-type ipip
-A -f 5002 -6 -s wrr
-a -f 5002 -6 -r 10.0.0.11:0 -i -w 3 --tun-type ipip";
    Wanted::new(rules.lines(), services.lines()).wait(&director, "after the start")?;
    director.stop()?;
    Wanted::new([], []).wait(&director, "after the stop")?;
    Ok(String::new())
}

/// An entry without a port is for every port. (keepalived 2.2.7 makes an element for port 0, which no packet has.)
fn every_port(stage: &mut Stage, daemon: Daemon) -> Told {
    let address = Ipv4Addr::new(172, 16, 1, 20);
    stage.director[0].ip_batch(&format!("address add {address}/32 dev eth1\n"))?;
    for web in &stage.web {
        web.ip_batch(&format!("address add {address}/32 dev lo\n"))?;
    }
    let text = text("172.16.1.20", "").replace("lb_algo rr", "lb_algo rr\npersistence_timeout 1");
    let mut director = stage.prepare(0, daemon, &text)?;
    director.start()?;
    // The services come first, so that no packet is marked for one that is not there.
    wait::until("the rules", EMULATED, || {
        let rules = ruleset::read(director.host())?;
        let there = rules.iter().any(|rule| rule.contains("@tcp_any_map"));
        Ok(there.then_some(()))
    })?;
    let seen = requests(&stage.client, &format!("http://{address}{PAGE}"), 1)?;
    ensure!(seen != ["-"], "{address} is not served");
    director.stop()?;
    Wanted::new([], []).wait(&director, "after the stop")?;
    Ok(seen.concat())
}

fn reload(director: &Director, text: &str) -> Result<()> {
    director.configure(text.as_bytes())?;
    director.signal(Signal::SIGHUP)
}

/// The two web servers take turns at this address.
fn balanced(stage: &Stage, address: Ipv4Addr) -> Result<()> {
    let seen = requests(&stage.client, &format!("http://{address}{PAGE}"), 4)?;
    crate::balance::alternate(&seen).with_context(|| format!("at {address}"))
}
