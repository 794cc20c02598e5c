//! Ctrl-C and SIGTERM, seen as a flag, so that whoever has a kernel running can end it first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};

/// Set once the person at the terminal wants everything to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to watch SIGINT and SIGTERM.
    pub(crate) fn watch() -> Result<Interrupt> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .with_context(|| format!("watching signal {signal}"))?;
        }
        Ok(Interrupt(flag))
    }

    /// Whether a signal came.
    pub(crate) fn seen(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error once a signal came: to be asked between two steps.
    pub(crate) fn check(&self) -> Result<()> {
        if self.seen() {
            bail!("interrupted");
        }
        Ok(())
    }
}
