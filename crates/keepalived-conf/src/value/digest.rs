//! MD5 sums as `genhash` prints them.

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DigestError {
    /// In bytes.
    Length(usize),
    /// The first pair of digits that is none, by its offset in bytes.
    Digits(usize),
}

impl DigestError {
    /// keepalived's wording.
    pub(crate) fn say(&self, text: &str) -> String {
        match self {
            Self::Length(length) => {
                format!("digest '{text}' character length should be 32 rather than {length}")
            }
            Self::Digits(at) => {
                let next = at + 1;
                format!("Unable to interpret hex digit in '{text}' at offset {at}/{next}")
            }
        }
    }
}

/// 32 hexadecimal digits, large or small.
pub(crate) fn md5(text: &str) -> Result<[u8; 16], DigestError> {
    if text.len() != 32 {
        return Err(DigestError::Length(text.len()));
    }
    let mut digest = [0; 16];
    for ((at, byte), pair) in digest.iter_mut().enumerate().zip(text.as_bytes().chunks(2)) {
        let mut value = 0;
        for digit in pair {
            let digit = char::from(*digit).to_digit(16);
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else {
                return Err(DigestError::Digits(at * 2));
            };
            value = value << 4 | digit;
        }
        *byte = value;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The wordings are those that keepalived -t prints.
    #[test]
    fn digests() {
        let say = |text: &str| md5(text).map_err(|error| error.say(text));
        let digest = [
            0x9b, 0x3a, 0x0c, 0x85, 0xa8, 0x87, 0xa2, 0x56, 0xd6, 0x93, 0x9d, 0xa8, 0x8a, 0xab,
            0xd8, 0xcd,
        ];
        assert_eq!(say("9b3a0c85a887a256d6939da88aabd8cd"), Ok(digest));
        assert_eq!(say("9B3A0C85A887A256D6939DA88AABD8CD"), Ok(digest));
        assert_eq!(
            say("12"),
            Err("digest '12' character length should be 32 rather than 2".to_owned())
        );
        let wrong = "9b3a0c85a887a256d6939da88aabd8cz";
        let message = format!("Unable to interpret hex digit in '{wrong}' at offset 30/31");
        assert_eq!(say(wrong), Err(message));
    }
}
