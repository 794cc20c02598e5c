//! What one server answers.

use std::collections::BTreeMap;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// The bytes after the header.
    pub body: String,
}

/// All that a server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Pages by `/path`, or by `host/path` for one host's own.
    pages: BTreeMap<String, Page>,
    /// The first line of a mail server's greeting is this code (220 where there is none), DNS answers with it as rcode.
    pub code: Option<u16>,
    /// Accepts, and says nothing while this is so; a datagram is never answered.
    pub mute: bool,
}

impl Shelf {
    /// The page of that name, to be changed; a new one is empty with status 200.
    pub fn page(&mut self, name: &str) -> &mut Page {
        self.pages.entry(name.to_owned()).or_insert(Page {
            status: 200,
            body: String::new(),
        })
    }

    /// What a client sees that asks `host` for `path`.
    #[must_use]
    pub fn look(&self, host: &str, path: &str) -> Page {
        let named = self.pages.get(&format!("{host}{path}"));
        named
            .or_else(|| self.pages.get(path))
            .cloned()
            .unwrap_or_else(|| Page {
                status: 404,
                body: "not here\n".to_owned(),
            })
    }
}
