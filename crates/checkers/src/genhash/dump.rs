//! The hexadecimal dump of the verbose form.

use std::io::{self, Write};

/// Bytes a line.
const WIDTH: usize = 16;

/// Writes `bytes`, 16 a line: decimal offset, two halves in hexadecimal, and what can be printed of it.
///
/// # Errors
/// When `out` cannot be written.
pub fn dump(out: &mut (dyn Write + Send), bytes: &[u8]) -> io::Result<()> {
    for (number, line) in bytes.chunks(WIDTH).enumerate() {
        let (left, right) = line.split_at_checked(WIDTH / 2).unwrap_or((line, &[]));
        let text = printable(line);
        writeln!(
            out,
            "{:04}  {:24}- {:24}  {text:16}",
            number * WIDTH,
            hex(left),
            hex(right)
        )?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| {
            if byte == b' ' || byte.is_ascii_graphic() {
                char::from(byte)
            } else {
                '.'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // As keepalived 2.2.7's genhash printed it.
    #[test]
    fn lines_are_as_recorded() {
        let mut out = Vec::new();
        dump(
            &mut out,
            b"second part that is longer than one line\x00\x7f\x80\xff\n",
        )
        .unwrap();
        dump(&mut out, b"hello\n").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                "0000  73 65 63 6f 6e 64 20 70 - 61 72 74 20 74 68 61 74   second part that\n",
                "0016  20 69 73 20 6c 6f 6e 67 - 65 72 20 74 68 61 6e 20    is longer than \n",
                "0032  6f 6e 65 20 6c 69 6e 65 - 00 7f 80 ff 0a            one line.....   \n",
                "0000  68 65 6c 6c 6f 0a       -                           hello.          \n",
            )
        );
    }
}
