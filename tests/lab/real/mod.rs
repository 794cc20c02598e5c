//! Real servers of every kind, and some that misbehave: each is in the kernel's table while it is well, leaves in
//! time when it breaks, comes back, and the log says what was seen.
//!
//! Each story has our daemon and Debian's keepalived watch the same servers side by side. Enter at [`stories`]; what
//! they have in common is [`case`]. Tests: this is one.

mod case;
mod misbehaving;
mod nginx;
mod services;
mod tls;

use support::story::Story;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [
        nginx::stories(),
        tls::stories(),
        misbehaving::stories(),
        services::stories(),
    ]
    .concat()
}
