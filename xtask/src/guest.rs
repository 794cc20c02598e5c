//! A program to run where IPVS is: in the lab kernel, or right here when the running kernel has it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::interrupt::Interrupt;

/// A program, its arguments, its environment and its folder.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    program: PathBuf,
    folder: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Job {
    /// The program, run in that folder. Variables `RKEEPALIVED_*` of our own environment are handed on.
    pub(crate) fn new(program: &Path, folder: &Path) -> Job {
        let env = std::env::vars()
            .filter(|(name, _)| name.starts_with("RKEEPALIVED_") || name == "TZ" || name == "CI")
            .collect();
        Job {
            program: program.to_owned(),
            folder: folder.to_owned(),
            args: Vec::new(),
            env,
        }
    }

    /// With these arguments added.
    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Job {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// With this variable set.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Job {
        self.env.push((
            name.to_owned(),
            value.as_ref().to_string_lossy().into_owned(),
        ));
        self
    }

    /// As a shell command, for the guest's init script.
    pub(crate) fn shell(&self) -> String {
        let mut words = vec![
            "cd".to_owned(),
            quote(&self.folder.to_string_lossy()),
            "&&".to_owned(),
        ];
        words.extend(
            [
                "exec",
                "env",
                "-i",
                "\"PATH=$PATH\"",
                "HOME=/root",
                "TMPDIR=/run/tmp",
            ]
            .map(str::to_owned),
        );
        words.extend(
            self.env
                .iter()
                .map(|(name, value)| quote(&format!("{name}={value}"))),
        );
        words.push(quote(&self.program.to_string_lossy()));
        words.extend(self.args.iter().map(|arg| quote(arg)));
        words.join(" ")
    }

    /// Runs it on this kernel, hands its output (both streams) on as it comes, and returns its exit status.
    pub(crate) fn run_here(
        &self,
        limit: Duration,
        interrupt: &Interrupt,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<u8> {
        let (mut reader, writer) = std::io::pipe().context("making a pipe")?;
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("cloning a pipe")?)
            .stderr(writer)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let (chunks, incoming) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 8192];
            while let Ok(count) = reader.read(&mut buffer) {
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                    break;
                };
                if chunks.send(bytes.to_vec()).is_err() {
                    break;
                }
            }
        });
        let started = Instant::now();
        let status = loop {
            match incoming.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => sink(&bytes),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    break child.wait().context("waiting for the program");
                }
            }
            // A grandchild may hold the pipe open after the program's end.
            if let Some(status) = child.try_wait().context("waiting for the program")? {
                while let Ok(bytes) = incoming.recv_timeout(Duration::from_millis(100)) {
                    sink(&bytes);
                }
                break Ok(status);
            }
            if interrupt.seen() || started.elapsed() > limit {
                if let Ok(group) = i32::try_from(child.id()) {
                    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
                }
                let _ = child.wait();
                interrupt.check()?;
                bail!(
                    "{} was still running after {} s and was killed",
                    self.program.display(),
                    limit.as_secs()
                );
            }
        }?;
        match (status.code(), status.signal()) {
            (Some(code), _) => u8::try_from(code).context("an exit status"),
            (None, Some(signal)) => u8::try_from(128 + signal).context("a signal"),
            (None, None) => bail!("{} ended with {status}", self.program.display()),
        }
    }
}

/// One word of a shell command, whatever is in it.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes bytes to our stdout at once; a reader that went away is not our business.
pub(crate) fn to_stdout(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_stays_one_word() {
        for word in [
            "plain",
            "two words",
            "it's",
            "$HOME `x` \"q\" \\",
            "",
            "a\nb",
        ] {
            let output = Command::new("/bin/sh")
                .args(["-c", &format!("printf '%s|' {}", quote(word))])
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("{word}|")
            );
        }
    }
}
