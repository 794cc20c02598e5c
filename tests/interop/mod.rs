//! Stories with our daemon and Debian's keepalived as each other's peer on one wire, in both roles.
//!
//! Enter at [`stories`]. Every story is also told with keepalived on both sides, which shows that the story itself is
//! right. Tests: this is one.

mod takeover;
mod tongues;
mod vmac;

use support::story::Story;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [takeover::stories(), tongues::stories(), vmac::stories()].concat()
}
