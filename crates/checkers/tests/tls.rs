//! `SSL_GET` against TLS servers that no browser would trust.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checkers::{Evidence, Failure, HttpProbe, Outcome, Probe, TlsClient, TlsFiles, Url};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::dh::Dh;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{
    NameType, Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion,
};
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use servers::{attempt, http, serve};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_openssl::SslStream;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

/// "Not before" and "not after", and whom a certificate is for.
struct Validity {
    until: Asn1Time,
    host: &'static str,
    address: &'static str,
}

/// For www.example.org and 127.0.0.1, from an hour ago until tomorrow.
fn valid() -> Validity {
    Validity {
        until: Asn1Time::days_from_now(1).unwrap(),
        host: "www.example.org",
        address: "127.0.0.1",
    }
}

/// A certificate that is worth something to whoever trusts itself.
fn trustworthy(key: &PKey<Private>, validity: &Validity) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "a test").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(0).unwrap())
        .unwrap();
    builder.set_not_after(&validity.until).unwrap();
    builder.set_pubkey(key).unwrap();
    let constraints = BasicConstraints::new().critical().ca().build().unwrap();
    builder.append_extension(constraints).unwrap();
    let names = SubjectAlternativeName::new()
        .dns(validity.host)
        .ip(validity.address)
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// A server with such a certificate, and the file with it.
async fn trusted(validity: &Validity) -> (SocketAddr, NamedTempFile) {
    trusted_by(2048, validity).await
}

/// The same with a key of so many bits: none of the others.
async fn trusted_by(bits: u32, validity: &Validity) -> (SocketAddr, NamedTempFile) {
    let key = key(bits);
    let certificate = trustworthy(&key, validity);
    let file = file(&certificate.to_pem().unwrap());
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context.set_private_key(&key).unwrap();
    context.set_certificate(&certificate).unwrap();
    (tls(context.build()).await.0, file)
}

fn file(contents: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(contents).unwrap();
    file
}

/// One of each size is enough: it takes long to make one.
fn key(bits: u32) -> PKey<Private> {
    static KEYS: Mutex<BTreeMap<u32, PKey<Private>>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap();
    let make = || PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    keys.entry(bits).or_insert_with(make).clone()
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
    context.set_max_proto_version(None).unwrap();
    context
        .set_sigalgs_list("rsa_pss_rsae_sha256:RSA+SHA256:RSA+SHA1")
        .unwrap();
    context.set_groups_list("X25519:P-256").unwrap();
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
        tls: Some(Arc::new(TlsClient::new(TlsFiles::default()))),
        ..http(target, timeout)
    }
}

fn fetched() -> Outcome {
    Outcome::Success(Evidence::Answered {
        status: 200,
        digest: None,
        length: 6,
    })
}

async fn fetches_the_page(context: SslContextBuilder) {
    let (address, _) = tls(context.build()).await;
    let outcome = attempt(Probe::Http(secure(address, LONG))).await;
    assert_eq!(outcome, fetched());
}

/// As `client` with these pages.
fn of(client: &Arc<TlsClient>, target: SocketAddr, change: impl Fn(&mut Url)) -> Probe {
    let mut probe = HttpProbe {
        tls: Some(client.clone()),
        ..http(target, LONG)
    };
    probe.urls.iter_mut().for_each(change);
    Probe::Http(probe)
}

fn client(files: TlsFiles) -> Arc<TlsClient> {
    Arc::new(TlsClient::new(files))
}

async fn told(probe: Probe) -> String {
    match attempt(probe).await {
        Outcome::Success(_) => String::new(),
        Outcome::Failure(failure) => failure.to_string(),
    }
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
async fn a_server_that_only_knows_rsa_key_exchange_is_reached() {
    let mut rsa = context(1024, MessageDigest::sha1());
    rsa.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    rsa.set_cipher_list("kRSA:@SECLEVEL=0").unwrap();
    fetches_the_page(rsa).await;
    let mut older = context(1024, MessageDigest::sha1());
    older.set_max_proto_version(Some(SslVersion::TLS1)).unwrap();
    older.set_cipher_list("kRSA:@SECLEVEL=0").unwrap();
    fetches_the_page(older).await;
}

#[tokio::test]
async fn a_server_with_a_small_diffie_hellman_group_is_reached() {
    let mut context = context(1024, MessageDigest::sha1());
    // RFC 2409 section 6.2: the second Oakley group, 1024 bits.
    let prime = BigNum::get_rfc2409_prime_1024().unwrap();
    let group = Dh::from_pqg(prime, None, BigNum::from_u32(2).unwrap()).unwrap();
    context.set_tmp_dh(&group).unwrap();
    context
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .unwrap();
    context.set_cipher_list("kDHE:@SECLEVEL=0").unwrap();
    fetches_the_page(context).await;
}

/// The tests above once more, on a system whose openssl.cnf allows new and strong servers only.
#[test]
fn a_strict_system_changes_nothing() {
    const STRICT: &str = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = strict\n[strict]\n\
        MinProtocol = TLSv1.3\nCipherString = ECDHE:@SECLEVEL=4\nSignatureAlgorithms = ed25519\nGroups = X448\nOptions = UnsafeLegacyServerConnect\n";
    let cnf = file(STRICT.as_bytes());
    for test in [
        &["reached"][..],
        &["--exact", "a_certificate_is_not_verified"],
    ] {
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .env("OPENSSL_CONF", cnf.path())
            .args(test)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{test:?}: {said}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_given_where_one_is_demanded() {
    let ours = key(2048);
    let certificate = trustworthy(&ours, &valid());
    let mut context = context(2048, MessageDigest::sha256());
    context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    context
        .cert_store_mut()
        .add_cert(certificate.clone())
        .unwrap();
    let (address, _) = tls(context.build()).await;
    let encrypted = ours
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    let (certificate, key) = (file(&certificate.to_pem().unwrap()), file(&encrypted));
    let with = |password: Option<&str>| {
        client(TlsFiles {
            certificate: Some(certificate.path().into()),
            key: Some(key.path().into()),
            password: password.map(str::to_owned),
            authority: None,
        })
    };
    let plain = |_: &mut Url| {};
    assert_eq!(
        attempt(of(&with(Some("secret")), address, plain)).await,
        fetched()
    );
    assert!(
        told(of(&client(TlsFiles::default()), address, plain))
            .await
            .contains("certificate required")
    );
    let key = key.path().display();
    for password in [None, Some("wrong")] {
        let told = told(of(&with(password), address, plain)).await;
        let begins = format!("TLS handshake failed: SSL key {key}: ");
        assert!(told.starts_with(&begins), "{told}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told() {
    let (address, _) = tls(context(2048, MessageDigest::sha256()).build()).await;
    let nowhere = client(TlsFiles {
        certificate: Some("/nowhere/cert.pem".into()),
        key: Some("/nowhere/key.pem".into()),
        ..TlsFiles::default()
    });
    assert_eq!(
        told(of(&nowhere, address, |_| {})).await,
        "TLS handshake failed: SSL certificate /nowhere/cert.pem: No such file or directory"
    );
}

#[tokio::test]
async fn files_that_are_renewed_are_read_again_and_a_broken_one_is_not_taken() {
    let (address, authority) = trusted(&valid()).await;
    let (other, other_authority) = trusted_by(2056, &valid()).await;
    let path = authority.path().to_owned();
    let client = client(TlsFiles {
        authority: Some(path.clone()),
        ..TlsFiles::default()
    });
    let verify = |url: &mut Url| url.tls_verify = true;
    assert_eq!(attempt(of(&client, address, verify)).await, fetched());
    assert_ne!(attempt(of(&client, other, verify)).await, fetched());
    std::fs::write(&path, "no certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(attempt(of(&client, address, verify)).await, fetched());
    std::fs::copy(other_authority.path(), &path).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(attempt(of(&client, other, verify)).await, fetched());
}

#[tokio::test]
async fn a_certificate_is_verified_where_that_is_asked_for() {
    let (address, authority) = trusted(&valid()).await;
    let trusting = client(TlsFiles {
        authority: Some(authority.path().into()),
        ..TlsFiles::default()
    });
    let named = |name: &'static str| {
        move |url: &mut Url| {
            url.tls_verify = true;
            url.virtualhost = Some(name.into());
        }
    };
    let nameless = |url: &mut Url| url.tls_verify = true;
    assert_eq!(attempt(of(&trusting, address, nameless)).await, fetched());
    assert_eq!(
        attempt(of(&trusting, address, named("www.example.org"))).await,
        fetched()
    );
    assert_eq!(
        attempt(of(&trusting, address, named("www.example.org:443"))).await,
        fetched()
    );
    assert_eq!(
        told(of(&trusting, address, named("www.example.net"))).await,
        "TLS handshake failed: the certificate is not valid for www.example.net: hostname mismatch"
    );
    // The system's authorities do not know it.
    let system = client(TlsFiles::default());
    let told_by_system = told(of(&system, address, nameless)).await;
    assert!(
        told_by_system.contains("not valid for 127.0.0.1: self"),
        "{told_by_system}"
    );
    // Without being asked for, all is well with it.
    assert_eq!(attempt(of(&system, address, |_| {})).await, fetched());

    let yesterday = Validity {
        until: Asn1Time::from_unix(86400).unwrap(),
        ..valid()
    };
    let (address, authority) = trusted(&yesterday).await;
    let trusting = client(TlsFiles {
        authority: Some(authority.path().into()),
        ..TlsFiles::default()
    });
    assert_eq!(
        told(of(&trusting, address, nameless)).await,
        "TLS handshake failed: the certificate is not valid for 127.0.0.1: certificate has expired"
    );
}

#[tokio::test]
async fn a_server_without_a_certificate_is_not_verified_by_that() {
    let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
    context
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .unwrap();
    context.set_security_level(0);
    context.set_cipher_list("aNULL:@SECLEVEL=0").unwrap();
    let (address, _) = tls(context.build()).await;
    let client = client(TlsFiles::default());
    assert_eq!(attempt(of(&client, address, |_| {})).await, fetched());
    let verify = |url: &mut Url| url.tls_verify = true;
    assert_ne!(attempt(of(&client, address, verify)).await, fetched());
}

#[tokio::test]
async fn an_end_without_goodbye_counts_only_where_that_is_asked_for() {
    let (address, _) = tls(context(2048, MessageDigest::sha256()).build()).await;
    let client = client(TlsFiles::default());
    assert_eq!(attempt(of(&client, address, |_| {})).await, fetched());
    assert_eq!(
        told(of(&client, address, |url| url.tls_compliant = true)).await,
        "no TLS close_notify after 25 bytes"
    );
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
