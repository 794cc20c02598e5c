//! `cargo xtask bench [--debug] [--write] [PART..] [-- ARGS]`: the program `bench` where IPVS is, part by part, and its
//! results for the documentation.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::guest::{Job, to_stdout};
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::machine::{self, Need};
use crate::workspace::{Profile, Workspace};

/// keepalived's reload of the largest table takes many minutes; the rest of a part is quicker.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// The parts that measure the daemon on a table in memory.
const PRETENDED: [&str; 3] = ["failover", "asked", "ready"];

/// Where `--write` puts the results.
const DOCUMENT: &str = "docs/performance.md";

/// What stands above the parts.
const TOP: &str = "# How fast\n\n\
    Written by `cargo xtask bench --write [PART..]`; not to be edited by hand. The parts: table, large, checks, growth,\n\
    death, reading, failover, instances, lateness, looks, asked, start, ready.\n\n\
    On the lab kernel only the ratios mean something: it has one processor, and system calls are several times dearer\n\
    there. All programs of a part run in turn in the same boot.\n";

/// One part of the bench and of the document.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    /// As the program `bench` calls it.
    name: &'static str,
    heading: &'static str,
    /// What is measured and how.
    text: &'static str,
    /// Whether it needs IPVS. What does not runs on the machine's own kernel, where time means more.
    ipvs: bool,
}

/// All of them, in the document's order.
const PARTS: [Part; 13] = [
    Part {
        name: "table",
        heading: "A table loaded and given up",
        text: "1 000 virtual servers with 10 real servers each (wlc, direct routing, no checkers) are loaded and given up\n\
            again, by each program in turn, three rounds, medians. `load` is from the start of the process until the kernel's\n\
            table is full; `stop` is from SIGTERM until the process has gone (for ipvsadm and for the bare batches, their\n\
            deletion). `entries left behind` is the most that any round left in the kernel's table. Memory is resident, of the\n\
            process and its children. The row of bare batches is the floor: the same operations through ipvs-netlink, without a\n\
            process to start or a configuration to read.",
        ipvs: true,
    },
    Part {
        name: "large",
        heading: "The largest table seen",
        text: "2 277 virtual servers with 16 real servers each, 36 432 in all, with a TCP_CHECK for each of them (whose first\n\
            attempts lie outside of what is measured). `load` is from the start of the process until the kernel's table is\n\
            full; `reload` from SIGHUP until the changed weight of the last real server stands in the table (nothing else\n\
            changed); `stop` from SIGTERM until the process has gone. Three rounds of rkeepalived, medians; one of keepalived, whose\n\
            reload takes minutes. Memory is the most that any round had resident.",
        ipvs: true,
    },
    Part {
        name: "checks",
        heading: "What a check costs",
        text: "2 000 checks with `delay_loop 2` of servers that are well, in a network namespace of their own and served by\n\
            another process. The processor time of the daemon's processes in 10 s, divided by the connections that the\n\
            servers' kernel accepted in them. Three rounds, medians.",
        ipvs: true,
    },
    Part {
        name: "growth",
        heading: "How that grows",
        text: "The same with more checks, one round: first about as many in a second, with a longer `delay_loop`; then all of\n\
            them with `delay_loop 2`. Where fewer are made in a second than their number divided by `delay_loop`, the one\n\
            processor of the lab kernel, which also serves them, has no more to give: servers that are well are then lost to\n\
            checks that time out.",
        ipvs: true,
    },
    Part {
        name: "death",
        heading: "From a server's death to the kernel's table",
        text: "TCP_CHECK with `delay_loop 2` and `retry 0`. A server's listener closes just after it has accepted a check, so\n\
            that the next one, `delay_loop` later, is refused. What is shown is how much longer than `delay_loop` the server\n\
            stood in the kernel's table, which was looked at every millisecond: ten servers, five deaths each, alone and beside\n\
            1 990 further checks.",
        ipvs: true,
    },
    Part {
        name: "reading",
        heading: "Reading a configuration",
        text: "A whole process of `-t -C` with a file of 2 277 virtual servers and 36 432 real servers that have a TCP_CHECK each\n\
            (3.3 MB): parsed, lowered and judged. On the machine's own kernel, nine rounds, medians; memory is the most that was\n\
            resident.",
        ipvs: false,
    },
    Part {
        name: "failover",
        heading: "From a master's death to its backup",
        text: "VRRPv3 at 10 ms adverts, priorities 100 and 90, both routers of one program. The master is killed with SIGKILL; what\n\
            is shown is the time until the address stands on the backup. The protocol's own share is 26.5 to 36.5 ms. On the\n\
            machine's own kernel, 50 kills. Then once more beside 10 000 TCP_CHECKs with `delay_loop 2` in the backup's process,\n\
            whose IPVS table is pretended (`--features pretended-ipvs`) and whose servers run on the same machine.",
        ipvs: false,
    },
    Part {
        name: "instances",
        heading: "Many instances in one process",
        text: "1 000 instances at 100 ms adverts, then 255 at 10 ms: masters in one process, their backups in another of the same\n\
            program. Transitions while nothing happens are unwanted; the processor time is the masters'. On the machine's own\n\
            kernel, three minutes.",
        ipvs: false,
    },
    Part {
        name: "lateness",
        heading: "How late timers are served",
        text: "By the failover thread's own histogram, whose figures are bounds of its buckets: one master at 10 ms adverts with\n\
            `vrrp_rt_priority 50`, on an idle machine and beside two busy processes for each processor. On the machine's own kernel,\n\
            30 s each.",
        ipvs: false,
    },
    Part {
        name: "looks",
        heading: "A look at the largest table",
        text: "The table of 36 432 real servers, a TCP_CHECK for each: the whole of `rkeepalived status --json`, as a process, and\n\
            of `/metrics`, beside `ipvsadm -ln --stats` as a process. Nine looks each, in turn, medians.",
        ipvs: true,
    },
    Part {
        name: "asked",
        heading: "Whether a look delays VRRP",
        text: "One master at 10 ms adverts with `vrrp_rt_priority 50` in a daemon with the same 36 432 real servers, whose IPVS\n\
            table is pretended (`--features pretended-ipvs`): how late its timers are, by the daemon's histogram, for 30 s while\n\
            nobody asks, for 30 s beside one other process that only computes, and for 30 s while the status and `/metrics` are\n\
            asked for without a pause, in turns of 6 s. The bench itself reads the answers and drops them: no process is\n\
            started for a look. On the machine's own kernel; the figures are bounds of buckets.",
        ipvs: false,
    },
    Part {
        name: "start",
        heading: "From the start to the table",
        text: "With the published configuration (one instance, one virtual server, two real servers), until both servers stand in\n\
            the kernel's table, which is looked at every millisecond. (keepalived says `READY=1` only to a systemd that started\n\
            it; rkeepalived says it once all is in force.) Fifteen starts each.",
        ipvs: true,
    },
    Part {
        name: "ready",
        heading: "From the start until it is ready",
        text: "With the same configuration, until rkeepalived says `READY=1` to systemd's socket. On the machine's own kernel, which\n\
            has no IPVS: the table is pretended (`--features pretended-ipvs`). Fifteen starts.",
        ipvs: false,
    },
];

/// Builds, runs, writes; gives 1 when a target was missed.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args)?;
    machine::prepare(Need::All)?;
    let built = workspace.build(
        options.profile,
        &[
            "--package=rkeepalived-tests",
            "--bin=bench",
            "--package=rkeepalived",
            "--bin=rkeepalived",
        ],
    )?;
    // Another build of the daemon, and not a short one: only where it is measured.
    let pretended = match options
        .parts
        .iter()
        .any(|part| PRETENDED.contains(&part.name))
    {
        true => Some(workspace.build(
            options.profile,
            // With the other package, for the libraries' features to be the same: they are not compiled anew then.
            &[
                "--package=rkeepalived-tests",
                "--bin=bench",
                "--package=rkeepalived",
                "--bin=rkeepalived-pretended",
                "--features=rkeepalived/pretended-ipvs",
            ],
        )?),
        false => None,
    };
    let folder = workspace.target.join("lab");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let result = folder.join(format!("bench-{}.md", std::process::id()));
    let mut worst = 0;
    for part in &options.parts {
        println!("\n{}\n", part.heading);
        let place = match part.ipvs {
            true => Place::choose(),
            false => Place::Here,
        };
        let mut job = Job::new(built.program("bench")?, &workspace.root)
            .args([part.name])
            .args(&options.rest)
            .args(["--markdown", &result.to_string_lossy()])
            .env("RKEEPALIVED_BIN", built.program("rkeepalived")?);
        if let Some(pretended) = &pretended {
            let program = pretended.program("rkeepalived-pretended")?;
            job = job.env("RKEEPALIVED_PRETENDED_BIN", program);
        }
        let status = place.run(workspace, &job, LIMIT, interrupt, &mut to_stdout)?;
        if status > 1 {
            // The bench itself failed, and has said why.
            return Ok(status);
        }
        worst = worst.max(status);
        let figures = taken(&result)?;
        if options.write {
            let circumstances = circumstances(workspace, place, options.profile);
            let document = workspace.root.join(DOCUMENT);
            let before = fs::read_to_string(&document).unwrap_or_default();
            let after = renewed(&before, part, &section(part, &circumstances, &figures));
            fs::write(&document, after)
                .with_context(|| format!("writing {}", document.display()))?;
            eprintln!("cargo xtask bench: wrote {} to {DOCUMENT}", part.name);
        }
    }
    Ok(worst)
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    profile: Profile,
    write: bool,
    parts: Vec<&'static Part>,
    rest: Vec<String>,
}

impl Options {
    /// Without a part all of them; everything behind `--` is for the program.
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options {
            profile: Profile::Release,
            write: false,
            parts: Vec::new(),
            rest: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--debug" => options.profile = Profile::Debug,
                "--write" => options.write = true,
                "--" => options.rest.extend(args.by_ref().cloned()),
                name => match PARTS.iter().find(|part| part.name == name) {
                    Some(part) => options.parts.push(part),
                    None => bail!(
                        "no part `{name}`: {} are there",
                        PARTS.each_ref().map(|part| part.name).join(", ")
                    ),
                },
            }
        }
        if options.parts.is_empty() {
            options.parts = PARTS.iter().collect();
        }
        Ok(options)
    }
}

fn section(part: &Part, circumstances: &str, figures: &str) -> String {
    format!(
        "## {}\n\n{}\n\n{circumstances}\n{}\n",
        part.heading,
        part.text,
        figures.trim_end()
    )
}

/// The document with one part's section put in its place; the other sections stay as they are.
fn renewed(document: &str, part: &Part, section: &str) -> String {
    let there = |other: &Part| {
        let heading = format!("## {}\n", other.heading);
        let from = document.find(&heading)?;
        let text = document.get(from..)?;
        let len = text.get(1..)?.find("\n## ").map_or(text.len(), |at| at + 1);
        text.get(..len).map(|text| format!("{}\n", text.trim_end()))
    };
    let sections = PARTS.iter().filter_map(|other| match other == part {
        true => Some(section.to_owned()),
        false => there(other),
    });
    std::iter::once(TOP.to_owned())
        .chain(sections)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What the program wrote, which is not left behind.
fn taken(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).context("reading the result")?;
    fs::remove_file(path).context("removing the result")?;
    Ok(text)
}

/// The machine, the kernel, the compiler, the source and the day.
fn circumstances(workspace: &Workspace, place: Place, profile: Profile) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = match place {
        Place::Here => format!(
            "Linux {}, the machine's own",
            said("uname", &["-r"], Path::new("/"))
        ),
        Place::Uml => format!(
            "Linux {}, user-mode-linux",
            said("linux.uml", &["--version"], Path::new("/"))
        ),
        Place::Qemu => "Debian's cloud kernel, emulated".to_owned(),
    };
    let profile = match profile {
        Profile::Debug => "debug",
        Profile::Release => "release",
    };
    let root = &workspace.root;
    [
        (
            "Machine",
            format!("{}, {processors} processors", model(&cpu)),
        ),
        ("Kernel", kernel),
        (
            "Compiler",
            format!("{}, {profile} profile", said("rustc", &["--version"], root)),
        ),
        (
            "Commit",
            said("git", &["describe", "--always", "--dirty"], root),
        ),
        ("Date", said("date", &["--utc", "+%Y-%m-%d"], root)),
    ]
    .map(|(name, value)| format!("- {name}: {value}\n"))
    .concat()
}

/// The first processor's name in /proc/cpuinfo.
fn model(cpuinfo: &str) -> &str {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map_or("unknown processor", |(_, model)| model.trim())
}

/// The last line that a program prints.
fn said(program: &str, args: &[&str], folder: &Path) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.unwrap_or_default().lines().last() {
        Some(line) if !line.trim().is_empty() => line.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn parts_are_named_and_what_is_not_ours_goes_to_the_program() {
        let options = Options::parse(&words("--write death -- --rounds 1 --debug")).unwrap();
        assert!(options.write);
        assert_eq!(options.profile, Profile::Release);
        assert_eq!(options.rest, words("--rounds 1 --debug"));
        assert_eq!(options.parts, [&PARTS[4]]);
        assert_eq!(Options::parse(&[]).unwrap().parts.len(), PARTS.len());
        assert!(Options::parse(&words("birth")).is_err());
    }

    #[test]
    fn one_part_is_renewed_and_the_others_stay() {
        let one = |part: &Part, figures| section(part, "- Date: today\n", figures);
        let first = renewed("", &PARTS[4], &one(&PARTS[4], "old\n"));
        let both = renewed(&first, &PARTS[0], &one(&PARTS[0], "table\n"));
        let renewed = renewed(&both, &PARTS[4], &one(&PARTS[4], "new\n"));
        assert!(renewed.starts_with(TOP));
        assert_eq!(renewed, both.replace("\nold\n", "\nnew\n"));
        let at = |text: &str| renewed.find(text).unwrap();
        assert!(at("\ntable\n") < at("new\n"), "{renewed}");
    }

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nprocessor\t: 1\n";
        assert_eq!(model(text), "Some CPU @ 2.00GHz");
        assert_eq!(model(""), "unknown processor");
    }
}
