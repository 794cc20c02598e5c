//! The command line, read as `getopt_long` reads it: options anywhere, short ones together, long ones shortened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::spec::{Dial, HttpVersion};

/// Without `-t`. keepalived's own was seen to wait this long for a server that accepts and is silent, and longer.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What to fetch and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-s`, `-p`, `-m`, `-t`.
    pub dial: Dial,
    /// `-S`
    pub tls: bool,
    /// `-I`
    pub sni: bool,
    /// `-u`
    pub url: String,
    /// `-V`
    pub virtualhost: Option<String>,
    /// `-v`
    pub verbose: bool,
    /// `-P`
    pub version: HttpVersion,
}

/// What to say before the usage; nothing, where that says all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub Vec<String>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Required,
}

/// Long name, letter, whether a value follows.
const NAMES: [(&str, char, Value); 11] = [
    ("use-ssl", 'S', Value::None),
    ("use-sni", 'I', Value::None),
    ("server", 's', Value::Required),
    ("port", 'p', Value::Required),
    ("url", 'u', Value::Required),
    ("use-virtualhost", 'V', Value::Required),
    ("verbose", 'v', Value::None),
    ("help", 'h', Value::None),
    ("fwmark", 'm', Value::Required),
    ("protocol", 'P', Value::Required),
    ("timeout", 't', Value::Required),
];

#[derive(Default)]
struct Given {
    tls: bool,
    sni: bool,
    verbose: bool,
    help: bool,
    server: Option<IpAddr>,
    port: Option<u16>,
    url: Option<String>,
    virtualhost: Option<String>,
    fwmark: Option<u32>,
    version: HttpVersion,
    timeout: Option<Duration>,
    /// Unknown options and missing values: all are told, a bad value only by itself.
    complaints: Vec<String>,
    incomplete: bool,
    rest: Vec<String>,
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// What is wrong with them; `-h` is [`Wrong`] as well, with nothing to say but the usage.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, Wrong> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        if arguments.len() < 2 {
            return Err(Wrong(Vec::new()));
        }
        let mut given = Given::default();
        given.read(arguments)?;
        given.finish()
    }
}

impl Given {
    fn read(&mut self, arguments: Vec<String>) -> Result<(), Wrong> {
        let mut arguments = arguments.into_iter();
        while let Some(word) = arguments.next() {
            if word == "--" {
                self.rest.extend(arguments);
                break;
            } else if let Some(long) = word.strip_prefix("--") {
                self.long(&word, long, &mut arguments)?;
            } else if word.len() > 1 && word.starts_with('-') {
                self.short(&word, &mut arguments)?;
            } else {
                self.rest.push(word);
            }
        }
        Ok(())
    }

    fn long(
        &mut self,
        word: &str,
        long: &str,
        more: &mut impl Iterator<Item = String>,
    ) -> Result<(), Wrong> {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        match (lookup(name), value) {
            (Some((letter, Value::None)), None) => self.flag(letter),
            (Some((letter, Value::Required)), value) => match value.or_else(|| more.next()) {
                Some(value) => self.value(letter, value)?,
                None => self.incomplete = true,
            },
            _ => self.complaints.push(format!("Unknown option {word}")),
        }
        Ok(())
    }

    fn short(&mut self, word: &str, more: &mut impl Iterator<Item = String>) -> Result<(), Wrong> {
        let mut letters = word.chars();
        letters.next();
        while let Some(letter) = letters.next() {
            match NAMES.iter().find(|(_, known, _)| *known == letter) {
                None => self.complaints.push(format!("Unknown option -{letter}")),
                Some((_, _, Value::None)) => self.flag(letter),
                Some((_, _, Value::Required)) => {
                    let rest = letters.as_str();
                    let value = if rest.is_empty() {
                        more.next()
                    } else {
                        Some(rest.to_owned())
                    };
                    match value {
                        Some(value) => self.value(letter, value)?,
                        None => self
                            .complaints
                            .push(format!("Missing parameter for option -{letter}")),
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn flag(&mut self, letter: char) {
        match letter {
            'S' => self.tls = true,
            'I' => self.sni = true,
            'v' => self.verbose = true,
            _ => self.help = true,
        }
    }

    /// Takes an option's value. The first bad one ends the reading; what was complained of before goes before it.
    fn value(&mut self, letter: char, value: String) -> Result<(), Wrong> {
        let bad = match letter {
            's' => {
                self.server = value.parse().ok();
                self.server
                    .is_none()
                    .then(|| format!("server should be an IP, not {value}"))
            }
            'p' => {
                self.port = number(&value).filter(|&port| port != 0);
                self.port
                    .is_none()
                    .then(|| format!("invalid port number '{value}'"))
            }
            'm' => {
                self.fwmark = number(&value);
                self.fwmark
                    .is_none()
                    .then(|| format!("invalid fwmark '{value}'"))
            }
            't' => {
                self.timeout =
                    number(&value).map(|seconds: u32| Duration::from_secs(u64::from(seconds)));
                self.timeout
                    .is_none()
                    .then(|| format!("invalid timeout '{value}'"))
            }
            'P' => match value.parse() {
                Ok(version) => {
                    self.version = version;
                    None
                }
                Err(_) => Some(format!("invalid HTTP protocol version '{value}'")),
            },
            'V' => {
                self.virtualhost = Some(value);
                None
            }
            _ => {
                self.url = Some(value);
                None
            }
        };
        match bad {
            None => Ok(()),
            Some(bad) => {
                self.complaints.push(bad);
                Err(Wrong(std::mem::take(&mut self.complaints)))
            }
        }
    }

    fn finish(self) -> Result<Options, Wrong> {
        if !self.complaints.is_empty() || self.incomplete || self.help {
            return Err(Wrong(self.complaints));
        }
        if !self.rest.is_empty() {
            return Err(Wrong(vec![format!(
                "Unexpected argument(s): {}",
                self.rest.join(" ")
            )]));
        }
        let (Some(server), Some(port), Some(url)) = (self.server, self.port, self.url) else {
            return Err(Wrong(Vec::new()));
        };
        Ok(Options {
            dial: Dial {
                target: SocketAddr::new(server, port),
                bind: None,
                bind_interface: None,
                fwmark: self.fwmark.filter(|&mark| mark != 0),
                timeout: self.timeout.unwrap_or(TIMEOUT),
            },
            tls: self.tls,
            sni: self.sni,
            url,
            virtualhost: self.virtualhost,
            verbose: self.verbose,
            version: self.version,
        })
    }
}

/// The one option of that name, or the one that begins so.
fn lookup(name: &str) -> Option<(char, Value)> {
    let mut matching = NAMES.iter().filter(|(long, ..)| long.starts_with(name));
    let exact = NAMES.iter().find(|(long, ..)| *long == name);
    match (exact, matching.next(), matching.next()) {
        (Some((_, letter, value)), _, _) | (None, Some((_, letter, value)), None) => {
            Some((*letter, *value))
        }
        _ => None,
    }
}

fn number<N: std::str::FromStr>(word: &str) -> Option<N> {
    word.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| word.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Options, Wrong> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    fn complaints(line: &str) -> Vec<String> {
        parse(line).unwrap_err().0
    }

    #[test]
    fn every_option_is_understood_short_and_long() {
        let short = parse("-SIv -s ::1 -p8443 -u /x -V www.example.org -m 5 -P 1.0c -t 3").unwrap();
        let long = parse(
            "--use-ssl --use-sni --verb --server ::1 --port=8443 --url /x --use-virtualhost www.example.org \
             --fwmark 5 --protocol 1.0c --timeout 3",
        );
        assert_eq!(long, Ok(short.clone()));
        assert!(short.tls && short.sni && short.verbose);
        assert_eq!(short.dial.target, "[::1]:8443".parse().unwrap());
        assert_eq!(
            (short.dial.fwmark, short.dial.timeout),
            (Some(5), Duration::from_secs(3))
        );
        assert_eq!(
            (short.url.as_str(), short.virtualhost.as_deref()),
            ("/x", Some("www.example.org"))
        );
        assert_eq!(short.version, HttpVersion::V1_0Close);
    }

    // Each line as keepalived 2.2.7's genhash answered it.
    #[test]
    fn complaints_are_as_recorded() {
        let whole = "-s 127.0.0.1 -p 18080 -u /x";
        let cases = [
            ("", vec![]),
            ("-Z", vec![]),
            ("--url", vec![]),
            ("-Z -Z", vec!["Unknown option -Z", "Unknown option -Z"]),
            ("-s 127.0.0.1 -p 18080", vec![]),
            (
                "-s nosuch.invalid -p 80 -u /x",
                vec!["server should be an IP, not nosuch.invalid"],
            ),
            (
                "-s 127.0.0.1 -s bad -p 99999",
                vec!["server should be an IP, not bad"],
            ),
            ("-p 0 -s 127.0.0.1 -u /x", vec!["invalid port number '0'"]),
            (
                "-p 18080x -s 127.0.0.1 -u /x",
                vec!["invalid port number '18080x'"],
            ),
            (
                "-s 127.0.0.1 -p 18080 -u",
                vec!["Missing parameter for option -u"],
            ),
            ("-s 127.0.0.1 -p 18080 --url", vec![]),
            (
                "-s 127.0.0.1 -p 18080 -Z -u",
                vec!["Unknown option -Z", "Missing parameter for option -u"],
            ),
            (
                "-s 127.0.0.1 -p 18080 x -u /x -Z",
                vec!["Unknown option -Z"],
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(complaints(line), expected, "{line}");
        }
        let after = [
            ("-p 99999", "invalid port number '99999'"),
            ("-t abc", "invalid timeout 'abc'"),
            ("-t 1.5", "invalid timeout '1.5'"),
            ("-t -1", "invalid timeout '-1'"),
            ("-m 0x10", "invalid fwmark '0x10'"),
            ("-P 1.1k", "invalid HTTP protocol version '1.1k'"),
            ("-P", "Missing parameter for option -P"),
            ("--bogus", "Unknown option --bogus"),
            ("--verbose=3", "Unknown option --verbose=3"),
            ("--use", "Unknown option --use"),
            ("-h -Z", "Unknown option -Z"),
            ("a b", "Unexpected argument(s): a b"),
            ("-- q", "Unexpected argument(s): q"),
            ("extra -P 2", "invalid HTTP protocol version '2'"),
        ];
        for (words, expected) in after {
            assert_eq!(
                complaints(&format!("{whole} {words}")),
                [expected],
                "{words}"
            );
        }
        assert_eq!(
            complaints(&format!("{whole} -ZQ")),
            ["Unknown option -Z", "Unknown option -Q"]
        );
        assert!(parse(&format!("{whole} --")).is_ok());
    }

    proptest! {
        #[test]
        fn no_command_line_does_harm(words in proptest::collection::vec("-{0,2}[a-zA-Z0-9=./]{0,8}|\\PC{0,6}", 0..8)) {
            let _ = Options::parse(words);
        }
    }
}
