//! `HTTP_GET` and `SSL_GET`.

use std::ops::RangeInclusive;

/// `http_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpProtocol {
    /// `1.0`.
    #[default]
    V1_0,
    /// `1.0C`: 1.0 with `Connection: close`.
    V1_0Close,
    /// `1.1`.
    V1_1,
}

/// `HTTP_GET` and `SSL_GET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGet {
    /// `SSL_GET`.
    pub ssl: bool,
    /// `http_protocol`.
    pub protocol: HttpProtocol,
    /// `virtualhost` of the check, or the real server's, or the virtual server's.
    pub virtualhost: Option<String>,
    /// `enable_sni`.
    pub enable_sni: bool,
    /// `fast_recovery`.
    pub fast_recovery: bool,
    /// The pages, at least one.
    pub urls: Vec<Url>,
}

/// One page to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `path`.
    pub path: String,
    /// `digest`: MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// `status_code`, each within 100..=599; empty is 200..=299.
    pub status: Vec<RangeInclusive<u16>>,
    /// `virtualhost` of the page, or the check's, resolved.
    pub virtualhost: Option<String>,
    /// `regex` and what belongs to it.
    pub regex: Option<Box<PageRegex>>,
    /// `tls_compliant` of the page, or the check's, resolved: a page that ends without a TLS `close_notify` is a failure.
    pub tls_compliant: bool,
    /// `tls_verify` of the page, or the check's, resolved; ours: the server's certificate has to be valid.
    pub tls_verify: bool,
}

/// What a page is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRegex {
    /// `regex`, in the language of PCRE2. Nobody has compiled it yet.
    pub pattern: String,
    /// `regex_no_match`: a page that has it is a failure.
    pub negate: bool,
    /// `regex_options`, each once.
    pub options: Vec<RegexOption>,
    /// `regex_min_offset`: the search begins so many bytes into the page.
    pub min_offset: u32,
    /// `regex_max_offset`: a match begins after so many bytes of the page or earlier; not less than `min_offset`.
    pub max_offset: Option<u32>,
    /// `regex_stack`: first and largest size of the matcher's stack, in bytes, the second not less than the first;
    /// `None` is the library's own.
    pub stack: Option<(u32, u32)>,
}

macro_rules! options {
    ($($name:ident = $text:literal;)*) => {
        /// An option of `regex_options`: those of `pcre2_compile()` with that name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RegexOption {
            $(#[doc = concat!("`", $text, "`.")] $name,)*
        }

        impl RegexOption {
            /// Every option.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in the configuration.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

options! {
    AllowEmptyClass = "allow_empty_class";
    AltBsux = "alt_bsux";
    AltCircumflex = "alt_circumflex";
    AltVerbnames = "alt_verbnames";
    AutoCallout = "auto_callout";
    Caseless = "caseless";
    DollarEndonly = "dollar_endonly";
    Dotall = "dotall";
    Dupnames = "dupnames";
    Extended = "extended";
    Firstline = "firstline";
    MatchUnsetBackref = "match_unset_backref";
    Multiline = "multiline";
    NeverBackslashC = "never_backslash_c";
    NeverUcp = "never_ucp";
    NeverUtf = "never_utf";
    NoAutoCapture = "no_auto_capture";
    NoAutoPossess = "no_auto_possess";
    NoDotstarAnchor = "no_dotstar_anchor";
    NoStartOptimize = "no_start_optimize";
    Ucp = "ucp";
    Ungreedy = "ungreedy";
    UseOffsetLimit = "use_offset_limit";
    Utf = "utf";
}
