//! The daemon's end of the sockets. Whoever says nothing, reads nothing or talks rubbish is bounded in time, length and
//! number, and costs nobody else anything.

use std::collections::HashMap;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::time::{sleep, timeout};

use super::protocol::{
    AROUND, Code, Complaint, LONGEST_QUESTION, Question, Request, VERSION, line,
};
use crate::status::desk::Desk;
use crate::status::document::Document;
use crate::status::flow::{Flow, Making, PIECE, ROOM};
use crate::status::history::REMEMBERED;

/// Connections to one socket at a time.
const CONNECTIONS: usize = 64;
/// Of one user who is not root.
const OF_ONE: usize = 16;
/// A connection that asks nothing for so long is closed.
const SILENCE: Duration = Duration::from_secs(10);
/// A client that takes nothing for so long has gone.
const STALL: Duration = Duration::from_secs(5);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They may steer.
    Control,
    /// They may look.
    Status,
}

/// Serves one socket until the runtime ends.
///
/// # Errors
/// When the runtime cannot take the socket.
pub fn serve(listener: StdListener, access: Access, desk: Desk) -> std::io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    tokio::spawn(accept(listener, access, desk));
    Ok(())
}

async fn accept(listener: UnixListener, access: Access, desk: Desk) {
    let guests = Arc::new(Guests::default());
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // No descriptors, say: it will not be better at once.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let user = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
        let Some(place) = guests.admit(user) else {
            let busy = "too many clients are connected already: try again";
            // A socket that was just made takes a line.
            let _ = stream.try_write(&Complaint::new(Code::Busy, busy).line());
            continue;
        };
        let desk = desk.clone();
        tokio::spawn(async move {
            let (reader, writer) = stream.split();
            converse(reader, writer, access, &desk).await;
            drop(place);
        });
    }
}

/// Who is connected. One user cannot take the places of the others, and root always finds one.
#[derive(Debug, Default)]
struct Guests(Mutex<HashMap<u32, usize>>);

/// A place among them, until it is dropped.
struct Seat {
    guests: Arc<Guests>,
    user: u32,
}

impl Guests {
    fn admit(self: &Arc<Guests>, user: u32) -> Option<Seat> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = guests.values().sum();
        let own = guests.get(&user).copied().unwrap_or(0);
        let full = match user {
            0 => own >= CONNECTIONS,
            _ => own >= OF_ONE || all >= CONNECTIONS,
        };
        if full {
            return None;
        }
        guests.insert(user, own + 1);
        Some(Seat {
            guests: self.clone(),
            user,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = guests.get_mut(&self.user) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                guests.remove(&self.user);
            }
        }
    }
}

/// Answers question after question. Ends when the client does, or misbehaves.
async fn converse(
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    access: Access,
    desk: &Desk,
) {
    let mut reader = BufReader::with_capacity(1024, reader);
    let mut text = Vec::new();
    loop {
        text.clear();
        let most = u64::try_from(LONGEST_QUESTION).unwrap_or(u64::MAX);
        let mut bounded = (&mut reader).take(most);
        match timeout(SILENCE, bounded.read_until(b'\n', &mut text)).await {
            Ok(Ok(0)) | Ok(Err(_)) | Err(_) => return,
            Ok(Ok(_)) => {}
        }
        let whole = text.ends_with(b"\n");
        let answer = match question(&text, access) {
            Ok(Request::Events {
                after,
                follow: true,
            }) => {
                return follow(&mut reader, &mut writer, after, desk).await;
            }
            Ok(Request::Status { vrrp_only: false }) => match desk.look().await {
                Some(look) => {
                    let document = Document::new(look, AROUND);
                    if flow(&mut writer, Flow::new(desk.clone(), document))
                        .await
                        .is_err()
                    {
                        return;
                    }
                    Vec::new()
                }
                None => stopping().line(),
            },
            Ok(request) => answer(request, desk).await,
            Err(complaint) => complaint.line(),
        };
        if send(&mut writer, &answer).await.is_err() || !whole {
            return;
        }
    }
}

fn question(text: &[u8], access: Access) -> Result<Request, Complaint> {
    if !text.ends_with(b"\n") && text.len() >= LONGEST_QUESTION {
        return Err(Complaint::new(
            Code::BadQuestion,
            format!("a question has {LONGEST_QUESTION} bytes at most, its end of line included"),
        ));
    }
    let Question { v, request } = serde_json::from_slice(text).map_err(|error| {
        let text = format!("not a question: {error}; see docs/control.md");
        Complaint::new(Code::BadQuestion, text)
    })?;
    if v != VERSION {
        return Err(Complaint::new(
            Code::BadQuestion,
            format!("version {v} is not spoken here, {VERSION} is"),
        ));
    }
    if access == Access::Status && !request.only_looks() {
        return Err(Complaint::new(
            Code::ReadOnly,
            "this socket is for looking; steering goes over control.sock, which is root's",
        ));
    }
    Ok(request)
}

/// The answer, as a line.
async fn answer(request: Request, desk: &Desk) -> Vec<u8> {
    match request {
        Request::Status { vrrp_only: false } => optional(desk.status().await),
        Request::Status { vrrp_only: true } => optional(desk.vrrp().await),
        Request::Events { after, .. } => line(Ok(desk.history().after(after, REMEMBERED))),
        Request::Connections { server } => line(desk.connections(&server).await),
        Request::Reload => optional(desk.reload().await),
        Request::Plan { file } => line(desk.plan(file).await),
        Request::Drain { server } => line(desk.drain(&server).await),
        Request::Disable { server } => line(desk.disable(&server).await),
        Request::Enable { server } => line(desk.enable(&server).await),
        Request::Weight { server, weight } => line(desk.weigh(&server, weight).await),
        Request::Handover { instance, back } => line(desk.hand_over(instance, back).await),
        Request::Log { level } => line(desk.log(&level)),
    }
}

fn optional<T: Serialize>(answer: Option<T>) -> Vec<u8> {
    line(answer.ok_or_else(stopping))
}

/// There is nobody left to answer.
#[must_use]
pub(crate) fn stopping() -> Complaint {
    Complaint::new(Code::Busy, "the daemon stops")
}

/// Events as they come, until the client has gone.
async fn follow(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    after: u64,
    desk: &Desk,
) {
    let mut news = desk.history().watch();
    let mut after = after;
    let mut rest = [0; 64];
    loop {
        news.mark_unchanged();
        let events = desk.history().after(after, 256);
        if let Some(last) = events.last() {
            after = last.seq;
            let lines = events.into_iter().flat_map(|event| line(Ok(event)));
            if send(writer, &lines.collect::<Vec<u8>>()).await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            // What it says meanwhile is of no interest; its end is.
            read = reader.read(&mut rest) => if !matches!(read, Ok(1..)) { return },
        }
    }
}

/// Writes piece after piece, each made when the one before was taken.
async fn flow<M: Making>(
    writer: &mut (impl AsyncWrite + Unpin),
    mut flow: Flow<M>,
) -> Result<(), ()> {
    let mut piece = Vec::with_capacity(ROOM);
    loop {
        flow.next(&mut piece).await.map_err(|_| ())?;
        if piece.is_empty() {
            return Ok(());
        }
        send(writer, &piece).await?;
    }
}

/// Writes all of it, piece by piece, as long as some of it is taken.
async fn send(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), ()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = rest.get(..PIECE.min(rest.len())).unwrap_or(rest);
        match timeout(STALL, writer.write(piece)).await {
            Ok(Ok(written @ 1..)) => rest = rest.get(written..).unwrap_or_default(),
            _ => return Err(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::Answer;
    use crate::status::desk::tests::knowing;
    use crate::status::document::tests::pool;
    use crate::status::view::Status;

    async fn said(access: Access, bytes: &[u8]) -> String {
        let (desk, _nobody) = Desk::open(None);
        let (mut near, far) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(far);
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        converse(reader, writer, access, &desk).await;
        let mut said = String::new();
        near.read_to_string(&mut said).await.unwrap();
        said
    }

    #[tokio::test]
    async fn rubbish_is_told_so_and_a_reader_may_not_steer() {
        let steer = b"{\"v\":1,\"do\":\"reload\"}\n";
        assert!(said(Access::Status, steer).await.contains("\"read-only\""));
        assert!(
            said(Access::Control, b"\xff\x00\n")
                .await
                .contains("\"bad-question\"")
        );
        let version = said(Access::Status, b"{\"v\":7,\"do\":\"status\"}\n").await;
        assert!(version.contains("version 7 is not spoken"), "{version}");
        let endless = vec![b'x'; 3 * LONGEST_QUESTION];
        let answers = said(Access::Control, &endless).await;
        assert_eq!(answers.matches("at most").count(), 1, "{answers}");
        let events = said(Access::Status, b"{\"v\":1,\"do\":\"events\"}\n{}\n").await;
        assert!(events.starts_with("{\"v\":1,\"ok\":[]}\n"), "{events}");
    }

    #[tokio::test]
    async fn a_status_in_pieces_is_one_line_and_more_may_be_asked() {
        let (mut near, far) = tokio::io::duplex(1 << 10);
        let pool = pool(500);
        let desk = knowing(pool.services().to_vec());
        tokio::spawn(async move {
            let (reader, writer) = tokio::io::split(far);
            converse(reader, writer, Access::Status, &desk).await;
        });
        let asked = b"{\"v\":1,\"do\":\"status\"}\n{\"v\":1,\"do\":\"events\"}\n";
        near.write_all(asked).await.unwrap();
        near.shutdown().await.unwrap();
        let mut said = String::new();
        near.read_to_string(&mut said).await.unwrap();
        let (status, events) = said.split_once('\n').unwrap();
        assert!(status.len() > 2 * PIECE);
        let answer: Answer<Status> = serde_json::from_str(status).unwrap();
        assert_eq!(answer.ok.unwrap().virtual_servers.len(), 500);
        assert_eq!(events, "{\"v\":1,\"ok\":[]}\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_whose_client_takes_no_more_of_it_is_given_up() {
        let pool = pool(500);
        let desk = knowing(pool.services().to_vec());
        let (mut greedy, far) = tokio::io::duplex(1 << 10);
        greedy
            .write_all(b"{\"v\":1,\"do\":\"status\"}\n")
            .await
            .unwrap();
        let (reader, writer) = tokio::io::split(far);
        let begun = tokio::time::Instant::now();
        converse(reader, writer, Access::Status, &desk).await;
        assert_eq!(begun.elapsed(), STALL);
        let last = pool.services().last().unwrap();
        assert_eq!(Arc::strong_count(last), 1, "nobody holds on to it");
    }

    #[test]
    fn one_user_does_not_take_the_places_of_the_others() {
        let guests = Arc::new(Guests::default());
        let mut seats: Vec<Seat> = std::iter::from_fn(|| guests.admit(1000)).collect();
        assert_eq!(seats.len(), OF_ONE);
        seats.extend((2000..2100).filter_map(|user| guests.admit(user)));
        assert_eq!(seats.len(), CONNECTIONS);
        assert!(guests.admit(0).is_some(), "root finds a place");
        drop(seats);
        assert!(guests.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_or_takes_nothing_is_left() {
        let (desk, _nobody) = Desk::open(None);
        let (_silent, far) = tokio::io::duplex(64);
        let (reader, writer) = tokio::io::split(far);
        let begun = tokio::time::Instant::now();
        converse(reader, writer, Access::Control, &desk).await;
        assert_eq!(begun.elapsed(), SILENCE);
        let (mut greedy, far) = tokio::io::duplex(16);
        let (reader, writer) = tokio::io::split(far);
        tokio::spawn(async move {
            let _ = greedy.write_all(b"{\"v\":1,\"do\":\"events\"}\n").await;
            std::future::pending::<()>().await;
        });
        let begun = tokio::time::Instant::now();
        converse(reader, writer, Access::Control, &desk).await;
        assert!(begun.elapsed() <= STALL + SILENCE);
    }
}
