//! `SMTP_CHECK`: the greeting, `HELO`, `QUIT`.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::reply::{Reader, Reply};
use crate::dial::{connect, deadline, reason};
use crate::outcome::{Evidence, Failure, SmtpFailure, SmtpFault, SmtpStep};
use crate::spec::SmtpProbe;

/// What is read at a time.
const PIECE: usize = 512;

pub(super) async fn probe(smtp: &SmtpProbe) -> Result<Evidence, Failure> {
    let deadline = deadline(smtp.dial.timeout);
    let mut talk = Talk {
        stream: connect(&smtp.dial, deadline).await?,
        deadline,
        after: smtp.dial.timeout,
    };
    talk.hear(SmtpStep::Greeting, 220).await?;
    let helo = format!("HELO {}\r\n", smtp.helo_name);
    talk.say(SmtpStep::Helo, helo.as_bytes()).await?;
    talk.hear(SmtpStep::Helo, 250).await?;
    talk.say(SmtpStep::Quit, b"QUIT\r\n").await?;
    talk.hear_anything(SmtpStep::Quit).await?;
    Ok(Evidence::Spoke)
}

struct Talk {
    stream: TcpStream,
    deadline: Instant,
    after: Duration,
}

impl Talk {
    async fn say(&mut self, step: SmtpStep, line: &[u8]) -> Result<(), Failure> {
        match timeout_at(self.deadline, self.stream.write_all(line)).await {
            Err(_) => Err(self.mute(step)),
            Ok(Err(error)) => Err(lost(step, &error)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// A reply with the code `wanted`, and nothing after it.
    async fn hear(&mut self, step: SmtpStep, wanted: u16) -> Result<(), Failure> {
        let failed = |fault| Failure::Smtp(SmtpFailure { step, fault });
        let mut reader = Reader::new();
        loop {
            let took = |bytes: &[u8]| {
                let whole = reader.handle(bytes)?;
                Ok(whole.map(|(reply, rest)| (reply, rest.is_empty())))
            };
            let whole: Option<(Reply, bool)> = self
                .read(step, took)
                .await?
                .map_err(|why| failed(SmtpFault::Malformed(why)))?;
            match whole {
                None => {}
                Some((seen, _)) if seen.code != wanted => {
                    return Err(failed(SmtpFault::Refused { seen, wanted }));
                }
                Some((_, true)) => return Ok(()),
                Some((_, false)) => return Err(failed(SmtpFault::Unasked)),
            }
        }
    }

    /// keepalived behaviour: what the farewell says does not matter, but it has to come.
    async fn hear_anything(&mut self, step: SmtpStep) -> Result<(), Failure> {
        while !self.read(step, |bytes| bytes.contains(&b'\n')).await? {}
        Ok(())
    }

    /// Hands what comes next to `take`. The buffer is not kept while nothing comes.
    async fn read<T>(
        &self,
        step: SmtpStep,
        mut take: impl FnMut(&[u8]) -> T,
    ) -> Result<T, Failure> {
        loop {
            match timeout_at(self.deadline, self.stream.readable()).await {
                Err(_) => return Err(self.mute(step)),
                Ok(Err(error)) => return Err(lost(step, &error)),
                Ok(Ok(())) if Instant::now() >= self.deadline => return Err(self.mute(step)),
                Ok(Ok(())) => {}
            }
            let mut buffer = [0_u8; PIECE];
            match self.stream.try_read(&mut buffer) {
                Ok(0) => {
                    let fault = SmtpFault::Closed;
                    return Err(Failure::Smtp(SmtpFailure { step, fault }));
                }
                Ok(count) => return Ok(take(buffer.get(..count).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(lost(step, &error)),
            }
        }
    }

    fn mute(&self, step: SmtpStep) -> Failure {
        let fault = SmtpFault::Mute { after: self.after };
        Failure::Smtp(SmtpFailure { step, fault })
    }
}

fn lost(step: SmtpStep, error: &io::Error) -> Failure {
    let fault = SmtpFault::Lost {
        reason: reason(error),
    };
    Failure::Smtp(SmtpFailure { step, fault })
}
