//! The number in a tracked file. Pure.
//!
//! keepalived behaviour, observed: the file is read as C's `strtol` with base 0 does: blanks, a sign, digits, or
//! hexadecimal after `0x` and octal after `0`; what comes after them does not matter, and where there are none the number
//! is 0. A number that does not fit 32 bits is ignored: the last one holds.

/// Bytes of a file that are looked at.
pub const LOOKED_AT: u64 = 128;

/// A number that does not fit 32 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge(pub String);

/// Reads the beginning of a file.
///
/// # Errors
/// When the number does not fit 32 bits; with its text.
pub fn parse(content: &[u8]) -> Result<i32, TooLarge> {
    let text = content.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, rest)
        }
        [b'0', rest @ ..] => (8, rest),
        _ => (10, digits),
    };
    let mut number: i64 = 0;
    for byte in digits {
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            break;
        };
        number = number
            .saturating_mul(i64::from(radix))
            .saturating_add(i64::from(digit));
    }
    let number = if negative { -number } else { number };
    i32::try_from(number).map_err(|_| {
        let line = text.split(|byte| byte.is_ascii_whitespace()).next();
        TooLarge(String::from_utf8_lossy(line.unwrap_or_default()).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // What keepalived 2.2.7 was seen to add to a weight of 10 for each content.
    #[test]
    fn recorded_contents() {
        let cases: [(&str, i32); 11] = [
            ("5\n", 5),
            ("-5\n", -5),
            ("abc\n", 0),
            ("  12 \n", 12),
            ("12x\n", 12),
            ("0x10\n", 16),
            ("\n", 0),
            ("", 0),
            ("-65535\n", -65535),
            ("-2147483647\n", -2_147_483_647),
            ("2147483647\n", 2_147_483_647),
        ];
        for (content, number) in cases {
            assert_eq!(parse(content.as_bytes()), Ok(number), "{content:?}");
        }
        assert_eq!(
            parse(b"99999999999\n"),
            Err(TooLarge("99999999999".to_owned()))
        );
    }

    // strtol(3), base 0.
    #[test]
    fn bases_are_those_of_c() {
        for (content, number) in [("010", 8), ("0x", 0), ("-0x1F", -31), ("09", 0), ("+7", 7)] {
            assert_eq!(parse(content.as_bytes()), Ok(number), "{content:?}");
        }
    }

    proptest! {
        #[test]
        fn every_number_that_fits_is_read(number: i32, tail in "[ \nx]{0,3}") {
            prop_assert_eq!(parse(format!("{number}{tail}").as_bytes()), Ok(number));
        }

        #[test]
        fn nothing_makes_it_fail_otherwise(content: Vec<u8>) {
            if let Err(TooLarge(text)) = parse(&content) {
                prop_assert!(!text.is_empty());
            }
        }
    }
}
