//! `HTTP_GET` and `SSL_GET`.

use crate::ast::Node;
use crate::diag::Code;
use crate::lower::Lower;
use crate::lower::check::url::Tls;
use crate::lower::check::{Draft, Place};
use crate::model::{Check, CheckKind, HttpGet, HttpProtocol};

impl Lower<'_> {
    pub(super) fn http_check(&mut self, block: Node<'_>, place: &Place<'_>) -> Option<Check> {
        let mut draft = Draft::new(place);
        let mut get = HttpGet {
            ssl: block.name() == "SSL_GET",
            protocol: HttpProtocol::default(),
            virtualhost: place.virtualhost.map(str::to_owned),
            enable_sni: false,
            fast_recovery: false,
            urls: Vec::new(),
        };
        let mut tls = Tls::default();
        for node in block.body() {
            match node.name() {
                "nb_get_retry" => self.nb_get_retry(node, &mut draft),
                "virtualhost" => match node.argument(0) {
                    Some(word) => get.virtualhost = Some(word.text.into_owned()),
                    None => {
                        let message = "HTTP_GET virtualhost name missing";
                        self.error(Code::InvalidValue, node.span(), message);
                    }
                },
                "http_protocol" => get.protocol = self.http_protocol(node).unwrap_or(get.protocol),
                "enable_sni" => self.switch(node, &mut get.enable_sni),
                "fast_recovery" => self.switch(node, &mut get.fast_recovery),
                "tls_compliant" => self.switch(node, &mut tls.compliant),
                "tls_verify" => self.switch(node, &mut tls.verify),
                "url" => {}
                _ => self.shared(node, &mut draft),
            }
        }
        // What the check says holds for all its pages, before and after it.
        for node in block.body().filter(|node| node.name() == "url") {
            let url = self.url(node, get.virtualhost.as_deref(), tls);
            get.urls.extend(url);
        }
        if get.urls.is_empty() {
            let message = "HTTP/SSL_GET checker has no urls specified - ignoring";
            let help = "add a `url { path / }`";
            self.error_help(Code::IncompleteCheck, block.closing(), message, help);
            return None;
        }
        self.connectable(block, &draft.connect)
            .then(|| draft.check(CheckKind::Http(Box::new(get)), place))
    }

    fn nb_get_retry(&mut self, node: Node<'_>, draft: &mut Draft) {
        let message = "nb_get_retry is deprecated - please use 'retry'";
        let help = "write `retry`; the meaning is the same";
        self.warning(Code::Deprecated, node.span(), message, help);
        let also = |text: &str| format!("Invalid nb_get_retry value '{text}'");
        draft.timing.retry = self.u32(node, 0..=u32::MAX, also).or(draft.timing.retry);
    }

    fn http_protocol(&mut self, node: Node<'_>) -> Option<HttpProtocol> {
        const VERSIONS: &str = "1.0, 1.0C or 1.1";
        let Some(word) = node.argument(0) else {
            let message = "Missing http_protocol version";
            self.error_help(Code::InvalidValue, node.span(), message, VERSIONS);
            return None;
        };
        match &*word.text {
            "1.0" => Some(HttpProtocol::V1_0),
            "1.0C" | "1.0c" => Some(HttpProtocol::V1_0Close),
            "1.1" => Some(HttpProtocol::V1_1),
            other => {
                let message = format!("Invalid http_protocol version {other}");
                self.error_help(Code::InvalidValue, word.span, message, VERSIONS);
                None
            }
        }
    }

    /// `NAME [BOOL]`.
    pub(super) fn switch(&mut self, node: Node<'_>, slot: &mut bool) {
        let complaint = |text: &str| format!("Invalid {} parameter {text}", node.name());
        *slot = self.boolean(node, complaint).unwrap_or(*slot);
    }
}
