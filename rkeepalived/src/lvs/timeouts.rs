//! IPVS's idle timeouts: set to what is configured, and back to what they were.

use ipvs_netlink::{IpvsError, Timeouts};

use super::settings::WantedTimeouts;
use crate::kernel::Ipvs;

/// Remembers what the timeouts were before any was set.
#[derive(Debug, Default)]
pub struct Idle {
    before: Option<Timeouts>,
}

impl Idle {
    /// Brings the kernel's timeouts to what is wanted, at start, reload and stop alike. What was never set is not
    /// touched; what is no longer wanted becomes what it was (keepalived behaviour).
    ///
    /// # Errors
    /// When the kernel cannot be asked or refuses.
    pub fn bring(
        &mut self,
        kernel: &mut impl Ipvs,
        wanted: WantedTimeouts,
    ) -> Result<(), IpvsError> {
        if wanted == WantedTimeouts::default() {
            return match self.before.take() {
                Some(before) => kernel.set_timeouts(&before),
                None => Ok(()),
            };
        }
        let before = match self.before {
            Some(before) => before,
            None => *self.before.insert(kernel.timeouts()?),
        };
        kernel.set_timeouts(&Timeouts {
            tcp: wanted.tcp.unwrap_or(before.tcp),
            tcp_fin: wanted.tcp_fin.unwrap_or(before.tcp_fin),
            udp: wanted.udp.unwrap_or(before.udp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeIpvs;

    const fn timeouts(tcp: u32, tcp_fin: u32, udp: u32) -> Timeouts {
        Timeouts { tcp, tcp_fin, udp }
    }

    // What keepalived 2.2.7 did with `tcp 100 udp 50` at start, `tcpfin 33` at a reload, none at the next.
    #[test]
    fn only_what_is_given_changes_and_goes_back() {
        let mut kernel = FakeIpvs {
            timeouts: timeouts(900, 120, 300),
            ..FakeIpvs::default()
        };
        let mut idle = Idle::default();
        let none = WantedTimeouts::default();
        let mut after = |wanted| {
            idle.bring(&mut kernel, wanted).unwrap();
            kernel.timeouts
        };
        assert_eq!(after(none), timeouts(900, 120, 300));
        let first = WantedTimeouts {
            tcp: Some(100),
            udp: Some(50),
            ..none
        };
        assert_eq!(after(first), timeouts(100, 120, 50));
        let second = WantedTimeouts {
            tcp_fin: Some(33),
            ..none
        };
        assert_eq!(after(second), timeouts(900, 33, 300));
        assert_eq!(after(none), timeouts(900, 120, 300));
    }
}
