//! Answers of the matcher in pieces, held against what perl says of the whole, and against the matcher in one go.
#![allow(clippy::unwrap_used, clippy::as_conversions)]

use proptest::prelude::*;

use super::*;
use crate::Flag;

/// The answer for a text in pieces of `piece` bytes, with a window of `room` bytes.
fn search(pattern: &Pattern, text: &[u8], range: Range, room: usize, piece: usize) -> Option<u64> {
    let mut search = Search::new(pattern, range).within(room);
    let wait = |search: &mut Search, last| loop {
        match search.step(last).unwrap() {
            Step::More => {}
            Step::Hungry => return None,
            Step::Found(at) => return Some(Some(at)),
            Step::Absent => return Some(None),
        }
    };
    for piece in text.chunks(piece) {
        search.take(piece);
        if let Some(answer) = wait(&mut search, false) {
            return answer;
        }
        assert!(search.window.len() < room);
    }
    wait(&mut search, true).unwrap()
}

fn found(pattern: &str, flags: &[Flag], text: &[u8]) -> Option<u64> {
    let pattern = Pattern::compile(pattern, flags).unwrap();
    let whole = search(&pattern, text, Range::default(), WINDOW, usize::MAX);
    for (room, piece) in [(64, 1), (64, 7), (64, 1000), (1000, 10)] {
        let pieces = search(&pattern, text, Range::default(), room, piece);
        assert_eq!(pieces, whole, "{pattern:?} room {room} piece {piece}");
    }
    whole
}

// The places are those that perl prints: perl -e '$_ = TEXT; print $-[0] if /PATTERN/'.
#[test]
fn pieces_do_not_matter() {
    let a = b"a".repeat(500);
    let text = [&a, b"xNEEDLEx".as_slice(), &a].concat();
    assert_eq!(found("NEEDLE", &[], &text), Some(501));
    assert_eq!(found("needle", &[Flag::Caseless], &text), Some(501));
    assert_eq!(found("needle", &[], &text), None);
    assert_eq!(found("(?<=x)NEEDLE(?=x)", &[], &text), Some(501));
    assert_eq!(found("(?<!x)NEEDLE", &[], &text), None);
    assert_eq!(found("^x", &[], &text), None);
    assert_eq!(found("\\AaaA", &[Flag::Caseless], &text), Some(0));
    assert_eq!(found("a$", &[], &text), Some(1007));
    assert_eq!(found("x$", &[], &text), None);
    assert_eq!(found("E\\z", &[], &text), None);
    assert_eq!(found("LEx(?!a)", &[], &text), None);
    assert_eq!(found("a\\z", &[], &text), Some(1007));
    assert_eq!(found("\\z", &[], &text), Some(1008));
    assert_eq!(found("", &[], b""), Some(0));
    assert_eq!(found("a", &[], b""), None);
}

#[test]
fn lines_are_lines_wherever_the_window_is() {
    let text = "line of text\n".repeat(40) + "last";
    let text = text.as_bytes();
    assert_eq!(found("^last", &[], text), None);
    assert_eq!(found("^last", &[Flag::Multiline], text), Some(520));
    assert_eq!(found("text$", &[], text), None);
    assert_eq!(found("text$", &[Flag::Multiline], text), Some(8));
    assert_eq!(found("\\blast\\b", &[], text), Some(520));
    assert_eq!(found("last", &[Flag::Firstline], text), None);
    assert_eq!(found("of", &[Flag::Firstline], text), Some(5));
    assert_eq!(found("t\nl", &[Flag::Firstline], text), Some(11));
    let nl = b"foo\n";
    assert_eq!(found("foo$", &[], nl), Some(0));
    assert_eq!(found("foo$", &[Flag::DollarEndonly], nl), None);
    assert_eq!(found("l.*line", &[Flag::Dotall], b"line\nline"), Some(0));
    assert_eq!(found("l.*line", &[], b"line\nline"), None);
}

#[test]
fn offsets_are_bytes_of_the_text_both_ends_included() {
    let pattern = Pattern::compile("NEEDLE", &[]).unwrap();
    let text = [&b"a".repeat(300)[..], b"NEEDLE", &b"a".repeat(100)].concat();
    let within = |from, until, room| {
        let range = Range {
            from,
            until,
            memory: 0,
        };
        search(&pattern, &text, range, room, 10)
    };
    for room in [64, WINDOW] {
        assert_eq!(within(300, None, room), Some(300));
        assert_eq!(within(301, None, room), None);
        assert_eq!(within(u64::MAX, None, room), None);
        assert_eq!(within(0, Some(300), room), Some(300));
        assert_eq!(within(0, Some(299), room), None);
        assert_eq!(within(300, Some(300), room), Some(300));
    }
}

#[test]
fn bytes_that_are_no_utf_8_hide_nothing() {
    // Each such byte is a character of its own, which is no letter.
    assert_eq!(found("^.{3}\\bf", &[Flag::Utf], b"\xff\xfe\x80f"), Some(0));
    let text = [
        "\u{e4}".repeat(100).as_bytes(),
        b"\xff\xfe\x80 f",
        "\u{f6}o".as_bytes(),
        b"\xc3",
    ]
    .concat();
    assert_eq!(found("f.o", &[Flag::Utf], &text), Some(204));
    assert_eq!(found("(*UTF)f.o", &[], &text), Some(204));
    assert_eq!(found("f.o", &[], &text), None);
    assert_eq!(
        found("F\u{d6}O", &[Flag::Utf, Flag::Caseless], &text),
        Some(204)
    );
    assert_eq!(found("\u{f6}(?=o)", &[Flag::Utf], &text), Some(205));
    assert_eq!(found("(?<=\u{e4})\u{e4}", &[Flag::Utf], &text), Some(2));
}

#[test]
fn a_match_that_does_not_fit_the_window_is_found_where_it_can_be() {
    let text = [b"x".as_slice(), &b"\n".repeat(300), b"y"].concat();
    let pattern = Pattern::compile("x.*y", &[Flag::Dotall]).unwrap();
    assert_eq!(
        search(&pattern, &text, Range::default(), WINDOW, 10),
        Some(0)
    );
    assert_eq!(search(&pattern, &text, Range::default(), 64, 10), None);
    // The matcher would go on for ever, were it not for what has been found already.
    let text = [b"xy".as_slice(), &b"\n".repeat(300)].concat();
    assert_eq!(search(&pattern, &text, Range::default(), 64, 10), Some(0));
}

#[test]
fn a_text_may_be_longer_than_memory() {
    let pattern = Pattern::compile("ne+dle", &[]).unwrap();
    let filler = [b'.'; 8192];
    let mut search = Search::new(&pattern, Range::default());
    for piece in [&filler[..]; 1000]
        .into_iter()
        .chain([&b"needle"[..]])
        .chain([&filler[..]; 10])
    {
        search.take(piece);
        while search.step(false).unwrap() == Step::More {}
        assert!(search.window.capacity() < 4 * WINDOW);
    }
    while search.step(true).unwrap() == Step::More {}
    assert_eq!(search.found(), Some(8_192_000));
}

#[test]
fn what_is_about_the_search_itself_is_not_cut_into_slices() {
    let text = [&b"a".repeat(3 * SLICE)[..], b"b"].concat();
    let whole = |pattern| {
        let pattern = Pattern::compile(pattern, &[]).unwrap();
        search(&pattern, &text, Range::default(), WINDOW, usize::MAX)
    };
    assert_eq!(whole("x|\\Gb"), None);
    assert_eq!(whole("a(*COMMIT)b"), None);
    assert_eq!(whole("a+(*SKIP)c|ab"), None);
    assert_eq!(whole("ab"), Some(3 * SLICE as u64 - 1));
}

#[test]
fn a_pattern_that_cannot_be_right_says_where() {
    // In the words of keepalived 2.2.7's log: "Invalid regex: 'foo(' at offset 4: missing closing parenthesis".
    let wrong = Pattern::compile("foo(", &[]).unwrap_err();
    assert_eq!(wrong.to_string(), "missing closing parenthesis at offset 4");
    assert!(Pattern::compile("(*UTF)a", &[Flag::NeverUtf]).is_err());
    assert!(Pattern::compile("\\C", &[Flag::NeverBackslashC]).is_err());
    assert!(Pattern::compile("[]", &[]).is_err());
}

#[test]
fn every_flag_is_known_to_the_library() {
    for &flag in Flag::ALL {
        Pattern::compile("a", &[flag]).unwrap();
    }
    // `[]` is no character at all, `\u0061` is an `a`, `\1` before its group is nothing.
    assert_eq!(found("a[]", &[Flag::AllowEmptyClass], b"a]"), None);
    assert_eq!(found("\\u0061", &[Flag::AltBsux], b"xa"), Some(1));
    assert_eq!(found("(x)?\\1a", &[Flag::MatchUnsetBackref], b"a"), Some(0));
    assert_eq!(found("(x)?\\1a", &[], b"a"), None);
    assert_eq!(found("a b # c", &[Flag::Extended], b"ab"), Some(0));
    assert_eq!(found("(?<n>a)|(?<n>b)", &[Flag::Dupnames], b"b"), Some(0));
    let newline = &[Flag::Multiline, Flag::AltCircumflex];
    assert_eq!(found("^\\z", newline, b"a\n"), Some(2));
}

/// Doubles with each byte, is quadratic, needs memory: none takes long, all end.
#[test]
fn no_pattern_takes_for_ever() {
    let a = b"a".repeat(WINDOW - 1);
    for (pattern, exhausted) in [("(a+)+$", true), ("(a|aa)+$", true), ("a*a*a*b", true)] {
        let pattern =
            Pattern::compile(pattern, &[Flag::NoStartOptimize, Flag::NoAutoPossess]).unwrap();
        let mut search = Search::new(&pattern, Range::default());
        search.take(&a);
        search.take(b"c");
        let started = Instant::now();
        let mut longest = Duration::ZERO;
        let end = loop {
            let step = Instant::now();
            let end = search.step(true);
            longest = longest.max(step.elapsed());
            if end != Ok(Step::More) || started.elapsed() > Duration::from_secs(2) {
                break end;
            }
        };
        assert!(longest < Duration::from_secs(2), "{pattern:?} {longest:?}");
        assert_eq!(
            matches!(end, Err(Costly { .. })),
            exhausted,
            "{pattern:?} {end:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_pieces_give_the_answer_of_the_whole(
        pattern in "(\\^|\\\\b|\\(\\?<=a\\))?[abn](\\.|\\.\\?|[ab]\\*|\\\\n)?[abn]{0,2}(\\$|\\\\b|\\(\\?!a\\)|\\\\z)?",
        text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b'n'), Just(b'\n'), Just(0xc3)], 0..300),
        flags in proptest::collection::vec(proptest::sample::select(vec![Flag::Utf, Flag::Multiline, Flag::Firstline, Flag::Ungreedy]), 0..3),
        piece in 1_usize..100, from in 0_u64..80, until in proptest::option::of(0_u64..300),
    ) {
        let pattern = Pattern::compile(&pattern, &flags).unwrap();
        let range = Range { from, until, memory: 0 };
        // Matches of these patterns are shorter than half the window only where lines are.
        let text: Vec<u8> = text.chunks(20).flat_map(|line| [line, b"\n"].concat()).collect();
        let whole = search(&pattern, &text, range, WINDOW, usize::MAX);
        prop_assert_eq!(search(&pattern, &text, range, 128, piece), whole);
    }
}

// Found by fuzzing: PCRE2 read where the empty slice pointed.
#[test]
fn a_text_of_no_bytes_is_searched() {
    for text in ["(*UTF)\u{fffd}+(*SKIP)b|\\Gc|(?=d)", "(*UTF)x|(?=d)", "^$"] {
        let pattern = Pattern::compile(text, &[]).unwrap();
        let mut search = Search::new(&pattern, Range::default());
        search.take(b"");
        while search.step(true).unwrap() == Step::More {}
        assert_eq!(search.found(), (text == "^$").then_some(0), "{text}");
    }
}
