//! The closed list of complaints: one row each, with its stable name, what it does to `keepalived -t`, and the exit status
//! of a daemon that must not start because of it.

use std::fmt;

/// What a complaint does to the exit status of `keepalived -t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Nothing.
    None,
    /// Status 4, unless something general is wrong as well.
    Fatal,
    /// Status 5.
    General,
    /// Status 6.
    Security,
    /// Status 2, at once.
    Stop,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $weight:ident, $start:expr;)*) => {
        /// Which complaint; displays as a stable kebab-case name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            pub(crate) fn weight(self) -> Weight {
                match self {
                    $(Self::$name => Weight::$weight,)*
                }
            }

            /// The exit status of a daemon that meets this, if it must not start.
            pub(crate) fn start_status(self) -> Option<u8> {
                match self {
                    $(Self::$name => $start,)*
                }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    FileMissing = "file-missing", None, Some(6);
    /// A line ends before a word that must be there; keepalived stops at once.
    MissingParameter = "missing-parameter", Stop, Some(2);
    /// No keyword of keepalived, or not one of this block.
    UnknownKeyword = "unknown-keyword", General, None;
    /// A `{` where no block begins.
    UnexpectedBrace = "unexpected-brace", General, None;
    /// A block without its `{`.
    MissingOpeningBrace = "missing-opening-brace", General, None;
    /// A `}` that closes nothing.
    ExtraBrace = "extra-brace", General, None;
    /// The end of the file, with blocks still open.
    UnbalancedBraces = "unbalanced-braces", General, None;
    /// A `"` that its line does not close.
    UnterminatedQuote = "unterminated-quote", General, None;
    /// A line of more than 1024 bytes.
    LineTooLong = "line-too-long", General, None;
    /// A `~SEQ` or `~LST` that gives no values.
    InvalidSequence = "invalid-sequence", General, None;
    /// A `$NAME` that stays as it is.
    NotReplaced = "not-replaced", None, None;
    /// A comment that ends a definition of several lines.
    HiddenBackslash = "hidden-backslash", None, None;
    /// A definition that leads to itself; a part of the configuration is missing.
    DefinitionLoop = "definition-loop", General, Some(2);
    /// More text than is made of definitions and sequences; a part of the configuration is missing.
    TooMuchText = "too-much-text", General, Some(2);
    /// A file that an include names and that is not read; it does not insist on it.
    IncludeSkipped = "include-skipped", None, None;
    /// A file that an include insists on and that cannot be read.
    IncludeRefused = "include-refused", Security, Some(6);
    /// Files that include one another without end; a part of the configuration is missing.
    IncludeLoop = "include-loop", General, Some(2);
    /// No number, a negative one, or one out of range.
    InvalidNumber = "invalid-number", General, None;
    /// A word that this keyword does not take.
    InvalidValue = "invalid-value", General, None;
    /// No address, or one that does not fit here.
    InvalidAddress = "invalid-address", General, None;
    /// A block without a name, or a name that is too long.
    InvalidName = "invalid-name", General, None;
    /// Said twice where once is all there can be.
    Duplicate = "duplicate", General, None;
    /// Better said otherwise.
    Deprecated = "deprecated", General, None;
    /// A keyword that is known and not accepted.
    Refused = "refused", General, None;
    /// A password of more than 8 bytes.
    PasswordTruncated = "password-truncated", General, None;
    /// Authentication that cannot be.
    Authentication = "authentication", General, None;
    /// An instance without a virtual router id; the daemon must not start.
    VridMissing = "vrid-missing", General, Some(2);
    /// Two instances with one virtual router id on one interface; the daemon must not start.
    VridClash = "vrid-clash", General, Some(2);
    /// An interface the host does not have.
    UnknownInterface = "unknown-interface", General, None;
    /// A static address without an interface, where the default one is not there.
    StaticInterface = "static-interface", Fatal, None;
    /// An instance without a usable interface; the daemon must not start.
    InterfaceMissing = "interface-missing", General, Some(2);
    /// An instance without an address.
    NoVirtualAddress = "no-virtual-address", General, None;
    /// An instance that needs an address and has none; the daemon must not start.
    VirtualAddressRequired = "virtual-address-required", General, Some(2);
    /// Two settings that do not go together; one of them is dropped.
    Conflict = "conflict", General, None;
    /// A sync group with too few members.
    SyncGroup = "sync-group", General, None;
    /// Unicast in strict mode; the daemon must not start.
    StrictUnicast = "strict-unicast", General, Some(2);
    /// A file with a key that others can read.
    KeyFileReadable = "key-file-readable", Security, None;
    /// A setting that should be there; a default is used.
    DefaultUsed = "default-used", General, None;
    /// A virtual server without real servers.
    NoRealServers = "no-real-servers", General, None;
    /// Ports of the virtual and the real server that differ where they must not.
    PortMismatch = "port-mismatch", General, None;
    /// A check without what it needs.
    IncompleteCheck = "incomplete-check", General, None;
    /// Scripts run without `enable_script_security`.
    ScriptSecurity = "script-security", Security, None;
    /// Something is tracked that was not defined before.
    UnknownTracker = "unknown-tracker", General, None;
    /// A block without a line that it must have; it is dropped.
    IncompleteBlock = "incomplete-block", General, None;
    /// An interface the host does not have, in a list that can do without it.
    InterfaceAbsent = "interface-absent", Fatal, None;
    /// A user or group the host does not have; scripts without one are removed.
    ScriptUser = "script-user", General, None;
    /// A script that is not there, or that nothing can execute.
    ScriptMissing = "script-missing", General, None;
    /// A script that somebody else than root could change.
    ScriptUnsafe = "script-unsafe", General, None;
    /// A folder that is not there.
    PathMissing = "path-missing", General, None;
    /// Accepted, without effect so far.
    NotYet = "not-yet", None, None;
    /// Read, and left out by the daemon.
    LeftOut = "left-out", None, None;
    /// Accepted and ignored for good.
    Ignored = "ignored", None, None;
    /// Strict mode drops the packets to an instance's addresses.
    DeafAddress = "deaf-address", None, None;
    /// Two instances that may hear each other have one virtual router id.
    VridOnSegment = "vrid-on-segment", None, None;
    /// Two virtual servers for one place in the kernel's table.
    ServiceClash = "service-clash", None, None;
    /// A real server with the address of a virtual one.
    RealIsVirtual = "real-is-virtual", None, None;
    /// More complaints than are kept.
    TooMany = "too-many", None, None;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
