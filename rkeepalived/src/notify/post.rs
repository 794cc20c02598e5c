//! The post: takes mails at once, and sends them one after the other when it can.
//!
//! New: not more than a [`Quota`]; what is beyond it is told in one mail, as soon as one may be sent again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use super::mail::{Mail, Mailing};
use super::quota::Quota;
use crate::journal::{Line, write};

/// Mails that may wait. A server that does not answer must not make us grow.
const WAITING: usize = 256;
/// Of connect timeouts, what a whole dialogue may take.
const DIALOGUE: u32 = 3;
/// Subjects that one mail lists of those that were held back.
const LISTED: usize = 200;

/// Sends mail. Nobody waits for it. Dropping it forgets what waits.
#[derive(Default)]
pub(super) struct Post {
    mailing: Mutex<Option<Arc<Mailing>>>,
    office: Mutex<Option<Office>>,
}

struct Office {
    letters: mpsc::Sender<Letter>,
    task: JoinHandle<()>,
}

struct Letter {
    to: Arc<Mailing>,
    mail: Mail,
}

impl Post {
    /// Sends from now on as `mailing` has it; nothing without it.
    pub fn follow(&self, mailing: Option<Mailing>) {
        *self.mailing.lock().unwrap_or_else(PoisonError::into_inner) = mailing.map(Arc::new);
    }

    /// Where mail goes, if anywhere.
    pub fn mailing(&self) -> Option<Arc<Mailing>> {
        self.mailing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes a mail. Within a tokio runtime with I/O and time.
    pub fn send(&self, mail: Mail) {
        let Some(to) = self.mailing() else {
            return;
        };
        let mut office = self.office.lock().unwrap_or_else(PoisonError::into_inner);
        let office = office.get_or_insert_with(|| {
            let (letters, inlet) = mpsc::channel(WAITING);
            let task = tokio::spawn(run(inlet));
            Office { letters, task }
        });
        if let Err(mpsc::error::TrySendError::Full(letter)) =
            office.letters.try_send(Letter { to, mail })
        {
            write(&Line::MailLost {
                subject: letter.mail.subject,
                reason: format!("{WAITING} wait already for the mail server"),
            });
        }
    }

    /// Sends what waits, at most for `patience`.
    pub async fn close(&self, patience: Duration) {
        let office = {
            let mut office = self.office.lock().unwrap_or_else(PoisonError::into_inner);
            office.take()
        };
        if let Some(Office { letters, task }) = office {
            drop(letters);
            let abort = task.abort_handle();
            if timeout(patience, task).await.is_err() {
                abort.abort();
            }
        }
    }
}

async fn run(mut inlet: mpsc::Receiver<Letter>) {
    let mut quota = Quota::new(Instant::now());
    // What was held back, and where it would have gone.
    let mut held: Vec<String> = Vec::new();
    let mut more: usize = 0;
    let mut last: Option<Arc<Mailing>> = None;
    loop {
        let due = quota.due().into();
        tokio::select! {
            letter = inlet.recv() => {
                let Some(Letter { to, mail }) = letter else {
                    break;
                };
                last = Some(to.clone());
                if held.is_empty() && quota.take(Instant::now()) {
                    deliver(&to, mail).await;
                } else if held.len() < LISTED {
                    held.push(mail.subject);
                } else {
                    more += 1;
                }
            }
            () = sleep_until(due), if !held.is_empty() => {
                if let Some(to) = last.clone().filter(|_| quota.take(Instant::now())) {
                    deliver(&to, digest(std::mem::take(&mut held), std::mem::take(&mut more))).await;
                }
            }
        }
    }
    for subject in held {
        let reason = "held back, since there were too many, until the stop".into();
        write(&Line::MailLost { subject, reason });
    }
}

/// One mail for all that were held back.
fn digest(held: Vec<String>, more: usize) -> Mail {
    let count = held.len() + more;
    let mut text = held.join("\r\n");
    if more > 0 {
        text.push_str(&format!("\r\nand {more} more"));
    }
    Mail {
        subject: format!("{count} alerts were held back"),
        text,
    }
}

async fn deliver(to: &Mailing, mail: Mail) {
    let date = jiff::Zoned::now()
        .strftime("%a, %d %b %Y %H:%M:%S %z")
        .to_string();
    let subject = mail.subject.clone();
    match sent(to, &to.message(&mail, &date)).await {
        Ok(()) => write(&Line::MailSent { subject }),
        Err(reason) => write(&Line::MailLost { subject, reason }),
    }
}

async fn sent(to: &Mailing, message: &str) -> Result<(), String> {
    let mut recipients = Vec::new();
    for recipient in to.recipients() {
        // A name without a host is known to the server itself, or to nobody.
        let whole = match recipient.contains('@') {
            true => recipient.to_owned(),
            false => format!("{recipient}@localhost"),
        };
        match whole.parse::<Address>() {
            Ok(address) => recipients.push(address),
            Err(error) => return Err(format!("{recipient} is no address: {error}")),
        }
    }
    // keepalived behaviour (2.4): the empty sender, so that no bounce comes back.
    let envelope = Envelope::new(None, recipients).map_err(|error| error.to_string())?;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&to.server)
        .port(to.port)
        .hello_name(ClientId::Domain(to.helo.clone()))
        .timeout(Some(to.patience))
        .build();
    // lettre's own limit ends with the connection: a server that takes it and then says nothing would hold all mail up.
    let limit = to.patience * DIALOGUE;
    let sent = timeout(limit, transport.send_raw(&envelope, message.as_bytes())).await;
    let reason = match sent {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => chain(&error),
        Err(_) => format!(
            "no whole dialogue within {} s; the server takes connections and does not answer, or too slowly",
            limit.as_secs()
        ),
    };
    Err(format!("{}:{}: {reason}", to.server, to.port))
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::super::mail::tests::mailing;
    use super::*;

    /// Answers as a mail server does, for so many mails; answers all lines of each.
    async fn serve(listener: TcpListener, mails: usize) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for _ in 0..mails {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (reader, mut writer) = stream.split();
            let mut lines = BufReader::new(reader).lines();
            let mut seen = Vec::new();
            let mut data = false;
            writer.write_all(b"220 here\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                let answer: &[u8] = match (&*line, data) {
                    (".", _) => {
                        data = false;
                        b"250 taken\r\n"
                    }
                    (_, true) => b"",
                    ("DATA", _) => {
                        data = true;
                        b"354 go on\r\n"
                    }
                    ("QUIT", _) => b"221 bye\r\n",
                    _ => b"250 ok\r\n",
                };
                let done = line == "QUIT";
                seen.push(line);
                writer.write_all(answer).await.unwrap();
                if done {
                    break;
                }
            }
            all.push(seen);
        }
        all
    }

    fn mail(subject: &str) -> Mail {
        Mail {
            subject: subject.into(),
            text: "=> TCP CHECK failed on service <=".into(),
        }
    }

    #[tokio::test]
    async fn a_mail_arrives_and_a_stop_waits_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let post = Post::default();
        post.send(mail("to nobody"));
        post.follow(Some(mailing(listener.local_addr().unwrap().port())));
        let server = tokio::spawn(serve(listener, 1));
        post.send(mail("Virtualserver FWM 7 - DOWN"));
        post.close(Duration::from_secs(20)).await;
        let seen = timeout(Duration::from_secs(20), server)
            .await
            .unwrap()
            .unwrap();
        let seen = &seen[0];
        assert_eq!(
            seen[..5],
            [
                "EHLO me.example",
                "MAIL FROM:<>",
                "RCPT TO:<a@example.com>",
                "RCPT TO:<b@example.com>",
                "DATA"
            ]
        );
        let rest = ["", "=> TCP CHECK failed on service <=", "", "."];
        assert_eq!(seen[11..15], rest, "{seen:?}");
        assert_eq!(seen[7], "Subject: [LAB] Virtualserver FWM 7 - DOWN");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_delays_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let post = Post::default();
        post.follow(Some(mailing(listener.local_addr().unwrap().port())));
        let start = Instant::now();
        for _ in 0..WAITING * 2 {
            post.send(mail("one of many"));
        }
        post.close(Duration::from_millis(50)).await;
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[tokio::test]
    async fn a_server_that_never_greets_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut mute = mailing(listener.local_addr().unwrap().port());
        mute.patience = Duration::from_millis(50);
        let reason = timeout(Duration::from_secs(20), sent(&mute, "Subject: x\r\n\r\n"));
        let reason = reason.await.unwrap().unwrap_err();
        assert!(reason.contains("does not answer"), "{reason}");
    }

    #[test]
    fn what_was_held_back_is_told_in_one() {
        let mail = digest(vec!["a - DOWN".into(), "b - DOWN".into()], 3);
        assert_eq!(mail.subject, "5 alerts were held back");
        assert_eq!(mail.text, "a - DOWN\r\nb - DOWN\r\nand 3 more");
    }
}
