//! `DNS_CHECK`.

use crate::ast::{Node, Word};
use crate::diag::{Code, Diagnostic, nearest};
use crate::lower::Lower;
use crate::lower::check::{Draft, Place};
use crate::model::{Check, CheckKind, DnsCheck, DnsType};

/// RFC 1035 2.3.4; a name of 253 bytes as text has 255 on the wire.
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

impl Lower<'_> {
    pub(super) fn dns_check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let mut draft = Draft::new(place);
        let (mut query, mut name) = (DnsType::default(), None);
        for node in block.body() {
            match node.name() {
                "type" => query = self.dns_type(node).unwrap_or(query),
                "name" => name = self.dns_name(node, name),
                _ => self.shared(node, &mut draft),
            }
        }
        if !self.connectable(block, &draft.connect) {
            return None;
        }
        let name = name.unwrap_or_else(|| ".".to_owned());
        Some(draft.check(CheckKind::Dns(DnsCheck { query, name }), place))
    }

    fn dns_type(&mut self, node: Node<'_>) -> Option<DnsType> {
        let word = self.require(node)?;
        let named = |(name, _): &&(&str, DnsType)| word.text.eq_ignore_ascii_case(name);
        let found = DnsType::NAMES.iter().find(named).map(|(_, kind)| *kind);
        if found.is_none() {
            let message = format!("Unknown DNS check type {} - ignoring", word.text);
            let names = DnsType::NAMES.map(|(name, _)| name);
            let help = match nearest(&word.text, names.into_iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", names.join(", ")),
            };
            self.error_help(Code::InvalidValue, word.span, message, help);
        }
        found
    }

    fn dns_name(&mut self, node: Node<'_>, known: Option<String>) -> Option<String> {
        let Some(word) = self.require(node) else {
            return known;
        };
        if known.is_some() {
            let message = "DNS_CHECK name already specified - ignoring";
            self.error_help(Code::Duplicate, word.span, message, "the first one holds");
            return known;
        }
        let root = word.text == ".";
        // A dot at the end changes nothing: every name here is a whole one.
        let name = match word.text.strip_suffix('.') {
            Some(name) if !root => name,
            _ => &*word.text,
        };
        if !root && name.split('.').any(str::is_empty) {
            let message = format!("DNS_CHECK name '{}' has empty label - ignoring", word.text);
            let help = "labels with one dot between them; `.` is the root";
            self.error_help(Code::InvalidName, word.span, message, help);
            return None;
        }
        self.dns_length(&word, name);
        Some(name.to_owned())
    }

    fn dns_length(&mut self, word: &Word<'_>, name: &str) {
        let label = name.split('.').find(|label| label.len() > LONGEST_LABEL);
        let what = match label {
            Some(_) => format!("a label of more than {LONGEST_LABEL} bytes"),
            None if name.len() > LONGEST_NAME => format!("more than {LONGEST_NAME} bytes"),
            None => return,
        };
        let message = format!("a name with {what} cannot be asked for: this check always fails");
        self.sink
            .push(Diagnostic::note(Code::InvalidName, word.span, message));
    }
}
