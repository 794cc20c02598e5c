//! `SSL_GET` against TLS servers that no browser would trust.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use checkers::{Evidence, Failure, HttpProbe, Outcome, Probe};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{NameType, Ssl, SslContext, SslContextBuilder, SslMethod, SslVersion};
use openssl::x509::{X509, X509NameBuilder};
use servers::{attempt, http, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_openssl::SslStream;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

fn key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// Expired since 1970, signed by itself, for a name nobody asked for.
fn certificate(key: &PKey<Private>, digest: MessageDigest) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "nobody.invalid").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(1).unwrap())
        .unwrap();
    builder.set_pubkey(key).unwrap();
    builder.sign(key, digest).unwrap();
    builder.build()
}

fn context(bits: u32, digest: MessageDigest) -> SslContextBuilder {
    let key = key(bits);
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_security_level(0);
    context.set_min_proto_version(None).unwrap();
    context.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    context.set_private_key(&key).unwrap();
    context.set_certificate(&certificate(&key, digest)).unwrap();
    context
}

/// A TLS server that says a good page and then just closes, without a close_notify; and the names it was asked for.
async fn tls(context: SslContext) -> (SocketAddr, mpsc::UnboundedReceiver<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, names) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                let name = stream
                    .ssl()
                    .servername(NameType::HOST_NAME)
                    .map(str::to_owned);
                let _ = asked.send(name);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello\n").await;
            }
        }
    });
    (address, names)
}

fn secure(target: SocketAddr, timeout: Duration) -> HttpProbe {
    HttpProbe {
        tls: true,
        ..http(target, timeout)
    }
}

async fn fetches_the_page(context: SslContextBuilder) {
    let (address, _) = tls(context.build()).await;
    let outcome = attempt(Probe::Http(secure(address, LONG))).await;
    let expected = Evidence::Answered {
        status: 200,
        // md5sum of "hello\n".
        digest: "b1946ac92492d2347c6235b4d2611184".parse().unwrap(),
        length: 6,
    };
    assert_eq!(outcome, Outcome::Success(expected));
}

#[tokio::test]
async fn a_certificate_is_not_verified() {
    fetches_the_page(context(2048, MessageDigest::sha256())).await;
}

#[tokio::test]
async fn an_old_and_weak_server_is_reached() {
    let mut context = context(1024, MessageDigest::sha1());
    context
        .set_max_proto_version(Some(SslVersion::TLS1))
        .unwrap();
    fetches_the_page(context).await;
}

#[tokio::test]
async fn the_server_name_is_sent_only_where_configured() {
    let (address, mut names) = tls(context(2048, MessageDigest::sha256()).build()).await;
    let mut probe = secure(address, LONG);
    for url in &mut probe.urls {
        url.virtualhost = Some("www.example.org".into());
    }
    attempt(Probe::Http(probe.clone())).await;
    assert_eq!(names.recv().await, Some(None));
    probe.sni = true;
    attempt(Probe::Http(probe)).await;
    assert_eq!(names.recv().await, Some(Some("www.example.org".into())));
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let server = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
    })
    .await;
    // A TLS greeting has no empty line, so that this server waits: it needs one that speaks first.
    let speaks_first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = speaks_first.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = speaks_first.accept().await.unwrap();
        stream
            .write_all(b"220 mail.example.org ESMTP\r\n")
            .await
            .unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
    });
    let Outcome::Failure(Failure::Tls { reason }) =
        attempt(Probe::Http(secure(address, LONG))).await
    else {
        unreachable!("that was no TLS")
    };
    assert_eq!(reason, "wrong version number");
    let silent = attempt(Probe::Http(secure(server.address, SHORT))).await;
    assert_eq!(
        silent,
        Outcome::Failure(Failure::TlsTimedOut { after: SHORT })
    );
}
