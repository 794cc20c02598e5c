//! The kernel's IPVS table of a host, as /proc and `ipvsadm` show it.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::netns::Netns;
use crate::wait;

/// A real server in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Its weight.
    pub weight: u32,
    /// Established connections, and those that are closing.
    pub connections: (u32, u32),
}

/// A virtual server in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The virtual address and port.
    pub address: SocketAddrV4,
    /// The scheduler's name.
    pub scheduler: String,
    /// Its real servers.
    pub destinations: Vec<Destination>,
}

/// The table; services with IPv6 addresses or firewall marks are not read, since no story has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(pub Vec<Service>);

impl Table {
    /// Reads the table of a host. Costs no process, so it may be called often.
    ///
    /// # Errors
    /// When the kernel has no IPVS.
    pub fn read(host: &Netns) -> Result<Self> {
        View::open(host)?.read()
    }

    /// Whether a host has no service at all, of whatever kind.
    ///
    /// # Errors
    /// When the kernel has no IPVS.
    pub fn is_empty(host: &Netns) -> Result<bool> {
        Ok(View::open(host)?.text()?.lines().count() <= 3)
    }

    /// Reads the kernel's form of the table, whose addresses are hexadecimal.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut services: Vec<Service> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["->", address, _forward, weight, active, inactive] => {
                    let (Some(service), Some(address)) =
                        (services.last_mut(), parse_address(address))
                    else {
                        continue;
                    };
                    service.destinations.push(Destination {
                        address,
                        weight: weight.parse().unwrap_or(0),
                        connections: (active.parse().unwrap_or(0), inactive.parse().unwrap_or(0)),
                    });
                }
                [protocol @ ("TCP" | "UDP" | "SCTP"), address, scheduler, ..] => {
                    if let Some(address) = parse_address(address) {
                        services.push(Service {
                            protocol: (*protocol).to_owned(),
                            address,
                            scheduler: (*scheduler).to_owned(),
                            destinations: Vec::new(),
                        });
                    }
                }
                _ => {}
            }
        }
        Self(services)
    }

    /// The real servers' addresses of all services, in order.
    #[must_use]
    pub fn servers(&self) -> Vec<Ipv4Addr> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .flat_map(|service| &service.destinations)
            .map(|one| *one.address.ip())
            .collect();
        found.sort_unstable();
        found
    }

    /// The weight of a real server, if it is there.
    #[must_use]
    pub fn weight(&self, server: Ipv4Addr) -> Option<u32> {
        self.0
            .iter()
            .flat_map(|service| &service.destinations)
            .find(|one| *one.address.ip() == server)
            .map(|one| one.weight)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return write!(out, "(empty)");
        }
        for service in &self.0 {
            write!(
                out,
                "{} {} {}",
                service.protocol, service.address, service.scheduler
            )?;
            for one in &service.destinations {
                let (active, closing) = one.connections;
                write!(
                    out,
                    "\n  -> {:<18} weight {:<3} {active} open, {closing} closing",
                    one.address.to_string(),
                    one.weight
                )?;
            }
        }
        Ok(())
    }
}

/// More than the kernel gives at a time.
const PIECE: usize = 1 << 16;

/// An open view of a host's table, to look again and again.
#[derive(Debug)]
pub struct View(File);

impl View {
    /// Opens it.
    ///
    /// # Errors
    /// When the kernel has no IPVS.
    pub fn open(host: &Netns) -> Result<Self> {
        host.run(|| File::open("/proc/thread-self/net/ip_vs").context("open the IPVS table"))
            .map(Self)
    }

    /// The table as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self) -> Result<Table> {
        self.text().map(|text| Table::parse(&text))
    }

    /// The kernel's own text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&mut self) -> Result<String> {
        // Not `read_to_string`, which begins with a few bytes. Where a read ends, the kernel notes a place among the
        // services of all namespaces, and the next read takes it for one among those of its own: services are lost
        // (seen on Linux 6.1). One read gives a whole page, which all stories here fit in.
        let mut text = Vec::new();
        let mut piece = vec![0; PIECE];
        self.0.rewind()?;
        loop {
            let count = self.0.read(&mut piece).context("read the IPVS table")?;
            if count == 0 {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            text.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

/// Waits until the table holds exactly these real servers.
///
/// # Errors
/// When it does not within `limit`; the message shows what is there instead.
pub fn wait_for_servers(host: &Netns, servers: &[Ipv4Addr], limit: Duration) -> Result<()> {
    let mut last = Table::default();
    let mut view = View::open(host)?;
    wait::until("the table", limit, || {
        last = view.read()?;
        Ok((last.servers() == servers).then_some(()))
    })
    .with_context(|| {
        format!(
            "expected {servers:?} in the table of {}, found {:?}",
            host.name(),
            last.servers()
        )
    })
}

/// The table as `ipvsadm --save --numeric` prints it, sorted, since the kernel's hash decides the order of services.
///
/// # Errors
/// When ipvsadm fails.
pub fn saved(host: &Netns) -> Result<Vec<String>> {
    let mut lines: Vec<String> = host
        .output("ipvsadm", &["-S", "-n"])?
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort_unstable();
    Ok(lines)
}

/// Waits until what `show` makes of the table with some program is this. The program runs only when the kernel's own
/// text has changed, since programs are dear on the lab's kernel.
///
/// # Errors
/// When it is not within `limit`; the message shows what is there instead.
pub fn wait_for(
    host: &Netns,
    show: impl Fn(&Netns) -> Result<Vec<String>>,
    wanted: &[String],
    limit: Duration,
) -> Result<()> {
    let mut view = View::open(host)?;
    let (mut last, mut found) = (None, Vec::new());
    wait::until("the table", limit, || {
        let text = view.text()?;
        if last.as_ref() != Some(&text) {
            found = show(host)?;
            last = Some(text);
        }
        Ok((found == wanted).then_some(()))
    })
    .with_context(|| {
        let (found, wanted) = (found.join("\n"), wanted.join("\n"));
        format!("{} has\n{found}\nand should have\n{wanted}", host.name())
    })
}

fn parse_address(text: &str) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?;
    Some(SocketAddrV4::new(
        Ipv4Addr::from(address),
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read on Linux 6.1 after `ipvsadm -A -t 172.16.1.1:80 -s rr` and two `ipvsadm -a ... -g -w 1`.
    const KERNEL: &str = "IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  AC100101:0050 rr 
  -> AC10010B:0050      Route   1      0          3         
  -> AC10010A:0050      Route   7      2          0         
";

    #[test]
    fn the_kernels_table_is_read() {
        let table = Table::parse(KERNEL);
        assert_eq!(table.0.len(), 1);
        assert_eq!(table.0[0].address, "172.16.1.1:80".parse().unwrap());
        assert_eq!(table.0[0].scheduler, "rr");
        assert_eq!(
            table.servers(),
            [Ipv4Addr::new(172, 16, 1, 10), Ipv4Addr::new(172, 16, 1, 11)]
        );
        assert_eq!(table.weight(Ipv4Addr::new(172, 16, 1, 10)), Some(7));
        assert_eq!(table.0[0].destinations[1].connections, (2, 0));
    }

    #[test]
    fn an_empty_table_is_empty() {
        let header: String = KERNEL.lines().take(3).collect::<Vec<_>>().join("\n");
        assert_eq!(Table::parse(&header), Table::default());
        assert_eq!(Table::default().to_string(), "(empty)");
    }
}
