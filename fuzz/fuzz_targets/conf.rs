//! Any bytes as a configuration, and the files it includes: from text to model.
//!
//! What must hold: no panic; every finding inside its file and fit to be shown; the same text gives the same result; and
//! 1 MB of it, the input repeated, takes less than a second.

#![no_main]

mod host;

use std::path::Path;
use std::time::Duration;

use host::{Host, MAIN};
use keepalived_conf::{Loaded, examine, load, outline};
use libfuzzer_sys::fuzz_target;
use nix::time::{ClockId, clock_gettime};

/// So much must be read in a second; with counters and assertions in it the program needs some ten times as long.
const LARGE: usize = 1_000_000;
const LIMIT: Duration = Duration::from_secs(8);
/// One input out of so many is repeated.
const SELDOM: u32 = 512;

fn read(input: &[u8]) -> Loaded {
    load(Path::new(MAIN), &Host::new(input))
}

fn check(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let span = diagnostic.span;
        assert!(span.start <= span.end, "{diagnostic:?}");
        if let Some(source) = loaded.sources.source(span.source) {
            assert!(span.end <= source.bytes.len(), "{diagnostic:?}");
        }
        let _place = loaded.position(diagnostic);
        let text = loaded.render(diagnostic);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    let _status = (loaded.test_status(), loaded.start_status());
}

/// The processor's time, since others want the processor too.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn in_time(input: &[u8]) {
    let mut large = Vec::with_capacity(LARGE + input.len());
    while large.len() < LARGE {
        large.extend_from_slice(input);
    }
    large.truncate(LARGE);
    let start = now();
    let loaded = read(&large);
    let took = now() - start;
    check(&loaded);
    assert!(took < LIMIT, "1 MB of it takes {took:?}");
}

fuzz_target!(|input: &[u8]| {
    let loaded = read(input);
    check(&loaded);
    assert_eq!(loaded, read(input), "the same text, another result");
    check(&examine(Path::new(MAIN), &Host::new(input)));
    let outline = outline(Path::new(MAIN), &Host::new(input));
    for used in &outline.lines {
        assert!(used.line.start < used.line.end, "{used:?}");
    }
    let sum = input.iter().fold(input.len() as u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    if !input.is_empty() && sum.is_multiple_of(SELDOM) {
        in_time(input);
    }
});
