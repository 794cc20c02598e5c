//! Any bytes as a mail server's reply.
//!
//! What must hold: no panic; pieces make no difference; a reply has a code of RFC 5321, a text that can be shown, and ends
//! with a line; what is none is found out within the limits.

#![no_main]

use checkers::probe::reply::{LONGEST, LONGEST_LINE, Malformed, Reader, Reply};
use libfuzzer_sys::fuzz_target;

/// The end of a reading: a reply and where it ends, or why there is none.
fn read(bytes: &[u8], piece: usize) -> Option<Result<(Reply, usize), Malformed>> {
    let mut reader = Reader::new();
    let mut taken = 0;
    for bytes in bytes.chunks(piece) {
        taken += bytes.len();
        match reader.handle(bytes) {
            Ok(None) => {}
            Ok(Some((reply, rest))) => return Some(Ok((reply, taken - rest.len()))),
            Err(why) => return Some(Err(why)),
        }
    }
    None
}

fuzz_target!(|input: &[u8]| {
    let [piece, input @ ..] = input else {
        return;
    };
    let whole = read(input, input.len().max(1));
    // A line that is too long is found out by what comes next in one case, by its end in the other.
    let pieces = read(input, usize::from(*piece) + 1);
    assert_eq!(whole, pieces);
    match whole {
        Some(Ok((reply, end))) => {
            assert!((200..=559).contains(&reply.code), "{reply:?}");
            assert!(!reply.to_string().chars().any(char::is_control), "{reply:?}");
            assert!(reply.text.chars().count() <= 100, "{reply:?}");
            assert!(end <= LONGEST && input[..end].ends_with(b"\n"));
        }
        Some(Err(_)) => {}
        None => {
            let line = input.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            assert!(line.len() <= LONGEST_LINE && input.len() <= LONGEST);
        }
    }
});
