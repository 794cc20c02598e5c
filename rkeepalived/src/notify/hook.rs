//! A script that runs before everything else, or after it, and is waited for: `startup_script`, `shutdown_script`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Script;
use crate::journal::{Line, Part, write};

/// Such a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its keyword.
    pub word: &'static str,
    /// What is run.
    pub script: Arc<Script>,
    /// So long it is waited for; then it is ended.
    pub patience: Duration,
}

impl Hook {
    /// Runs it to its end. What goes wrong is in the log, and nothing else depends on it (keepalived behaviour).
    pub async fn run(&self) {
        let (lane, script) = (self.word.to_owned(), self.script.clone());
        write(&Line::HookRuns {
            word: self.word,
            script: script.clone(),
        });
        let Some((mut child, group)) = script.start(&lane) else {
            return;
        };
        match timeout(self.patience, child.wait()).await {
            Ok(ended) => {
                group.release();
                if let Some(status) = ended.ok().filter(|status| !status.success()) {
                    let status = status.to_string();
                    write(&Line::ScriptFailed {
                        lane,
                        script,
                        status,
                    });
                }
            }
            Err(_) => {
                write(&Line::Trouble {
                    part: Part::Parent,
                    reason: format!(
                        "{} {script} is ended: it ran for {} s",
                        self.word,
                        self.patience.as_secs()
                    ),
                });
                group.end(&mut child).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn it_is_waited_for_and_one_that_takes_too_long_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let hook = |text: &str, patience| {
            let argv = ["/bin/sh", "-c", text, &said.to_string_lossy()];
            Hook {
                word: "startup_script",
                script: Arc::new(Script {
                    argv: argv.map(str::to_owned).to_vec(),
                    user: None,
                }),
                patience,
            }
        };
        hook("sleep 0.1; echo done > $0", Duration::from_secs(20))
            .run()
            .await;
        assert_eq!(fs::read_to_string(&said).unwrap(), "done\n");
        let start = Instant::now();
        hook("sleep 100", Duration::from_millis(50)).run().await;
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}
