//! The closed list of complaints.

use std::fmt;

/// Which complaint; displays as a stable kebab-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The file cannot be read.
    FileMissing,
    /// The name of no keyword in this block.
    UnknownKeyword,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileMissing => "file-missing",
            Self::UnknownKeyword => "unknown-keyword",
        })
    }
}
