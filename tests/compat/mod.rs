//! Stories that hold our daemon beside Debian's keepalived: same file, same commands, same result.
//!
//! Each story runs both, or runs on either. Enter at [`stories`]. Tests: this is one.

mod announcing;
mod around;
mod bfd;
mod dumps;
mod failures;
mod genhash;
mod hooks;
mod input;
mod ipvlan;
mod links;
mod log;
mod machine;
mod mail;
mod parity;
mod pidfile;
mod routing;
mod rows;
mod settings;
mod told;
mod track;
mod vmac;
mod vrf;
mod whole;
mod wire;

pub use self::parity::record;
use support::story::Story;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [
        announcing::stories(),
        around::stories(),
        bfd::stories(),
        dumps::stories(),
        parity::stories(),
        failures::stories(),
        genhash::stories(),
        hooks::stories(),
        input::stories(),
        ipvlan::stories(),
        links::stories(),
        log::stories(),
        machine::stories(),
        mail::stories(),
        told::stories(),
        pidfile::stories(),
        routing::stories(),
        rows::stories(),
        track::stories(),
        settings::stories(),
        vmac::stories(),
        vrf::stories(),
        whole::stories(),
        wire::stories(),
    ]
    .concat()
}
