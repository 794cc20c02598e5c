//! A small web server that can misbehave on request, and the handle on one that runs in a host of the lab.
//!
//! It reads its pages and its mood from files at every connection, so a story changes either by writing a file, and
//! kills the server by killing its process.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::SockRef;

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
    /// It answers half of the page, then nothing more.
    Stall,
    /// It takes the request and resets the connection.
    Reset,
    /// It answers, but no HTTP.
    Garbage,
    /// Its header has no end.
    Header,
    /// Its page has 1 GiB.
    Huge,
}

/// All of them, with their words in the file `mood`.
const MOODS: [(Mood, &str); 8] = [
    (Mood::Serve, "serve"),
    (Mood::Mute, "mute"),
    (Mood::Drip, "drip"),
    (Mood::Stall, "stall"),
    (Mood::Reset, "reset"),
    (Mood::Garbage, "garbage"),
    (Mood::Header, "header"),
    (Mood::Huge, "huge"),
];

/// Bytes of a huge page.
const HUGE: usize = 1 << 30;
/// How much of a long answer is written at a time.
const PIECE: usize = 1 << 16;
/// And then, so that other stories on the lab's one processor have some of it too.
const BREATH: Duration = Duration::from_millis(1);

impl Mood {
    fn word(self) -> &'static str {
        let known = MOODS.iter().find(|(mood, _)| *mood == self);
        known.map_or("serve", |(_, word)| word)
    }

    fn read(root: &Path) -> Self {
        let written = fs::read_to_string(root.join("mood")).unwrap_or_default();
        let known = MOODS.iter().find(|(_, word)| *word == written);
        known.map_or(Self::Serve, |(mood, _)| *mood)
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
    match mood {
        Mood::Mute => return wait_for_the_end(&mut reader),
        Mood::Reset => {
            // Closed with this option and unsent or not, it is a reset for the other side.
            SockRef::from(&connection).set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
        Mood::Garbage => {
            connection.write_all(b"\x00\xff\x16\x03 500 \r\r\n\nSSH-2.0-garbage\r\n\r\n\x80")?;
            return Ok(());
        }
        Mood::Header => {
            connection.write_all(b"HTTP/1.1 200 OK\r\nServer: ")?;
            return long(&mut connection, HUGE);
        }
        Mood::Huge => {
            write!(
                connection,
                "HTTP/1.1 200 OK\r\nServer: {name}\r\nContent-Length: {HUGE}\r\n\r\n"
            )?;
            return long(&mut connection, HUGE);
        }
        Mood::Serve | Mood::Drip | Mood::Stall => {}
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
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nServer: {name}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
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
    if mood == Mood::Stall {
        answer.truncate(answer.len() - length / 2);
        connection.write_all(&answer)?;
        return wait_for_the_end(&mut reader);
    }
    connection.write_all(&answer)?;
    Ok(())
}

/// Reads until the client has had enough.
fn wait_for_the_end(reader: &mut impl Read) -> Result<()> {
    io::copy(reader, &mut io::sink())?;
    Ok(())
}

/// Writes `length` bytes that are all the same.
fn long(connection: &mut TcpStream, length: usize) -> Result<()> {
    let piece = vec![b'x'; PIECE];
    for _ in 0..length / PIECE {
        connection.write_all(&piece)?;
        std::thread::sleep(BREATH);
    }
    Ok(())
}

/// A web server that runs as its own process in a host of the lab.
#[derive(Debug)]
pub struct WebServer {
    name: String,
    root: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl WebServer {
    /// Prepares a server for port 80 of all addresses; it runs after [`WebServer::start`].
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(name: &str, root: &Path) -> Result<Self> {
        fs::create_dir_all(root.join("pages")).context("make the pages' folder")?;
        Ok(Self {
            name: name.to_owned(),
            root: root.to_owned(),
            address: SocketAddr::from(([0, 0, 0, 0], 80)),
            child: None,
        })
    }

    /// Sets where it will listen.
    #[must_use]
    pub fn at(mut self, address: impl Into<SocketAddr>) -> Self {
        self.address = address.into();
        self
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

    /// Starts it in `host` and waits until it listens.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self, host: &Netns) -> Result<()> {
        let myself = std::env::current_exe().context("find the lab program")?;
        let mut child = host.run(|| {
            let mut command = Command::new(&myself);
            let address = self.address.to_string();
            command
                .args(["web", "--address", &address, "--name", &self.name])
                .arg("--root")
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
    fn a_mood_is_read_as_it_was_written() {
        let root = tempfile::tempdir().unwrap();
        let server = WebServer::new("web-1", root.path()).unwrap();
        for (mood, _) in MOODS {
            server.mood(mood).unwrap();
            assert_eq!(Mood::read(root.path()), mood);
        }
    }

    #[test]
    fn a_reset_is_a_reset_and_garbage_no_http() {
        let root = tempfile::tempdir().unwrap();
        let server = WebServer::new("web-1", root.path()).unwrap();
        server.mood(Mood::Garbage).unwrap();
        let mut stream = TcpStream::connect(once(root.path())).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut seen = Vec::new();
        stream.read_to_end(&mut seen).unwrap();
        assert!(!seen.is_empty() && !seen.starts_with(b"HTTP"));
        server.mood(Mood::Reset).unwrap();
        let mut stream = TcpStream::connect(once(root.path())).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let error = stream.read_to_end(&mut seen).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn echo_gives_back_each_line() {
        let root = tempfile::tempdir().unwrap();
        let seen = ask(root.path(), "GET /echo HTTP/1.0\r\n\r\none\ntwo\n");
        assert!(seen.ends_with("\r\n\r\none\ntwo\n"));
    }
}
