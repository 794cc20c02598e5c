//! The real IPVS table, over generic netlink.

use ipvs_netlink::{Applied, Client, IpvsError, Operation, Table};

use super::Ipvs;

impl Ipvs for Client {
    fn dump(&mut self) -> Result<Table, IpvsError> {
        Client::dump(self)
    }

    fn apply(&mut self, operations: &[Operation]) -> Applied {
        Client::apply(self, operations)
    }
}
