//! `cargo xtask bench [--debug] [--write] [-- ARGS]`: the program `bench` where IPVS is, and its result for the documentation.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::Job;
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::machine::{self, Need};
use crate::uml;
use crate::workspace::{Profile, Workspace};

/// Three rounds take a minute or two.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where `--write` puts the result.
const DOCUMENT: &str = "docs/performance.md";

/// Builds, runs, writes; gives 1 when a target was missed.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args);
    machine::prepare(Need::All)?;
    let place = Place::choose();
    let built = workspace.build(
        options.profile,
        &[
            "--package=rkeepalived-tests",
            "--bin=bench",
            "--package=rkeepalived",
            "--bin=rkeepalived",
        ],
    )?;
    let folder = workspace.target.join("lab");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let result = folder.join(format!("bench-{}.md", std::process::id()));
    let job = Job::new(built.program("bench")?, &workspace.root)
        .args(&options.rest)
        .args(["--markdown", &result.to_string_lossy()])
        .env("RKEEPALIVED_BIN", built.program("rkeepalived")?);
    let status = place.run(workspace, &job, LIMIT, interrupt, &mut uml::to_stdout)?;
    if status > 1 {
        // The bench itself failed, and has said why.
        return Ok(status);
    }
    let table = taken(&result)?;
    // Reading a file needs no IPVS, and time means more on the machine's own kernel.
    let job = Job::new(built.program("bench")?, &workspace.root)
        .args([
            "--reading",
            "--rounds=9",
            "--markdown",
            &result.to_string_lossy(),
        ])
        .env("RKEEPALIVED_BIN", built.program("rkeepalived")?);
    let read = Place::Here.run(workspace, &job, LIMIT, interrupt, &mut uml::to_stdout)?;
    if read > 1 {
        return Ok(read);
    }
    let reading = taken(&result)?;
    let status = status.max(read);
    if options.write {
        let document = workspace.root.join(DOCUMENT);
        let text = page(
            &table,
            &reading,
            &circumstances(workspace, place, options.profile),
        );
        fs::write(&document, text).with_context(|| format!("writing {}", document.display()))?;
        eprintln!("cargo xtask bench: wrote {DOCUMENT}");
    }
    Ok(status)
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    profile: Profile,
    write: bool,
    rest: Vec<String>,
}

impl Options {
    /// Ours come first; everything from the first unknown word on is for the program.
    fn parse(args: &[String]) -> Options {
        let mut options = Options {
            profile: Profile::Release,
            write: false,
            rest: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--debug" => options.profile = Profile::Debug,
                "--write" => options.write = true,
                "--" => options.rest.extend(args.by_ref().cloned()),
                _ => {
                    options.rest.push(arg.clone());
                    options.rest.extend(args.by_ref().cloned());
                }
            }
        }
        options
    }
}

fn page(table: &str, reading: &str, circumstances: &str) -> String {
    format!(
        "# How fast\n\n\
         Written by `cargo xtask bench --write`; not to be edited by hand.\n\n\
         1 000 virtual servers with 10 real servers each (wlc, direct routing, no checkers) are loaded and given up\n\
         again, by each program in turn, three rounds, medians. `load` is from the start of the process until the kernel's\n\
         table is full; `stop` is from SIGTERM until the process has gone (for ipvsadm and for the bare batches, their\n\
         deletion). `entries left behind` is the most that any round left in the kernel's table. Memory is resident, of the\n\
         process and its children. The row of bare batches is the floor: the same operations through ipvs-netlink, without a\n\
         process to start or a configuration to read.\n\n\
         On the lab kernel only the ratios mean something: system calls are several times dearer there.\n\n\
         {circumstances}\n{table}\n\
         ## Reading a configuration\n\n\
         A whole process of `-t -C` with a file of 2 277 virtual servers and 36 432 real servers that have a TCP_CHECK each\n\
         (3.3 MB): parsed, lowered and judged. On the machine's own kernel, nine rounds, medians; memory is the most that was\n\
         resident.\n\n{reading}"
    )
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
        Place::LabKernel => format!(
            "Linux {}, user-mode-linux",
            said("linux.uml", &["--version"], Path::new("/"))
        ),
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
    fn what_is_not_ours_goes_to_the_program() {
        let options = Options::parse(&words("--write -- --rounds 1 --debug"));
        assert!(options.write);
        assert_eq!(options.profile, Profile::Release);
        assert_eq!(options.rest, words("--rounds 1 --debug"));
        assert_eq!(
            Options::parse(&words("--debug --rounds 2")).rest,
            words("--rounds 2")
        );
    }

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nprocessor\t: 1\n";
        assert_eq!(model(text), "Some CPU @ 2.00GHz");
        assert_eq!(model(""), "unknown processor");
    }
}
