//! The daemon as a service manager sees it: what it tells systemd, what is there while it runs, what is left.
//!
//! With an empty configuration, so that it runs as anybody and on any kernel.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn start(folder: &Path) -> Child {
    let file = |name: &str| folder.join(name);
    std::fs::write(file("keepalived.conf"), "global_defs {\n}\n").unwrap();
    Command::new(env!("CARGO_BIN_EXE_rkeepalived"))
        .args(["-n", "-l", "--all", "-f"])
        .arg(file("keepalived.conf"))
        .arg("-p")
        .arg(file("parent.pid"))
        .arg("-r")
        .arg(file("vrrp.pid"))
        .arg("-c")
        .arg(file("checkers.pid"))
        .env("NOTIFY_SOCKET", file("notify"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn pid_files(folder: &Path) -> Vec<String> {
    ["parent.pid", "vrrp.pid", "checkers.pid"]
        .iter()
        .filter_map(|name| std::fs::read_to_string(folder.join(name)).ok())
        .collect()
}

#[test]
fn systemd_is_told_of_start_reload_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut daemon = start(folder.path());
    let pid = Pid::from_raw(i32::try_from(daemon.id()).unwrap());
    assert_eq!(heard(&socket), "READY=1\n");
    assert_eq!(pid_files(folder.path()), vec![format!("{pid}\n"); 3]);
    kill(pid, Signal::SIGHUP).unwrap();
    let reloading = heard(&socket);
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(heard(&socket), "READY=1\n");
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(heard(&socket), "STOPPING=1\n");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    assert!(pid_files(folder.path()).is_empty());
}
