//! What is answered to which request.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::exposition::Form;
use super::metrics::Metrics;
use super::page;
use crate::status::desk::{Ask, Desk};
use crate::status::document::Document;
use crate::status::flow::{Flow, Making, ROOM};
use crate::status::history::Event;
use crate::status::round::Round;
use crate::status::view::Status;

/// For the main loop to answer; it is busy for longer only with a reload of a very large table.
const PATIENCE: Duration = Duration::from_secs(5);
/// A page's status serves everybody who asks within that time.
const FRESH: Duration = Duration::from_millis(200);
/// So many events are shown on the page.
const EVENTS: usize = 30;

/// A page loads from here alone, and nobody may frame it or guess what a file is.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Answer = Response<Either<Full<Bytes>, Channel<Bytes, io::Error>>>;

/// Whoever answers.
pub(super) struct Answers {
    desk: Desk,
    /// Where we listen.
    address: SocketAddr,
    /// The last status that a page was made of. Whoever comes meanwhile waits for the same one.
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
        let Some(status) = self.status().await else {
            return silent();
        };
        match spawn_blocking(move || page::page(&status, &events)).await {
            Ok(text) => answer(StatusCode::OK, "text/html; charset=utf-8", text),
            Err(_) => broken(),
        }
    }

    async fn metrics(&self, form: Form) -> Answer {
        match self.look().await {
            Some(look) => {
                self.flows(form.media_type(), Metrics::new(look, form))
                    .await
            }
            None => silent(),
        }
    }

    async fn json(&self) -> Answer {
        match self.look().await {
            Some(look) => {
                let document = Document::new(look, ["", "\n"]);
                self.flows("application/json", document).await
            }
            None => silent(),
        }
    }

    async fn look(&self) -> Option<(Status, Round)> {
        timeout(PATIENCE, self.desk.look()).await.ok().flatten()
    }

    /// An answer in pieces, which is made as it is taken.
    async fn flows<M: Making>(&self, media_type: &'static str, making: M) -> Answer {
        let mut flow = Flow::new(self.desk.clone(), making);
        let mut piece = Vec::with_capacity(ROOM);
        if flow.next(&mut piece).await.is_err() {
            return broken();
        }
        let (mut sender, body) = Channel::new(1);
        tokio::spawn(async move {
            while !piece.is_empty() {
                // Who has gone wants no more of it.
                if sender.send_data(Bytes::from(piece)).await.is_err() {
                    return;
                }
                piece = Vec::with_capacity(ROOM);
                if flow.next(&mut piece).await.is_err() {
                    sender.abort(io::Error::other("a bug: see the log"));
                    return;
                }
            }
        });
        headed(StatusCode::OK, media_type, Either::Right(body))
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
            _ => silent(),
        }
    }

    /// Whether it does what the configuration asks for.
    async fn ready(&self) -> Answer {
        match timeout(PATIENCE, self.desk.reads()).await {
            Ok(Some(Ok(()))) => plain(StatusCode::OK, "ok\n"),
            Ok(Some(Err(error))) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("IPVS cannot be read: {error}\n"),
            ),
            Ok(None) | Err(_) => silent(),
        }
    }
}

fn silent() -> Answer {
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "the daemon does not answer\n",
    )
}

fn broken() -> Answer {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "a bug: see the log\n")
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
    headed(status, media_type, Either::Left(Full::new(body.into())))
}

fn headed(
    status: StatusCode,
    media_type: &'static str,
    body: Either<Full<Bytes>, Channel<Bytes, io::Error>>,
) -> Answer {
    let mut answer = Response::new(body);
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
    use crate::lvs::live::LiveService;
    use crate::status::desk::Known;
    use crate::status::desk::tests::knowing;
    use crate::status::document::tests::pool;
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

    async fn looked(path: &str, services: &[Arc<LiveService>]) -> Answer {
        let desk = knowing(services.to_vec());
        let answers = Answers::new(desk, SocketAddr::from(([127, 0, 0, 1], 9650)));
        let request = Request::builder().uri(path).body(()).unwrap();
        answers.answer(&request).await
    }

    #[tokio::test]
    async fn a_large_answer_comes_in_pieces_and_whole() {
        let pool = pool(500);
        let text = async |path| {
            let mut body = looked(path, pool.services()).await.into_body();
            let (mut text, mut pieces) = (Vec::new(), 0);
            while let Some(frame) = body.frame().await {
                text.extend(frame.unwrap().into_data().unwrap());
                pieces += 1;
            }
            assert!(pieces > 2, "{path}");
            String::from_utf8(text).unwrap()
        };
        let status: Status = serde_json::from_str(&text("/status.json").await).unwrap();
        assert_eq!(status.virtual_servers.len(), 500);
        let metrics = text("/metrics").await;
        assert!(metrics.starts_with("# HELP keepalived_up "));
        let servers = metrics.matches("\nrkeepalived_real_server_up{").count();
        assert_eq!(servers, 500);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_not_made_any_further() {
        let pool = pool(1000);
        let last = pool.services().last().unwrap();
        let answer = looked("/status.json", pool.services()).await;
        assert!(Arc::strong_count(last) > 1, "its turn has not come");
        drop(answer);
        let gone = async {
            while Arc::strong_count(last) > 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), gone).await.unwrap();
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
