//! placeholder
use crate::{Check, Report};
/// Runs all checks.
pub struct Runner {
    reports: tokio::sync::mpsc::Sender<Report>,
}
impl Runner {
    /// Within a tokio runtime.
    #[must_use]
    pub fn new(reports: tokio::sync::mpsc::Sender<Report>) -> Runner {
        Runner { reports }
    }
    /// Takes over a set of checks.
    pub fn configure(&mut self, _checks: Vec<Check>) {
        let _ = &self.reports;
    }
    /// Ends all checks.
    pub async fn shutdown(&mut self) {}
}
