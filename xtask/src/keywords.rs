//! `keywords`: docs/keywords.md, from the table of keywords. The test that holds the two together also writes.

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo};

/// Writes the list anew.
pub(crate) fn write(workspace: &Workspace) -> Result<u8> {
    let status = cargo()
        .args([
            "test",
            "--quiet",
            "--package",
            "keepalived-conf",
            "--test",
            "keyword_list",
        ])
        .env("KEYWORDS", "write")
        .current_dir(&workspace.root)
        .status()
        .context("starting cargo test")?;
    Ok(u8::from(!status.success()))
}
