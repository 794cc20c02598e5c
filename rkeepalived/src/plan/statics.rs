//! `static_ipaddress`, `static_routes`, `static_rules`: what is there as long as the daemon is.

use keepalived_conf::{Model, Route, Rule};

use super::PlannedAddress;

/// Where a static address is that names no interface, unless `default_interface` says so.
const DEFAULT_INTERFACE: &str = "eth0";

/// What is there whoever is master.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedStatics {
    /// Addresses.
    pub addresses: Vec<PlannedAddress>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Rules.
    pub rules: Vec<Rule>,
}

/// The statics of the model.
pub(super) fn statics(model: &Model) -> PlannedStatics {
    let default = model.global.interfaces.default.as_deref();
    let default = default.unwrap_or(DEFAULT_INTERFACE);
    let statics = &model.statics;
    PlannedStatics {
        addresses: statics
            .addresses
            .iter()
            .map(|one| PlannedAddress {
                interface: one.address.device.as_deref().unwrap_or(default).to_owned(),
                device: None,
                address: one.address.clone(),
            })
            .collect(),
        routes: statics.routes.iter().map(|one| one.route.clone()).collect(),
        rules: statics.rules.iter().map(|one| one.rule.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::model;

    #[test]
    fn an_address_without_an_interface_is_on_the_default_one() {
        let on = |global: &str| {
            let text =
                format!("{global}static_ipaddress {{\n10.8.1.1/24\n10.8.2.1/24 dev eth1\n}}\n");
            let statics = statics(&model(&text));
            let names = statics.addresses.into_iter().map(|one| one.interface);
            names.collect::<Vec<_>>()
        };
        assert_eq!(on(""), ["eth0", "eth1"]);
        let global = "global_defs {\ndefault_interface eth2\n}\n";
        assert_eq!(on(global), ["eth2", "eth1"]);
    }
}
