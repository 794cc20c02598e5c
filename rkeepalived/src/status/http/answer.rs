//! What is answered to which request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::exposition::Form;
use super::{metrics, page};
use crate::status::desk::{Ask, Desk};
use crate::status::history::Event;
use crate::status::view::Status;

/// For the main loop to answer; it is busy for longer only with a reload of a very large table.
const PATIENCE: Duration = Duration::from_secs(5);
/// A status serves everybody who asks within that time.
const FRESH: Duration = Duration::from_millis(200);
/// So many events are shown on the page.
const EVENTS: usize = 30;

/// A page loads from here alone, and nobody may frame it or guess what a file is.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Answer = Response<Full<Bytes>>;

/// Whoever answers.
pub(super) struct Answers {
    desk: Desk,
    /// Where we listen.
    address: SocketAddr,
    /// The last status that was asked for. Whoever comes meanwhile waits for the same one.
    last: Mutex<Option<(Instant, Arc<Status>)>>,
}

impl Answers {
    pub(super) fn new(desk: Desk, address: SocketAddr) -> Answers {
        Answers {
            desk,
            address,
            last: Mutex::default(),
        }
    }

    /// Answers a request; its body is not looked at.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "this only tells, by GET\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(header::ALLOW, allowed);
            return answer;
        }
        let header = |name| {
            let value = request.headers().get(name);
            value.and_then(|value: &HeaderValue| value.to_str().ok())
        };
        if !may_ask(self.address.ip(), header(header::HOST)) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "bound to a loopback address, this answers to `localhost` and to addresses only\n",
            );
        }
        match request.uri().path() {
            "/" => self.page().await,
            "/metrics" => {
                self.metrics(Form::accepted(header(header::ACCEPT).unwrap_or_default()))
                    .await
            }
            "/status.json" => self.json().await,
            "/livez" => self.lives().await,
            "/readyz" => self.ready().await,
            "/page.css" => file(page::STYLE, "text/css; charset=utf-8"),
            "/page.js" => file(page::SCRIPT, "text/javascript; charset=utf-8"),
            "/icon.svg" => file(page::ICON, "image/svg+xml"),
            _ => plain(
                StatusCode::NOT_FOUND,
                "there are /, /metrics, /status.json, /livez and /readyz\n",
            ),
        }
    }

    async fn status(&self) -> Option<Arc<Status>> {
        let mut last = self.last.lock().await;
        if let Some((at, status)) = &*last
            && at.elapsed() < FRESH
        {
            return Some(status.clone());
        }
        let status = timeout(PATIENCE, self.desk.status()).await.ok().flatten()?;
        let status = Arc::new(status);
        *last = Some((Instant::now(), status.clone()));
        Some(status)
    }

    async fn page(&self) -> Answer {
        let history = self.desk.history();
        let from = history
            .last()
            .saturating_sub(u64::try_from(EVENTS).unwrap_or(0));
        let events: Vec<Event> = history.after(from, EVENTS);
        self.made("text/html; charset=utf-8", move |status| {
            page::page(status, &events)
        })
        .await
    }

    async fn metrics(&self, form: Form) -> Answer {
        self.made(form.media_type(), move |status| metrics::text(status, form))
            .await
    }

    async fn json(&self) -> Answer {
        // Strings, numbers and lists alone: nothing of it can fail to be JSON.
        self.made("application/json", |status| {
            serde_json::to_string(status).unwrap_or_default() + "\n"
        })
        .await
    }

    /// Something that is made of the status, which takes its time with a large table.
    async fn made(
        &self,
        media_type: &'static str,
        make: impl FnOnce(&Status) -> String + Send + 'static,
    ) -> Answer {
        let Some(status) = self.status().await else {
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the daemon does not answer\n",
            );
        };
        match spawn_blocking(move || make(&status)).await {
            Ok(text) => answer(StatusCode::OK, media_type, text),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "a bug: see the log\n"),
        }
    }

    /// Whether the main loop and the failover thread answer.
    async fn lives(&self) -> Answer {
        let asked = async {
            let ask = |answer| Ask::Facts {
                vrrp_only: true,
                answer,
            };
            let known = self.desk.ask(ask).await?;
            match known.witness {
                Some(witness) => witness.report().await.map(drop),
                None => Some(()),
            }
        };
        match timeout(PATIENCE, asked).await {
            Ok(Some(())) => plain(StatusCode::OK, "ok\n"),
            _ => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the daemon does not answer\n",
            ),
        }
    }

    /// Whether it does what the configuration asks for.
    async fn ready(&self) -> Answer {
        let Some(status) = self.status().await else {
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the daemon does not answer\n",
            );
        };
        match &status.kernel_error {
            None => plain(StatusCode::OK, "ok\n"),
            Some(error) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("IPVS cannot be read: {error}\n"),
            ),
        }
    }
}

/// A page of somebody else can have its own name lead to our loopback address, and would then read what its visitor may: on
/// loopback only names count that nobody can give away. Elsewhere the name is whatever leads here.
fn may_ask(bound: IpAddr, host: Option<&str>) -> bool {
    if !bound.is_loopback() {
        return true;
    }
    // HTTP/1.0 has none, and no browser speaks it.
    let Some(host) = host else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

fn file(text: &'static str, media_type: &'static str) -> Answer {
    answer(StatusCode::OK, media_type, text)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        answer
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::desk::Known;
    use http_body_util::BodyExt;

    fn answers() -> Answers {
        // Nobody is behind it: as a daemon that stops.
        let (desk, _) = Desk::open(None);
        Answers::new(desk, SocketAddr::from(([127, 0, 0, 1], 9650)))
    }

    async fn asked(method: Method, path: &str, host: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", host);
        let answer = answers().answer(&request.body(()).unwrap()).await;
        assert!(answer.headers().contains_key("content-security-policy"));
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn only_reading_is_answered() {
        assert_eq!(asked(Method::POST, "/", "127.0.0.1:9650").await.0, 405);
        assert_eq!(
            asked(Method::GET, "/etc/passwd", "127.0.0.1:9650").await.0,
            404
        );
        assert_eq!(
            asked(Method::GET, "/page.css", "localhost:9650").await.0,
            200
        );
    }

    #[tokio::test]
    async fn a_daemon_that_does_not_answer_is_unavailable() {
        for path in ["/", "/metrics", "/status.json", "/livez", "/readyz"] {
            assert_eq!(
                asked(Method::GET, path, "[::1]:9650").await.0,
                503,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn a_daemon_that_answers_lives() {
        let (desk, mut asks) = Desk::open(None);
        let answers = Answers::new(desk, SocketAddr::from(([127, 0, 0, 1], 9650)));
        let daemon = async {
            let Some(Ask::Facts { answer, .. }) = asks.recv().await else {
                return;
            };
            let known = Known {
                facts: crate::status::gather::Facts::default(),
                witness: None,
                balances: false,
            };
            drop(answer.send(known));
        };
        let request = Request::builder().uri("/livez").body(()).unwrap();
        let (answer, ()) = tokio::join!(answers.answer(&request), daemon);
        assert_eq!(answer.status(), 200);
    }

    #[test]
    fn names_of_others_are_not_answered_on_loopback() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        for host in ["127.0.0.1:9650", "[::1]:9650", "localhost", "LOCALHOST:80"] {
            assert!(may_ask(loopback, Some(host)), "{host}");
        }
        for host in [
            "rebind.example",
            "rebind.example:9650",
            "127.0.0.1.example:9650",
            "",
        ] {
            assert!(!may_ask(loopback, Some(host)), "{host}");
        }
        assert!(may_ask(
            IpAddr::from([10, 0, 0, 1]),
            Some("director.example:9650")
        ));
    }
}
