//! From the configuration's model to what each driver is to bring about. Pure.
//!
//! Must not know: the kernel, the clock, what is running. Enter at [`plan`]. Tests: beside each part.

mod lvs;
mod vrrp;

use keepalived_conf::Model;

pub use self::lvs::services;
pub use self::vrrp::{PlannedAddress, PlannedInstance, VrrpPlan};
use crate::cli::Options;
use crate::lvs::wanted::WantedService;

/// All that a configuration asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// VRRP's part.
    pub vrrp: VrrpPlan,
    /// The virtual servers.
    pub services: Vec<WantedService>,
    /// What the configuration asks for and this version leaves out, as log lines: VRRP's, then the services'.
    pub left_out: (Vec<String>, Vec<String>),
}

/// The users and groups of this host.
pub trait Accounts {
    /// User and group id of a user.
    fn user(&self, name: &str) -> Option<(u32, u32)>;
    /// Id of a group.
    fn group(&self, name: &str) -> Option<u32>;
}

/// Plans what `model` asks for, as far as the command line lets it run.
#[must_use]
pub fn plan(model: &Model, options: &Options, accounts: &dyn Accounts) -> Plan {
    let (vrrp, vrrp_left_out) = if options.runs_vrrp() {
        vrrp::plan(model)
    } else {
        Default::default()
    };
    let (services, services_left_out) = if options.runs_checkers() {
        lvs::services(model, accounts)
    } else {
        Default::default()
    };
    Plan {
        vrrp,
        services,
        left_out: (vrrp_left_out, services_left_out),
    }
}
