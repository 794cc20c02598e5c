//! What is loaded: the same table as a keepalived.conf and as input of `ipvsadm --restore`.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// A table of virtual servers that all have the same number of real servers.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How many virtual servers, up to 10 000.
    pub virtual_servers: u16,
    /// How many real servers each has, up to 200.
    pub real_servers: u8,
    /// How each real server is checked, and how often.
    pub check: Option<Check>,
    /// The weight of the last real server of all, where it is not the usual one.
    pub last_weight: Option<u8>,
}

/// A health check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it does.
    pub kind: Kind,
    /// Seconds between two.
    pub delay_loop: u32,
}

/// What a health check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `TCP_CHECK`
    Tcp,
    /// `HTTP_GET` of `/`, which has to have status 200.
    Http,
}

/// The port of every virtual and real server.
pub const PORT: u16 = 80;

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 2] = [Kind::Tcp, Kind::Http];

    /// The keyword.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Tcp => "TCP_CHECK",
            Kind::Http => "HTTP_GET",
        }
    }

    /// The block within a real server.
    fn block(self) -> &'static str {
        match self {
            Kind::Tcp => "        TCP_CHECK {\n        }\n",
            Kind::Http => {
                "        HTTP_GET {\n            url {\n                path /\n                status_code 200\n            }\n        }\n"
            }
        }
    }
}

impl Workload {
    /// The table of a site that has been seen: 36 432 real servers.
    pub const LARGE: Workload = Workload::plain(2277, 16);

    /// Without checks.
    pub const fn plain(virtual_servers: u16, real_servers: u8) -> Workload {
        Workload {
            virtual_servers,
            real_servers,
            check: None,
            last_weight: None,
        }
    }

    /// With a check for each real server.
    pub fn checked(self, kind: Kind, delay_loop: u32) -> Workload {
        let check = Some(Check { kind, delay_loop });
        Workload { check, ..self }
    }

    /// Entries of the kernel's table once all is loaded: virtual and real servers.
    pub fn entries(self) -> usize {
        usize::from(self.virtual_servers) * (1 + usize::from(self.real_servers))
    }

    /// Real servers of all virtual servers.
    pub fn real_servers_in_all(self) -> usize {
        usize::from(self.virtual_servers) * usize::from(self.real_servers)
    }

    /// The address of the virtual server that is written last.
    pub fn last(self) -> Ipv4Addr {
        virtual_address(self.virtual_servers.saturating_sub(1))
    }

    /// The address of its last real server.
    pub fn last_real(self) -> Ipv4Addr {
        real_address(
            self.virtual_servers.saturating_sub(1),
            self.real_servers.saturating_sub(1),
        )
    }

    /// As keepalived.conf. Real servers without a checker count as up from the start, those with one until it has failed.
    pub fn keepalived_conf(self) -> String {
        let mut text = String::from("global_defs {\n    router_id bench\n}\n");
        let delay_loop = self.check.map_or(6, |check| check.delay_loop);
        let block = self.check.map_or("", |check| check.kind.block());
        for (vip, reals) in self.services() {
            let _ = writeln!(
                text,
                "virtual_server {vip} {PORT} {{\n    delay_loop {delay_loop}\n    lb_algo wlc\n    lb_kind DR\n    protocol TCP"
            );
            for (rip, weight) in reals {
                let _ = writeln!(
                    text,
                    "    real_server {rip} {PORT} {{\n        weight {weight}\n{block}    }}"
                );
            }
            text.push_str("}\n");
        }
        text
    }

    /// As `ipvsadm --save --numeric` prints it and `ipvsadm --restore` reads it, in the order of the configuration.
    pub fn ipvsadm(self) -> String {
        let mut text = String::new();
        for (vip, reals) in self.services() {
            let _ = writeln!(text, "-A -t {vip}:{PORT} -s wlc");
            for (rip, weight) in reals {
                let _ = writeln!(text, "-a -t {vip}:{PORT} -r {rip}:{PORT} -g -w {weight}");
            }
        }
        text
    }

    /// Each virtual server with its real servers and their weights. No address occurs twice.
    pub fn services(self) -> impl Iterator<Item = (Ipv4Addr, Vec<(Ipv4Addr, u8)>)> {
        (0..self.virtual_servers).map(move |number| {
            let real = |which| {
                let address = real_address(number, which);
                let changed = self.last_weight.filter(|_| address == self.last_real());
                (address, changed.unwrap_or(which % 10 + 1))
            };
            (
                virtual_address(number),
                (0..self.real_servers).map(real).collect(),
            )
        })
    }
}

fn virtual_address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 100 + high, low, 1)
}

fn real_address(number: u16, which: u8) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 200 + high, low, which + 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Workload {
        Workload::plain(2, 2)
    }

    #[test]
    fn ipvsadm_input_is_spelled_as_ipvsadm_saves_it() {
        assert_eq!(
            small().ipvsadm(),
            "\
-A -t 10.100.0.1:80 -s wlc
-a -t 10.100.0.1:80 -r 10.200.0.10:80 -g -w 1
-a -t 10.100.0.1:80 -r 10.200.0.11:80 -g -w 2
-A -t 10.100.1.1:80 -s wlc
-a -t 10.100.1.1:80 -r 10.200.1.10:80 -g -w 1
-a -t 10.100.1.1:80 -r 10.200.1.11:80 -g -w 2
"
        );
        assert_eq!(small().entries(), 6);
        assert_eq!(small().last(), Ipv4Addr::new(10, 100, 1, 1));
    }

    #[test]
    fn the_configuration_has_every_server() {
        let text = Workload::plain(1000, 10).keepalived_conf();
        assert_eq!(text.matches("virtual_server ").count(), 1000);
        assert_eq!(text.matches("real_server ").count(), 10_000);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn every_real_server_has_its_check() {
        for kind in [Kind::Tcp, Kind::Http] {
            let text = small().checked(kind, 2).keepalived_conf();
            assert_eq!(text.matches(kind.word()).count(), 4);
            assert_eq!(text.matches('{').count(), text.matches('}').count());
            assert!(text.contains("delay_loop 2\n"));
        }
    }

    #[test]
    fn only_the_last_weight_changes() {
        let heavier = Workload {
            last_weight: Some(77),
            ..small()
        };
        let (before, after) = (small().ipvsadm(), heavier.ipvsadm());
        let changed: Vec<_> = before
            .lines()
            .zip(after.lines())
            .filter(|(a, b)| a != b)
            .collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].1.ends_with("-r 10.200.1.11:80 -g -w 77"));
    }
}
