//! What a `MISC_CHECK` command sees of our environment. Alone in its program: the environment is the process's.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use checkers::{MiscProbe, Probe, probe};
use tempfile::TempDir;

/// Runs this test again with the environment that it is about, since changing one's own is unsafe.
#[tokio::test]
async fn it_is_ours_without_what_changes_how_programs_run() {
    if let Ok(file) = std::env::var("RKEEPALIVED_TEST_ENVIRONMENT") {
        let command = ["/bin/sh", "-c", &format!("cat /proc/$$/environ > {file}")];
        let probe = Probe::Misc(MiscProbe {
            command: command.map(str::to_owned).to_vec(),
            timeout: Duration::from_secs(20),
            dynamic: false,
            user: None,
        });
        assert!(probe::attempt(&probe, 0).await.is_success());
        return;
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("environment");
    let status = Command::new(std::env::current_exe().unwrap())
        .env("RKEEPALIVED_TEST_ENVIRONMENT", &file)
        .env("IFS", "x")
        .env("LD_PRELOAD", "")
        .env("LD_LIBRARY_PATH", "/nosuch")
        .env("KEPT", "as it is")
        .status()
        .unwrap();
    assert!(status.success());
    let environment = String::from_utf8(std::fs::read(file).unwrap()).unwrap();
    let has = |entry: &str| {
        environment
            .split('\0')
            .any(|other| other.starts_with(entry))
    };
    assert!(has("KEPT=as it is"));
    for name in ["IFS=", "LD_PRELOAD=", "LD_LIBRARY_PATH="] {
        assert!(!has(name), "{name}");
    }
}
