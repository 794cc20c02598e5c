//! Any bytes as a name to ask for, and as what comes from a name server.
//!
//! What must hold: no panic; a question fits DNS, and turned into an answer is one; nothing is an answer or a refusal that
//! lacks our identifier or the mark of an answer.

#![no_main]

use checkers::DatagramFailure;
use checkers::probe::query::{LOOKED_AT, Meaning, Query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&[a, b, c, d, length], input)) = input.split_first_chunk::<5>() else {
        return;
    };
    let (id, kind) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let (name, datagram) = input.split_at(input.len().min(usize::from(length)));
    let query = match Query::new(id, &String::from_utf8_lossy(name), kind) {
        Ok(query) => query,
        Err(failure @ DatagramFailure::NotAName { .. }) => {
            assert!(!failure.to_string().chars().any(char::is_control));
            return;
        }
        Err(failure) => panic!("{failure}"),
    };
    let asked = query.emit().expect("it fits");
    // RFC 1035 2.3.4, 4.1.1.
    assert!(asked.len() <= 12 + 255 + 4 && asked.len() < LOOKED_AT, "{asked:x?}");
    let mut answer = asked.clone();
    answer[2] |= 0x80;
    assert_eq!(query.judge(&answer), Meaning::Answer { answers: 0 });
    answer[3] |= 3;
    assert!(matches!(query.judge(&answer), Meaning::Refusal(_)));
    // As they are, under our identifier, and after our question.
    judge(&query, id, datagram);
    judge(&query, id, &[&asked[..2], datagram].concat());
    let after = datagram.get(..2).unwrap_or_default();
    if let [high, low] = after {
        answer[2] = *high;
        answer[3] = *low;
        answer.extend_from_slice(datagram);
        judge(&query, id, &answer);
    }
});

fn judge(query: &Query, id: u16, datagram: &[u8]) {
    let meaning = query.judge(datagram);
    // What is looked at is enough.
    let looked_at = datagram.get(..LOOKED_AT).unwrap_or(datagram);
    assert_eq!(query.judge(looked_at), meaning);
    let ours = datagram.get(..2) == Some(&id.to_be_bytes()[..]);
    let answer = datagram.get(2).is_some_and(|flags| flags & 0x80 != 0);
    match meaning {
        Meaning::Answer { .. } => assert!(ours && answer && datagram[3] & 0xf == 0),
        Meaning::Refusal(failure) => {
            assert!(ours && answer && datagram[3] & 0xf != 0);
            assert!(!failure.to_string().chars().any(char::is_control));
        }
        Meaning::Stray(_) => {}
    }
}
