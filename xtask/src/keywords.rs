//! `keywords`: docs/keywords.md and docs/man/rkeepalived.conf.5, from the table of keywords. The tests that hold them together also write.

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo};

/// Writes both anew.
pub(crate) fn write(workspace: &Workspace) -> Result<u8> {
    let status = cargo()
        .args([
            "test",
            "--quiet",
            "--package",
            "keepalived-conf",
            "--test",
            "keyword_list",
            "--test",
            "manual",
        ])
        .env("KEYWORDS", "write")
        .current_dir(&workspace.root)
        .status()
        .context("starting cargo test")?;
    Ok(u8::from(!status.success()))
}
