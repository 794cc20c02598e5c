//! Families of virtual servers, real servers and checks. Each family goes over all of them: what they are told from is kept as
//! numbers, with all labels in one text.

use std::fmt::{self, Write};

use super::micros;
use crate::status::http::exposition::{Exposition, Kind, labels};
use crate::status::view::{CheckKind, Counters, ServerView, VirtualServerView};

/// All virtual servers, and how far they are told.
#[derive(Default)]
pub(super) struct Farm {
    names: Names,
    services: Vec<Service>,
    servers: Vec<Server>,
    checks: Vec<Check>,
    /// Made once all are taken.
    families: Option<Vec<Family>>,
    /// The family that is told.
    at: usize,
    /// The row of it that is next; none before its head.
    row: Option<usize>,
}

/// Labels, one behind the other.
#[derive(Default)]
struct Names(String);

/// One of them.
#[derive(Clone, Copy)]
struct Name {
    start: u32,
    end: u32,
}

impl Names {
    fn put(&mut self, label: &str) -> Name {
        // 4 GiB of labels are in no table of IPVS; beyond, they would be empty.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = place(self.0.len());
        self.0.push_str(label);
        Name {
            start,
            end: place(self.0.len()),
        }
    }

    fn of(&self, name: Name) -> &str {
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let range = place(name.start)..place(name.end);
        self.0.get(range).unwrap_or_default()
    }
}

/// A virtual server.
struct Service {
    name: Name,
    has_quorum: bool,
    quorum: u32,
    living_weight: u64,
    sorry: bool,
    counted: Option<Counted>,
}

/// A real server.
struct Server {
    service: Name,
    name: Name,
    up: bool,
    weight: Option<u32>,
    downs: u64,
    connections: Option<[u64; 2]>,
    counted: Option<Counted>,
}

/// A check, with its number among those of its server: there may be several of one kind.
struct Check {
    service: Name,
    server: Name,
    number: u16,
    kind: CheckKind,
    up: bool,
    /// Whether the last attempt went well, and its microseconds.
    last: Option<(bool, u64)>,
    downs: u64,
}

/// In the order of [`COUNTERS`].
type Counted = [u64; 5];

/// The same of virtual and of real servers.
const COUNTERS: [(&str, &str); 5] = [
    ("connections", "Connections."),
    ("incoming_packets", "Packets from clients."),
    (
        "outgoing_packets",
        "Packets to clients (seen with NAT only).",
    ),
    ("incoming_bytes", "Bytes from clients."),
    ("outgoing_bytes", "Bytes to clients (seen with NAT only)."),
];

fn counted(of: &Counters) -> Counted {
    [
        of.connections,
        of.packets_in,
        of.packets_out,
        of.bytes_in,
        of.bytes_out,
    ]
}

/// What a sample says.
enum Number {
    Count(u64),
    Micros(u64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Count(count) => count.fmt(f),
            Number::Micros(us) => f.write_str(&micros(*us)),
        }
    }
}

fn flag(of: bool) -> Option<Number> {
    Some(Number::Count(of.into()))
}

fn count(of: impl Into<u64>) -> Option<Number> {
    Some(Number::Count(of.into()))
}

struct Family {
    kind: Kind,
    name: String,
    help: &'static str,
    rows: Rows,
}

/// What a family says of each row; nothing where it has no sample.
enum Rows {
    Services(Value<Service>),
    Servers(Value<Server>),
    Checks(Value<Check>),
}

/// The same, of those that need nothing else for it.
type Says<Row> = fn(&Row) -> Option<Number>;

type Value<Row> = Box<dyn Fn(&Row) -> Option<Number> + Send>;

impl Farm {
    /// Room for so many virtual servers, real servers and checks: growing there would take as much again.
    pub fn with_room([services, servers, checks]: [usize; 3]) -> Farm {
        Farm {
            // As long as labels of IPv4 are at most.
            names: Names(String::with_capacity(40 * services + 36 * servers)),
            services: Vec::with_capacity(services),
            servers: Vec::with_capacity(servers),
            checks: Vec::with_capacity(checks),
            ..Farm::default()
        }
    }

    /// The next virtual server.
    pub fn take(&mut self, service: &VirtualServerView) {
        let name = labels(&[("virtual_server", &service.name)]);
        let name = self.names.put(&name);
        self.services.push(Service {
            name,
            has_quorum: service.has_quorum,
            quorum: service.quorum,
            living_weight: service.living_weight,
            sorry: service.sorry.is_some_and(|sorry| sorry.serves),
            counted: service.counters.as_ref().map(counted),
        });
        for server in &service.servers {
            self.take_server(name, server);
        }
    }

    fn take_server(&mut self, service: Name, server: &ServerView) {
        let name = self.names.put(&labels(&[("real_server", &server.address)]));
        for (number, check) in (1..).zip(&server.checks) {
            self.checks.push(Check {
                service,
                server: name,
                number,
                kind: check.kind,
                up: check.up,
                last: check.last.as_ref().map(|last| (last.ok, last.took_us)),
                downs: check.downs,
            });
        }
        let connections = server.active_connections.zip(server.inactive_connections);
        self.servers.push(Server {
            service,
            name,
            up: server.up,
            weight: server.weight,
            downs: server.downs,
            connections: connections.map(<[u64; 2]>::from),
            counted: server.counters.as_ref().map(counted),
        });
    }

    /// Goes on until there is so much text. Answers whether more is to come.
    pub fn tell(&mut self, out: &mut Exposition, most: usize) -> bool {
        let Farm {
            names,
            services,
            servers,
            checks,
            families,
            at,
            row: current,
        } = self;
        let families = families.get_or_insert_with(|| {
            let mut all = Vec::new();
            if !services.is_empty() {
                all.extend(of_services());
            }
            if !servers.is_empty() {
                all.extend(of_servers());
            }
            if !checks.is_empty() {
                all.extend(of_checks());
            }
            all
        });
        let mut own = String::new();
        while let Some(family) = families.get(*at) {
            let row = current.get_or_insert_with(|| {
                out.family(family.kind, &family.name, family.help);
                0
            });
            let more = match &family.rows {
                Rows::Services(value) => rows(services, row, out, most, |out, one| {
                    if let Some(value) = value(one) {
                        out.sample(&[names.of(one.name)], value);
                    }
                }),
                Rows::Servers(value) => rows(servers, row, out, most, |out, one| {
                    if let Some(value) = value(one) {
                        out.sample(&[names.of(one.service), names.of(one.name)], value);
                    }
                }),
                Rows::Checks(value) => rows(checks, row, out, most, |out, one| {
                    if let Some(value) = value(one) {
                        let kind = one.kind.name();
                        own.clear();
                        // Writing to a String cannot fail.
                        let _ = write!(own, "check=\"{kind}\",number=\"{}\"", one.number);
                        let labels = [names.of(one.service), names.of(one.server), &own];
                        out.sample(&labels, value);
                    }
                }),
            };
            if more {
                return true;
            }
            *at += 1;
            *current = None;
        }
        false
    }
}

/// The rows from that one on, until there is so much text. Answers whether some are left.
fn rows<Row>(
    rows: &[Row],
    next: &mut usize,
    out: &mut Exposition,
    most: usize,
    mut put: impl FnMut(&mut Exposition, &Row),
) -> bool {
    while let Some(row) = rows.get(*next) {
        if out.len() >= most {
            return true;
        }
        put(out, row);
        *next += 1;
    }
    false
}

fn family<Row: 'static>(
    kind: Kind,
    rows: fn(Value<Row>) -> Rows,
) -> impl Fn(&str, &'static str, Says<Row>) -> Family {
    move |name, help, value| Family {
        kind,
        name: format!("rkeepalived_{name}"),
        help,
        rows: rows(Box::new(value)),
    }
}

/// What the kernel counted of one kind.
fn counters<Row: 'static>(
    of: &'static str,
    counted: fn(&Row) -> Option<Counted>,
    rows: fn(Value<Row>) -> Rows,
) -> impl Iterator<Item = Family> {
    COUNTERS
        .into_iter()
        .enumerate()
        .map(move |(at, (name, help))| Family {
            kind: Kind::Counter,
            name: format!("rkeepalived_{of}_{name}"),
            help,
            rows: rows(Box::new(move |row| {
                counted(row)?.get(at).copied().map(Number::Count)
            })),
        })
}

fn of_services() -> impl Iterator<Item = Family> {
    let gauge = family(Kind::Gauge, Rows::Services);
    let own = [
        gauge(
            "virtual_server_has_quorum",
            "Whether enough real servers live.",
            |of| flag(of.has_quorum),
        ),
        gauge(
            "virtual_server_quorum",
            "What has to live, as a sum of weights.",
            |of| count(of.quorum),
        ),
        gauge(
            "virtual_server_living_weight",
            "What lives, as a sum of weights.",
            |of| count(of.living_weight),
        ),
        gauge(
            "virtual_server_sorry",
            "Whether the sorry server answers.",
            |of| flag(of.sorry),
        ),
    ];
    let counters = counters("virtual_server", |of| of.counted, Rows::Services);
    own.into_iter().chain(counters)
}

fn of_servers() -> impl Iterator<Item = Family> {
    let gauge = family(Kind::Gauge, Rows::Servers);
    let counter = family(Kind::Counter, Rows::Servers);
    let own = [
        gauge("real_server_up", "Whether it may have clients.", |of| {
            flag(of.up)
        }),
        gauge(
            "real_server_weight",
            "Its weight in the kernel; none while it is not there.",
            |of| count(of.weight?),
        ),
        gauge(
            "real_server_active_connections",
            "Connections now established.",
            |of| count(of.connections?[0]),
        ),
        gauge(
            "real_server_inactive_connections",
            "Connections now in other states.",
            |of| count(of.connections?[1]),
        ),
        counter("real_server_downs", "Times it went down.", |of| {
            count(of.downs)
        }),
    ];
    let counters = counters("real_server", |of| of.counted, Rows::Servers);
    own.into_iter().chain(counters)
}

fn of_checks() -> impl Iterator<Item = Family> {
    let gauge = family(Kind::Gauge, Rows::Checks);
    let counter = family(Kind::Counter, Rows::Checks);
    [
        gauge("check_up", "What a check holds of its server.", |of| {
            flag(of.up)
        }),
        gauge(
            "check_last_attempt_successful",
            "Whether its last attempt went well.",
            |of| flag(of.last?.0),
        ),
        gauge(
            "check_last_duration_seconds",
            "How long its last attempt took.",
            |of| Some(Number::Micros(of.last?.1)),
        ),
        counter(
            "check_downs",
            "Times it came to hold its server for down.",
            |of| count(of.downs),
        ),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lvs::pool::Pool;
    use crate::plan::tests::planned;
    use crate::status::gather::lvs::virtual_server;
    use crate::status::http::Form;

    const FILE: &str = "virtual_server 10.0.0.1 80 {\nlb_algo rr\nlb_kind DR\nprotocol TCP\nquorum 2\n\
        real_server 10.0.1.1 80 {\nTCP_CHECK {\n}\nTCP_CHECK {\nconnect_port 81\n}\n}\n\
        real_server 10.0.1.2 80 {\nweight 3\n}\n}\n";

    fn told(most: usize) -> Vec<String> {
        let mut pool = Pool::default();
        let _ = pool.configure(planned(FILE).services);
        let mut farm = Farm::default();
        for live in pool.services() {
            let mut view = virtual_server(live, &Default::default(), 0, &[]);
            if let Some(server) = view.servers.last_mut() {
                server.counters = Some(Counters {
                    connections: 7,
                    bytes_out: 9,
                    ..Counters::default()
                });
            }
            farm.take(&view);
        }
        let mut out = Exposition::new(Form::Prometheus);
        let mut pieces = Vec::new();
        loop {
            let more = farm.tell(&mut out, most);
            let mut piece = Vec::new();
            out.swap(&mut piece);
            pieces.push(String::from_utf8(piece).unwrap());
            if !more {
                return pieces;
            }
        }
    }

    // Text format of Prometheus: "All lines for a given metric must be provided as one single group".
    #[test]
    fn a_family_is_told_once_in_however_many_pieces() {
        let whole = told(usize::MAX).concat();
        for most in [1, 64, 100, 1000] {
            let pieces = told(most);
            assert_eq!(pieces.concat(), whole, "by {most}");
            assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
        }
        assert!(told(100).len() > 10);
        let heads = whole.lines().filter(|line| line.starts_with("# TYPE"));
        let heads: std::collections::BTreeSet<&str> = heads.collect();
        assert_eq!(heads.len(), 9 + 10 + 4);
        let server = r#"virtual_server="[10.0.0.1]:tcp:80",real_server="10.0.1.1:80""#;
        let other = r#"virtual_server="[10.0.0.1]:tcp:80",real_server="10.0.1.2:80""#;
        for line in [
            r#"rkeepalived_virtual_server_quorum{virtual_server="[10.0.0.1]:tcp:80"} 2"#.to_owned(),
            format!("rkeepalived_real_server_up{{{server}}} 1"),
            format!("rkeepalived_real_server_connections_total{{{other}}} 7"),
            format!("rkeepalived_real_server_outgoing_bytes_total{{{other}}} 9"),
            format!("rkeepalived_check_up{{{server},check=\"TCP_CHECK\",number=\"2\"}} 1"),
        ] {
            assert!(
                whole.lines().any(|one| one == line),
                "{line} is not in\n{whole}"
            );
        }
        assert!(!whole.contains(&format!("connections_total{{{server}}}")));
    }
}
