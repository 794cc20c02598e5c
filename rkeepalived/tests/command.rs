//! The commands `check` and `fmt`, run as a user runs them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = "vrrp_instance VI_1 {\n    interface bond0.12\n    virtual_router_id 51\n    virtual_ipaddress {\n        192.0.2.1/24\n    }\n}\n";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rkeepalived"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.conf");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_good_file_for_another_host_has_no_findings() {
    let (folder, _) = written(GOOD);
    let output = run(folder.path(), &["check", "k.conf"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), ""));
    let output = run(folder.path(), &["check", "--json", "k.conf"]);
    assert_eq!(out(&output), "{\"findings\":[]}\n");
}

#[test]
fn errors_have_a_place_a_code_and_a_remedy() {
    let (folder, _) = written(&GOOD.replace(
        "interface bond0.12",
        "interfase bond0.12\n    interface bond0.12",
    ));
    let output = run(folder.path(), &["check", "k.conf"]);
    assert_eq!(output.status.code(), Some(2));
    let text = out(&output);
    assert!(
        text.starts_with("k.conf:2:5: error[unknown-keyword]: Unknown keyword 'interfase'\n"),
        "{text}"
    );
    assert!(text.contains("did you mean `interface`?"), "{text}");
    let output = run(folder.path(), &["check", "--json", "k.conf"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["file"], "k.conf");
    let place =
        ["line", "column", "end_line", "end_column"].map(|name| finding[name].as_u64().unwrap());
    assert_eq!(place, [2, 5, 2, 14]);
    assert_eq!(
        (&finding["severity"], &finding["code"]),
        (&"error".into(), &"unknown-keyword".into())
    );
    assert_eq!(finding["message"], "Unknown keyword 'interfase'");
    assert!(finding["help"].as_str().unwrap().contains("interface"));
}

#[test]
fn warnings_and_missing_files_have_statuses_of_their_own() {
    let (folder, _) = written(
        "virtual_server 192.0.2.1 80 {\n    lb_algo rr\n    lb_kind NAT\n    real_server 192.0.2.2 80 {\n    }\n}\n",
    );
    let output = run(folder.path(), &["check", "k.conf"]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    let output = run(folder.path(), &["check", "absent.conf"]);
    assert!(
        out(&output).starts_with("absent.conf:1:1: error[file-missing]: "),
        "{}",
        out(&output)
    );
    let output = run(folder.path(), &["check", "--json", "k.conf", "absent.conf"]);
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let last = report["findings"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["file"], &last["line"]),
        (&"absent.conf".into(), &1.into())
    );
}

#[test]
fn every_code_can_be_explained() {
    let folder = tempfile::tempdir().unwrap();
    let codes = out(&run(folder.path(), &["check", "--explain"]));
    assert!(codes.lines().count() > 30);
    for code in codes.lines() {
        let output = run(folder.path(), &["check", "--explain", code]);
        assert_eq!(output.status.code(), Some(0));
        let text = out(&output);
        assert!(text.starts_with(code) && text.lines().count() > 2, "{text}");
        assert!(text.lines().all(|line| line.len() <= 105), "{text}");
    }
    let output = run(folder.path(), &["check", "--explain", "no-such-code"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_layout_is_printed_or_put_in_place() {
    let (folder, path) = written("! mine\nvrrp_instance VI_1\n{\n\tinterface  eth0 # up\n\n\n}\n");
    let laid_out = "! mine\nvrrp_instance VI_1 {\n    interface eth0 # up\n}\n";
    assert_eq!(
        run(folder.path(), &["fmt", "--diff", "k.conf"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(out(&run(folder.path(), &["fmt", "k.conf"])), laid_out);
    std::os::unix::fs::symlink(&path, folder.path().join("link.conf")).unwrap();
    assert_eq!(
        run(folder.path(), &["fmt", "--write", "link.conf"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), laid_out);
    assert!(folder.path().join("link.conf").is_symlink());
    assert_eq!(
        run(folder.path(), &["fmt", "--diff", "k.conf"])
            .status
            .code(),
        Some(0)
    );
    assert_eq!(
        run(folder.path(), &["fmt", "absent.conf"]).status.code(),
        Some(3)
    );
}

#[test]
fn conditional_lines_follow_the_id() {
    let (folder, _) = written(&GOOD.replace(
        "virtual_router_id 51",
        "@left virtual_router_id 51\n    @right virtual_router_id 900",
    ));
    let status = |id| {
        run(folder.path(), &["check", "--config-id", id, "k.conf"])
            .status
            .code()
    };
    assert_eq!((status("left"), status("right")), (Some(0), Some(2)));
}

#[test]
fn the_effective_configuration_is_one_file_without_secrets() {
    let text = "$VRID=51\ninclude more.conf\n@here global_defs {\n@here   router_id A\n@here }\nvrrp_instance VI_1 {\n  interface eth0\n  virtual_router_id $VRID\n  authentication { auth_type PASS\n auth_pass abc\n }\n nonsense\n}\n";
    let (folder, _) = written(text);
    std::fs::write(
        folder.path().join("more.conf"),
        "vrrp_sync_group G {\n group {\n VI_1\n }\n}\n",
    )
    .unwrap();
    let output = run(
        folder.path(),
        &["fmt", "--dump-conf", "--config-id", "here", "k.conf"],
    );
    let expected = "vrrp_sync_group G {\n    group {\n        VI_1\n    }\n}\n\nglobal_defs {\n    router_id A\n}\n\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    authentication {\n        auth_type PASS\n        auth_pass ***\n    }\n}\n";
    assert_eq!(out(&output), expected);
    let with_secret = run(
        folder.path(),
        &["fmt", "--dump-conf", "--show-secrets", "k.conf"],
    );
    assert!(out(&with_secret).contains("auth_pass abc"));
    let with_defaults = run(
        folder.path(),
        &["fmt", "--dump-conf", "--defaults", "k.conf"],
    );
    assert!(
        out(&with_defaults).contains("    # priority: "),
        "{}",
        out(&with_defaults)
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let piped = |arguments: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rkeepalived"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(GOOD.as_bytes())
            .unwrap();
        out(&child.wait_with_output().unwrap())
    };
    assert_eq!(piped(&["check", "-"]), "");
    assert_eq!(piped(&["fmt", "-"]), GOOD);
    assert_eq!(piped(&["fmt", "--dump-conf", "-"]), GOOD);
}

#[test]
fn the_daemons_help_names_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--help"]);
    let help = String::from_utf8(output.stderr).unwrap();
    assert!(
        help.contains("\n  check ") && help.contains("\n  fmt "),
        "{help}"
    );
}

#[test]
fn json_does_not_tell_how_long_a_password_is() {
    let text = GOOD.replace("virtual_ip", "authentication {\n        auth_type PASS\n        auth_pass hunter2hunter2\n    }\n    virtual_ip");
    let (folder, _) = written(&text);
    let output = run(folder.path(), &["check", "--json", "k.conf"]);
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let truncated = findings
        .iter()
        .find(|f| f["code"] == "password-truncated")
        .unwrap();
    assert_eq!(
        (&truncated["column"], &truncated["end_column"]),
        (&19.into(), &22.into())
    );
    assert!(!out(&output).contains("hunter"));
}

#[test]
fn an_error_counts_after_more_warnings_than_are_kept() {
    let (folder, _) = written(&("include nowhere.conf\n".repeat(10_001) + "bogus\n"));
    let output = run(folder.path(), &["check", "k.conf"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let (folder, _) = written("");
    let output = run(folder.path(), &["check", "/dev/zero"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_daemon_without_its_file_says_which() {
    let (folder, _) = written("");
    let output = run(folder.path(), &["-n", "-l", "-f", "nowhere.conf"]);
    assert_eq!(output.status.code(), Some(6));
    let text = String::from_utf8(output.stderr).unwrap() + &String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("No configuration file"), "{text}");
    assert!(text.contains("nowhere.conf"), "{text}");
}
