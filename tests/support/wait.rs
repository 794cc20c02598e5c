//! Waiting for something that only shows itself when one looks: a loop with a deadline.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Looks every 10 ms until `look` gives a value, at most `limit`. What it waited for is named in the error.
///
/// # Errors
/// When the limit has passed, or when looking itself fails.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if start.elapsed() > limit {
            bail!("waited {:.1} s in vain for {what}", limit.as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Looks for the whole of `span` and fails at the first look that gives a reason.
///
/// # Errors
/// With the reason, or when looking itself fails.
pub fn throughout(span: Duration, mut look: impl FnMut() -> Result<Option<String>>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < span {
        if let Some(reason) = look()? {
            bail!("after {:.1} s: {reason}", start.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_the_waiting() {
        let mut looks = 0;
        let seen = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn the_error_names_what_was_waited_for() {
        let gone = until::<()>("godot", Duration::from_millis(20), || Ok(None));
        assert_eq!(
            gone.unwrap_err().to_string(),
            "waited 0.0 s in vain for godot"
        );
    }

    #[test]
    fn a_reason_ends_the_watch() {
        let seen = throughout(Duration::from_secs(5), || {
            Ok(Some("the address left".to_owned()))
        });
        assert!(seen.unwrap_err().to_string().ends_with("the address left"));
        assert!(throughout(Duration::from_millis(20), || Ok(None)).is_ok());
    }
}
