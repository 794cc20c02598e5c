//! What becomes of lines before they mean anything, told by the unknown words that are left: each is named with the line it
//! came from. The expectations are what `keepalived -t` (Debian's 2.2.7, host name `vm`) said, unless noted.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use keepalived_conf::{Code, Loaded, Severity, load};
use support::{Host, Published, read};

/// `LINE:WORD` of each unknown keyword, the rounds of a sequence apart; other complaints by the name of their code.
fn said(loaded: &Loaded) -> String {
    let complaints = loaded
        .diagnostics
        .iter()
        .filter(|d| d.severity > Severity::Note && !d.late);
    let words = complaints.map(|d| {
        let line = loaded.position(d).unwrap().line;
        match d.message.strip_prefix("Unknown keyword '") {
            Some(word) => format!("{line}:{}", word.trim_end_matches('\'')),
            None => format!("{line}:[{}]", d.code),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(said(&read(text)), *expected, "{text}");
    }
}

#[test]
fn definitions() {
    check(&[
        (
            "$A=foo\n$A x\nx${A}y\n$B\nx$A\n",
            "2:foo 3:xfooy 4:$B 5:xfoo",
        ),
        (
            "$A= foo  bar  # c\n\"[${A}]\"\n\"$A,\"\n\"$A]\"\n",
            "2:[foo  bar] 3:foo  bar, 4:$A]",
        ),
        (
            "$A =foo\n$1=a\n$a-b=c\n$A+=b\n",
            "1:$A 2:$1=a 3:$a-b=c 4:$A+=b",
        ),
        ("$A==x\n$A\n$_b=y\n$_b\n", "2:=x 4:y"),
        ("$A=1 $B=2\n\"${A}\"\n", "2:1 $B=2"),
        // Replaced where it is used, not where it is defined.
        (
            "$Q=x${W} y\n$W=1\n\"${Q}\"\n$W=2\n\"${Q}\"\n",
            "3:x1 y 5:x2 y",
        ),
        ("$A=x\n$B=${A}${A}\n${B}\n", "3:xx"),
        ("$A=\nx$A y\n$A\n\"[${A}]\"\n", "2:x 4:[]"),
        ("$A=a # b\nfoo ${A} c {\n", "2:foo 2:[unexpected-brace]"),
        ("$H=a ${_HASH} b\nfoo$H {\n", "2:fooa"),
        ("$E=${_BANG}\nfoo $E {\n", "2:foo"),
        (
            "$Y={ b\n$Z=c }\nfoo $Y\nfoo $Z d\n",
            "3:foo 3:[unexpected-brace] 3:b 4:foo 4:} 4:d",
        ),
    ]);
}

#[test]
fn definitions_of_several_lines() {
    check(&[
        (
            "$M=\\\naa \\\nbb { c \\\ndd\n$M\nee\n",
            "5:aa 5:bb 5:[unexpected-brace] 5:c 5:dd 6:ee",
        ),
        ("$M=aa \\\nbb\nx $M\nff\n$M x\n", "3:x 3:bb 4:ff 5:$M"),
        ("$M=aa \\\n\nbb\n$M\ndd\n", "3:bb 4:aa 5:dd"),
        (
            "$I=ia \\\nib\n$M=aa \\\n$I \\\nbb $I\n$M\nend\n",
            "6:aa 6:ia 6:ib 6:bb 7:end",
        ),
        (
            "$M=a { b \\\nc } d \\\ne\nf $M\ng\n",
            "4:f 4:[unexpected-brace] 4:b 4:c 4:} 4:d 4:e 5:g",
        ),
        ("$M=$A=2 \\\n\"${A}\"\n$M\n\"${A}\"\n", "3:2 4:2"),
        ("$N=@vm foo \\\n@^vm bar \\\n@^no baz\n$N\n", "4:bar 4:baz"),
        (
            "x { $C=5\n\"${C}\"\n} $D=6\n\"${D}\"\n",
            "1:x 1:[unexpected-brace] 2:5 3:} 4:6",
        ),
        (
            "$B=b1 \\\nb2\nw { $B\n} $B\n",
            "3:w 3:[unexpected-brace] 3:b1 3:b2 4:} 4:b1 4:b2",
        ),
        // Outside of a definition a backslash goes on with nothing, and sticks to the word before it (2.4).
        ("foo \\\nbar\nzz \\\\\n", "1:foo\\ 2:bar 3:zz"),
        // A comment hides the backslash after it (2.4).
        ("$M=aa \\\n# c \\\nbb \\\n$M\n", "3:bb\\ 4:aa"),
        ("$M=aa \\\nbb # c \\\ncc\n$M\n", "3:cc 4:aa 4:bb"),
    ]);
}

#[test]
fn sequences() {
    check(&[
        ("~SEQ(N,3,1) \"a${N}\"\n", "1:a3 1:a2 1:a1"),
        ("~SEQ(N,1,2)\"a${N}\"\n~SEQ(N,1,2)\n", "1:a1 1:a2"),
        (
            "~SEQ(A,1,2) ~SEQ(B,1,$A) \"a${A} b${B}\"\n",
            "1:a1 b1 1:a2 b1 1:a2 b2",
        ),
        (
            "$X=2\n~SEQ(A,1,$X) f${A}\n~SEQ(X,1,3) x${X}\nx${X}\n",
            "2:f1 2:f2 3:x1 3:x2 3:x3 4:x3",
        ),
        (
            "x ~SEQ(N,1,2) y\n~XXX(N,1,2) a\n~\n",
            "1:x 2:~XXX(N,1,2) 3:~",
        ),
        (
            "$B=foo${N} x \\\nbar$N\n~SEQ(N,1,2) $B\n",
            "3:foo1 3:bar1 3:foo2 3:bar2",
        ),
        (
            "$R=~SEQ(N,1,2) q$N \\\nend\n$R\nx $R\n",
            "3:q1 3:q2 3:end 4:x 4:end",
        ),
        (
            "$Y=~SEQ(A,1,2)\n$Y w${A}\n$Z=~SEQ\n${Z}(A,1,2) v${A}\n",
            "2:w1 2:w2 4:v1 4:v2",
        ),
        ("~SEQ(N,1,2) @vm a$N\n~SEQ(N,1,2) @^vm b$N\n", "2:b1 2:b2"),
        ("~SEQ(N,1,3) $X=v$N\n\"${X}\"\n", "2:v3"),
        (
            "~LST(V, a , c ) \"x${V}y\"\n~LST({V,W},{a,b},{c}) v${V}.${W}\n",
            "1:xay 1:xcy 2:va.b 2:vc.",
        ),
        (
            "~LST(V, a\n~SEQ(N,1,2 a\n",
            "1:[invalid-sequence] 2:[invalid-sequence]",
        ),
    ]);
}

#[test]
fn conditions() {
    let text = "@vm $A=1\n@^vm $A=2\n\"${A}\"\n@vm b\n@^vm c\n@^no d\n@vm\n@ e\n@^ f\n@no @vm g\n @vm h\n@vm @vm i\n@vm# j\n";
    let host = Host {
        files: HashMap::from([(PathBuf::from("a"), text.as_bytes().to_vec())]),
        ..Host::default()
    };
    // The host of these tests has no name.
    assert_eq!(said(&load(Path::new("a"), &host)), "3:2 5:c 6:d 8:e");
    let path = std::env::temp_dir().join(format!("keepalived-conf-{}.conf", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let loaded = load(&path, &Published { interfaces: vec![] });
    std::fs::remove_file(&path).unwrap();
    assert_eq!(said(&loaded), "3:1 4:b 6:d 9:f 11:h 12:@vm");
}

#[test]
fn quotes() {
    check(&[
        (
            "\"abc\nfoo \"abc\nfoo \"a\"b\n",
            "1:[unterminated-quote] 2:foo 2:[unterminated-quote] 3:foo",
        ),
        (
            "foo\"bar baz\"qux x\n\"\"\n\"a#b\"#c\n",
            "1:foobar bazqux 2: 3:a#b",
        ),
    ]);
}

fn files(files: &[(&str, &str)]) -> Loaded {
    let bytes = |(name, text): &(&str, &str)| (PathBuf::from(name), text.as_bytes().to_vec());
    let host = Host {
        files: files.iter().map(bytes).collect(),
        ..Host::default()
    };
    let main = files.first().map_or("", |(name, _)| name);
    load(Path::new(main), &host)
}

#[test]
fn includes_keep_their_places() {
    let loaded = files(&[
        ("/e/a", "one\n$X=x\ninclude b/c\n$Y\ntwo\n"),
        ("/e/b/c", "three ${X}\n$Y=y\ninclude d\nfour"),
        ("/e/b/d", "five ${_PWD}/{\n"),
    ]);
    let places: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| {
            let place = loaded.position(d).unwrap();
            format!("{}:{}:{}", place.file.display(), place.line, d.code)
        })
        .collect();
    assert_eq!(
        places,
        [
            "/e/a:1:unknown-keyword",
            "/e/b/c:1:unknown-keyword",
            "/e/b/d:1:unknown-keyword",
            "/e/b/d:1:unexpected-brace",
            "/e/b/d:1:unbalanced-braces",
            "/e/b/c:4:unknown-keyword",
            "/e/a:4:unknown-keyword",
            "/e/a:5:unknown-keyword",
        ]
    );
}

/// The statuses of keepalived 2.2.7's `-t`, seen, for each check and each kind of fault.
#[test]
fn what_include_check_insists_on() {
    let lines = [
        "nope",
        "n*e",
        "{ok,nope}",
        "{nope,nil}",
        "nofolder/*",
        "folder",
    ];
    for (check, statuses) in [
        ("", [0, 0, 5, 0, 0, 0]),
        ("include_check match", [6, 0, 5, 0, 6, 6]),
        ("include_check wildcard_match", [0, 6, 5, 0, 0, 6]),
        ("include_check brace_match", [0, 0, 6, 6, 0, 6]),
        ("include_check", [6, 6, 6, 6, 6, 6]),
        ("include_check\ninclude_check -match", [0, 6, 6, 6, 0, 6]),
    ] {
        for (line, status) in lines.iter().zip(statuses) {
            let text = format!("global_defs {{\n{check}\n}}\ninclude {line}\n");
            let loaded = files(&[("/a", &text), ("/ok", "unknown\n"), ("/folder/x", "")]);
            // The unknown word in the file that is there is worth a 5.
            assert_eq!(loaded.test_status(), status, "{check} {line}");
        }
    }
}

/// A file that is included changes nothing for those that include it.
#[test]
fn include_check_ends_with_its_file() {
    let strict = "global_defs {\ninclude_check\n}\ninclude nope\n";
    let loaded = files(&[("/a", "include b\ninclude nil\n"), ("/b", strict)]);
    assert_eq!(said(&loaded), "4:[include-refused] 2:[include-skipped]");
    let loaded = files(&[
        (
            "/a",
            "global_defs {\ninclude_check match\n}\ninclude b\ninclude nil\n",
        ),
        (
            "/b",
            "global_defs {\ninclude_check -match\n}\ninclude nope\n",
        ),
    ]);
    assert_eq!(said(&loaded), "4:[include-skipped] 5:[include-refused]");
}

/// The status by which `-t` ends, and a daemon: what is missing and insisted on is worth a 6, a plain include nothing.
#[test]
fn what_an_include_insists_on() {
    for (line, test, start) in [
        ("include nope", 0, None),
        ("includer nope", 0, None),
        ("includem nope", 6, Some(6)),
        ("includew nope", 6, Some(6)),
        ("includeb nope", 0, None),
        ("includeb {ok,nope}", 6, Some(6)),
        ("includea nope", 6, Some(6)),
        ("include n*e", 0, None),
        ("includem n*e", 0, None),
        ("includew n*e", 6, Some(6)),
        ("includeb n*e", 0, None),
        ("includea n*e", 6, Some(6)),
        ("includea ok", 0, None),
    ] {
        let loaded = files(&[("/a", line), ("/ok", "")]);
        assert_eq!(
            (loaded.test_status(), loaded.start_status()),
            (test, start),
            "{line}"
        );
    }
}

#[test]
fn a_word_is_marked_where_it_was_written() {
    let loaded = read("$N=no\n  ~SEQ(A,1,1) ${N}_such_$A x\n");
    let text = support::rendered(&loaded);
    let expected = "test.conf:2:15: error[unknown-keyword]: Unknown keyword 'no_such_1'\n     \
                    ~SEQ(A,1,1) ${N}_such_$A x\n                 ^^^^^^^^^^^^\n   = note: read as `no_such_1 x`\n";
    assert_eq!(text, expected);
}

#[test]
fn bombs_end_at_once() {
    let doubling: String = (0..60)
        .map(|n| format!("$A{}=${{A{n}}}${{A{n}}}\n", n + 1))
        .collect();
    let lines: String = (0..60)
        .map(|n| format!("$A{}=$A{n} \\\n$A{n}\n", n + 1))
        .collect();
    let bombs = [
        (format!("$A0=x\n{doubling}${{A60}}\n"), Code::LineTooLong),
        (format!("$A0=\n{doubling}${{A60}}\n"), Code::LineTooLong),
        (format!("$A0=x\n{lines}$A60\n"), Code::TooMuchText),
        ("~SEQ(N,1,9999999999) x\n".to_owned(), Code::TooMuchText),
        ("~SEQ(N,1,9999999999) @no x\n".to_owned(), Code::TooMuchText),
        (
            "~SEQ(A,99999) ~SEQ(B,99999) ~SEQ(C,99999) $X=$A\n".to_owned(),
            Code::TooMuchText,
        ),
        ("$A=$A\n$A\n".to_owned(), Code::DefinitionLoop),
        ("$A=x \\\n$A\n$A\n".to_owned(), Code::DefinitionLoop),
        ("$A=$B\n$B=$A \\\n$A\n$B\n".to_owned(), Code::DefinitionLoop),
        ("$A=~SEQ(N,2) $A\n$A\n".to_owned(), Code::DefinitionLoop),
    ];
    for (text, code) in bombs {
        let started = std::time::Instant::now();
        let loaded = read(&text);
        assert!(
            loaded.diagnostics.iter().any(|d| d.code == code),
            "{}",
            &text[..40.min(text.len())]
        );
        assert!(loaded.test_status() == 5, "{}", support::rendered(&loaded));
        // Without optimisation, on a busy machine.
        assert!(
            started.elapsed().as_secs() < 30,
            "{:?} {text}",
            started.elapsed()
        );
    }
}

#[test]
fn files_that_include_one_another() {
    let loaded = files(&[("/a", "include b\nx\n"), ("/b", "include a\ny\n")]);
    assert_eq!(said(&loaded), "1:[include-loop] 2:y 2:x");
    assert_eq!(loaded.start_status(), Some(2));
}
