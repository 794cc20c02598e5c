//! `openssl s_server`, old, weak, expired, nobody's: a check asks whether a server answers, not whether to trust it.

use std::fs;
use std::net::SocketAddrV4;
use std::path::Path;

use anyhow::{Context, Result};
use support::daemon::Daemon;
use support::identity::{Identity, Kind};
use support::server::{Port, Server};
use support::stage::{Stage, WEB};
use support::story::{Story, Told};

use super::case::{Case, Watched};

const OPENSSL: &str = "/usr/bin/openssl";

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![Story::two("real/tls", ours, theirs, handshakes).with(&[OPENSSL])]
}

/// How a server is odd: its certificate, its further options, and whether Debian's keepalived reaches it with the
/// settings that Debian gives to OpenSSL.
struct Oddity {
    name: &'static str,
    kind: Kind,
    options: &'static str,
    both: bool,
}

const ODDITIES: [Oddity; 6] = [
    Oddity {
        name: "self-signed",
        kind: Kind::PLAIN,
        options: "",
        both: true,
    },
    Oddity {
        name: "expired",
        kind: Kind::EXPIRED,
        options: "",
        both: true,
    },
    Oddity {
        name: "RSA key exchange only",
        kind: Kind::PLAIN,
        options: "-tls1_2 -cipher AES128-SHA",
        both: true,
    },
    Oddity {
        name: "TLS 1.0 only, with a signed key exchange",
        kind: Kind::PLAIN,
        options: "-tls1 -cipher DEFAULT@SECLEVEL=0",
        both: false,
    },
    Oddity {
        name: "1024 bits, SHA-1",
        kind: Kind::OLD,
        options: "-cipher DEFAULT@SECLEVEL=0",
        both: true,
    },
    Oddity {
        name: "TLS 1.0, RSA key exchange, 1024 bits",
        kind: Kind::OLD,
        options: "-tls1 -cipher AES128-SHA:@SECLEVEL=0",
        both: true,
    },
];

fn handshakes(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let [address, _] = WEB;
    let [web, _] = &stage.web;
    let root = stage.folder().join("tls");
    let mut servers = Vec::new();
    let mut cases = Vec::new();
    for (oddity, port) in ODDITIES.iter().zip(9001_u16..) {
        let folder = root.join(port.to_string());
        let mut server = s_server(&folder, oddity.kind, oddity.options, port)?;
        page(&folder, true)?;
        server.launch(web)?;
        servers.push(server);
        let case = case(oddity.name, SocketAddrV4::new(address, port));
        cases.push(if oddity.both { case } else { case.only_ours() });
    }
    let client = Identity::make(&root, "director.example.org", Kind::PLAIN)?;
    let port = 9000;
    let folder = root.join("client");
    let demanding = format!(
        "-Verify 1 -verify_return_error -CAfile {}",
        client.certificate.display()
    );
    let mut server = s_server(&folder, Kind::PLAIN, &demanding, port)?;
    page(&folder, true)?;
    server.launch(web)?;
    servers.push(server);
    cases.push(case(
        "client certificate demanded",
        SocketAddrV4::new(address, port),
    ));
    // Given to whoever asks for it, and nobody else does.
    let block = format!(
        "SSL {{\n certificate {}\n key {}\n }}",
        client.certificate.display(),
        client.key.display()
    );
    for server in &mut servers {
        server.ready(web)?;
    }
    let watched = Watched::start(stage, [ours, theirs], cases, &block)?;
    let left = watched.leave(&watched.names(), || {
        servers
            .iter()
            .try_for_each(|server| page(server.folder(), false))
    })?;
    let back = watched.come_back(|| {
        servers
            .iter()
            .try_for_each(|server| page(server.folder(), true))
    })?;
    Ok(format!("left after {left}, back after {back}"))
}

/// A check of the page of a server.
fn case(name: &'static str, server: SocketAddrV4) -> Case {
    let check = "SSL_GET { url { path /page.html\n status_code 200\n }\n }";
    Case::new(name, server, check, "the answer is not HTTP")
}

/// What the server says: with `-HTTP` the file is the whole answer. It comes whole: half a page would be another failure.
fn page(folder: &Path, well: bool) -> Result<()> {
    let text = if well {
        "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>well</html>\n"
    } else {
        "An error page without a header.\r\n\r\n"
    };
    let new = folder.join("page.new");
    fs::write(&new, text).context("write the page")?;
    fs::rename(new, folder.join("page.html")).context("show the page")
}

fn s_server(folder: &Path, kind: Kind, options: &str, port: u16) -> Result<Server> {
    let made = Identity::make(folder, "www.example.org", kind)?;
    Ok(Server::new(OPENSSL, folder, &[Port::Tcp(port)])?
        .args(["s_server", "-quiet", "-HTTP", "-accept", &port.to_string()])
        .args([
            "-cert".to_owned(),
            made.certificate.display().to_string(),
            "-key".to_owned(),
            made.key.display().to_string(),
        ])
        .args(options.split_whitespace()))
}
