//! Exit statuses, as keepalived's.

/// All went well, or another copy is running already.
pub const OK: u8 = 0;
/// The system does not give what is needed.
pub const FATAL: u8 = 1;
/// The configuration does not allow a start.
pub const CONFIG: u8 = 2;
/// A capability is missing.
pub const MISSING_PERMISSION: u8 = 4;
/// There is no configuration file.
pub const NO_CONFIG: u8 = 6;
