//! The Cargo workspace: where it is, where it builds to, and what a build made.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace and what `cargo metadata` says of it.
pub(crate) struct Workspace {
    /// The folder with the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The whole answer of `cargo metadata --no-deps`.
    pub(crate) metadata: Value,
}

/// Which of Cargo's profiles to build with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What `cargo test` uses: so that a lab run after it builds nothing twice.
    Debug,
    /// For the bench, and for whoever asks.
    Release,
}

/// One executable that a build made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    /// The target's name: `rkeepalived`, `lab`, `live`.
    pub(crate) name: String,
    /// Whether it is a test executable rather than the program itself.
    pub(crate) test: bool,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// The executables that a build made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Built(Vec<Executable>);

impl Workspace {
    /// Asks Cargo about the workspace this xtask belongs to.
    pub(crate) fn find() -> Result<Workspace> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(manifest)
            .stderr(Stdio::inherit())
            .output()
            .context("starting cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata ended with {}", output.status);
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .context("reading the answer of cargo metadata")?;
        let path = |key: &str| -> Result<PathBuf> {
            metadata
                .get(key)
                .and_then(Value::as_str)
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata without {key}"))
        };
        Ok(Workspace {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            metadata,
        })
    }

    /// Whether a package has a target of that kind and name (`test`, `live`).
    pub(crate) fn has_target(&self, kind: &str, name: &str) -> bool {
        let packages = self.metadata.get("packages").and_then(Value::as_array);
        packages
            .into_iter()
            .flatten()
            .filter_map(|package| package.get("targets").and_then(Value::as_array))
            .flatten()
            .any(|target| {
                let kinds = target.get("kind").and_then(Value::as_array);
                target.get("name").and_then(Value::as_str) == Some(name)
                    && kinds.is_some_and(|kinds| kinds.iter().any(|k| k.as_str() == Some(kind)))
            })
    }

    /// Runs `cargo build ARGS` and says which executables came out. Cargo's own messages go to stderr.
    pub(crate) fn build(&self, profile: Profile, args: &[&str]) -> Result<Built> {
        let mut command = cargo();
        command.arg("build").args(args);
        if profile == Profile::Release {
            command.arg("--release");
        }
        let output = command
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&self.root)
            .stderr(Stdio::inherit())
            .output()
            .context("starting cargo build")?;
        if !output.status.success() {
            bail!(
                "cargo build {} ended with {}",
                args.join(" "),
                output.status
            );
        }
        Ok(Built::parse(&String::from_utf8_lossy(&output.stdout)))
    }
}

impl Built {
    /// From cargo's JSON messages, one a line; lines that are no artifact with an executable are passed over.
    pub(crate) fn parse(messages: &str) -> Built {
        let executable = |line: &str| -> Option<Executable> {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(Executable {
                name: message.get("target")?.get("name")?.as_str()?.to_owned(),
                test: message.get("profile")?.get("test")?.as_bool()?,
                path: PathBuf::from(message.get("executable")?.as_str()?),
            })
        };
        Built(messages.lines().filter_map(executable).collect())
    }

    /// The program of that name.
    pub(crate) fn program(&self, name: &str) -> Result<&Path> {
        self.find(name, false)
            .with_context(|| format!("the workspace has no program `{name}`"))
    }

    /// The test executable of that name.
    pub(crate) fn test(&self, name: &str) -> Option<&Path> {
        self.find(name, true)
    }

    fn find(&self, name: &str, test: bool) -> Option<&Path> {
        self.0
            .iter()
            .find(|executable| executable.name == name && executable.test == test)
            .map(|executable| executable.path.as_path())
    }
}

/// The cargo that runs us, or the one in PATH.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines as cargo 1.95 prints them, shortened to the fields that are read plus some that are not.
    const MESSAGES: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///p/xtask#0.1.0","target":{"kind":["bin"],"crate_types":["bin"],"name":"lab","edition":"2024"},"profile":{"opt_level":"0","test":false},"features":[],"filenames":["/p/target/debug/lab"],"executable":"/p/target/debug/lab","fresh":true}
{"reason":"compiler-artifact","package_id":"path+file:///p/crates/ipvs-netlink#0.1.0","target":{"kind":["lib"],"name":"ipvs_netlink"},"profile":{"test":false},"executable":null,"fresh":true}
{"reason":"compiler-artifact","package_id":"path+file:///p/crates/ipvs-netlink#0.1.0","target":{"kind":["test"],"name":"live"},"profile":{"test":true},"executable":"/p/target/debug/deps/live-0123456789abcdef","fresh":false}
not json
{"reason":"build-finished","success":true}"#;

    #[test]
    fn executables_are_found_by_name_and_kind() {
        let built = Built::parse(MESSAGES);
        assert_eq!(
            built.program("lab").unwrap(),
            Path::new("/p/target/debug/lab")
        );
        assert_eq!(
            built.test("live"),
            Some(Path::new("/p/target/debug/deps/live-0123456789abcdef"))
        );
        assert!(built.program("live").is_err());
        assert_eq!(built.test("lab"), None);
    }
}
