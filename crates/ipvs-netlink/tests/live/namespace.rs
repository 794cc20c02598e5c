//! Network namespaces, and the commands that are run in them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::sched::{CloneFlags, unshare};

/// One story at a time: some compare durations, and the kernel has one lock for all of IPVS.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a story in a network namespace of its own, or says that it cannot.
pub fn live(name: &str, story: fn()) {
    if !Path::new("/proc/net/ip_vs").exists() {
        println!("not run: {name}: this kernel has no IPVS");
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        // Until a namespace has an address, its kernel takes no IPv4 address for unicast and
        // refuses IPv4 destinations with EINVAL.
        ip(&["link", "set", "lo", "up"]);
        story();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

pub fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

pub fn ipvsadm(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("ipvsadm")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// `ipvsadm -Sn`, whose order is the kernel's own: sorted.
pub fn saved() -> Vec<String> {
    let (_, text) = ipvsadm(&["-Sn"], "");
    let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    lines
}
