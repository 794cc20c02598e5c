//! What stands in a director's kernel, in lines.

use anyhow::{Context, Result};
use support::netns::Netns;
use support::table::View;

use super::case::Lines;

/// What to look at besides the table itself; each costs a program, which is dear on the lab's kernel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extras {
    /// Thresholds of real servers: their lines end with ` -x UPPER -y LOWER`.
    thresholds: bool,
    /// A line `--set TCP TCPFIN UDP`.
    timeouts: bool,
    /// A line `--start-daemon ...` for each sync daemon.
    daemons: bool,
}

impl Extras {
    /// What a configuration speaks of.
    pub(super) fn of(conf: &str) -> Self {
        Self {
            thresholds: conf.contains("threshold "),
            timeouts: conf.contains("lvs_timeouts"),
            daemons: conf.contains("lvs_sync_daemon"),
        }
    }

    /// Whether something is looked at that [`Glance`] does not see.
    pub(super) fn hidden(self) -> bool {
        self.timeouts || self.daemons
    }
}

/// All lines of a host.
///
/// # Errors
/// When ipvsadm fails.
pub(super) fn observe(host: &Netns, extras: Extras) -> Result<Lines> {
    let mut lines: Vec<String> = host
        .output("ipvsadm", &["-S", "-n"])?
        .lines()
        .map(str::to_owned)
        .collect();
    if extras.thresholds {
        let listed = host.output("ipvsadm", &["-L", "-n", "--thresholds"])?;
        limit(&mut lines, &listed);
    }
    let mut lines: Lines = lines.into_iter().collect();
    if extras.timeouts {
        let told = host.output("ipvsadm", &["-L", "--timeout"])?;
        let (_, values) = told.split_once(": ").context("three timeouts")?;
        lines.insert(format!("--set {}", values.trim()));
    }
    if extras.daemons {
        let told = host.output("ipvsadm", &["-L", "--daemon"])?;
        lines.extend(
            told.lines()
                .map(|line| format!("--start-daemon {}", line.trim())),
        );
    }
    Ok(lines)
}

/// Adds the thresholds to the lines of real servers; both lists have the same order.
fn limit(lines: &mut [String], listed: &str) {
    let limits = listed.lines().skip(3).filter_map(|line| {
        let mut words = line.trim_start().strip_prefix("-> ")?.split_whitespace();
        Some((words.nth(1)?, words.next()?))
    });
    let servers = lines.iter_mut().filter(|line| line.starts_with("-a "));
    for (line, (upper, lower)) in servers.zip(limits) {
        if (upper, lower) != ("0", "0") {
            line.push_str(&format!(" -x {upper} -y {lower}"));
        }
    }
}

/// The kernel's own list, which costs no program: to see whether it is worth while to observe.
#[derive(Debug)]
pub(super) struct Glance(View);

/// A list that does not fit a page cannot be trusted; see [`View::text`].
const PAGE: usize = 3900;

/// Services, each with its servers in the order that the kernel keeps them in. The order of the services is that of their hashes,
/// which differ from one network namespace to the next, so that they are sorted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed(Vec<Vec<String>>);

impl Glance {
    pub(super) fn open(host: &Netns) -> Result<Self> {
        View::open(host).map(Self)
    }

    /// What `host` has.
    pub(super) fn services(&mut self, host: &Netns) -> Result<Listed> {
        let mut text = self.0.text()?;
        if text.len() > PAGE {
            text = host.output("ipvsadm", &["-L", "-n", "--nosort"])?;
        }
        let mut services: Vec<Vec<String>> = Vec::new();
        for line in text.lines().skip(3) {
            match services.last_mut() {
                Some(service) if line.starts_with("  ->") => service.push(line.to_owned()),
                _ => services.push(vec![line.to_owned()]),
            }
        }
        services.sort_unstable();
        Ok(Listed(services))
    }
}

impl Listed {
    /// Whether it can be what `expected` says: as many services, and servers of the same weights.
    pub(super) fn may_be(&self, expected: &Lines) -> bool {
        let services = expected.iter().filter(|line| line.starts_with("-A "));
        let listed = self.0.iter().flat_map(|service| service.iter().skip(1));
        let mut listed: Vec<&str> = listed
            .map(|line| line.split_whitespace().nth(3).unwrap_or_default())
            .collect();
        let servers = expected.iter().filter(|line| line.starts_with("-a "));
        let mut servers: Vec<&str> = servers
            .map(|line| {
                let mut words = line.split_whitespace().skip_while(|&word| word != "-w");
                words.nth(1).unwrap_or_default()
            })
            .collect();
        listed.sort_unstable();
        servers.sort_unstable();
        self.0.len() == services.count() && listed == servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_put_to_their_servers() {
        // Printed by ipvsadm 1.31.
        let listed = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  10.0.0.1:80 wlc
  -> 10.0.0.2:80                  100        50         0          0         
  -> 10.0.0.3:80                  0          0          0          0         
";
        let mut lines = [
            "-A -t 10.0.0.1:80 -s wlc",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1",
            "-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 1",
        ]
        .map(str::to_owned);
        limit(&mut lines, listed);
        assert!(lines[1].ends_with("-w 1 -x 100 -y 50"), "{lines:?}");
        assert!(lines[2].ends_with("-w 1"), "{lines:?}");
    }

    #[test]
    fn a_list_may_be_what_has_the_same_weights() {
        // Read on Linux 6.1.
        let listed = Listed(vec![
            [
                "TCP  AC100101:0050 rr  ",
                "  -> AC10010B:0050      Route   1      0          3         ",
                "  -> AC10010A:0050      Route   7      2          0         ",
            ]
            .map(str::to_owned)
            .into(),
        ]);
        let lines = |weight: &str| {
            [
                "-A -t 172.16.1.1:80 -s rr".to_owned(),
                "-a -t 172.16.1.1:80 -r 172.16.1.10:80 -g -w 7".to_owned(),
                format!("-a -t 172.16.1.1:80 -r 172.16.1.11:80 -g -w {weight} -x 1 -y 0"),
                "--set 900 120 300".to_owned(),
            ]
            .into_iter()
            .collect::<Lines>()
        };
        assert!(listed.may_be(&lines("1")));
        assert!(!listed.may_be(&lines("2")));
    }
}
