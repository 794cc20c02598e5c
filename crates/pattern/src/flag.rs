//! What changes the meaning of a pattern.

use pcre2_sys as sys;

macro_rules! flags {
    ($($name:ident = $bit:ident;)*) => {
        /// An option of `pcre2_compile()` (pcre2api(3)).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Flag {
            $(#[doc = concat!("`", stringify!($bit), "`.")] $name,)*
        }

        impl Flag {
            /// Every flag.
            pub const ALL: &[Flag] = &[$(Flag::$name,)*];

            fn bit(self) -> u32 {
                match self {
                    $(Flag::$name => sys::$bit,)*
                }
            }
        }
    };
}

flags! {
    AllowEmptyClass = PCRE2_ALLOW_EMPTY_CLASS;
    AltBsux = PCRE2_ALT_BSUX;
    AltCircumflex = PCRE2_ALT_CIRCUMFLEX;
    AltVerbnames = PCRE2_ALT_VERBNAMES;
    AutoCallout = PCRE2_AUTO_CALLOUT;
    Caseless = PCRE2_CASELESS;
    DollarEndonly = PCRE2_DOLLAR_ENDONLY;
    Dotall = PCRE2_DOTALL;
    Dupnames = PCRE2_DUPNAMES;
    Extended = PCRE2_EXTENDED;
    Firstline = PCRE2_FIRSTLINE;
    MatchUnsetBackref = PCRE2_MATCH_UNSET_BACKREF;
    Multiline = PCRE2_MULTILINE;
    NeverBackslashC = PCRE2_NEVER_BACKSLASH_C;
    NeverUcp = PCRE2_NEVER_UCP;
    NeverUtf = PCRE2_NEVER_UTF;
    NoAutoCapture = PCRE2_NO_AUTO_CAPTURE;
    NoAutoPossess = PCRE2_NO_AUTO_POSSESS;
    NoDotstarAnchor = PCRE2_NO_DOTSTAR_ANCHOR;
    NoStartOptimize = PCRE2_NO_START_OPTIMIZE;
    Ucp = PCRE2_UCP;
    Ungreedy = PCRE2_UNGREEDY;
    UseOffsetLimit = PCRE2_USE_OFFSET_LIMIT;
    Utf = PCRE2_UTF;
}

/// All of them together, as `pcre2_compile()` wants them.
pub fn bits(flags: &[Flag]) -> u32 {
    flags.iter().fold(0, |bits, flag| bits | flag.bit())
}
