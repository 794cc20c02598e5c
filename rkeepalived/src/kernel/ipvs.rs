//! The real IPVS table, over generic netlink.

use ipvs_netlink::{Applied, Client, Daemon, DaemonState, IpvsError, Operation, Table, Timeouts};

use super::Ipvs;

impl Ipvs for Client {
    fn dump(&mut self) -> Result<Table, IpvsError> {
        Client::dump(self)
    }

    fn apply(&mut self, operations: &[Operation]) -> Applied {
        Client::apply(self, operations)
    }

    fn timeouts(&mut self) -> Result<Timeouts, IpvsError> {
        Client::timeouts(self)
    }

    fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), IpvsError> {
        Client::set_timeouts(self, timeouts)
    }

    fn daemons(&mut self) -> Result<Vec<Daemon>, IpvsError> {
        Client::daemons(self)
    }

    fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), IpvsError> {
        Client::start_daemon(self, daemon)
    }

    fn stop_daemon(&mut self, state: DaemonState) -> Result<(), IpvsError> {
        Client::stop_daemon(self, state)
    }
}
