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
}

/// The port of every virtual and real server.
pub const PORT: u16 = 80;

impl Workload {
    /// Entries of the kernel's table once all is loaded: virtual and real servers.
    pub fn entries(self) -> usize {
        usize::from(self.virtual_servers) * (1 + usize::from(self.real_servers))
    }

    /// The address of the virtual server that is written last.
    pub fn last(self) -> Ipv4Addr {
        virtual_address(self.virtual_servers.saturating_sub(1))
    }

    /// As keepalived.conf. Real servers without a checker count as up from the start.
    pub fn keepalived_conf(self) -> String {
        let mut text = String::from("global_defs {\n    router_id bench\n}\n");
        for (vip, reals) in self.services() {
            let _ = writeln!(
                text,
                "virtual_server {vip} {PORT} {{\n    delay_loop 6\n    lb_algo wlc\n    lb_kind DR\n    protocol TCP"
            );
            for (rip, weight) in reals {
                let _ = writeln!(
                    text,
                    "    real_server {rip} {PORT} {{\n        weight {weight}\n    }}"
                );
            }
            text.push_str("}\n");
        }
        text
    }

    /// The same with a TCP_CHECK for each real server.
    pub fn checked_conf(self) -> String {
        let check = "\n        TCP_CHECK {\n        }\n    }";
        self.keepalived_conf().replace("\n    }", check)
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
            let reals =
                (0..self.real_servers).map(|which| (real_address(number, which), which % 10 + 1));
            (virtual_address(number), reals.collect())
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

    const SMALL: Workload = Workload {
        virtual_servers: 2,
        real_servers: 2,
    };

    #[test]
    fn ipvsadm_input_is_spelled_as_ipvsadm_saves_it() {
        assert_eq!(
            SMALL.ipvsadm(),
            "\
-A -t 10.100.0.1:80 -s wlc
-a -t 10.100.0.1:80 -r 10.200.0.10:80 -g -w 1
-a -t 10.100.0.1:80 -r 10.200.0.11:80 -g -w 2
-A -t 10.100.1.1:80 -s wlc
-a -t 10.100.1.1:80 -r 10.200.1.10:80 -g -w 1
-a -t 10.100.1.1:80 -r 10.200.1.11:80 -g -w 2
"
        );
        assert_eq!(SMALL.entries(), 6);
        assert_eq!(SMALL.last(), Ipv4Addr::new(10, 100, 1, 1));
    }

    #[test]
    fn the_configuration_has_every_server() {
        let text = Workload {
            virtual_servers: 1000,
            real_servers: 10,
        }
        .keepalived_conf();
        assert_eq!(text.matches("virtual_server ").count(), 1000);
        assert_eq!(text.matches("real_server ").count(), 10_000);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn every_real_server_has_its_check() {
        let text = SMALL.checked_conf();
        let real_servers = text.matches("real_server ").count();
        assert!(real_servers > 0);
        assert_eq!(
            text.matches("        TCP_CHECK {\n        }\n    }")
                .count(),
            real_servers
        );
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
