//! A file that is there while a reload runs (`reload_file`).

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use crate::journal::{Line, Part, write};

/// Dropped, the file goes.
pub(super) struct Marker(PathBuf);

impl Marker {
    /// Makes the file, empty. Without it the reload goes on, and the log says why.
    pub fn make(path: PathBuf) -> Option<Marker> {
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&path);
        match made {
            Ok(file) => {
                // Whatever the umask: others look whether it is there (keepalived behaviour).
                let _ = file.set_permissions(Permissions::from_mode(0o644));
                Some(Marker(path))
            }
            Err(error) => {
                write(&Line::Trouble {
                    part: Part::Parent,
                    reason: format!("cannot make the reload file {}: {error}", path.display()),
                });
                None
            }
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_as_long_as_the_reload() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reload");
        let marker = Marker::make(path.clone());
        assert!(path.exists());
        drop(marker);
        assert!(!path.exists());
        assert!(Marker::make(folder.path().join("none/reload")).is_none());
    }
}
