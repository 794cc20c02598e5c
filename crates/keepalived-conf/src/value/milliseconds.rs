//! Times of TCP's metrics: `500`, `500ms`, `0.5s`.

use std::time::Duration;

use super::number::NumberError;

/// A time, and whether it had more decimals than are read.
pub(crate) type Time = (Duration, bool);

/// Milliseconds, or seconds with up to three decimals before an `s`; more are rounded. `most` in milliseconds.
///
/// # Errors
/// With the number alone, as keepalived quotes it; `None` where there is none before the unit.
pub(crate) fn milliseconds(text: &str, most: u64) -> Result<Time, Option<(NumberError, &str)>> {
    let lower = |unit: &str| {
        let (number, end) = text.split_at_checked(text.len().checked_sub(unit.len())?)?;
        end.eq_ignore_ascii_case(unit).then_some(number)
    };
    let (number, decimals) = match (lower("ms"), lower("s")) {
        (Some(number), _) => (number, 0),
        (None, Some(number)) => (number, 3),
        (None, None) => (text, 0),
    };
    if number.is_empty() {
        return Err(None);
    }
    let fault = |error| Some((error, number));
    if number.starts_with('-') {
        return Err(fault(NumberError::Negative));
    }
    let unsigned = number.strip_prefix('+').unwrap_or(number);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return Err(fault(NumberError::Invalid));
    }
    let limits = || {
        let print = |ms: u64| match decimals {
            0 => format!("{ms}."),
            _ => format!("{}.{:03}", ms / 1000, ms % 1000),
        };
        fault(NumberError::OutOfRange(print(0), print(most)))
    };
    // One digit more than counts is read, to round by.
    let read = fraction.bytes().chain(std::iter::repeat(b'0'));
    let mut value = match whole {
        "" => 0,
        _ => whole.parse::<u64>().map_err(|_| limits())?,
    };
    for digit in read.take(decimals + 1) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit.saturating_sub(b'0'))))
            .ok_or_else(limits)?;
    }
    let value = value / 10 + u64::from(value % 10 >= 5);
    if value > most {
        return Err(limits());
    }
    Ok((Duration::from_millis(value), fraction.len() > decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str) -> Result<(u64, bool), String> {
        let told = milliseconds(text, 960_000);
        told.map(|(time, more)| (u64::try_from(time.as_millis()).unwrap(), more))
            .map_err(|e| e.map(|(e, number)| e.say(number)).unwrap_or_default())
    }

    #[test]
    fn times() {
        assert_eq!(say("500"), Ok((500, false)));
        assert_eq!(say("500ms"), Ok((500, false)));
        assert_eq!(say(".5S"), Ok((500, false)));
        assert_eq!(say("1.2345s"), Ok((1235, true)));
        assert_eq!(say("0.5"), Ok((1, true)));
    }

    #[test]
    fn wrong_times() {
        let say = |text| say(text).unwrap_err();
        assert_eq!(
            say("4294967295"),
            "number '4294967295' outside range [0., 960000.]"
        );
        assert_eq!(say("961s"), "number '961' outside range [0.000, 960.000]");
        assert_eq!(say("-5"), "negative number '-5'");
        assert_eq!(say("5h"), "invalid number '5h'");
        assert_eq!(say("s"), "");
    }
}
