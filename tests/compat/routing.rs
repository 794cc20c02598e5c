//! Addresses with their options, routes and rules: what stands in the kernel after start, as master, after a reload, after
//! somebody removed something, after a kill, after the stop. Either daemon, one script.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use support::daemon::{Daemon, Director};
use support::netns::Netns;
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;
use support::watch::AddressWatch;

pub fn stories() -> Vec<Story> {
    let stories = [
        Story::each("routing/life", life),
        Story::each("routing/killed", killed),
        Story::each("routing/taken", taken),
        Story::each("routing/statics", statics),
        Story::each("routing/interface", interface),
        // keepalived loses an address that goes to an earlier instance.
        vec![Story::one("routing/handed-over", Daemon::Ours, handed_over)],
        // 2.2.7 has no word for the folders of names.
        vec![Story::one("routing/names", Daemon::Ours, names)],
    ];
    let stories = stories.into_iter().flatten();
    stories.map(|story| story.on(Kernel::Machine)).collect()
}

const ADDRESSES: &str = "virtual_ipaddress {\n172.16.1.202/24\n172.16.1.203 label eth1:vip\n172.16.9.1/24 brd + scope link\n\
    172.16.8.1/24 noprefixroute dev t0\n}\n\
    virtual_ipaddress_excluded {\nfd16::202/64\nfd16::203\nfd16::204/64 home preferred_lft forever\nfd16::205/64 dev t0 noprefixroute\n\
    224.1.2.3/32 autojoin\n}\n";

/// As `ip -details -oneline address` shows them, without numbers, lifetimes and what an interface has of its own.
const SET_ADDRESSES: [&str; 9] = [
    "eth1 inet 172.16.1.202/24 scope global secondary eth1",
    "eth1 inet 172.16.1.203/32 scope global eth1:vip",
    "eth1 inet 172.16.9.1/24 brd 172.16.9.255 scope link eth1",
    "eth1 inet 224.1.2.3/32 scope global autojoin eth1",
    "eth1 inet6 fd16::202/64 scope global nodad",
    "eth1 inet6 fd16::203/128 scope global nodad deprecated",
    "eth1 inet6 fd16::204/64 scope global nodad home",
    "t0 inet 172.16.8.1/24 scope global noprefixroute t0",
    "t0 inet6 fd16::205/64 scope global nodad noprefixroute",
];

const ROUTES: &str = "virtual_routes {\n10.50.0.0/16 via 172.16.1.9\n10.51.0.0/16 dev t0 metric 5\n\
    10.52.0.0/16 via 172.16.1.9 dev eth1 src 172.16.1.202 table 100 tos 0x10\nblackhole 10.53.0.0/16\nprohibit 10.55.0.0/16 table 1000\n\
    10.59.0.0/16 via 172.16.1.9 mtu lock 1400 advmss 1300 rttvar lock 300ms initcwnd 10 quickack 1 features ecn realms 5/6\n\
    10.60.0.0/16 nexthop via 172.16.1.9 weight 2 nexthop via 172.16.1.10 dev eth1 weight 3 onlink\n\
    10.64.0.0/16 dev t0 encap ip id 5 dst 10.9.0.77 ttl 5\n\
    fd50::/64 via fd16::9\nfd52::/64 dev t0 metric 77 pref high\n}\n";

/// As `ip -details -oneline route show table all` shows them.
const SET_ROUTES: [&str; 10] = [
    "blackhole 10.53.0.0/16 table main proto keepalived scope global",
    "prohibit 10.55.0.0/16 table 1000 proto keepalived scope global",
    "unicast 10.50.0.0/16 via 172.16.1.9 dev eth1 table main proto keepalived scope global",
    "unicast 10.51.0.0/16 dev t0 table main proto keepalived scope global metric 5",
    "unicast 10.52.0.0/16 tos 0x10 via 172.16.1.9 dev eth1 table 100 proto keepalived scope global src 172.16.1.202",
    "unicast 10.59.0.0/16 via 172.16.1.9 dev eth1 table main proto keepalived scope global realms 5/6 mtu lock 1400 rttvar lock 300ms advmss 1300 initcwnd 10 features ecn quickack 1",
    "unicast 10.60.0.0/16 table main proto keepalived scope global nexthop via 172.16.1.9 dev eth1 weight 2 nexthop via 172.16.1.10 dev eth1 weight 3 onlink",
    "unicast 10.64.0.0/16 encap ip id 5 src 0.0.0.0 dst 10.9.0.77 ttl 5 tos 0 dev t0 table main proto keepalived scope global",
    "unicast fd50::/64 via fd16::9 dev eth1 table main proto keepalived scope global metric 1024 pref medium",
    "unicast fd52::/64 dev t0 table main proto keepalived scope global metric 77 pref high",
];

const RULES: &str = "virtual_rules {\nfrom 10.50.0.0/16 table 100 preference 1000\n\
    not from 10.52.0.0/16 fwmark 5/0xff table 1000 preference 1002\niif t0 oif eth1 table 102 preference 1003\n\
    from 10.53.0.0/16 blackhole preference 1004\nfrom 10.53.0.0/16 goto 1020 preference 1008\n\
    table 103 preference 1010 suppress_prefixlength 5 suppress_ifgroup 7 realms 3/4\n\
    ipproto tcp sport 80-90 dport 443-443 uidrange 5-10 table main preference 1012\n\
    from fd50::/64 to fd51::/64 table 105 preference 1015\n}\n";

/// As `ip rule` and `ip -6 rule` show them.
const SET_RULES: [&str; 8] = [
    "1000: from 10.50.0.0/16 lookup 100 proto keepalived",
    "1002: not from 10.52.0.0/16 fwmark 0x5/0xff lookup 1000 proto keepalived",
    "1003: from all iif t0 oif eth1 lookup 102 proto keepalived",
    "1004: from 10.53.0.0/16 blackhole proto keepalived",
    "1008: from 10.53.0.0/16 goto 1020 [unresolved] proto keepalived",
    "1010: from all lookup 103 suppress_prefixlength 5 suppress_ifgroup 7 realms 3/4 proto keepalived",
    "1012: from all uidrange 5-10 ipproto tcp sport 80-90 dport 443 lookup main proto keepalived",
    "1015: from fd50::/64 to fd51::/64 lookup 105 proto keepalived",
];

/// One instance that becomes master a good half second after the start.
fn conf(before: &str, blocks: &str) -> String {
    instance(before, "V", 78, blocks)
}

fn instance(before: &str, name: &str, vrid: u8, blocks: &str) -> String {
    format!(
        "{before}vrrp_instance {name} {{\nstate BACKUP\ninterface eth1\nvirtual_router_id {vrid}\npriority 100\nversion 3\n\
         advert_int 0.15\n{blocks}}}\n"
    )
}

/// director-a with a second interface `t0`.
fn host(stage: &Stage) -> Result<&Netns> {
    let [host, _] = &stage.director;
    host.ip_batch(
        "link add t0 type veth peer name t1\nlink set t0 up\nlink set t1 up\naddress add 172.16.7.2/24 dev t0\n",
    )?;
    Ok(host)
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Addresses besides those of the stage and the kernel's own.
fn addresses(host: &Netns) -> Result<Vec<String>> {
    let own = ["172.16.1.2/24", "172.16.7.2/24"];
    let shown = host.output("ip", &["-details", "-oneline", "address"])?;
    let mut found: Vec<String> = shown
        .lines()
        .map(|line| line.split('\\').next().unwrap_or_default())
        .map(|line| words(line.split_once(": ").map_or(line, |(_, rest)| rest)))
        .filter(|line| line.starts_with("eth1 ") || line.starts_with("t0 "))
        .filter(|line| !line.contains(" fe80:") && !own.iter().any(|own| line.contains(own)))
        .map(|line| line.replace(" tentative", ""))
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn routes(host: &Netns) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let shown = host.output(
            "ip",
            &[
                family, "-details", "-oneline", "route", "show", "table", "all",
            ],
        )?;
        let ours = shown
            .lines()
            .filter(|line| line.contains("proto keepalived"));
        found.extend(ours.map(|line| words(&line.replace('\\', " "))));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn rules(host: &Netns) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let shown = host.output("ip", &[family, "-details", "rule"])?;
        let ours = shown
            .lines()
            .filter(|line| line.contains("proto keepalived"));
        found.extend(ours.map(words));
    }
    Ok(found)
}

/// Waits until addresses, routes and rules are these.
fn settled(host: &Netns, when: &str, wanted: [&[&str]; 3]) -> Result<()> {
    let what = format!("addresses, routes and rules to be as expected {when}");
    let mut last = [Vec::new(), Vec::new(), Vec::new()];
    let waited = wait::until(&what, PATIENCE / 4, || {
        last = [addresses(host)?, routes(host)?, rules(host)?];
        let equal = last
            .iter()
            .zip(wanted)
            .all(|(there, wanted)| there == wanted);
        Ok(equal.then_some(()))
    });
    waited.with_context(|| format!("there is {last:#?}"))
}

fn mastered(director: &mut Director, mark: usize) -> Result<()> {
    director
        .wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)
        .map(drop)
}

const NOTHING: [&[&str]; 3] = [&[], &[], &[]];

fn life(stage: &mut Stage, daemon: Daemon) -> Told {
    host(stage)?;
    let all = ["promote_secondaries\n", ADDRESSES, ROUTES, RULES].concat();
    let mut director = stage.prepare(0, daemon, &conf("", &all))?;
    let promotes = "/proc/sys/net/ipv4/conf/eth1/promote_secondaries";
    director
        .host()
        .sysctl(&[("ipv4/conf/eth1/promote_secondaries", "0")])?;
    director.start()?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    let promoted = director.host().output("cat", &[promotes])?;
    ensure!(promoted == "1\n", "promote_secondaries is {promoted}");
    settled(director.host(), "as backup", NOTHING)?;
    mastered(&mut director, 0)?;
    let set = [&SET_ADDRESSES[..], &SET_ROUTES, &SET_RULES];
    settled(director.host(), "as master", set)?;
    // Of the routes one goes, one changes, one comes; of the rules one goes and one comes; one address goes.
    let changed = all
        .replace("172.16.1.203 label eth1:vip\n", "")
        .replace("blackhole 10.53.0.0/16\n", "blackhole 10.54.0.0/16\n")
        .replace(
            "10.51.0.0/16 dev t0 metric 5",
            "10.51.0.0/16 dev t0 metric 6",
        )
        .replace("preference 1000\n", "preference 1001\n");
    director.configure(conf("", &changed).as_bytes())?;
    director.signal(Signal::SIGHUP)?;
    let mut addresses = SET_ADDRESSES.to_vec();
    addresses.remove(1);
    let [_, second, third, _, routes @ ..] = SET_ROUTES;
    let mut routes = routes.to_vec();
    routes.splice(
        0..0,
        [
            "blackhole 10.54.0.0/16 table main proto keepalived scope global",
            second,
            third,
            "unicast 10.51.0.0/16 dev t0 table main proto keepalived scope global metric 6",
        ],
    );
    let [_, rules @ ..] = SET_RULES;
    let mut rules = rules.to_vec();
    rules.insert(0, "1001: from 10.50.0.0/16 lookup 100 proto keepalived");
    settled(
        director.host(),
        "after a reload",
        [&addresses, &routes, &rules],
    )?;
    let changes = director.log().matches("(V) Entering").count();
    ensure!(changes == 2, "the reload changed its state");
    director.stop()?;
    settled(director.host(), "after the stop", NOTHING)?;
    let promoted = director.host().output("cat", &[promotes])?;
    ensure!(promoted == "0\n", "promote_secondaries is {promoted}");
    Ok(String::new())
}

fn killed(stage: &mut Stage, daemon: Daemon) -> Told {
    host(stage)?;
    let all = [ADDRESSES, ROUTES, RULES].concat();
    let mut director = stage.prepare(0, daemon, &conf("", &all))?;
    director.start()?;
    mastered(&mut director, 0)?;
    let set = [&SET_ADDRESSES[..], &SET_ROUTES, &SET_RULES];
    settled(director.host(), "as master", set)?;
    let pids = [director.pid()?, director.pid_in("vrrp.pid")?];
    director.kill()?;
    wait::until("its processes to be gone", PATIENCE, || {
        let runs = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
        Ok((!pids.iter().any(runs)).then_some(()))
    })?;
    settled(director.host(), "after the kill", set)?;
    // Somebody else would win, so that what is there at the first state is seen at leisure.
    director.configure(
        conf("", &all)
            .replace("advert_int 0.15", "advert_int 0.7")
            .as_bytes(),
    )?;
    director.start()?;
    director.wait_log("(V) Entering BACKUP STATE (init)", PATIENCE)?;
    let host = director.host();
    let (left_addresses, left_routes, left_rules) = (addresses(host)?, routes(host)?, rules(host)?);
    ensure!(left_addresses.is_empty(), "left are {left_addresses:#?}");
    ensure!(left_rules.is_empty(), "left are {left_rules:#?}");
    // keepalived leaves them until it has been master.
    ensure!(
        daemon == Daemon::Keepalived || left_routes.is_empty(),
        "left are {left_routes:#?}"
    );
    mastered(&mut director, 0)?;
    settled(director.host(), "as master again", set)?;
    director.stop()?;
    settled(director.host(), "after the stop", NOTHING)?;
    Ok(String::new())
}

/// What somebody else takes away ends mastership for a moment, unless it has `no_track`.
fn taken(stage: &mut Stage, daemon: Daemon) -> Told {
    host(stage)?;
    let blocks = "virtual_ipaddress {\n172.16.1.202/24\n172.16.1.203/24 no_track\n}\nvirtual_ipaddress_excluded {\nfd16::202/64\n}\n\
        virtual_routes {\n10.50.0.0/16 via 172.16.1.9 dev eth1\n10.51.0.0/16 via 172.16.1.9 dev eth1 no_track\nfd50::/64 via fd16::9 dev eth1 metric 7\n\
        fd51::/64 via fd16::9 dev eth1\n}\n\
        virtual_rules {\nfrom 10.50.0.0/16 table 100 preference 1000\nfrom 10.50.0.0/16 table 100 preference 1001 protocol 18 no_track\n}\n";
    let mut director = stage.prepare(0, daemon, &conf("", blocks))?;
    director.start()?;
    mastered(&mut director, 0)?;
    wait::until("all to be there", PATIENCE, || {
        let host = director.host();
        let there = addresses(host)?.len() + routes(host)?.len() + rules(host)?.len();
        Ok((there == 9).then_some(()))
    })?;
    let full = [
        addresses(director.host())?,
        routes(director.host())?,
        rules(director.host())?,
    ];
    let full: Vec<Vec<&str>> = full
        .iter()
        .map(|list| list.iter().map(String::as_str).collect())
        .collect();
    let [all_addresses, all_routes, all_rules] = &*full else {
        unreachable!("three lists");
    };
    let mut tracked = vec![
        "address del 172.16.1.202/24 dev eth1",
        "address del fd16::202/64 dev eth1",
        "route del 10.50.0.0/16",
        "-6 route del fd50::/64",
        "rule del preference 1000",
    ];
    if daemon == Daemon::Ours {
        tracked.push("-6 route del fd51::/64");
    }
    for act in tracked {
        let mark = director.mark();
        let words: Vec<&str> = act.split(' ').collect();
        director.host().output("ip", &words)?;
        director
            .wait_log_after(mark, "(V) Entering BACKUP STATE", PATIENCE)
            .context(act)?;
        mastered(&mut director, mark).context(act)?;
        settled(director.host(), act, [all_addresses, all_routes, all_rules])?;
    }
    let mark = director.mark();
    for act in [
        "address del 172.16.1.203/24 dev eth1",
        "route del 10.51.0.0/16",
        "rule del preference 1001",
    ] {
        let words: Vec<&str> = act.split(' ').collect();
        director.host().output("ip", &words)?;
    }
    wait::throughout(Duration::from_millis(500), || {
        let log = director.log();
        let left = log.get(mark..).unwrap_or_default().contains("Entering");
        Ok(left.then(|| "what has no_track was missed".to_owned()))
    })?;
    Ok(String::new())
}

fn statics(stage: &mut Stage, daemon: Daemon) -> Told {
    host(stage)?;
    let statics = "static_ipaddress {\n172.16.6.1/24 dev t0\n172.16.5.1/24 dev t0 no_track\n}\n\
        static_routes {\n10.50.0.0/16 via 172.16.7.9 dev t0\n}\nstatic_rules {\niif t0 from 10.50.0.0/16 table 100 preference 1000\n}\n";
    let vip = "virtual_ipaddress {\n172.16.1.202/24\n}\n";
    let mut director = stage.prepare(0, daemon, &conf(statics, vip))?;
    director.start()?;
    mastered(&mut director, 0)?;
    let both = [
        "eth1 inet 172.16.1.202/24 scope global secondary eth1",
        "t0 inet 172.16.5.1/24 scope global t0",
        "t0 inet 172.16.6.1/24 scope global t0",
    ];
    let route =
        ["unicast 10.50.0.0/16 via 172.16.7.9 dev t0 table main proto keepalived scope global"];
    let rule = ["1000: from 10.50.0.0/16 iif t0 lookup 100 proto keepalived"];
    settled(director.host(), "as master", [&both, &route, &rule])?;
    let mut acts = vec![("address del 172.16.6.1/24 dev t0", "static address")];
    if daemon == Daemon::Ours {
        // keepalived looks at these only where there are virtual ones.
        acts.push(("route del 10.50.0.0/16", "static route"));
        acts.push(("rule del preference 1000", "static rule"));
    }
    for (act, what) in acts {
        let mark = director.mark();
        let words: Vec<&str> = act.split(' ').collect();
        director.host().output("ip", &words)?;
        director.wait_log_after(mark, &format!("Restoring deleted {what}"), PATIENCE)?;
        settled(director.host(), act, [&both, &route, &rule])?;
    }
    director
        .host()
        .output("ip", &["address", "del", "172.16.5.1/24", "dev", "t0"])?;
    let left = [both[0], both[2]];
    settled(director.host(), "without one", [&left, &route, &rule])?;
    let changes = director.log().matches("(V) Entering").count();
    ensure!(changes == 2, "statics changed the state of an instance");
    director.stop()?;
    settled(director.host(), "after the stop", NOTHING)?;
    Ok(String::new())
}

/// What is on another interface needs it.
fn interface(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = host(stage)?;
    host.ip_batch("link add u0 type veth peer name u1\nlink set u0 up\nlink set u1 up\n")?;
    let blocks = "virtual_ipaddress {\n172.16.1.202/24\n172.16.8.1/24 dev u0 no_track\n}\n\
        virtual_routes {\n10.50.0.0/16 via 172.16.7.9 dev t0\n}\n";
    let mut director = stage.prepare(0, daemon, &conf("", blocks))?;
    director.start()?;
    mastered(&mut director, 0)?;
    let mark = director.mark();
    director.host().ip_batch("link set u1 down\n")?;
    director.host().ip_batch("link set t1 down\n")?;
    director.wait_log_after(mark, "(V) Entering FAULT STATE", PATIENCE)?;
    settled(director.host(), "in FAULT", NOTHING)?;
    let mark = director.mark();
    director.host().ip_batch("link set t1 up\n")?;
    mastered(&mut director, mark)?;
    if daemon == Daemon::Keepalived {
        // It may be too early for its route.
        return Ok(String::new());
    }
    wait::until("the route", PATIENCE, || {
        Ok((routes(director.host())?.len() == 1).then_some(()))
    })?;
    Ok(String::new())
}

/// One reload moves an address and a route from one master to another: they are there all the time.
fn handed_over(stage: &mut Stage, daemon: Daemon) -> Told {
    let host = host(stage)?;
    let two = |first: &str, second: &str| {
        let block = |vip: &str, more: &str| {
            let (more, route) = more.split_once('|').unwrap_or_default();
            format!("virtual_ipaddress {{\n{vip}\n{more}\n}}\nvirtual_routes {{\n{route}\n}}\n")
        };
        let first = instance("", "V", 78, &block("172.16.1.202/24", first));
        instance(&first, "W", 79, &block("172.16.1.203/24", second))
    };
    let moved = "172.16.1.210/24|10.50.0.0/16 via 172.16.1.9 dev eth1";
    let watch = AddressWatch::start(host)?;
    let mut director = stage.prepare(0, daemon, &two(moved, ""))?;
    director.start()?;
    mastered(&mut director, 0)?;
    director.wait_log("(W) Entering MASTER STATE", PATIENCE)?;
    let all = |host: &Netns| -> Result<bool> {
        Ok((addresses(host)?.len(), routes(host)?.len()) == (3, 1))
    };
    let there = |director: &Director| {
        wait::until("all to be there", PATIENCE, || {
            Ok(all(director.host())?.then_some(()))
        })
    };
    there(&director)?;
    let vip = [172, 16, 1, 210].into();
    for text in [two("", moved), two(moved, "")] {
        let _before = watch.moved(vip);
        let mark = director.mark();
        director.configure(text.as_bytes())?;
        director.signal(Signal::SIGHUP)?;
        director.wait_log_after(mark, "Reloading", PATIENCE)?;
        std::thread::sleep(Duration::from_millis(300));
        there(&director)?;
        let gone = watch.wait(vip, false, Duration::from_millis(10));
        ensure!(gone.is_err(), "the address was gone for a moment");
        let log = director.log();
        let since = log.get(mark..).unwrap_or_default();
        ensure!(!since.contains("Entering"), "the reload changed a state");
    }
    director.stop()?;
    settled(director.host(), "after the stop", NOTHING)?;
    Ok(String::new())
}

/// Tables and protocols by the names that the host's own files give them.
fn names(stage: &mut Stage, daemon: Daemon) -> Told {
    let folder = stage.folder().join("names");
    fs::create_dir(&folder)?;
    fs::write(folder.join("rt_tables"), "#\n1077\tuplink\n")?;
    fs::write(folder.join("rt_protos"), "0x4d mine\n")?;
    let before = format!("global_defs {{\niproute_etc_dir {}\n}}\n", folder.display());
    let blocks = "virtual_ipaddress {\n172.16.1.202/24\n}\nvirtual_routes {\n10.50.0.0/16 dev eth1 table uplink protocol mine no_track\n}\n\
                  virtual_rules {\nfrom 10.50.0.0/16 table uplink preference 1000\n}\n";
    let mut ours = stage.prepare(0, daemon, &conf(&before, blocks))?;
    ours.start()?;
    let host = ours.host();
    let shown = || -> Result<[String; 2]> {
        // A table that does not exist yet is an error if it is asked for.
        let routes = host.output("ip", &["-N", "route", "show", "table", "all"])?;
        let route = routes.lines().find(|line| line.contains("10.50.0.0/16"));
        let rule = host.output("ip", &["-N", "rule", "show", "priority", "1000"])?;
        Ok([words(route.unwrap_or_default()), words(&rule)])
    };
    let wanted = [
        "10.50.0.0/16 dev eth1 table 1077 proto 77",
        "1000: from 10.50.0.0/16 lookup 1077 proto 18",
    ];
    let mut last = [String::new(), String::new()];
    let waited = wait::until("the route and the rule", PATIENCE, || {
        last = shown()?;
        Ok((last == wanted).then_some(()))
    });
    waited.with_context(|| format!("{last:?}"))?;
    ensure!(ours.stop()?.code() == Some(0), "it did not stop cleanly");
    Ok(String::new())
}
