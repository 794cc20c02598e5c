//! `browser`: the status page in headless Chromium, beside a daemon in the lab's kernel. What has to hold is in
//! tests/browser/page.py.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::guest::{Job, to_stdout};
use crate::interrupt::Interrupt;
use crate::lab::Place;
use crate::workspace::{Profile, Workspace};

/// Half a minute on an idle machine.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// `browser`: builds the daemon and looks at its page; screenshots are in target/browser.
pub(crate) fn run(workspace: &Workspace, interrupt: &Interrupt) -> Result<u8> {
    for program in ["/usr/bin/chromium", "/usr/bin/python3"] {
        ensure!(
            Path::new(program).exists(),
            "no {program} (Debian packages chromium and python3)"
        );
    }
    let built = workspace.build(Profile::Debug, &["--package", "rkeepalived"])?;
    let own = workspace.root.join("tests/browser");
    let job = Job::new(Path::new("/usr/bin/python3"), &workspace.root).args([
        own.join("page.py").to_string_lossy(),
        built.program("rkeepalived")?.to_string_lossy(),
        own.join("keepalived.conf").to_string_lossy(),
        workspace.target.join("browser").to_string_lossy(),
    ]);
    // Never in the machine's own network.
    Place::Uml.run(workspace, &job, LIMIT, interrupt, &mut to_stdout)
}
