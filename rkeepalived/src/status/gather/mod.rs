//! From what the parts know to the one document that people see. Pure: all of it comes in, times too.
//!
//! `lvs` has the virtual servers, one at a time; `vrrp` the instances and what they depend on.

pub mod lvs;
mod vrrp;

use std::sync::Arc;
use std::time::Duration;

use checkers::Sight;

use super::view::{DaemonView, Status, VERSION, VrrpView};
use crate::failover::handle::VrrpReport;
use crate::lvs::live::LiveService;
use crate::plan::VrrpPlan;
use crate::track::results::Results;

/// What the main loop knows.
#[derive(Debug, Default)]
pub struct Facts {
    /// The process.
    pub daemon: DaemonView,
    /// What VRRP was configured with.
    pub plan: Arc<VrrpPlan>,
    /// What scripts last came to.
    pub results: Results,
    /// The virtual servers.
    pub services: Vec<Arc<LiveService>>,
    /// What their checks saw.
    pub sight: Sight,
}

/// What the main loop knows and what the failover thread says, without the virtual servers.
#[must_use]
pub fn status(facts: Facts, report: Option<&VrrpReport>, now_ms: u64) -> Status {
    Status {
        version: VERSION,
        at_ms: now_ms,
        virtual_servers: Vec::new(),
        vrrp: report.map_or_else(VrrpView::default, |report| {
            vrrp::vrrp(&facts.plan, &facts.results, report, now_ms)
        }),
        bfd: report.map_or_else(Vec::new, |report| {
            report
                .sessions
                .iter()
                .map(|session| vrrp::bfd(session, report.now, now_ms))
                .collect()
        }),
        daemon: facts.daemon,
        kernel_error: None,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
