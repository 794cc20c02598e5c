//! The closed list of complaints.

use std::fmt;

/// Which complaint; displays as a stable kebab-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A file cannot be read.
    FileMissing,
    /// A line ends before a word that must be there; keepalived stops at once.
    MissingParameter,
    /// No keyword of keepalived, or not one of this block.
    UnknownKeyword,
    /// A `{` where no block begins.
    UnexpectedBrace,
    /// A block without its `{`.
    MissingOpeningBrace,
    /// A `}` that closes nothing.
    ExtraBrace,
    /// The end of the file, with blocks still open.
    UnbalancedBraces,
    /// A `"` that its line does not close.
    UnterminatedQuote,
    /// A line of more than 1024 bytes.
    LineTooLong,
    /// Includes, definitions and conditional lines, which are not read yet; the daemon must not start with half a file.
    UnsupportedSyntax,
    /// No number, a negative one, or one out of range.
    InvalidNumber,
    /// A word that this keyword does not take.
    InvalidValue,
    /// No address, or one that does not fit here.
    InvalidAddress,
    /// A block without a name, or a name that is too long.
    InvalidName,
    /// Said twice where once is all there can be.
    Duplicate,
    /// Better said otherwise.
    Deprecated,
    /// A keyword that is known and not accepted.
    Refused,
    /// A password of more than 8 bytes.
    PasswordTruncated,
    /// Authentication that cannot be.
    Authentication,
    /// An instance without a virtual router id; the daemon must not start.
    VridMissing,
    /// Two instances with one virtual router id on one interface; the daemon must not start.
    VridClash,
    /// An interface the host does not have.
    UnknownInterface,
    /// An instance without a usable interface; the daemon must not start.
    InterfaceMissing,
    /// An instance without an address.
    NoVirtualAddress,
    /// An instance that needs an address and has none; the daemon must not start.
    VirtualAddressRequired,
    /// Two settings that do not go together; one of them is dropped.
    Conflict,
    /// A sync group with too few members.
    SyncGroup,
    /// A setting that should be there; a default is used.
    DefaultUsed,
    /// A virtual server without real servers.
    NoRealServers,
    /// Ports of the virtual and the real server that differ where they must not.
    PortMismatch,
    /// A check without what it needs.
    IncompleteCheck,
    /// Scripts run without `enable_script_security`.
    ScriptSecurity,
    /// Accepted, without effect so far.
    NotYet,
    /// Accepted and ignored for good.
    Ignored,
    /// More complaints than are kept.
    TooMany,
}

/// What a complaint does to the exit status of `keepalived -t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Nothing.
    None,
    /// Status 5.
    General,
    /// Status 6.
    Security,
    /// Status 2, at once.
    Stop,
}

impl Code {
    pub(crate) fn weight(self) -> Weight {
        match self {
            Self::FileMissing | Self::NotYet | Self::Ignored | Self::TooMany => Weight::None,
            Self::MissingParameter => Weight::Stop,
            Self::ScriptSecurity => Weight::Security,
            _ => Weight::General,
        }
    }

    /// The exit status of a daemon that meets this, if it must not start.
    pub(crate) fn start_status(self) -> Option<u8> {
        match self {
            Self::FileMissing => Some(6),
            Self::MissingParameter
            | Self::UnsupportedSyntax
            | Self::VridMissing
            | Self::VridClash
            | Self::InterfaceMissing
            | Self::VirtualAddressRequired => Some(2),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileMissing => "file-missing",
            Self::MissingParameter => "missing-parameter",
            Self::UnknownKeyword => "unknown-keyword",
            Self::UnexpectedBrace => "unexpected-brace",
            Self::MissingOpeningBrace => "missing-opening-brace",
            Self::ExtraBrace => "extra-brace",
            Self::UnbalancedBraces => "unbalanced-braces",
            Self::UnterminatedQuote => "unterminated-quote",
            Self::LineTooLong => "line-too-long",
            Self::UnsupportedSyntax => "unsupported-syntax",
            Self::InvalidNumber => "invalid-number",
            Self::InvalidValue => "invalid-value",
            Self::InvalidAddress => "invalid-address",
            Self::InvalidName => "invalid-name",
            Self::Duplicate => "duplicate",
            Self::Deprecated => "deprecated",
            Self::Refused => "refused",
            Self::PasswordTruncated => "password-truncated",
            Self::Authentication => "authentication",
            Self::VridMissing => "vrid-missing",
            Self::VridClash => "vrid-clash",
            Self::UnknownInterface => "unknown-interface",
            Self::InterfaceMissing => "interface-missing",
            Self::NoVirtualAddress => "no-virtual-address",
            Self::VirtualAddressRequired => "virtual-address-required",
            Self::Conflict => "conflict",
            Self::SyncGroup => "sync-group",
            Self::DefaultUsed => "default-used",
            Self::NoRealServers => "no-real-servers",
            Self::PortMismatch => "port-mismatch",
            Self::IncompleteCheck => "incomplete-check",
            Self::ScriptSecurity => "script-security",
            Self::NotYet => "not-yet",
            Self::Ignored => "ignored",
            Self::TooMany => "too-many",
        })
    }
}
