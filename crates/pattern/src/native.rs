//! PCRE2 itself, interpreted: without its compiler to machine code there is no memory that is writable and executable,
//! and its limits count the same on every machine.
#![expect(
    unsafe_code,
    reason = "PCRE2 is C, and no crate has a safe interface to all that is used here"
)]

use std::ptr::{self, NonNull};

use pcre2_sys as sys;

use crate::Wrong;

/// How often the matcher may go back for one place in the text, so that a pattern that doubles its work with every
/// byte is given up after some milliseconds.
const MATCH_LIMIT: u32 = 1_000_000;

/// How a search looks at the end of what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is the end of the text.
    Text,
    /// More may come: what would want it is a part of a match.
    Open,
    /// More may come and cannot be waited for: a match without it will do; lines do not end here.
    Given,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A match begins here.
    Match(usize),
    /// What may become one begins here.
    Part(usize),
    /// There is none.
    Nothing,
    /// A limit was met.
    Exhausted,
}

/// Stands for a text of no bytes.
static NOTHING: [u8; 1] = [0];

/// Compiled code.
pub struct Code {
    code: NonNull<sys::pcre2_code_8>,
    /// `PCRE2_INFO_ALLOPTIONS`.
    options: u32,
    /// `PCRE2_INFO_MAXLOOKBEHIND`, in characters.
    lookbehind: u32,
    /// `PCRE2_INFO_NEWLINE`.
    newline: u32,
}

// SAFETY: pcre2api(3), "Multithreading": compiled code is read only to the matcher, and may be used and freed by any
// thread. What is written while matching is made anew in `Code::look`.
unsafe impl Send for Code {}
// SAFETY: as above; nothing is compiled just in time, which would be the one thing to write to it later.
unsafe impl Sync for Code {}

impl Code {
    /// Compiles; always so that matches may have a last place.
    pub fn compile(text: &str, options: u32) -> Result<Code, Wrong> {
        let options = options | sys::PCRE2_USE_OFFSET_LIMIT;
        let (mut error, mut offset) = (0, 0);
        // SAFETY: text and length belong together and are only read; error and offset outlive the call; a null context
        // stands for the usual one.
        let code = unsafe {
            sys::pcre2_compile_8(
                text.as_ptr(),
                text.len(),
                options,
                &raw mut error,
                &raw mut offset,
                ptr::null_mut(),
            )
        };
        let Some(code) = NonNull::new(code) else {
            return Err(Wrong {
                offset,
                reason: message(error),
            });
        };
        let mut code = Code {
            code,
            options: 0,
            lookbehind: 0,
            newline: 0,
        };
        code.options = code.info(sys::PCRE2_INFO_ALLOPTIONS);
        code.lookbehind = code.info(sys::PCRE2_INFO_MAXLOOKBEHIND);
        code.newline = code.info(sys::PCRE2_INFO_NEWLINE);
        Ok(code)
    }

    /// One of the answers that are a `uint32_t` (pcre2api(3)).
    fn info(&self, what: u32) -> u32 {
        let mut answer = 0_u32;
        // SAFETY: the code is alive; each `what` that we ask for writes a `uint32_t`, which `answer` is.
        let _known = unsafe {
            sys::pcre2_pattern_info_8(self.code.as_ptr(), what, (&raw mut answer).cast())
        };
        answer
    }

    /// Characters are UTF-8.
    pub fn utf(&self) -> bool {
        self.options & sys::PCRE2_UTF != 0
    }

    /// A match can begin only where the search does.
    pub fn anchored(&self) -> bool {
        self.options & sys::PCRE2_ANCHORED != 0
    }

    /// A match begins in the first line or nowhere.
    pub fn firstline(&self) -> bool {
        self.options & sys::PCRE2_FIRSTLINE != 0
    }

    /// Whether a line ends with this byte.
    pub fn ends_line(&self, byte: u8) -> bool {
        match self.newline {
            sys::PCRE2_NEWLINE_CR => byte == b'\r',
            sys::PCRE2_NEWLINE_NUL => byte == 0,
            sys::PCRE2_NEWLINE_LF | sys::PCRE2_NEWLINE_CRLF => byte == b'\n',
            // VT, FF and NEL too, for ANY: a line that is taken to end early is searched less far.
            _ => matches!(byte, b'\n' | b'\r'),
        }
    }

    /// Characters before a place that may decide whether a match begins there.
    pub fn lookbehind(&self) -> usize {
        usize::try_from(self.lookbehind).unwrap_or(usize::MAX)
    }

    /// Looks for a match that begins at `from` or later and no later than at `until`, with at most `memory` KiB.
    /// `from` must be within `text`, and with [`Code::utf`] no continuation byte.
    pub fn look(&self, text: &[u8], from: usize, until: usize, memory: u32, end: End) -> Look {
        let options = match end {
            End::Text => 0,
            End::Open => sys::PCRE2_PARTIAL_HARD,
            End::Given => sys::PCRE2_PARTIAL_SOFT | sys::PCRE2_NOTEOL,
        };
        // To PCRE2 the limit is an address, which must not be far outside of the text.
        let (Some(context), Some(found)) =
            (Limits::new(until.min(text.len()), memory), Found::new())
        else {
            return Look::Exhausted;
        };
        // An empty slice may be anywhere, and PCRE2 looks at the first byte before it looks at the length (found by fuzzing).
        let start = match text {
            [] => NOTHING.as_ptr(),
            text => text.as_ptr(),
        };
        // SAFETY: code, context and match data are alive and of this thread alone, as far as they are written to; text
        // and length belong together, and are read only during the call. That the text is UTF-8 where it has to be
        // is not claimed: PCRE2 looks itself.
        let status = unsafe {
            sys::pcre2_match_8(
                self.code.as_ptr(),
                start,
                text.len(),
                from,
                options,
                found.0.as_ptr(),
                context.0.as_ptr(),
            )
        };
        match status {
            0.. => Look::Match(found.start()),
            sys::PCRE2_ERROR_NOMATCH => Look::Nothing,
            sys::PCRE2_ERROR_PARTIAL => Look::Part(found.start()),
            _ => Look::Exhausted,
        }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: it came from pcre2_compile, is freed once, and nobody else has it.
        unsafe { sys::pcre2_code_free_8(self.code.as_ptr()) }
    }
}

/// A match context.
struct Limits(NonNull<sys::pcre2_match_context_8>);

impl Limits {
    fn new(until: usize, memory: u32) -> Option<Limits> {
        // SAFETY: a null general context stands for malloc and free.
        let context = unsafe { sys::pcre2_match_context_create_8(ptr::null_mut()) };
        let limits = Limits(NonNull::new(context)?);
        // SAFETY: the context is alive and ours.
        unsafe { sys::pcre2_set_match_limit_8(limits.0.as_ptr(), MATCH_LIMIT) };
        // SAFETY: as above.
        unsafe { sys::pcre2_set_heap_limit_8(limits.0.as_ptr(), memory) };
        // SAFETY: as above.
        unsafe { sys::pcre2_set_offset_limit_8(limits.0.as_ptr(), until) };
        Some(limits)
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        // SAFETY: it came from pcre2_match_context_create, and is freed once.
        unsafe { sys::pcre2_match_context_free_8(self.0.as_ptr()) }
    }
}

/// Match data.
struct Found(NonNull<sys::pcre2_match_data_8>);

impl Found {
    fn new() -> Option<Found> {
        // SAFETY: one pair of offsets is the least there may be; a null general context stands for malloc and free.
        let data = unsafe { sys::pcre2_match_data_create_8(1, ptr::null_mut()) };
        NonNull::new(data).map(Found)
    }

    /// Where the match begins, whole or in part; whatever `\K` says.
    fn start(&self) -> usize {
        // SAFETY: the data is alive, and a match, whole or in part, has been made with it.
        unsafe { sys::pcre2_get_startchar_8(self.0.as_ptr()) }
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: it came from pcre2_match_data_create, and is freed once.
        unsafe { sys::pcre2_match_data_free_8(self.0.as_ptr()) }
    }
}

fn message(error: i32) -> String {
    let mut text = [0_u8; 256];
    // SAFETY: buffer and length belong together; the text is cut to fit, with a zero at its end.
    let length = unsafe { sys::pcre2_get_error_message_8(error, text.as_mut_ptr(), text.len()) };
    let length = usize::try_from(length).unwrap_or(0);
    String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned()
}
