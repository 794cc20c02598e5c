//! What is printed means what was read: a file laid out anew, and the effective configuration.

#![no_main]

mod host;

use std::path::Path;

use host::{Host, MAIN};
use keepalived_conf::print::{Show, layout};
use keepalived_conf::{Model, effective, load};
use libfuzzer_sys::fuzz_target;

fn model(input: &[u8]) -> Model {
    load(Path::new(MAIN), &Host::single(input)).model
}

fuzz_target!(|input: &[u8]| {
    let before = model(input);
    let shown = String::from_utf8_lossy;
    let laid_out = layout(input);
    let same = |text: &[u8]| before == model(text);
    assert!(same(&laid_out), "laid out:\n{}", shown(&laid_out));
    assert_eq!(
        layout(&laid_out),
        laid_out,
        "laid out twice is not the same"
    );
    let show = Show {
        defaults: true,
        secrets: true,
    };
    // Each `${_RANDOM}` is another one.
    if input.windows(7).any(|window| window == b"_RANDOM") {
        return;
    }
    let printed = effective(Path::new(MAIN), &Host::single(input), show);
    assert!(same(&printed), "printed:\n{}", shown(&printed));
});
