//! Which crates may know which: the edges of the design, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// The rooms that know nothing of each other; only `rkeepalived` knows them all.
const ROOMS: [&str; 5] = ["bfd", "checkers", "ipvs-netlink", "keepalived-conf", "vrrp"];

/// What a crate must not reach, directly or through others, and why.
const BANS: [(&str, &[&str], &str); 10] = [
    (
        "bfd",
        &[
            "checkers",
            "ipvs-netlink",
            "keepalived-conf",
            "vrrp",
            "rkeepalived",
        ],
        "the rooms do not know each other",
    ),
    ("bfd", &["tokio"], "the BFD core is pure"),
    (
        "checkers",
        &[
            "bfd",
            "ipvs-netlink",
            "keepalived-conf",
            "vrrp",
            "rkeepalived",
        ],
        "the rooms do not know each other",
    ),
    (
        "ipvs-netlink",
        &["bfd", "checkers", "keepalived-conf", "vrrp", "rkeepalived"],
        "the rooms do not know each other",
    ),
    (
        "keepalived-conf",
        &["bfd", "checkers", "ipvs-netlink", "vrrp", "rkeepalived"],
        "the rooms do not know each other",
    ),
    (
        "vrrp",
        &[
            "bfd",
            "checkers",
            "ipvs-netlink",
            "keepalived-conf",
            "rkeepalived",
        ],
        "the rooms do not know each other",
    ),
    (
        "pattern",
        &[
            "bfd",
            "checkers",
            "ipvs-netlink",
            "keepalived-conf",
            "vrrp",
            "rkeepalived",
            "tokio",
        ],
        "patterns know texts only",
    ),
    ("vrrp", &["tokio"], "the VRRP core is pure"),
    (
        "keepalived-conf",
        &["tokio", "pattern"],
        "the configuration core is pure",
    ),
    (
        "xtask",
        &[
            "bfd",
            "checkers",
            "ipvs-netlink",
            "keepalived-conf",
            "pattern",
            "vrrp",
            "rkeepalived",
        ],
        "xtask builds without the rest",
    ),
];

/// The dependencies of each package, by name.
#[derive(Debug, Default)]
struct Graph {
    /// What a build of the package as a dependency brings in.
    built: BTreeMap<String, BTreeSet<String>>,
    /// What its own tests bring in besides.
    tested: BTreeMap<String, BTreeSet<String>>,
}

/// Every edge that should not be there, from the whole answer of `cargo metadata --format-version 1`.
pub(crate) fn breaches(metadata: &Value) -> Result<Vec<String>> {
    let graph = Graph::parse(metadata).context("cargo metadata without a dependency graph")?;
    let mut breaches = Vec::new();
    for room in ROOMS {
        if !graph.built.contains_key(room) {
            breaches.push(format!("there is no crate `{room}`"));
        }
    }
    for (from, banned, why) in BANS {
        for to in banned {
            if let Some(path) = graph.path(from, to) {
                breaches.push(format!("{}: {why}", path.join(" -> ")));
            }
        }
    }
    Ok(breaches)
}

impl Graph {
    fn parse(metadata: &Value) -> Option<Graph> {
        let names: BTreeMap<&str, &str> = metadata
            .get("packages")?
            .as_array()?
            .iter()
            .filter_map(|package| {
                Some((package.get("id")?.as_str()?, package.get("name")?.as_str()?))
            })
            .collect();
        let mut graph = Graph::default();
        for node in metadata.get("resolve")?.get("nodes")?.as_array()? {
            let from = *names.get(node.get("id")?.as_str()?)?;
            let built = graph.built.entry(from.to_owned()).or_default();
            let tested = graph.tested.entry(from.to_owned()).or_default();
            for dep in node.get("deps")?.as_array()? {
                let to = (*names.get(dep.get("pkg")?.as_str()?)?).to_owned();
                let kinds = dep.get("dep_kinds")?.as_array()?;
                if kinds
                    .iter()
                    .all(|kind| kind.get("kind").and_then(Value::as_str) == Some("dev"))
                {
                    tested.insert(to);
                } else {
                    built.insert(to);
                }
            }
        }
        Some(graph)
    }

    /// A shortest path over what is built, whose first step may also be for tests.
    fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let first = self
            .tested
            .get(from)
            .into_iter()
            .chain(self.built.get(from))
            .flatten();
        let mut paths: Vec<Vec<String>> = first
            .map(|step| vec![from.to_owned(), step.clone()])
            .collect();
        let mut seen: BTreeSet<String> = BTreeSet::from([from.to_owned()]);
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let Some(last) = path.last() else { continue };
                if last == to {
                    return Some(path);
                }
                if seen.insert(last.clone()) {
                    for step in self.built.get(last).into_iter().flatten() {
                        let mut path = path.clone();
                        path.push(step.clone());
                        longer.push(path);
                    }
                }
            }
            paths = longer;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A graph of packages: from, to, kind (null, "dev", "build").
    fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Value {
        let mut names: BTreeSet<&str> = ROOMS.into_iter().collect();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        let packages: Vec<Value> = names
            .iter()
            .map(|name| json!({"id": format!("{name}#1"), "name": name}))
            .collect();
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps: Vec<Value> = edges
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, kind)| json!({"pkg": format!("{to}#1"), "dep_kinds": [{"kind": kind, "target": null}]}))
                    .collect();
                json!({"id": format!("{name}#1"), "deps": deps})
            })
            .collect();
        json!({"packages": packages, "resolve": {"nodes": nodes}})
    }

    #[test]
    fn the_daemon_may_know_every_room() {
        let edges = ROOMS.map(|room| ("rkeepalived", room, None));
        assert_eq!(breaches(&metadata(&edges)).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_room_that_knows_another_is_named() {
        let found = breaches(&metadata(&[("checkers", "vrrp", Some("dev"))])).unwrap();
        assert_eq!(
            found,
            ["checkers -> vrrp: the rooms do not know each other"]
        );
    }

    #[test]
    fn tokio_is_found_behind_another_crate() {
        let found = breaches(&metadata(&[
            ("vrrp", "timers", None),
            ("timers", "tokio", Some("build")),
        ]))
        .unwrap();
        assert_eq!(found, ["vrrp -> timers -> tokio: the VRRP core is pure"]);
    }

    #[test]
    fn what_the_tests_of_a_dependency_use_does_not_count() {
        let found = breaches(&metadata(&[
            ("vrrp", "bits", None),
            ("bits", "tokio", Some("dev")),
        ]))
        .unwrap();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_missing_room_is_named() {
        let graph = json!({"packages": [], "resolve": {"nodes": []}});
        assert_eq!(breaches(&graph).unwrap().len(), 5);
        assert!(breaches(&json!({})).is_err());
    }
}
