//! Counters and rates of a service or a destination.

/// Counters since the entry was made (or zeroed) and current rates per second.
///
/// From the kernel's 64-bit set where it has one (since 4.1); otherwise from its 32-bit
/// set, whose counters of connections and packets wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients (seen with NAT only).
    pub packets_out: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients (seen with NAT only).
    pub bytes_out: u64,
    /// Connections per second.
    pub connections_rate: u64,
    /// Packets from clients per second.
    pub packets_in_rate: u64,
    /// Packets to clients per second.
    pub packets_out_rate: u64,
    /// Bytes from clients per second.
    pub bytes_in_rate: u64,
    /// Bytes to clients per second.
    pub bytes_out_rate: u64,
}
