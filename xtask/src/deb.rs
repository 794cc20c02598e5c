//! `deb`: the Debian package, made with dpkg's own tools. What goes where is [`FILES`] and [`LINKS`]; what dpkg is told is in
//! packaging/debian.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{Profile, Workspace, cargo};

const MAINTAINER: &str = "rkeepalived maintainers <rkeepalived@users.noreply.github.com>";

/// What a file is before it is a file of the package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    /// As it is.
    Plain,
    /// Compressed, `.gz` added to its name: manuals, and long documents (Debian policy 12.1, 12.3).
    Compressed,
}

/// Files of the repository, and where they go.
const FILES: [(&str, &str, As); 16] = [
    (
        "docs/man/rkeepalived.8",
        "usr/share/man/man8/rkeepalived.8",
        As::Compressed,
    ),
    (
        "docs/man/rkeepalived.conf.5",
        "usr/share/man/man5/rkeepalived.conf.5",
        As::Compressed,
    ),
    (
        "docs/man/genhash.1",
        "usr/share/man/man1/genhash.1",
        As::Compressed,
    ),
    (
        "packaging/completions/rkeepalived.bash",
        "usr/share/bash-completion/completions/rkeepalived",
        As::Plain,
    ),
    (
        "packaging/completions/_rkeepalived",
        "usr/share/zsh/vendor-completions/_rkeepalived",
        As::Plain,
    ),
    (
        "packaging/completions/rkeepalived.fish",
        "usr/share/fish/vendor_completions.d/rkeepalived.fish",
        As::Plain,
    ),
    (
        "packaging/rkeepalived.service",
        "lib/systemd/system/rkeepalived.service",
        As::Plain,
    ),
    (
        "packaging/examples/hardened.conf",
        "usr/share/doc/rkeepalived/examples/hardened.conf",
        As::Plain,
    ),
    (
        "docs/migrating.md",
        "usr/share/doc/rkeepalived/migrating.md",
        As::Plain,
    ),
    (
        "docs/deviations.md",
        "usr/share/doc/rkeepalived/deviations.md",
        As::Plain,
    ),
    (
        "docs/control.md",
        "usr/share/doc/rkeepalived/control.md",
        As::Plain,
    ),
    (
        "docs/http.md",
        "usr/share/doc/rkeepalived/http.md",
        As::Plain,
    ),
    (
        "docs/keywords.md",
        "usr/share/doc/rkeepalived/keywords.md",
        As::Plain,
    ),
    (
        "docs/threat-model.md",
        "usr/share/doc/rkeepalived/threat-model.md",
        As::Plain,
    ),
    (
        "CHANGELOG.md",
        "usr/share/doc/rkeepalived/changelog",
        As::Compressed,
    ),
    (
        "README.md",
        "usr/share/doc/rkeepalived/README.md",
        As::Plain,
    ),
];

/// Links, and what they lead to.
const LINKS: [(&str, &str); 5] = [
    ("usr/sbin/keepalived", "rkeepalived"),
    // It is told by the name that it is called by.
    ("usr/bin/genhash", "../sbin/rkeepalived"),
    ("usr/share/man/man8/keepalived.8.gz", "rkeepalived.8.gz"),
    (
        "usr/share/man/man5/keepalived.conf.5.gz",
        "rkeepalived.conf.5.gz",
    ),
    (
        "lib/systemd/system/keepalived.service",
        "rkeepalived.service",
    ),
];

/// `deb [--debug]`: builds the package, and says where it is.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<u8> {
    let profile = match args {
        [] => Profile::Release,
        [one] if one == "--debug" => Profile::Debug,
        _ => bail!("deb [--debug]"),
    };
    println!("{}", build(workspace, profile)?.display());
    Ok(0)
}

/// Builds the package and answers its path.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let built = workspace.build(
        profile,
        &["--package", "rkeepalived", "--bin", "rkeepalived"],
    )?;
    let program = built.program("rkeepalived")?;
    let folder = workspace.target.join("debian");
    let tree = folder.join("tree");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing {}", folder.display()));
        }
        _ => {}
    }
    let package = Package {
        workspace,
        tree: &tree,
        version: env!("CARGO_PKG_VERSION"),
    };
    package.fill(program)?;
    package.describe(&folder)?;
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let name = format!(
        "rkeepalived_{}_{}.deb",
        package.version,
        architecture.trim()
    );
    let path = folder.join(name);
    output(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .arg(&tree)
            .arg(&path),
    )?;
    Ok(path)
}

struct Package<'a> {
    workspace: &'a Workspace,
    tree: &'a Path,
    version: &'static str,
}

impl Package<'_> {
    /// All that is installed.
    fn fill(&self, program: &Path) -> Result<()> {
        let installed = self.place("usr/sbin/rkeepalived")?;
        output(
            Command::new("strip")
                .args([
                    "--strip-unneeded",
                    "--remove-section=.comment",
                    "--remove-section=.note",
                    "-o",
                ])
                .arg(&installed)
                .arg(program),
        )?;
        fs::set_permissions(&installed, fs::Permissions::from_mode(0o755))?;
        for (from, to, how) in FILES {
            let bytes =
                fs::read(self.workspace.root.join(from)).with_context(|| from.to_owned())?;
            self.write(to, &bytes, how)?;
        }
        for (link, target) in LINKS {
            let path = self.place(link)?;
            symlink(target, &path).with_context(|| format!("linking {link}"))?;
        }
        let crates = crates(&self.workspace.root)?;
        self.write(
            "usr/share/doc/rkeepalived/crates.txt",
            crates.as_bytes(),
            As::Plain,
        )?;
        let date = output(
            Command::new("git")
                .args(["log", "-1", "--format=%cD"])
                .current_dir(&self.workspace.root),
        )?;
        let entry = format!(
            "rkeepalived ({}) unstable; urgency=medium\n\n  * See changelog.gz beside this file.\n\n -- {MAINTAINER}  {}\n",
            self.version,
            date.trim()
        );
        self.write(
            "usr/share/doc/rkeepalived/changelog.Debian",
            entry.as_bytes(),
            As::Compressed,
        )?;
        let licence = fs::read_to_string(self.workspace.root.join("LICENSE-MIT"))?;
        let copyright = self
            .template("copyright")?
            .replace("@MIT@\n", &indented(&licence));
        self.write(
            "usr/share/doc/rkeepalived/copyright",
            copyright.as_bytes(),
            As::Plain,
        )
    }

    /// What dpkg is told of it.
    fn describe(&self, folder: &Path) -> Result<()> {
        let files = files(self.tree)?;
        let mut size = 0;
        for file in &files {
            size += fs::metadata(self.tree.join(file))?.len().div_ceil(1024);
        }
        let sums = output(Command::new("md5sum").args(&files).current_dir(self.tree))?;
        let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
        let control = self
            .template("control")?
            .replace("@VERSION@", self.version)
            .replace("@ARCHITECTURE@", architecture.trim())
            .replace("@MAINTAINER@", MAINTAINER)
            .replace("@SIZE@", &size.to_string())
            .replace("@DEPENDS@", &self.libraries(folder)?);
        self.write("DEBIAN/control", control.as_bytes(), As::Plain)?;
        self.write("DEBIAN/md5sums", sums.as_bytes(), As::Plain)?;
        for script in ["preinst", "postinst", "prerm", "postrm"] {
            let text = self.template(script)?;
            self.write(&format!("DEBIAN/{script}"), text.as_bytes(), As::Plain)?;
            let path = self.tree.join("DEBIAN").join(script);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// The packages whose libraries it is linked with, as `Depends:` names them.
    fn libraries(&self, folder: &Path) -> Result<String> {
        // dpkg-shlibdeps looks for a source package around it.
        let control = folder.join("debian/control");
        fs::create_dir_all(folder.join("debian"))?;
        fs::write(
            &control,
            "Source: rkeepalived\n\nPackage: rkeepalived\nArchitecture: any\n",
        )?;
        let answer = output(
            Command::new("dpkg-shlibdeps")
                .arg("-O")
                .arg(self.tree.join("usr/sbin/rkeepalived"))
                .current_dir(folder),
        )?;
        let depends = answer.trim().strip_prefix("shlibs:Depends=");
        Ok(depends.context("dpkg-shlibdeps said nothing")?.to_owned())
    }

    fn template(&self, name: &str) -> Result<String> {
        let path = self.workspace.root.join("packaging/debian").join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    fn place(&self, path: &str) -> Result<PathBuf> {
        let path = self.tree.join(path);
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        Ok(path)
    }

    fn write(&self, path: &str, bytes: &[u8], how: As) -> Result<()> {
        let path = self.place(path)?;
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        if how == As::Compressed {
            output(Command::new("gzip").args(["-9n", "--force"]).arg(&path))?;
        }
        Ok(())
    }
}

/// The files of a tree, without the links, in order.
fn files(tree: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let path = path.strip_prefix(tree).context("a file elsewhere")?;
                found.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

/// Each crate that is linked into the program, with its licence.
fn crates(root: &Path) -> Result<String> {
    let answer = output(
        cargo()
            .args([
                "tree",
                "--package",
                "rkeepalived",
                "--edges",
                "normal,no-proc-macro",
            ])
            .args(["--prefix", "none", "--no-dedupe", "--format", "{p}: {l}"])
            .current_dir(root),
    )?;
    // Those of the workspace name their folder.
    let lines: BTreeSet<&str> = answer
        .lines()
        .filter(|line| !line.contains(" (/"))
        .collect();
    let mut text =
        String::from("Crates that are linked into rkeepalived, with their licences.\n\n");
    for line in lines {
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

/// As a paragraph of debian/copyright.
fn indented(text: &str) -> String {
    let line = |line: &str| match line {
        "" => " .\n".to_owned(),
        line => format!(" {line}\n"),
    };
    text.lines().map(line).collect()
}

/// What a program wrote to its standard output.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {name}"))?;
    ensure!(
        output.status.success(),
        "{name} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_of_a_licence_are_kept_apart() {
        assert_eq!(indented("one\n\ntwo\n"), " one\n .\n two\n");
    }

    #[test]
    fn every_file_of_the_package_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (from, _, _) in FILES {
            assert!(root.join(from).is_file(), "{from}");
        }
    }
}
