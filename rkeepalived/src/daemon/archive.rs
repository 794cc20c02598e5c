//! `config_save_dir`: each configuration that was read, and how all stood before and after each reload.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use keepalived_conf::effective;
use keepalived_conf::print::Show;

use super::Daemon;
use crate::config;
use crate::journal::{Line, Part, write};
use crate::status;

/// Where copies go, and how many reloads there were.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub folder: Option<PathBuf>,
    reload: u64,
}

impl Archive {
    fn put(&self, name: &str, text: &str) {
        let Some(folder) = &self.folder else { return };
        let path = folder.join(name);
        if let Err(error) = made(folder).and_then(|()| status::dump::write(&path, text)) {
            write(&Line::Trouble {
                part: Part::Parent,
                reason: format!("config_save_dir: cannot write {}: {error}", path.display()),
            });
        }
    }
}

/// Its folder, which is made; those above it must be there (keepalived.conf(5)).
fn made(folder: &Path) -> io::Result<()> {
    // Copies of configurations have passwords in them.
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Daemon {
    /// Keeps the configuration as it was read: without comments, includes and definitions resolved.
    ///
    /// keepalived behaviour: `keepalived.conf.PID.N`, N being 0 at the start.
    pub(super) fn save_configuration(&self) {
        if self.archive.folder.is_none() {
            return;
        }
        let show = Show {
            secrets: true,
            ..Show::default()
        };
        let path = self.options.config();
        let host = config::Host::of(&self.options);
        let name = format!(
            "keepalived.conf.{}.{}",
            std::process::id(),
            self.archive.reload
        );
        tokio::task::block_in_place(|| {
            let text = effective(&path, &host, show);
            self.archive.put(&name, &String::from_utf8_lossy(&text));
        });
    }

    /// A reload begins: its number goes up, and how all stands is kept.
    pub(super) async fn save_before(&mut self) {
        self.archive.reload += 1;
        self.save_data("pre").await;
    }

    /// A reload is through.
    pub(super) async fn save_after(&self) {
        self.save_data("post").await;
    }

    /// keepalived behaviour: `keepalived_vrrp.PID.N.pre` and `.post`.
    async fn save_data(&self, when: &str) {
        if self.archive.folder.is_none() {
            return;
        }
        for (part, _, text) in self.data().await {
            let of = match part {
                Part::Vrrp => "vrrp",
                Part::Checkers => "check",
                Part::Bfd => "bfd",
                Part::Parent => continue,
            };
            let (pid, reload) = (std::process::id(), self.archive.reload);
            let name = format!("keepalived_{of}.{pid}.{reload}.{when}");
            tokio::task::block_in_place(|| self.archive.put(&name, &text));
        }
    }
}
