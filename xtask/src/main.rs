//! `cargo xtask COMMAND`: what this repository does with itself.
//!
//! It needs no system library and knows no crate of the workspace, so that it builds first and everywhere;
//! programs that do belong to it (`lab`, `bench`) are built and run as processes.
//! Enter at the command's own file: `suite` for `test`, `lab`, `bench`. Its tests are beside the code.

mod bench;
mod boot;
mod browser;
mod deb;
mod edges;
mod fuzz;
mod guest;
mod interrupt;
mod keywords;
mod lab;
mod libtest;
mod machine;
mod manuals;
mod package_test;
mod qemu;
mod stories;
mod suite;
mod tally;
mod tree;
mod uml;
mod unpacked;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;

use interrupt::Interrupt;
use machine::Need;
use workspace::Workspace;

const HELP: &str = "\
cargo xtask COMMAND

  demo [--release]
            set the machine up, build, and tell the main job as a timeline
  test      every test; the last line is `N passed, N failed, N skipped`
  bench [--debug] [--write] [-- ARGS]
            build with --release, and load and give up a large table beside keepalived
            and ipvsadm; --write puts the result into docs/performance.md
  lab [--qemu] [--release] [--timeout SECONDS] -- ARGS
            build, and run `lab ARGS` (list, run, demo) in a kernel that has IPVS:
            the running one, or else Debian's user-mode-linux; with --qemu, Debian's
            cloud kernel under QEMU, slow, but with nftables and process events
  guest [--qemu] [--timeout SECONDS] -- PROGRAM ARGS
            run any program in the lab kernel
  fuzz TARGET [--minutes N | --seconds N] [-- ARGS]
            look for bytes that break a target of fuzz/ (conf, print, http, smtp, dns, vrrp, router), with libFuzzer; a minute
            unless told
  browser   look at the status page with headless Chromium, beside a daemon in the lab kernel; the
            screenshots are in target/browser
  deb [--debug]
            build the Debian package, with --release unless told otherwise; prints its path
  package-test [--debug | FILE]
            as root: build the package unless one is given, boot a Debian 12 with systemd (debootstrap, once), and
            have keepalived replaced by it there; how long addresses were gone is printed
  keywords  write docs/keywords.md and docs/man/rkeepalived.conf.5 anew, from the table of
            keywords
  manuals   write docs/man/rkeepalived.8 and the shells' completions anew, from the command line's
            definition
  setup     as root, install what is missing; otherwise, say what to install
  help      this list
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, args) = match args.split_first() {
        Some((command, args)) => (command.as_str(), args),
        None => ("help", args.as_slice()),
    };
    match run(command, args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("cargo xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, args: &[String]) -> Result<u8> {
    if matches!(command, "help" | "-h" | "--help") {
        print!("{HELP}");
        return Ok(0);
    }
    let interrupt = Interrupt::watch()?;
    if command == "setup" {
        machine::prepare(Need::All)?;
        lab::fetch(&Workspace::find()?);
        return Ok(0);
    }
    let workspace = Workspace::find()?;
    match command {
        "demo" => lab::demo(&workspace, &interrupt, args),
        "test" => suite::run(&workspace, &interrupt),
        "bench" => bench::run(&workspace, &interrupt, args),
        "lab" => lab::run(&workspace, &interrupt, args),
        "guest" => lab::guest(&workspace, &interrupt, args),
        "fuzz" => fuzz::run(&workspace, &interrupt, args),
        "package-test" => package_test::run(&workspace, &interrupt, args),
        "browser" => browser::run(&workspace, &interrupt),
        "deb" => deb::run(&workspace, args),
        "keywords" => keywords::write(&workspace),
        "manuals" => manuals::write(&workspace),
        _ => {
            eprint!("cargo xtask: no command `{command}`\n\n{HELP}");
            Ok(2)
        }
    }
}
