//! Stories that hold our daemon beside Debian's keepalived: same file, same commands, same result.
//!
//! Each story runs both, or runs on either. Enter at [`stories`]. Tests: this is one.

mod announcing;
mod bfd;
mod genhash;
mod hooks;
mod input;
mod ipvlan;
mod links;
mod machine;
mod parity;
mod pidfile;
mod routing;
mod rows;
mod settings;
mod track;
mod vmac;
mod wire;

pub use self::parity::record;
use support::story::Story;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [
        announcing::stories(),
        bfd::stories(),
        parity::stories(),
        genhash::stories(),
        hooks::stories(),
        input::stories(),
        ipvlan::stories(),
        links::stories(),
        machine::stories(),
        pidfile::stories(),
        routing::stories(),
        rows::stories(),
        track::stories(),
        settings::stories(),
        vmac::stories(),
        wire::stories(),
    ]
    .concat()
}
