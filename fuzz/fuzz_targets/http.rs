//! Any bytes as a web server's answer, searched for any pattern.
//!
//! What must hold: no panic; pieces make no difference to what the answer was; what was found is where it was to be looked
//! for; a search is hungry, done or at work, and never at work for ever, whatever the window.
//!
//! An input: the size of pieces, flags, the window, the offsets, the length of the pattern; the pattern; the answer.

#![no_main]

use checkers::Failure;
use checkers::probe::response::{Answer, Response};
use libfuzzer_sys::fuzz_target;
use pattern::{Costly, Flag, Pattern, Range, Search, Step};

/// The largest pattern: there are some that take their time to compile.
const LONGEST: usize = 60;

/// No search of so few bytes takes more steps.
const STEPS: usize = 100_000;

const FLAGS: [Flag; 8] = [
    Flag::Caseless,
    Flag::Dotall,
    Flag::Firstline,
    Flag::Multiline,
    Flag::Ungreedy,
    Flag::Utf,
    Flag::NoStartOptimize,
    Flag::NoAutoPossess,
];

/// The answer, and its body as it was given out.
fn read(bytes: &[u8], piece: usize) -> (Result<Answer, Failure>, Vec<u8>) {
    let (mut response, mut body) = (Response::new(true), Vec::new());
    for piece in bytes.chunks(piece) {
        match response.handle(piece) {
            Ok(more) => body.extend_from_slice(more),
            Err(why) => return (Err(why), Vec::new()),
        }
    }
    assert_eq!(response.received(), bytes.len() as u64);
    (response.end(), body)
}

fn search(mut search: Search<'_>, body: &[u8], piece: usize) -> Result<Option<u64>, Costly> {
    let mut steps = 0;
    let mut work = |search: &mut Search<'_>, last| loop {
        steps += 1;
        assert!(steps < STEPS + body.len(), "it does not end");
        let step = search.step(last)?;
        if step != Step::More {
            assert!(!(last && step == Step::Hungry), "there is no more");
            return Ok(step);
        }
    };
    for piece in body.chunks(piece) {
        search.take(piece);
        work(&mut search, false)?;
    }
    work(&mut search, true)?;
    Ok(search.found())
}

fuzz_target!(|input: &[u8]| {
    let [piece, flags, room, from, until, length, rest @ ..] = input else {
        return;
    };
    let length = usize::from(*length).min(LONGEST).min(rest.len());
    let (text, answer) = rest.split_at(length);
    let piece = usize::from(*piece) + 1;
    let (whole, body) = read(answer, answer.len().max(1));
    assert_eq!((whole.clone(), body.clone()), read(answer, piece));
    if let Ok(answer) = &whole {
        assert_eq!(answer.length, body.len() as u64);
        assert_eq!(
            answer.begins.is_empty(),
            answer.status.is_some() || answer.begins.is_empty()
        );
        assert!(!answer.begins.chars().any(char::is_control), "{answer:?}");
    }
    let flags: Vec<Flag> = FLAGS
        .into_iter()
        .enumerate()
        .filter_map(|(bit, flag)| (flags & 1 << bit != 0).then_some(flag))
        .collect();
    let Ok(pattern) = Pattern::compile(&String::from_utf8_lossy(text), &flags) else {
        return;
    };
    let range = Range {
        from: u64::from(*from / 4),
        until: (*until != 255).then_some(u64::from(*until)),
        memory: 0,
    };
    let within = |found| match found {
        Ok(Some(at)) => {
            assert!(at >= range.from && at <= body.len() as u64, "{at}");
            assert!(range.until.is_none_or(|until| at <= until), "{at}");
        }
        Ok(None) | Err(Costly { .. }) => {}
    };
    let new = || Search::new(&pattern, range);
    let once = search(new(), &body, body.len().max(1));
    assert_eq!(once, search(new(), &body, piece));
    within(once);
    within(search(new().within(usize::from(*room)), &body, piece));
});
