//! The verbose form: what comes, as it comes.

use std::io::{self, Write};

use super::dump::dump;
use crate::probe::http::Watch;
use crate::spec::Digest;

/// Writes an answer down while it comes.
pub struct Transcript<'a> {
    out: &'a mut (dyn Write + Send),
    body_follows: bool,
    result: io::Result<()>,
}

impl<'a> Transcript<'a> {
    /// An empty one.
    pub fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Transcript {
            out,
            body_follows: false,
            result: Ok(()),
        }
    }

    /// # Errors
    /// The first one that writing met.
    pub fn end(self) -> io::Result<()> {
        self.result
    }

    fn write(&mut self, write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) {
        if self.result.is_ok() {
            self.result = write(self.out);
        }
    }
}

impl Watch for Transcript<'_> {
    fn read(&mut self) {
        self.write(|out| title(out, "   HTTP Header Buffer   "));
    }

    fn header(&mut self, header: &[u8]) {
        self.write(|out| {
            dump(out, header)?;
            title(out, "HTTP Header Ascii Buffer")?;
            out.write_all(header)?;
            writeln!(out)
        });
        self.body_follows = true;
    }

    fn body(&mut self, piece: &[u8]) {
        // keepalived behaviour: the title comes only for a body that begins in the same read as the header ends.
        if std::mem::take(&mut self.body_follows) && !piece.is_empty() {
            self.write(|out| title(out, "       HTML Buffer       "));
        }
        self.write(|out| dump(out, piece));
    }
}

/// Writes the digest's part, up to the digest itself; without one, the digest of nothing.
pub fn digest(out: &mut (dyn Write + Send), digest: Option<Digest>) -> io::Result<()> {
    // MD5 of no bytes, RFC 1321 appendix A.5.
    const NOTHING: Digest = Digest(0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes());
    writeln!(out)?;
    title(out, "   HTML hash resulting   ")?;
    dump(out, &digest.unwrap_or(NOTHING).0)?;
    title(out, "HTML hash final resulting")
}

fn title(out: &mut (dyn Write + Send), text: &str) -> io::Result<()> {
    writeln!(
        out,
        "-----------------------[ {text} ]-----------------------"
    )
}
