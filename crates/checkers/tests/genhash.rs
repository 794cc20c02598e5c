//! Our genhash beside keepalived's: the same command lines, the same servers, the same output.
//!
//! "not run" where there is no genhash of keepalived's.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use checkers::genhash;
use servers::{refusing, says, serve};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const THEIRS: &str = "/usr/bin/genhash";

#[derive(Debug, PartialEq, Eq)]
struct Ran {
    status: u8,
    out: String,
    err: String,
}

async fn ours(arguments: &[String]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = genhash::run(arguments.to_vec(), &mut out, &mut err)
        .await
        .unwrap();
    ran(status, &out, &err)
}

async fn theirs(arguments: &[String]) -> Ran {
    let mut command = std::process::Command::new(THEIRS);
    // It prints the name it was called by.
    command.arg0("genhash").args(arguments).stdin(Stdio::null());
    let output = Command::from(command).output().await.unwrap();
    let status = u8::try_from(output.status.code().unwrap()).unwrap();
    ran(status, &output.stdout, &output.stderr)
}

fn ran(status: u8, out: &[u8], err: &[u8]) -> Ran {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let out = match text(out).split_once("] = ") {
        // The time it took is nobody else's.
        Some((before, _)) => format!("{before}]"),
        None => text(out),
    };
    Ran {
        status,
        out,
        err: text(err),
    }
}

async fn is_there(test: &str) -> bool {
    let there = std::path::Path::new(THEIRS).exists()
        && theirs(&["-h".into()])
            .await
            .err
            .starts_with("Usage: genhash COMMAND [OPTIONS]");
    if !there {
        eprintln!("not run: {test} (no genhash of keepalived's)");
    }
    there
}

async fn same(line: &str) {
    let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    assert_eq!(ours(&arguments).await, theirs(&arguments).await, "{line}");
}

#[tokio::test]
async fn pages_have_the_same_digest_and_the_same_story() {
    if !is_there("pages_have_the_same_digest_and_the_same_story").await {
        return;
    }
    let answers: [&[u8]; 10] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nnope!\n",
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\nTRAILING",
        b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nhello\n",
        b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n\x00\x7f\x80\xff and more than a line of it",
        b"HTTP/1.0 200 OK\n\nhello\n",
        b"garbage\r\n",
        b"",
    ];
    for answer in answers {
        let address = says(answer).await.address;
        let server = format!("-s {} -p {} -u /x", address.ip(), address.port());
        same(&server).await;
        same(&format!("{server} -v")).await;
    }
}

#[tokio::test]
async fn requests_are_the_same() {
    if !is_there("requests_are_the_same").await {
        return;
    }
    let mut server = says(b"HTTP/1.0 200 OK\r\n\r\nhello\n").await;
    let (ip, port) = (server.address.ip(), server.address.port());
    for options in [
        "",
        "-P 1.0",
        "-P 1.0c",
        "-P 1.1",
        "-V www.example.org",
        "-P 1.1 -V www.example.org",
    ] {
        same(&format!("-s {ip} -p {port} -u /x/y?z=1 {options}")).await;
        let ours = server.requests.recv().await.unwrap();
        let theirs = server.requests.recv().await.unwrap();
        assert_eq!(
            String::from_utf8(ours).unwrap(),
            String::from_utf8(theirs).unwrap(),
            "{options}"
        );
    }
}

#[tokio::test]
async fn servers_that_do_not_answer_are_told_the_same() {
    if !is_there("servers_that_do_not_answer_are_told_the_same").await {
        return;
    }
    let (_kept, closed) = refusing();
    same(&format!("-s {} -p {} -u /x", closed.ip(), closed.port())).await;
    same(&format!("-s {} -p {} -u /x -v", closed.ip(), closed.port())).await;
    same(&format!("-S -s {} -p {} -u /x", closed.ip(), closed.port())).await;
    let silent = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
    .address;
    same(&format!(
        "-s {} -p {} -u /x -t 1",
        silent.ip(),
        silent.port()
    ))
    .await;
    same(&format!(
        "-S -s {} -p {} -u /x -t 1",
        silent.ip(),
        silent.port()
    ))
    .await;
    let stops = serve(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
            .await;
        std::future::pending::<()>().await;
    })
    .await
    .address;
    same(&format!(
        "-s {} -p {} -u /x -t 1 -v",
        stops.ip(),
        stops.port()
    ))
    .await;
    let resets = serve(|stream| async move { stream.set_zero_linger().unwrap() })
        .await
        .address;
    same(&format!("-s {} -p {} -u /x", resets.ip(), resets.port())).await;
}

#[tokio::test]
async fn wrong_command_lines_are_told_the_same() {
    if !is_there("wrong_command_lines_are_told_the_same").await {
        return;
    }
    for line in [
        "",
        "-h",
        "--help -v",
        "-Z",
        "-Z -Y",
        "--url",
        "-s 127.0.0.1 -p 80",
        "-s 127.0.0.1 -u /x",
        "-p 80 -u /x",
        "-s 127.0.0.1 -p 80 -u",
        "-s www.example.org -p 80 -u /x",
        "-s 127.0.0.1 -p 0 -u /x",
        "-s 127.0.0.1 -p 65536 -u /x",
        "-s 127.0.0.1 -p http -u /x",
        "-s 127.0.0.1 -p 80 -u /x -P 2",
        "-s 127.0.0.1 -p 80 -u /x -t soon",
        "-s 127.0.0.1 -p 80 -u /x -t 1.5",
        "-s 127.0.0.1 -p 80 -u /x -m 0x10",
        "-s 127.0.0.1 -p 80 -u /x --bogus",
        "-s 127.0.0.1 -p 80 -u /x --use",
        "-s 127.0.0.1 -p 80 -u /x --verbose=3",
        "-s 127.0.0.1 -p 80 -u /x -ZQ",
        "-s 127.0.0.1 -p 80 -u /x a b",
        "-s 127.0.0.1 -p 80 a -u /x -Z",
    ] {
        same(line).await;
    }
}
