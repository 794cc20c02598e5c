//! `HTTP_GET` and `SSL_GET` of the model, as the checkers want them; what many have in common is kept once.

use std::collections::HashMap;
use std::sync::Arc;

use checkers::{Dial, Digest, HttpProbe, HttpVersion, PagePattern, TlsClient, TlsFiles, Url};
use keepalived_conf as conf;
use pattern::{Flag, Pattern, Range};

/// The patterns and the one client of TLS of a configuration.
pub(super) struct Pages {
    client: Arc<TlsClient>,
    patterns: HashMap<(String, Vec<conf::RegexOption>), Result<Arc<Pattern>, String>>,
}

impl Pages {
    /// `ssl`: the block `SSL`.
    pub fn new(ssl: Option<conf::Ssl>) -> Pages {
        let files = ssl.map(|ssl| TlsFiles {
            certificate: ssl.certificate.map(Into::into),
            key: ssl.key.map(Into::into),
            password: ssl.password,
            authority: ssl.authority.map(Into::into),
        });
        Pages {
            client: Arc::new(TlsClient::new(files.unwrap_or_default())),
            patterns: HashMap::new(),
        }
    }

    /// What to probe. A pattern that is none is left out, and the page judged by the rest: keepalived says so in these
    /// words, and its 2.2.7 then dies at the first page.
    pub fn probe(
        &mut self,
        http: &conf::HttpGet,
        dial: Dial,
        left_out: &mut Vec<String>,
    ) -> HttpProbe {
        let urls = http.urls.iter().map(|url| Url {
            path: url.path.clone(),
            digest: url.digest.map(Digest),
            status: url.status.clone(),
            virtualhost: url.virtualhost.clone(),
            pattern: url
                .regex
                .as_deref()
                .and_then(|regex| self.pattern(regex, &dial, left_out)),
            tls_compliant: url.tls_compliant,
            tls_verify: url.tls_verify,
        });
        HttpProbe {
            urls: urls.collect(),
            dial,
            tls: http.ssl.then(|| self.client.clone()),
            sni: http.enable_sni,
            version: match http.protocol {
                conf::HttpProtocol::V1_0 => HttpVersion::V1_0,
                conf::HttpProtocol::V1_0Close => HttpVersion::V1_0Close,
                conf::HttpProtocol::V1_1 => HttpVersion::V1_1,
            },
            fast_recovery: http.fast_recovery,
        }
    }

    fn pattern(
        &mut self,
        regex: &conf::PageRegex,
        dial: &Dial,
        left_out: &mut Vec<String>,
    ) -> Option<PagePattern> {
        let key = (regex.pattern.clone(), regex.options.clone());
        let known = self.patterns.entry(key).or_insert_with(|| {
            let flags: Vec<Flag> = regex.options.iter().copied().map(flag).collect();
            Pattern::compile(&regex.pattern, &flags)
                .map(Arc::new)
                .map_err(|wrong| format!("at offset {}: {}", wrong.offset, wrong.reason))
        });
        match known {
            Ok(pattern) => Some(PagePattern {
                pattern: pattern.clone(),
                negate: regex.negate,
                range: Range {
                    from: regex.min_offset.into(),
                    until: regex.max_offset.map(Into::into),
                    memory: regex.stack.map_or(0, |(_, most)| most),
                },
            }),
            Err(wrong) => {
                let (text, target) = (&regex.pattern, dial.target);
                left_out.push(format!(
                    "Invalid regex: '{text}' {wrong}; pages of {target} are NOT compared with it"
                ));
                None
            }
        }
    }
}

fn flag(option: conf::RegexOption) -> Flag {
    match option {
        conf::RegexOption::AllowEmptyClass => Flag::AllowEmptyClass,
        conf::RegexOption::AltBsux => Flag::AltBsux,
        conf::RegexOption::AltCircumflex => Flag::AltCircumflex,
        conf::RegexOption::AltVerbnames => Flag::AltVerbnames,
        conf::RegexOption::AutoCallout => Flag::AutoCallout,
        conf::RegexOption::Caseless => Flag::Caseless,
        conf::RegexOption::DollarEndonly => Flag::DollarEndonly,
        conf::RegexOption::Dotall => Flag::Dotall,
        conf::RegexOption::Dupnames => Flag::Dupnames,
        conf::RegexOption::Extended => Flag::Extended,
        conf::RegexOption::Firstline => Flag::Firstline,
        conf::RegexOption::MatchUnsetBackref => Flag::MatchUnsetBackref,
        conf::RegexOption::Multiline => Flag::Multiline,
        conf::RegexOption::NeverBackslashC => Flag::NeverBackslashC,
        conf::RegexOption::NeverUcp => Flag::NeverUcp,
        conf::RegexOption::NeverUtf => Flag::NeverUtf,
        conf::RegexOption::NoAutoCapture => Flag::NoAutoCapture,
        conf::RegexOption::NoAutoPossess => Flag::NoAutoPossess,
        conf::RegexOption::NoDotstarAnchor => Flag::NoDotstarAnchor,
        conf::RegexOption::NoStartOptimize => Flag::NoStartOptimize,
        conf::RegexOption::Ucp => Flag::Ucp,
        conf::RegexOption::Ungreedy => Flag::Ungreedy,
        conf::RegexOption::UseOffsetLimit => Flag::UseOffsetLimit,
        conf::RegexOption::Utf => Flag::Utf,
    }
}
