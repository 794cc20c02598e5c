//! Stories with our daemon and Debian's keepalived, or FRR's vrrpd, as each other's peer on one wire, in both roles.
//!
//! Enter at [`stories`]. Stories are also told without us, which shows that the story itself is right. Tests: this is one.

mod capture;
mod frr;
mod takeover;
mod tongues;
mod vmac;

use support::story::Story;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [
        capture::stories(),
        frr::stories(),
        takeover::stories(),
        tongues::stories(),
        vmac::stories(),
    ]
    .concat()
}
