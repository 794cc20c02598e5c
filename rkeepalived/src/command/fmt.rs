//! `rkeepalived fmt`: the canonical layout of a file, or the effective configuration.

use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::Args;
use keepalived_conf::effective;
use keepalived_conf::print::{Show, layout};

use super::away::Away;
use super::{CLEAN, UNREADABLE, WARNINGS, files_or_default, print, unreadable};

#[derive(Args)]
pub struct Fmt {
    /// Write the layout back into the files instead of printing it
    #[arg(short, long, conflicts_with_all = ["diff", "dump_conf"])]
    write: bool,
    /// Only name the files that are laid out otherwise
    #[arg(short, long, conflicts_with = "dump_conf")]
    diff: bool,
    /// Print the effective configuration: includes, definitions and conditions resolved, one file
    #[arg(long)]
    dump_conf: bool,
    /// With --dump-conf: the defaults of what is not said, as comments
    #[arg(long, requires = "dump_conf")]
    defaults: bool,
    /// With --dump-conf: passwords and keys in clear instead of ***
    #[arg(long, requires = "dump_conf")]
    show_secrets: bool,
    /// Which `@ID` lines to use [default: the node name]
    #[arg(short = 'i', long, value_name = "ID", requires = "dump_conf")]
    config_id: Option<String>,
    /// The files, `-` for standard input [default: /etc/keepalived/keepalived.conf]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Fmt {
    pub fn run(&self) -> u8 {
        let files = files_or_default(&self.files);
        let statuses = files.iter().map(|path| self.file(path));
        statuses.max().unwrap_or(CLEAN)
    }

    fn file(&self, path: &Path) -> u8 {
        // A pipe is read once only: there is no looking whether it can be.
        let pipe = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
        let text = match self.dump_conf && pipe {
            true => Ok(Vec::new()),
            false => std::fs::read(path),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => return unreadable(path, &error),
        };
        if self.dump_conf {
            let show = Show {
                defaults: self.defaults,
                secrets: self.show_secrets,
            };
            print(&effective(
                path,
                &Away::new(self.config_id.as_deref(), false),
                show,
            ));
            return CLEAN;
        }
        let laid_out = layout(&text);
        if self.write || self.diff {
            if laid_out == text {
                return CLEAN;
            }
            if self.diff {
                println!("{}", path.display());
                return WARNINGS;
            }
            return match replace(path, &laid_out) {
                Ok(()) => CLEAN,
                Err(error) => {
                    eprintln!("{}: cannot be written: {error}", path.display());
                    UNREADABLE
                }
            };
        }
        print(&laid_out);
        CLEAN
    }
}

/// Writes a file anew beside the old one, and puts it in its place once it is whole: a daemon that reloads meanwhile must not
/// see half of it. Mode and owner stay.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let metadata = std::fs::metadata(&path)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().set_permissions(metadata.permissions())?;
    let (user, group) = (
        std::os::unix::fs::MetadataExt::uid(&metadata),
        std::os::unix::fs::MetadataExt::gid(&metadata),
    );
    std::os::unix::fs::chown(file.path(), Some(user), Some(group))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
