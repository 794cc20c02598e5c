//! `doctor`: what on this host keeps a configuration from working.

use std::path::PathBuf;

use clap::Args;

use super::print;
use super::remote::{DONE, FAILED, NOTABLE, Where};
use crate::cli::Options;
use crate::config::{self, Host};
use crate::control::protocol::Request;
use crate::doctor::{examine, host::ThisHost};
use crate::plan::plan;

/// `doctor`.
#[derive(Args)]
pub(super) struct Doctor {
    /// The configuration that is to work [default: /etc/keepalived/keepalived.conf]
    #[arg(short = 'f', long = "use-file", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    at: Where,
}

impl Doctor {
    pub fn run(self) -> u8 {
        let options = Options {
            use_file: self.file.clone(),
            ..Options::default()
        };
        let loaded = config::read(&options);
        if let Some(status) = loaded.start_status() {
            eprintln!(
                "rkeepalived: a daemon could not start with {} (exit status {status}): `rkeepalived check` says why",
                options.config().display()
            );
            return FAILED;
        }
        let plan = plan(loaded.model, &options, &Host::of(&options));
        // Without a daemon, or without permission, what it would say is not looked at.
        let request = Request::Status { vrrp_only: true };
        let status = self.at.look().and_then(|mut daemon| daemon.get(request));
        let findings = examine(&plan, &ThisHost, status.as_ref().ok());
        for finding in &findings {
            print(format!("{finding}\n").as_bytes());
        }
        match findings.len() {
            0 => {
                print(b"nothing found that keeps this configuration from working\n");
                DONE
            }
            _ => NOTABLE,
        }
    }
}
