//! The document of `status`, as JSON, in pieces: byte for byte what the whole [`Status`] would be.

use std::io::Write;

use ipvs_netlink::Client;
use serde::Serialize;

use super::flow::{Making, PIECE};
use super::round::Round;
use super::view::{BfdView, DaemonView, Status, VrrpView};

/// It, as far as it is not made yet.
#[derive(Debug)]
pub struct Document {
    /// None once it is made; its virtual servers are the round's.
    head: Option<Box<Status>>,
    round: Round,
    first: bool,
    around: [&'static str; 2],
}

/// What comes before the virtual servers: the same fields in the same order as in [`Status`].
#[derive(Serialize)]
struct Head<'a> {
    version: u32,
    at_ms: u64,
    daemon: &'a DaemonView,
    vrrp: &'a VrrpView,
    #[serde(skip_serializing_if = "is_empty")]
    bfd: &'a [BfdView],
}

fn is_empty(list: &&[BfdView]) -> bool {
    list.is_empty()
}

impl Document {
    /// What a look gave, with this text before and that behind it.
    #[must_use]
    pub fn new((head, round): (Status, Round), around: [&'static str; 2]) -> Document {
        Document {
            head: Some(Box::new(head)),
            round,
            first: true,
            around,
        }
    }
}

impl Making for Document {
    fn round(&mut self) -> &mut Round {
        &mut self.round
    }

    fn make(&mut self, client: &mut Option<Client>, out: &mut Vec<u8>) -> bool {
        // Strings, numbers and lists alone: nothing of it can fail to be JSON, and a Vec takes all.
        let [before, behind] = self.around;
        if let Some(status) = self.head.take() {
            out.extend(before.as_bytes());
            let head = Head {
                version: status.version,
                at_ms: status.at_ms,
                daemon: &status.daemon,
                vrrp: &status.vrrp,
                bfd: &status.bfd,
            };
            let _ = serde_json::to_writer(&mut *out, &head);
            out.pop(); // its brace: it goes on
            out.extend(b",\"virtual_servers\":[");
        }
        while out.len() < PIECE {
            let Some(service) = self.round.next(client) else {
                out.push(b']');
                if let Some(reason) = self.round.failure() {
                    out.extend(b",\"kernel_error\":");
                    let _ = serde_json::to_writer(&mut *out, reason);
                }
                let _ = write!(out, "}}{behind}");
                return false;
            };
            if !std::mem::take(&mut self.first) {
                out.push(b',');
            }
            let _ = serde_json::to_writer(&mut *out, &service);
        }
        true
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use checkers::Sight;

    use super::*;
    use crate::lvs::pool::Pool;
    use crate::plan::tests::planned;
    use crate::status::desk::Desk;
    use crate::status::flow::Flow;

    /// So many virtual servers of one real server each.
    pub(crate) fn pool(services: u16) -> Pool {
        let file: String = (0..services)
            .map(|at| {
                let n = format!("{}.{}", at / 250, at % 250 + 1);
                format!(
                    "virtual_server 10.0.{n} 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n\
                     real_server 10.1.{n} 80 {{\nTCP_CHECK {{\n}}\n}}\n}}\n"
                )
            })
            .collect();
        let mut pool = Pool::default();
        let _ = pool.configure(planned(&file).services);
        pool
    }

    fn look(pool: &Pool, failure: Option<&str>) -> (Status, Round) {
        let mut round = Round::new(
            pool.services().to_vec(),
            Sight::default(),
            failure.is_some(),
            7,
        );
        if let Some(failure) = failure {
            round.fail(failure.to_owned());
        }
        let head = Status {
            version: 1,
            at_ms: 7,
            ..Status::default()
        };
        (head, round)
    }

    fn whole(pool: &Pool, failure: Option<&str>) -> String {
        let (mut status, mut round) = look(pool, failure);
        while let Some(service) = round.next(&mut None) {
            status.virtual_servers.push(service);
        }
        status.kernel_error = round.failure().map(ToOwned::to_owned);
        serde_json::to_string(&status).unwrap()
    }

    async fn pieces(pool: &Pool, failure: Option<&str>) -> Vec<Vec<u8>> {
        let (desk, _nobody) = Desk::open(None);
        let mut flow = Flow::new(desk, Document::new(look(pool, failure), ["<", ">"]));
        let mut pieces = Vec::new();
        loop {
            let mut piece = Vec::new();
            flow.next(&mut piece).await.unwrap();
            if piece.is_empty() {
                return pieces;
            }
            pieces.push(piece);
        }
    }

    #[tokio::test]
    async fn in_pieces_it_is_what_it_is_as_a_whole() {
        for (services, failure) in [(0, None), (1, None), (2, Some("no \"IPVS\"")), (250, None)] {
            let pool = pool(services);
            let pieces = pieces(&pool, failure).await;
            let text = String::from_utf8(pieces.concat()).unwrap();
            assert_eq!(text, format!("<{}>", whole(&pool, failure)));
            assert_eq!(pieces.len(), text.len().div_ceil(PIECE));
            assert!(pieces.iter().all(|piece| piece.len() < PIECE + 1024));
        }
    }

    // What a look holds is the daemon's own until the daemon changes it.
    #[test]
    fn a_look_keeps_what_was_while_the_pool_goes_on() {
        let mut pool = pool(2);
        let before = whole(&pool, None);
        let (mut status, mut round) = look(&pool, None);
        let check = pool.checks().first().map(|check| check.id).unwrap();
        let _ = pool.handle(&checkers::Report {
            id: check,
            outcome: checkers::Outcome::Failure(checkers::Failure::Refused),
            change: Some(checkers::Health::Down),
            attempt: 1,
            retry: 0,
            elapsed: std::time::Duration::ZERO,
            dynamic_weight: None,
        });
        while let Some(service) = round.next(&mut None) {
            status.virtual_servers.push(service);
        }
        assert_eq!(serde_json::to_string(&status).unwrap(), before);
        assert_ne!(whole(&pool, None), before);
    }
}
