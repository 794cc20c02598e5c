//! The rules of nftables for VMACs: asked for when they change.

use super::groups::{TABLE, Vmacs};
use crate::kernel::Network;
use crate::kernel::firewall::{Purpose, Script};

/// Rules for VMACs.
pub(super) struct Rules {
    wanted: Vmacs,
    table: String,
}

impl Rules {
    /// No rules yet.
    pub fn new() -> Rules {
        Rules {
            wanted: Vmacs::default(),
            table: TABLE.to_owned(),
        }
    }

    /// Asks for rules for these VMACs, unless that was asked for last.
    pub fn want(&mut self, network: &mut impl Network, vmacs: Vmacs, table: Option<&str>) {
        let table = table.unwrap_or(TABLE);
        if table != self.table {
            // A reload cannot change it: the rules would be there twice. What is there goes on under its name.
            if self.wanted.is_empty() {
                table.clone_into(&mut self.table);
            }
        }
        if vmacs != self.wanted {
            network.firewall(Script {
                purpose: Purpose::Reports,
                table: self.table.clone(),
                text: vmacs.script(&self.table),
            });
            self.wanted = vmacs;
        }
    }
}
