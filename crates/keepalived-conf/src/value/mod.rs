//! The grammars of single values, one a file. Must not know: keywords, the tree, diagnostics.

pub(crate) mod address;
pub(crate) mod address_range;
pub(crate) mod boolean;
pub(crate) mod digest;
pub(crate) mod host_names;
pub(crate) mod milliseconds;
pub(crate) mod number;
pub(crate) mod pattern;
pub(crate) mod routing;
pub(crate) mod script;
