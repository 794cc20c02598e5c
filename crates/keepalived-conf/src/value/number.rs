//! Whole numbers, and seconds with decimals.

use std::ops::RangeInclusive;
use std::time::Duration;

use nom::character::complete::{char, digit0, digit1, one_of};
use nom::combinator::{all_consuming, opt, recognize};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use super::routing;

/// Why a text is not the number that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NumberError {
    Invalid,
    Negative,
    /// The limits, as keepalived prints them.
    OutOfRange(String, String),
    TooLarge,
    /// For a number with decimals.
    TooLargeDecimal,
    /// For a number that may be negative.
    TooLargeSigned,
    /// The same where 64 bits are read.
    TooLarge64,
}

impl NumberError {
    /// keepalived's wording.
    pub(crate) fn say(&self, text: &str) -> String {
        match self {
            Self::Invalid => format!("invalid number '{text}'"),
            Self::Negative => format!("negative number '{text}'"),
            Self::OutOfRange(min, max) => format!("number '{text}' outside range [{min}, {max}]"),
            Self::TooLarge => format!("number '{text}' outside unsigned integer range"),
            Self::TooLargeDecimal => format!("number '{text}' outside unsigned decimal range"),
            Self::TooLargeSigned => format!("number '{text}' outside integer range"),
            Self::TooLarge64 => format!("number '{text}' outside unsigned 64 bit range"),
        }
    }
}

/// A whole number, base 10. keepalived behaviour, here and below: blanks before it (inside quotes) do no harm.
pub(crate) fn unsigned(text: &str, range: RangeInclusive<u64>) -> Result<u64, NumberError> {
    let text = text.trim_ascii_start();
    if text
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        return Err(NumberError::Negative);
    }
    let mut digits = all_consuming(preceded(opt(char('+')), digit1));
    let parsed: IResult<&str, &str> = digits.parse(text);
    let (_, digits) = parsed.map_err(|_| NumberError::Invalid)?;
    let out = || NumberError::OutOfRange(range.start().to_string(), range.end().to_string());
    let number = digits.parse::<u64>().map_err(|_| NumberError::TooLarge)?;
    // keepalived reads it into 32 bits before it looks at the range.
    if number > u64::from(u32::MAX) {
        return Err(NumberError::TooLarge);
    }
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(out())
    }
}

/// A whole number that may be negative, base 10.
pub(crate) fn signed(text: &str, range: RangeInclusive<i32>) -> Result<i32, NumberError> {
    let text = text.trim_ascii_start();
    let sign = opt(one_of("+-"));
    let parsed: IResult<&str, &str> = all_consuming(recognize(pair(sign, digit1))).parse(text);
    parsed.map_err(|_| NumberError::Invalid)?;
    let number: i32 = text.parse().map_err(|_| NumberError::TooLargeSigned)?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(NumberError::OutOfRange(
            range.start().to_string(),
            range.end().to_string(),
        ))
    }
}

/// A whole number of 64 bits, base 10.
pub(crate) fn unsigned_64(text: &str) -> Result<u64, NumberError> {
    match unsigned(text, 0..=u64::MAX) {
        Err(NumberError::TooLarge) => text
            .trim_ascii_start()
            .trim_start_matches('+')
            .parse()
            .map_err(|_| NumberError::TooLarge64),
        found => found,
    }
}

/// A whole number of 32 bits, hexadecimal after `0x`, octal after `0`.
pub(crate) fn unsigned_any_base(text: &str) -> Result<u32, NumberError> {
    match (routing::any_base(text), unsigned(text, 0..=u64::MAX)) {
        (Some(number), _) => u32::try_from(number).map_err(|_| NumberError::TooLarge),
        // It is no number: the decimal grammar says why.
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(NumberError::Invalid),
    }
}

/// The longest time keepalived takes where it sets no limit of its own, in microseconds.
pub(crate) const FOREVER: u64 = u64::MAX - 1;

/// Seconds with up to six decimals; more are rounded. `range` in microseconds.
pub(crate) fn seconds(text: &str, range: RangeInclusive<u64>) -> Result<Duration, NumberError> {
    decimal(text, range, 6).map(Duration::from_micros)
}

/// A number with up to so many decimals (at most 9), counted in its smallest parts, as `range` is; more are rounded.
pub(crate) fn decimal(
    text: &str,
    range: RangeInclusive<u64>,
    decimals: u8,
) -> Result<u64, NumberError> {
    let text = text.trim_ascii_start();
    if text.starts_with('-') {
        return Err(NumberError::Negative);
    }
    let number = (digit0, opt(preceded(char('.'), digit0)));
    let mut decimal = all_consuming(preceded(opt(char('+')), number));
    let parsed: IResult<&str, (&str, Option<&str>)> = decimal.parse(text);
    let (_, (whole, fraction)) = parsed.map_err(|_| NumberError::Invalid)?;
    // keepalived behaviour: a point alone is 0.
    if whole.is_empty() && fraction.is_none() {
        return Err(NumberError::Invalid);
    }
    let fraction = fraction.unwrap_or_default();
    let one = 10_u64.pow(u32::from(decimals));
    let print = |parts: u64| format!("{}.{:02$}", parts / one, parts % one, usize::from(decimals));
    let out = || NumberError::OutOfRange(print(*range.start()), print(*range.end()));
    let mut parts = if whole.is_empty() {
        0
    } else {
        whole
            .parse::<u64>()
            .map_err(|_| NumberError::TooLargeDecimal)?
    };
    parts = parts.checked_mul(one).ok_or(NumberError::TooLargeDecimal)?;
    let mut unit = one / 10;
    for (n, digit) in fraction
        .chars()
        .filter_map(|c| c.to_digit(10))
        .take(usize::from(decimals) + 1)
        .enumerate()
    {
        let add = if n < usize::from(decimals) {
            u64::from(digit) * unit
        } else {
            u64::from(digit >= 5)
        };
        parts = parts.checked_add(add).ok_or(NumberError::TooLargeDecimal)?;
        unit /= 10;
    }
    if range.contains(&parts) {
        Ok(parts)
    } else {
        Err(out())
    }
}

/// Whether a number has more decimals than that.
pub(crate) fn too_precise(text: &str, decimals: usize) -> bool {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.len() > decimals
}

/// Whether a text is made of digits: `80` or `200-299`, the second being no less than the first.
pub(crate) fn status_range(text: &str) -> Option<RangeInclusive<u16>> {
    let code = || preceded(opt(char('+')), digit1);
    let mut grammar = all_consuming(pair(code(), opt(preceded(char('-'), recognize(code())))));
    let parsed: IResult<&str, (&str, Option<&str>)> = grammar.parse(text);
    let (_, (low, high)) = parsed.ok()?;
    let low: u16 = low.parse().ok()?;
    let high: u16 = high.map_or(Some(low), |high| high.parse().ok())?;
    (low >= 100 && high <= 599 && low <= high).then_some(low..=high)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The wordings are those that keepalived -t prints.
    #[test]
    fn whole_numbers() {
        let say = |text: &str| unsigned(text, 1..=255).map_err(|e| e.say(text));
        assert_eq!((say("50"), say(" 50")), (Ok(50), Ok(50)));
        assert_eq!(
            say("500"),
            Err("number '500' outside range [1, 255]".to_owned())
        );
        assert_eq!(say("10x"), Err("invalid number '10x'".to_owned()));
        assert_eq!(say("-1"), Err("negative number '-1'".to_owned()));
        assert_eq!(
            say("5000000000"),
            Err("number '5000000000' outside unsigned integer range".to_owned())
        );
        assert_eq!(say(""), Err("invalid number ''".to_owned()));
    }

    #[test]
    fn numbers_with_a_sign() {
        let say = |text: &str| signed(text, -20..=19).map_err(|e| e.say(text));
        assert_eq!((say("-20"), say("+7")), (Ok(-20), Ok(7)));
        assert_eq!(
            say("-21"),
            Err("number '-21' outside range [-20, 19]".to_owned())
        );
        assert_eq!(say("-3.5"), Err("invalid number '-3.5'".to_owned()));
        assert_eq!(say("-"), Err("invalid number '-'".to_owned()));
        assert_eq!(
            say("99999999999"),
            Err("number '99999999999' outside integer range".to_owned())
        );
    }

    #[test]
    fn decimal_seconds() {
        let say = |text: &str| seconds(text, 10_000..=255_000_000).map_err(|e| e.say(text));
        assert_eq!(say("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(say(".25"), Ok(Duration::from_millis(250)));
        assert_eq!(say("1.0000005"), Ok(Duration::from_micros(1_000_001)));
        assert_eq!(
            say("256"),
            Err("number '256' outside range [0.010000, 255.000000]".to_owned())
        );
        assert_eq!(say("+2."), Ok(Duration::from_secs(2)));
        let zero = "number '.' outside range [0.010000, 255.000000]";
        assert_eq!(say("."), Err(zero.to_owned()));
        assert_eq!(say("+"), Err("invalid number '+'".to_owned()));
        assert!(too_precise("1.0000000", 6) && !too_precise("1.000000", 6));
        let largest = seconds("0", 1..=FOREVER).map_err(|e| e.say("0"));
        assert_eq!(
            largest,
            Err("number '0' outside range [0.000001, 18446744073709.551614]".to_owned())
        );
        assert!(seconds("99999999999999999999999", 0..=FOREVER).is_err());
    }

    #[test]
    fn signs() {
        let say = |text: &str| signed(text, -253..=253).map_err(|e| e.say(text));
        assert_eq!((say("-253"), say("+5")), (Ok(-253), Ok(5)));
        assert_eq!(
            say("300"),
            Err("number '300' outside range [-253, 253]".to_owned())
        );
        assert_eq!(
            say("5000000000"),
            Err("number '5000000000' outside integer range".to_owned())
        );
        assert_eq!(say("-"), Err("invalid number '-'".to_owned()));
    }

    #[test]
    fn other_decimals() {
        let say = |text: &str| decimal(text, 1000..=4_294_967_000, 3).map_err(|e| e.say(text));
        assert_eq!(say("10.5"), Ok(10_500));
        assert_eq!(
            say("0.5"),
            Err("number '0.5' outside range [1.000, 4294967.000]".to_owned())
        );
    }

    #[test]
    fn status_ranges() {
        assert_eq!(status_range("200"), Some(200..=200));
        assert_eq!(status_range("300-399"), Some(300..=399));
        assert_eq!(status_range("+300-+399"), Some(300..=399));
        assert_eq!(
            (
                status_range("300-200"),
                status_range("700"),
                status_range("abc")
            ),
            (None, None, None)
        );
    }
}
