//! `cargo xtask fuzz TARGET [--minutes N | --seconds N] [-- ARGS]`: libFuzzer on one target of `fuzz/`.
//!
//! It is built with the compiler that builds everything else: what libFuzzer needs from it are flags of code generation that
//! are stable. ARGS go to libFuzzer; a file among them is run alone, to see a finding again.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::interrupt::Interrupt;
use crate::workspace::{Workspace, cargo};

/// Targets that need what a check is made of.
const CHECKERS: [&str; 3] = ["http", "smtp", "dns"];

/// Counters at every edge, and what values are compared with.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What configurations are made of besides keywords.
const SYNTAX: [&str; 42] = [
    "{",
    "}",
    "\\\\\\x0a",
    "\\\"",
    "'",
    "#",
    "!",
    "\\\\#",
    "$A=",
    "$A",
    "${A}",
    "${_PWD}",
    "${_INSTANCE}",
    "${_RANDOM 1 9}",
    "${_ENV A}",
    "${_HASH}",
    "${_BANG}",
    "~SEQ(A, 1, 2, 9) ",
    "~SEQx(A, 9) ",
    "~LST(A, b, c) ",
    "~LST({A,B}, {c,d}) ",
    "@node1 ",
    "@^node1 ",
    "include case.conf",
    "includea {a,b}*",
    "#=== a\\x0a",
    "10.0.0.1",
    "10.0.0.1-9",
    "fe80::1/64",
    "224.0.0.18",
    "eth0",
    "0.5",
    "255",
    "-1",
    "4294967296",
    "true",
    "TCP",
    "DR",
    "MASTER",
    "PASS",
    "/bin/true",
    "\\xef\\xbb\\xbf",
];

/// Builds and runs; 0 when nothing was found, 1 otherwise.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt, args: &[String]) -> Result<u8> {
    let options = Options::parse(args)?;
    if !has_cpp_compiler() {
        println!("not run: libFuzzer is C++, and there is no c++ to compile it");
        return Ok(0);
    }
    let folder = workspace.target.join("fuzz");
    // A target that reads no configuration has inputs of its own.
    let own = workspace.root.join("fuzz/seeds").join(&options.target);
    let own = own.is_dir().then_some(own);
    let with_checkers = CHECKERS.contains(&options.target.as_str());
    let program = build(workspace, &folder, &options.target, with_checkers)?;
    interrupt.check()?;
    let place = |name: &str| -> Result<PathBuf> {
        let path = folder.join(&options.target).join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    };
    let (corpus, findings) = (place("corpus")?, place("findings")?);
    let seeds = folder.join(&options.target).join("seeds");
    let _none_yet = fs::remove_dir_all(&seeds);
    let seeds = place("seeds")?;
    let count = match &own {
        Some(own) => copy(own, &seeds)?,
        None => plant(workspace, &seeds)?,
    };
    let mut dictionary = None;
    if own.is_none() {
        let path = folder.join(&options.target).join("words.dict");
        fs::write(&path, words(workspace)?).context("writing the dictionary")?;
        dictionary = Some(format!("-dict={}", path.display()));
    }
    let log = folder.join(&options.target).join("log");
    let mut command = Command::new(&program);
    command
        .args([
            format!("-max_total_time={}", options.time.as_secs()),
            format!("-artifact_prefix={}/", findings.display()),
            "-max_len=16384".to_owned(),
            // A hang ends it as a panic does. (By the clock on the wall, on a machine that may have much else to do.)
            "-timeout=300".to_owned(),
            "-rss_limit_mb=2048".to_owned(),
            "-print_final_stats=1".to_owned(),
        ])
        .args(dictionary)
        .stdin(Stdio::null());
    let alone = options.rest.iter().any(|arg| !arg.starts_with('-'));
    if !alone {
        command.arg(&corpus).arg(&seeds);
        let file = File::create(&log).context("making the log file")?;
        command.stdout(file.try_clone()?).stderr(file);
        println!(
            "{} for {} s, {count} seeds; its output is in {}",
            options.target,
            options.time.as_secs(),
            relative(workspace, &log)
        );
    }
    let status = command
        .args(&options.rest)
        .status()
        .context("starting the fuzz target")?;
    interrupt.check()?;
    if alone {
        return Ok(u8::from(!status.success()));
    }
    let said = fs::read(&log).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    if status.success() {
        let stat = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or("?").trim().to_owned()
        };
        println!(
            "nothing found: {} inputs, {} of them new",
            stat("stat::number_of_executed_units:"),
            stat("stat::new_units_added:")
        );
        return Ok(0);
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('#')).collect();
    let tail = lines
        .get(lines.len().saturating_sub(60)..)
        .unwrap_or_default();
    println!(
        "{}\nFOUND, see {}",
        tail.join("\n"),
        relative(workspace, &findings)
    );
    Ok(1)
}

fn relative(workspace: &Workspace, path: &Path) -> String {
    let path = path.strip_prefix(&workspace.root).unwrap_or(path);
    path.display().to_string()
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    target: String,
    time: Duration,
    rest: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let Some((target, args)) = args.split_first() else {
            bail!("which target? `cargo xtask fuzz conf`");
        };
        let mut options = Options {
            target: target.clone(),
            time: Duration::from_secs(60),
            rest: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number = |unit: u64| -> Result<Duration> {
                let value = args
                    .next()
                    .with_context(|| format!("{arg} needs a number"))?;
                let value: u64 = value.parse().with_context(|| format!("{arg} {value}"))?;
                Ok(Duration::from_secs(value.saturating_mul(unit)))
            };
            match arg.as_str() {
                "--minutes" => options.time = number(60)?,
                "--seconds" => options.time = number(1)?,
                "--" => options.rest.extend(args.by_ref().cloned()),
                _ => options.rest.push(arg.clone()),
            }
        }
        Ok(options)
    }
}

fn has_cpp_compiler() -> bool {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let found = Command::new(compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

fn build(
    workspace: &Workspace,
    folder: &Path,
    target: &str,
    with_checkers: bool,
) -> Result<PathBuf> {
    // Named, so that build scripts are not instrumented.
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let status = cargo()
        .args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--bin",
            target,
            "--target",
            &triple,
        ])
        .arg("--manifest-path")
        .arg(workspace.root.join("fuzz/Cargo.toml"))
        .arg("--target-dir")
        .arg(folder)
        // Not for the others: there is much to build below it.
        .args(with_checkers.then_some("--features=checkers"))
        .env("RUSTFLAGS", FLAGS.join(" "))
        .current_dir(&workspace.root)
        .status()
        .context("starting cargo build")?;
    if !status.success() {
        bail!("cargo build of the fuzz target ended with {status}");
    }
    Ok(folder.join(triple).join("release").join(target))
}

/// The inputs that a target has of its own: one that reads no configuration.
fn copy(own: &Path, seeds: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(own).with_context(|| format!("reading {}", own.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), seeds.join(entry.file_name())).context("copying a seed")?;
        count += 1;
    }
    Ok(count)
}

/// The configurations that the tests of the parser have, a file each.
fn plant(workspace: &Workspace, seeds: &Path) -> Result<usize> {
    let mut folders = vec![workspace.root.join("crates/keepalived-conf/tests/fixtures")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "conf") {
                for case in cases(&fs::read(&path)?) {
                    fs::write(seeds.join(count.to_string()), case)?;
                    count += 1;
                }
            }
        }
    }
    Ok(count)
}

/// A file of fixtures, cut at its lines `#--- NAME`.
fn cases(text: &[u8]) -> Vec<Vec<u8>> {
    let mut cases = vec![Vec::new()];
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match cases.last_mut() {
            Some(case) if !line.starts_with(b"#--- ") => case.extend_from_slice(line),
            _ => cases.push(Vec::new()),
        }
    }
    cases.retain(|case| !case.is_empty());
    cases
}

/// libFuzzer's dictionary: the keywords and the syntax.
fn words(workspace: &Workspace) -> Result<String> {
    let table = fs::read_to_string(
        workspace
            .root
            .join("crates/keepalived-conf/src/keywords.tsv"),
    )?;
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut names: Vec<&str> = rows.filter_map(|row| row.split('\t').nth(1)).collect();
    names.retain(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    });
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for word in names.into_iter().chain(SYNTAX) {
        let _infallible = writeln!(text, "\"{word}\"");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_goes_to_libfuzzer() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let options = Options::parse(&words("conf --minutes 20 -- -runs=1 file")).unwrap();
        assert_eq!(options.target, "conf");
        assert_eq!(options.time, Duration::from_secs(1200));
        assert_eq!(options.rest, words("-runs=1 file"));
        assert!(Options::parse(&words("conf --minutes x")).is_err());
        assert!(Options::parse(&[]).is_err());
    }

    #[test]
    fn fixtures_are_cut_into_cases() {
        assert_eq!(
            cases(b"#--- a\nx\ny\n#--- b\nz"),
            [b"x\ny\n".to_vec(), b"z".to_vec()]
        );
        assert_eq!(cases(b"plain\n"), [b"plain\n".to_vec()]);
    }
}
