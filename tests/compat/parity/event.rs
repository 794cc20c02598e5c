//! What can happen in a case.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use support::farm::Kind;

/// One event. All that concerns directors concerns both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// `start`: with the first version of the configuration, or the one that was reloaded last.
    Start,
    /// `stop`: SIGTERM; it is over when the daemon has ended.
    Stop,
    /// `kill`: SIGKILL to all of its processes.
    Kill,
    /// `reload 2`: SIGHUP with this version of the configuration; it is over when the daemon says so.
    Reload(u8),
    /// `conf 2`: this version of the configuration is in the file from now on; nobody is told.
    Conf(u8),
    /// `serve KIND ADDRESS..`: servers listen; KIND as [`Kind::named`].
    Serve(Kind, Vec<SocketAddr>),
    /// `close ADDRESS..`: they refuse.
    Close(Vec<SocketAddr>),
    /// `page ADDRESS PATH TEXT`: what a web server shows; PATH may be `www.example.org/path`.
    Page(SocketAddr, String, String),
    /// `status ADDRESS PATH CODE`: with this status code.
    Status(SocketAddr, String, u16),
    /// `code ADDRESS CODE`: of a mail server's greeting, or a name server's answers.
    Code(SocketAddr, u16),
    /// `mute ADDRESS`: it accepts and says nothing, so that the verdict waits.
    Mute(SocketAddr),
    /// `speak ADDRESS`: it answers again, those who wait too.
    Speak(SocketAddr),
    /// `write FILE TEXT`: a file in `{folder}`.
    Write(String, String),
    /// `remove FILE`.
    Remove(String),
    /// `log TEXT`: waits until each daemon has said so since the step began.
    Log(String),
    /// `ip ARGS`: on the directors.
    Ip(String),
    /// `servers-ip ARGS`: on the servers' host, whose interface is `br0`.
    ServersIp(String),
    /// `ipvsadm ARGS`: on the directors.
    Ipvsadm(String),
}

impl Event {
    /// Reads one event.
    ///
    /// # Errors
    /// When there is no such event.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        let text = || -> Result<String> {
            ensure!(!rest.is_empty(), "`{verb}` what?");
            Ok(rest.to_owned())
        };
        Ok(match verb {
            "start" if rest.is_empty() => Self::Start,
            "stop" if rest.is_empty() => Self::Stop,
            "kill" if rest.is_empty() => Self::Kill,
            "reload" => Self::Reload(rest.parse().context("which version?")?),
            "conf" => Self::Conf(rest.parse().context("which version?")?),
            "serve" => {
                let (kind, rest) = rest.split_once(' ').context("`serve KIND ADDRESS..`")?;
                let known = Kind::named(kind);
                let kind = known.with_context(|| format!("no server of kind `{kind}`"))?;
                Self::Serve(kind, addresses(rest)?)
            }
            "close" => Self::Close(addresses(rest)?),
            "page" => {
                let (address, rest) = at(rest)?;
                let (path, text) = rest.split_once(' ').context("`page ADDRESS PATH TEXT`")?;
                Self::Page(address, path.to_owned(), text.to_owned())
            }
            "status" => {
                let (address, rest) = at(rest)?;
                let (path, code) = rest.split_once(' ').context("`status ADDRESS PATH CODE`")?;
                Self::Status(address, path.to_owned(), code.parse()?)
            }
            "code" => {
                let (address, code) = at(rest)?;
                Self::Code(address, code.parse()?)
            }
            "mute" => Self::Mute(address(rest)?),
            "speak" => Self::Speak(address(rest)?),
            "write" => {
                let (file, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Write(file.to_owned(), text.to_owned())
            }
            "remove" => Self::Remove(text()?),
            "log" => Self::Log(text()?),
            "ip" => Self::Ip(text()?),
            "servers-ip" => Self::ServersIp(text()?),
            "ipvsadm" => Self::Ipvsadm(text()?),
            _ => bail!("no such event: `{verb} {rest}`"),
        })
    }
}

fn address(text: &str) -> Result<SocketAddr> {
    text.parse()
        .with_context(|| format!("`{text}`: no address with a port"))
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>> {
    text.split_whitespace().map(address).collect()
}

/// An address, and what comes after it.
fn at(text: &str) -> Result<(SocketAddr, &str)> {
    let (first, rest) = text.split_once(' ').context("an address, then more")?;
    Ok((address(first)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read() {
        let web = "172.16.1.10:80".parse().unwrap();
        let read = |text| Event::parse(text).unwrap();
        assert_eq!(read("start"), Event::Start);
        assert_eq!(read("reload 2"), Event::Reload(2));
        assert_eq!(
            read("serve http 172.16.1.10:80 [fd16::10]:80"),
            Event::Serve(Kind::Http, vec![web, "[fd16::10]:80".parse().unwrap()])
        );
        assert_eq!(
            read("page 172.16.1.10:80 /a well and good"),
            Event::Page(web, "/a".to_owned(), "well and good".to_owned())
        );
        assert_eq!(
            read("status 172.16.1.10:80 /a 503"),
            Event::Status(web, "/a".to_owned(), 503)
        );
        assert_eq!(
            read("write flag"),
            Event::Write("flag".to_owned(), String::new())
        );
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in [
            "",
            "start now",
            "serve x 1.1.1.1:80",
            "close web",
            "ip",
            "reload",
        ] {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }
}
