//! Whether a script that runs as root could be changed by somebody else.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The sticky bit of a folder: only owners may rename or remove what is in it.
const STICKY: u32 = 0o1000;

/// What is unsafe about a script's path, or nothing. Each component of the path as given and as resolved must belong to
/// root and be writable for nobody else; folders with the sticky bit pass (keepalived behaviour). A bare name is looked
/// for in `PATH`.
#[must_use]
pub fn fault(program: &str) -> Option<String> {
    let Some(path) = find(program) else {
        return Some(format!("there is no program {program}"));
    };
    let resolved = match fs::canonicalize(&path) {
        Ok(resolved) => resolved,
        Err(error) => return Some(format!("{} cannot be resolved: {error}", path.display())),
    };
    path.ancestors()
        .chain(resolved.ancestors())
        .filter(|component| !component.as_os_str().is_empty())
        .find_map(component_fault)
}

/// Where a program is: a path as it is, a bare name in `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into()).filter(|path: &PathBuf| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Whether a file that can be read begins neither with `#!` nor as an executable of this system does.
#[must_use]
pub fn lacks_interpreter(path: &Path) -> bool {
    let mut begin = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    match read {
        Ok(()) => !begin.starts_with(b"#!") && begin != *b"\x7fELF",
        // Too short for either; or not ours to read, and nobody can say.
        Err(error) => error.kind() == ErrorKind::UnexpectedEof,
    }
}

fn component_fault(component: &Path) -> Option<String> {
    let metadata = match fs::metadata(component) {
        Ok(metadata) => metadata,
        Err(error) => return Some(format!("{}: {error}", component.display())),
    };
    let mode = metadata.mode();
    let found = format!(
        "{} (user {}, group {}, mode {:04o})",
        component.display(),
        metadata.uid(),
        metadata.gid(),
        mode & 0o7777
    );
    if metadata.uid() != 0 {
        return Some(format!("{found} does not belong to root: `chown root` it"));
    }
    let sticky = metadata.is_dir() && mode & STICKY != 0;
    let group = mode & 0o020 != 0 && metadata.gid() != 0;
    let others = mode & 0o002 != 0;
    ((group || others) && !sticky)
        .then(|| format!("{found} can be changed by others: `chmod go-w` it"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_systems_own_programs_are_safe() {
        assert_eq!(fault("/usr/bin/env"), None);
        assert_eq!(fault("env"), None);
    }

    #[test]
    fn the_component_at_fault_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("check");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(&script, 0o755);
        if fs::metadata(&script).unwrap().uid() != 0 {
            let found = fault(&script.to_string_lossy()).unwrap();
            assert!(found.contains("does not belong to root"), "{found}");
            return;
        }
        // The folder of temporary files itself is everybody's, and sticky.
        assert_eq!(fault(&script.to_string_lossy()), None);
        mode(&script, 0o757);
        let found = fault(&script.to_string_lossy()).unwrap();
        assert!(
            found.ends_with(
                "check (user 0, group 0, mode 0757) can be changed by others: `chmod go-w` it"
            ),
            "{found}"
        );
        mode(&script, 0o755);
        mode(folder.path(), 0o777);
        let found = fault(&script.to_string_lossy()).unwrap();
        assert!(found.contains("mode 0777"), "{found}");
    }

    #[test]
    fn a_script_says_what_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("check");
        for (text, lacks) in [("#!/bin/sh\n", false), ("exit 0\n", true), ("", true)] {
            fs::write(&script, text).unwrap();
            assert_eq!(lacks_interpreter(&script), lacks, "{text}");
        }
        let program = find("env").unwrap();
        assert!(!lacks_interpreter(&program));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let found = fault("/nonexistent/check").unwrap();
        assert!(found.contains("/nonexistent/check"), "{found}");
    }
}
