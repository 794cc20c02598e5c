//! Bytes that are no configuration: they are reported, fast, and nothing else.

mod support;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use keepalived_conf::{Code, Loaded, Severity, load};
use proptest::prelude::*;
use support::{Host, read, rendered};

/// Whether every span lies inside its source and every complaint can be shown.
fn check(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        let span = diagnostic.span;
        let length = loaded
            .sources
            .source(span.source)
            .map_or(0, |source| source.bytes.len());
        assert!(
            span.start <= span.end && span.end <= length,
            "{diagnostic:?}"
        );
        let text = loaded.render(diagnostic);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
}

fn codes(loaded: &Loaded) -> Vec<Code> {
    loaded.diagnostics.iter().map(|d| d.code).collect()
}

#[test]
fn a_missing_file() {
    let loaded = load(Path::new("nowhere.conf"), &Host::default());
    assert_eq!(codes(&loaded), [Code::FileMissing]);
    assert_eq!((loaded.test_status(), loaded.start_status()), (0, Some(6)));
    assert!(rendered(&loaded).contains("Config files missing 'nowhere.conf'."));
}

#[test]
fn an_empty_file() {
    let loaded = read("");
    assert!(loaded.diagnostics.is_empty());
    assert_eq!((loaded.test_status(), loaded.start_status()), (0, None));
}

#[test]
fn a_binary_file() {
    let bytes: Vec<u8> = (0..1_000_000_u32)
        .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .collect();
    let loaded = read(&bytes);
    assert_eq!(loaded.test_status(), 5);
    check(&loaded);
}

#[test]
fn a_line_of_ten_megabytes() {
    let mut bytes = b"global_defs {\nrouter_id ".to_vec();
    bytes.resize(10_000_000, b'x');
    bytes.extend(b"\nlvs_flush\n}\n");
    let started = Instant::now();
    let loaded = read(&bytes);
    check(&loaded);
    assert_eq!(codes(&loaded), [Code::LineTooLong]);
    assert!(loaded.model.global.lvs_flush);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn megabytes_of_nonsense() {
    let kinds: [&[u8]; 7] = [
        b"{\n",
        b"}\n",
        b"a\n",
        b"vrrp_instance x {\n",
        b"virtual_server { real_server {\n",
        b"global_defs { router_id x }\n",
        b"\"\n",
    ];
    let many = |head: &str, line: fn(u32) -> String| {
        let lines = (0..60_000).map(line).collect::<String>();
        format!("{head} {{\n{lines}}}\n").into_bytes()
    };
    let files = kinds
        .into_iter()
        .map(|kind| kind.repeat(2_000_000 / kind.len()));
    let files = files.chain([
        many(
            "vrrp_instance V {\nvirtual_router_id 1\nvirtual_ipaddress",
            |n| format!("{}\n", Ipv4Addr::from(n)),
        ),
        many("virtual_server 10.0.0.1 80", |n| {
            format!("real_server {} 80 {{\n}}\n", Ipv4Addr::from(n))
        }),
        many("vrrp_sync_group G {\ngroup", |n| format!("V{n}\n")),
    ]);
    for bytes in files {
        let started = Instant::now();
        let loaded = read(&bytes);
        let took = started.elapsed();
        check(&loaded);
        // Without optimisation, on a busy machine; a quadratic step would take minutes.
        assert!(
            took < Duration::from_secs(40),
            "{took:?} for {:?}",
            String::from_utf8_lossy(&bytes[..40])
        );
        assert!(loaded.diagnostics.len() <= 12_000);
    }
}

#[test]
fn a_byte_order_mark_and_a_nul() {
    let loaded = read(b"\xef\xbb\xbfglobal_defs {\nrouter_id a\n}\n");
    assert!(loaded.diagnostics.is_empty());
    let loaded = read(b"global_defs {\nfoo\0bar \xff\xfe\n}\n");
    assert_eq!(codes(&loaded), [Code::UnknownKeyword]);
    check(&loaded);
}

#[test]
fn a_dollar_sign_before_no_definition_is_a_dollar_sign() {
    let loaded = read("global_defs {\n router_id $tate$A\n}\n");
    assert!(loaded.diagnostics.is_empty(), "{}", rendered(&loaded));
    assert_eq!(loaded.model.global.router_id.as_deref(), Some("$tate$A"));
}

#[test]
fn no_password_is_ever_shown() {
    let kinds = [
        "vrrp_instance V {\n authentication {\n auth_pass hunter2hunter2 extra\n }\n}\n",
        "vrrp_instance V {\n auth_pass hunter2hunter2\n}\n",
        "vrrp_instance V {\n authentication {\n auth_pass \"hunter2\n }\n}\n",
        "auth_pas hunter2\nauth_pass hunter2 { hunter2\n",
        "auth_pass hunter2{hunter2}hunter2\n",
        "vrrp_instance V {\n authentication {\n auth_type PASS hunter2 {\n auth_passwd hunter2\n",
        "vrrp_instance V {\n auth_hmac {\n key 1 hunter2 {\n } } }\n",
        "vrrp_instance V {\n virtual_ipaddress {\n 10.0.0.1 auth_pass hunter2\n }\n}\n",
        "SSL {\n password hunter2 {\n password $hunter2\n",
        "$hunter=x\nSSL {\n password $hunter2\n password ${hunter2}\n",
        "~SEQ(N) auth_pass hunter2\n~LST(A, b) auth_pass hunter2 {\n",
        "$PASS=hunter2 # \\\n$PASS]\nvrrp_instance V {\n authentication {\n auth_pass $PASS {\n",
        "$L=auth_pass hunter2 \\\nfoo\nvrrp_instance V {\n $L {\n $L\n",
    ];
    for text in kinds {
        let shown = rendered(&read(text)).replace("auth_type PASS hunter2", "");
        assert!(!shown.contains("hunter2"), "{text}\n{shown}");
    }
}

#[test]
fn a_full_sink_still_knows_what_forbids_the_start() {
    let text = "foo\n".repeat(5000) + "vrrp_instance V {\ninterface eth1\n}\n";
    let loaded = read(text);
    assert_eq!((loaded.test_status(), loaded.start_status()), (5, Some(2)));
    assert!(
        loaded
            .diagnostics
            .iter()
            .any(|d| d.code == Code::VridMissing)
    );
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        check(&read(&bytes));
    }

    #[test]
    fn any_words(words in proptest::collection::vec(prop_oneof![
        keyword(),
        prop_oneof![
            Just("{"), Just("}"), Just("\n"), Just("\r\n"), Just("\""), Just("'"), Just("\\"), Just("#"), Just("!"),
            Just("0"), Just("1"), Just("-1"), Just("255"), Just("99999999999999999999"), Just("0.5"), Just("$A"),
            Just("$A=x"), Just("@a"), Just("fwmark"), Just("group"), Just("10.0.0.1"), Just("::1/64"), Just("DR"),
            Just("TUN"), Just("type"), Just("gue"), Just("MASTER"), Just("\u{e9}"), Just("\t"), Just("dev"),
        ].prop_map(str::to_owned),
    ], 0..400)) {
        check(&read(words.join(" ")));
    }

    /// A good file with one byte changed.
    #[test]
    fn nearly_good(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = std::fs::read(support::folder().join("good.conf")).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check(&read(&bytes));
    }
}

fn keyword() -> impl Strategy<Value = String> {
    let names: Vec<&str> = keepalived_conf::keywords()
        .iter()
        .map(|keyword| keyword.name)
        .collect();
    prop::sample::select(names).prop_map(|name| format!("\n{name}"))
}

/// Thousands of names of the user's own, and as many that are nearly them: work must not grow with the product.
#[test]
fn many_names_and_as_many_wrong_ones() {
    let each = |count: u32, text: &dyn Fn(u32) -> String| (0..count).map(text).collect::<String>();
    let instance =
        |more: &str| format!("vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\n{more}}}\n");
    let scripts = each(5000, &|n| {
        format!("vrrp_script s{n} {{\nscript /bin/true\n}}\n")
    });
    let tracked = each(5000, &|n| format!("track_script {{\ns{n}\n}}\n"));
    let routers = each(5000, &|n| {
        format!("vrrp_instance V{n} {{\ninterface eth0\nvirtual_router_id 1\n}}\n")
    });
    let members = each(10_000, &|n| format!("W{n}\n"));
    let names = each(30_000, &|n| format!("$NAME{n}=1\n"));
    let near = each(30_000, &|n| format!("${{NAM{n}E}}\n"));
    let cases = [
        scripts + &instance(&tracked),
        format!("{routers}vrrp_sync_group g {{\ngroup {{\n{members}}}\n}}\n"),
        names + &near,
        "$A=$A\n".to_owned() + &"$A\n".repeat(300_000),
    ];
    for text in cases {
        let started = Instant::now();
        let loaded = read(&text);
        let passed = started.elapsed();
        check(&loaded);
        let shown: String = text.chars().take(40).collect();
        assert!(passed < Duration::from_secs(4), "{passed:?} for {shown}");
    }
}

/// Where the host's folders are walked through, there is an end.
#[test]
fn includes_without_end() {
    let loaded = read("include {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\n".repeat(1000));
    assert_eq!(
        codes(&loaded)
            .iter()
            .filter(|code| **code == Code::TooMuchText)
            .count(),
        1
    );
}

#[test]
fn the_worst_is_known_of_findings_that_are_not_kept() {
    let warnings = "include nowhere.conf\n".repeat(10_001);
    let worst = |text: &str| read(text).worst();
    assert_eq!(worst(&warnings), Some(Severity::Warning));
    assert_eq!(worst(&(warnings + "bogus\n")), Some(Severity::Error));
    assert_eq!(worst(""), None);
}
