//! Answers that are made in pieces: the next one is made when the one before was taken, so that neither a large table nor a
//! slow reader costs more room than a piece.

use ipvs_netlink::Client;
use tokio::task::spawn_blocking;

use super::desk::Desk;
use super::round::Round;

/// A piece is full with so many bytes; the service that fills it is in it to its end.
pub const PIECE: usize = 64 * 1024;

/// Room for a piece with the service that fills it, where that is not very large.
pub const ROOM: usize = PIECE + PIECE / 4;

/// What makes an answer.
pub trait Making: Send + 'static {
    /// The virtual servers that it goes through.
    fn round(&mut self) -> &mut Round;

    /// Appends a piece; `client` is there while the round asks the kernel. Answers whether more is to come.
    fn make(&mut self, client: &mut Option<Client>, out: &mut Vec<u8>) -> bool;
}

/// An answer on its way.
pub struct Flow<M> {
    desk: Desk,
    /// None after the last piece.
    making: Option<M>,
}

/// Making it ended in a panic, which is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl<M: Making> Flow<M> {
    /// Nothing of it is made yet.
    #[must_use]
    pub fn new(desk: Desk, making: M) -> Flow<M> {
        Flow {
            desk,
            making: Some(making),
        }
    }

    /// Puts the next piece in place of what is in `out`: nothing after the last one.
    ///
    /// # Errors
    /// [`Broken`]
    pub async fn next(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        out.clear();
        while let Some(mut making) = self.making.take() {
            let mut piece = std::mem::take(out);
            // Held until the piece is made: one is made at a time, whoever looks.
            let mut client = self.desk.client(making.round()).await;
            let made = spawn_blocking(move || {
                let more = making.make(&mut client, &mut piece);
                (more, making, piece)
            });
            let (more, making, piece) = made.await.map_err(|_| Broken)?;
            *out = piece;
            self.making = more.then_some(making);
            if !out.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
