//! `manuals`: docs/man/rkeepalived.8 and packaging/completions, from the command line's definition. The tests that hold them
//! together also write.

use anyhow::{Context, Result};

use crate::workspace::{Workspace, cargo};

/// Writes them anew.
pub(crate) fn write(workspace: &Workspace) -> Result<u8> {
    let status = cargo()
        .args([
            "test",
            "--quiet",
            "--package",
            "rkeepalived",
            "--test",
            "manuals",
        ])
        .env("MANUALS", "write")
        .current_dir(&workspace.root)
        .status()
        .context("starting cargo test")?;
    Ok(u8::from(!status.success()))
}
