//! nginx: pages, several of them, virtual hosts by header and by TLS name, status codes, chunks, versions of HTTP.

use std::fs;
use std::net::SocketAddrV4;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use support::daemon::{Daemon, run_to_end};
use support::identity::{Identity, Kind};
use support::server::{Port, Server};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Story, Told};

use super::case::{Case, Watched};

const NGINX: &str = "/usr/sbin/nginx";
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![Story::two("real/nginx", ours, theirs, pages).with(&[NGINX])]
}

/// Whatever stands in `www/NAME` is shown for the virtual host NAME, over TLS for the name in the handshake. A file under
/// `broken` turns the same path under `/status` and `/moved` into a 503.
const CONFIG: &str = "
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    types { text/html html; }
    server {
        listen 8080 default_server;
        root www/plain;
        location /status/ { if (-f $document_root/broken) { return 503; } return 204; }
        location /moved/ { if (-f $document_root/broken) { return 503; } return 302 /page.html; }
        # The server does not know how long such a page will be: over HTTP/1.1 it comes in chunks.
        location /chunked.html { ssi on; }
    }
    server { listen 8080; server_name host.example.org; root www/host; }
    server {
        listen 8443 ssl;
        ssl_certificate www.example.org.pem;
        ssl_certificate_key www.example.org.key;
        root www/tls-$ssl_server_name;
    }
}
";

/// The pages, by their place under `www`.
const PAGES: [&str; 6] = [
    "plain/page.html",
    "plain/second.html",
    "plain/chunked.html",
    "plain/old.html",
    "host/page.html",
    "tls-sni.example.org/page.html",
];

fn write(root: &Path, page: &str, text: &str) -> Result<()> {
    let path = root.join("www").join(page);
    fs::write(
        &path,
        format!("<html><!-- {page} --><!--# echo var=\"x\" -->{text}</html>\n"),
    )
    .with_context(|| format!("write {}", path.display()))
}

fn pages(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let root = stage.folder().join("nginx");
    for host in ["plain", "host", "tls-sni.example.org"] {
        fs::create_dir_all(root.join("www").join(host)).context("make a folder of pages")?;
    }
    for page in PAGES {
        write(&root, page, "well")?;
    }
    fs::write(root.join("nginx.conf"), CONFIG)?;
    Identity::make(&root, "www.example.org", Kind::PLAIN)?;
    let mut nginx = Server::new(NGINX, &root, &[Port::Tcp(HTTP), Port::Tcp(HTTPS)])?
        .args(["-c", "nginx.conf", "-p"])
        .args([root.display().to_string()]);
    let [web, _] = &stage.web;
    nginx.start(web)?;
    let watched = Watched::start(stage, [ours, theirs], cases(stage)?, "")?;

    let broken = root.join("www/plain/broken");
    let left = watched.leave(&watched.names(), || {
        for page in PAGES {
            write(&root, page, "wrong")?;
        }
        fs::remove_file(root.join("www/plain/second.html"))?;
        fs::write(&broken, "")?;
        Ok(())
    })?;
    let back = watched.come_back(|| {
        for page in PAGES {
            write(&root, page, "well")?;
        }
        fs::remove_file(&broken)?;
        Ok(())
    })?;
    Ok(format!("left after {left}, back after {back}"))
}

/// The cases, with the digests that keepalived's genhash gives.
fn cases(stage: &Stage) -> Result<Vec<Case>> {
    let [address, _] = WEB;
    let (http, https) = (
        SocketAddrV4::new(address, HTTP),
        SocketAddrV4::new(address, HTTPS),
    );
    let digest = |words: &str| digest(stage, &format!("-s {address} {words}"));
    let wrong = "digest ";
    let (well, unavailable) = ("wanted 200-299", "status 503, wanted ");
    Ok(vec![
        Case::new(
            "page",
            http,
            format!(
                "HTTP_GET {{ url {{ path /page.html\n digest {}\n }}\n }}",
                digest("-p 8080 -u /page.html")?
            ),
            wrong,
        ),
        Case::new(
            "virtual host",
            http,
            format!(
                "HTTP_GET {{ url {{ path /page.html\n virtualhost host.example.org\n digest {}\n }}\n }}",
                digest("-p 8080 -u /page.html -V host.example.org")?
            ),
            wrong,
        ),
        Case::new(
            "chunks",
            http,
            format!(
                "HTTP_GET {{ http_protocol 1.1\n url {{ path /chunked.html\n digest {}\n }}\n }}",
                digest("-p 8080 -u /chunked.html -P 1.1")?
            ),
            wrong,
        ),
        Case::new(
            "HTTP/1.0",
            http,
            format!(
                "HTTP_GET {{ http_protocol 1.0C\n url {{ path /old.html\n digest {}\n }}\n }}",
                digest("-p 8080 -u /old.html -P 1.0c")?
            ),
            wrong,
        ),
        Case::new(
            "status",
            http,
            "HTTP_GET { url { path /status/\n }\n }",
            unavailable,
        ),
        Case::new(
            "redirection",
            http,
            "HTTP_GET { url { path /moved/\n status_code 301-303\n }\n }",
            "status 503, wanted 301-303",
        ),
        Case::new(
            "two pages",
            http,
            "HTTP_GET { url { path /page.html\n }\n url { path /second.html\n status_code 200-299\n }\n }",
            well,
        )
        .pages(2),
        Case::new(
            "pattern",
            http,
            "HTTP_GET { url { path /page.html\n regex \"-->WELL<\"\n regex_options caseless\n }\n }",
            "is not in",
        ),
        Case::new(
            "pattern that must not be there",
            http,
            "HTTP_GET { url { path /page.html\n regex \">wr[aeiou]ng<\"\n regex_no_match\n }\n }",
            "wanted nowhere",
        ),
        Case::new(
            "TLS name",
            https,
            format!(
                "SSL_GET {{ enable_sni\n url {{ path /page.html\n virtualhost sni.example.org\n digest {}\n }}\n }}",
                digest("-S -I -p 8443 -u /page.html -V sni.example.org")?
            ),
            wrong,
        ),
    ])
}

/// What keepalived's genhash says of a page.
fn digest(stage: &Stage, words: &str) -> Result<String> {
    let [director, _] = &stage.director;
    let mut command = director.command(&Daemon::Keepalived.genhash_program()?);
    command.args(words.split_whitespace());
    let ended = run_to_end(command, stage.folder(), PATIENCE)?;
    let digest = ended.said.trim();
    ensure!(digest.len() == 32, "genhash {words} says {digest}");
    Ok(digest.to_owned())
}
