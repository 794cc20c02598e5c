//! A small web server that can misbehave on request, and the handle on one that runs in a host of the lab.
//!
//! It reads its pages and its mood from files at every connection, so a story changes either by writing a file, and
//! kills the server by killing its process.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::netns::Netns;
use crate::process;

/// How the server treats a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    Serve,
    /// It accepts and never answers.
    Mute,
    /// It answers, one byte a second.
    Drip,
}

impl Mood {
    fn word(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Mute => "mute",
            Self::Drip => "drip",
        }
    }

    fn read(root: &Path) -> Self {
        match fs::read_to_string(root.join("mood")).as_deref() {
            Ok("mute") => Self::Mute,
            Ok("drip") => Self::Drip,
            _ => Self::Serve,
        }
    }
}

/// Serves the files under `root/pages` on `address` until killed, under the name `name`. Prints `ready` when it listens.
/// `/echo` is special: it answers with what it is sent, line by line, for as long as the client wants.
///
/// # Errors
/// When it cannot listen.
pub fn serve(address: SocketAddr, name: &str, root: &Path) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
    println!("ready");
    for connection in listener.incoming().flatten() {
        let (name, root) = (name.to_owned(), root.to_owned());
        // A client that goes away in the middle is that client's business.
        std::thread::spawn(move || answer(connection, &name, &root).ok());
    }
    Ok(())
}

fn answer(mut connection: TcpStream, name: &str, root: &Path) -> Result<()> {
    let mood = Mood::read(root);
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split_whitespace().nth(1).unwrap_or("/").to_owned();
    if mood == Mood::Mute {
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest)?;
        return Ok(());
    }
    if path == "/echo" {
        write!(connection, "HTTP/1.0 200 OK\r\nServer: {name}\r\n\r\n")?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            connection.write_all(line.as_bytes())?;
            line.clear();
        }
        return Ok(());
    }
    let (status, body) = match fs::read(root.join("pages").join(path.trim_start_matches('/'))) {
        Ok(page) if !path.contains("..") => ("200 OK", page),
        _ => ("404 Not Found", b"not here\n".to_vec()),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nServer: {name}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend(body);
    if mood == Mood::Drip {
        for byte in answer {
            connection.write_all(&[byte])?;
            std::thread::sleep(Duration::from_secs(1));
        }
        return Ok(());
    }
    connection.write_all(&answer)?;
    Ok(())
}

/// A web server that runs as its own process in a host of the lab.
#[derive(Debug)]
pub struct WebServer {
    name: String,
    root: PathBuf,
    child: Option<Child>,
}

impl WebServer {
    /// Prepares a server; it runs after [`WebServer::start`].
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(name: &str, root: &Path) -> Result<Self> {
        fs::create_dir_all(root.join("pages")).context("make the pages' folder")?;
        Ok(Self {
            name: name.to_owned(),
            root: root.to_owned(),
            child: None,
        })
    }

    /// Its name, as clients see it in the `Server` header.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets what `path` shows from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn page(&self, path: &str, content: &str) -> Result<()> {
        // Renamed into place, so that no check ever sees half a page.
        let target = self.root.join("pages").join(path.trim_start_matches('/'));
        let fresh = target.with_extension("new");
        fs::write(&fresh, content)
            .and_then(|()| fs::rename(&fresh, &target))
            .context("write a page")
    }

    /// Sets how connections are treated from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn mood(&self, mood: Mood) -> Result<()> {
        fs::write(self.root.join("mood"), mood.word()).context("write the mood")
    }

    /// Starts it in `host` on port 80 and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self, host: &Netns) -> Result<()> {
        let myself = std::env::current_exe().context("find the lab program")?;
        let mut child = host.run(|| {
            let mut command = Command::new(&myself);
            command.args([
                "web",
                "--address",
                "0.0.0.0:80",
                "--name",
                &self.name,
                "--root",
            ]);
            command
                .arg(&self.root)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .context("start a web server")
        })?;
        let mut first = String::new();
        if let Some(pipe) = child.stdout.take() {
            BufReader::new(pipe).read_line(&mut first)?;
        }
        self.child = Some(child);
        ensure!(
            first.trim() == "ready",
            "{} did not start: {first:?}",
            self.name
        );
        Ok(())
    }

    /// Kills it; its port then refuses connections.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill_tree(child.id());
            let _gone_already = child.wait();
        }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves one connection on a free port and gives the address.
    fn once(root: &Path) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let root = root.to_owned();
        std::thread::spawn(move || answer(listener.accept().unwrap().0, "web-1", &root));
        address
    }

    fn ask(root: &Path, request: &str) -> String {
        let mut stream = TcpStream::connect(once(root)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        all
    }

    #[test]
    fn a_page_names_its_server() {
        let root = tempfile::tempdir().unwrap();
        let server = WebServer::new("web-1", root.path()).unwrap();
        server.page("/teste.html", "hello\n").unwrap();
        let seen = ask(root.path(), "GET /teste.html HTTP/1.0\r\n\r\n");
        assert!(seen.starts_with("HTTP/1.1 200 OK\r\nServer: web-1\r\n"));
        assert!(seen.ends_with("\r\n\r\nhello\n"));
        assert!(ask(root.path(), "GET /../mood HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn a_mute_server_says_nothing() {
        let root = tempfile::tempdir().unwrap();
        let server = WebServer::new("web-1", root.path()).unwrap();
        server.mood(Mood::Mute).unwrap();
        assert_eq!(ask(root.path(), "GET / HTTP/1.0\r\n\r\n"), "");
    }

    #[test]
    fn echo_gives_back_each_line() {
        let root = tempfile::tempdir().unwrap();
        let seen = ask(root.path(), "GET /echo HTTP/1.0\r\n\r\none\ntwo\n");
        assert!(seen.ends_with("\r\n\r\none\ntwo\n"));
    }
}
