//! Tracked processes: what the kernel tells of them, or a look at all of them each second where it tells nothing.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use keepalived_conf::{ReceiveBuffer, TrackKind};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::block_in_place;
use vrrp::Standing;

use super::census::Census;
use super::quorum::Quorum;
use crate::failover::handle::Tracking;
use crate::journal::{Line, Part, write};
use crate::kernel::processes::{self, ProcessEvent, ProcessEvents};
use crate::kernel::readable::readable;
use crate::plan::TrackedProcess;

/// How often all processes are looked at where the kernel tells nothing.
const LOOK: Duration = Duration::from_secs(1);

/// What is to be tracked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub processes: Vec<TrackedProcess>,
    pub buffer: ReceiveBuffer,
}

/// Standings of those that are new in `wanted`, as of now.
pub(super) fn prepare(before: &Wanted, wanted: &[TrackedProcess]) -> Vec<(String, Standing)> {
    let known = |one: &TrackedProcess| before.processes.contains(one);
    let new: Vec<_> = wanted.iter().filter(|one| !known(one)).cloned().collect();
    if new.is_empty() {
        return Vec::new();
    }
    let mut census = Census::new(new);
    look_at_all(&mut census);
    let standings = census.counts().map(|(one, count)| {
        let up = Quorum::new(one, count).is_up();
        (one.name.clone(), standing(up))
    });
    standings.collect()
}

fn standing(up: bool) -> Standing {
    if up { Standing::Up } else { Standing::Down }
}

fn look_at_all(census: &mut Census) {
    census.forget();
    for pid in processes::all() {
        census.see(pid, processes::look(pid).as_ref());
    }
}

/// Where news come from.
enum Source {
    /// Nobody has asked yet.
    Silent(Option<ProcessEvents>),
    Kernel(AsyncFd<ProcessEvents>),
    Looking,
}

impl Source {
    /// Begins to listen, or to look; says why if it must look.
    fn wake(self, buffer: ReceiveBuffer) -> Source {
        let Source::Silent(events) = self else {
            return self;
        };
        let listening = match events {
            Some(events) => events.make_room(buffer).and_then(|()| {
                events.listen(true)?;
                readable(events)
            }),
            None => Err(io::Error::other("there is no process connector")),
        };
        match listening {
            Ok(events) => Source::Kernel(events),
            Err(error) => {
                write(&Line::Trouble {
                    part: Part::Vrrp,
                    reason: format!(
                        "The kernel does not tell of processes: {error}. They are looked at once a second, so that one which \
                         runs for less may be missed; in a network namespace, start the daemon outside and let net_namespace enter it"
                    ),
                });
                Source::Looking
            }
        }
    }

    async fn next(&self) -> Vec<ProcessEvent> {
        match self {
            Source::Silent(_) => std::future::pending().await,
            Source::Looking => {
                tokio::time::sleep(LOOK).await;
                vec![ProcessEvent::Lost]
            }
            Source::Kernel(events) => loop {
                let Ok(mut ready) = events.readable().await else {
                    // The runtime is going away.
                    return std::future::pending().await;
                };
                if let Ok(received) = ready.try_io(|events| events.get_ref().receive()) {
                    // A broken socket cannot be mended: look at all, and not too often.
                    if received.is_err() {
                        tokio::time::sleep(LOOK).await;
                    }
                    return received.unwrap_or_else(|_| vec![ProcessEvent::Lost]);
                }
            },
        }
    }
}

/// Tracks what is wanted and tells the failover thread. Ends only by being aborted, or with whoever wants something.
pub(super) async fn run(
    mut wanted: watch::Receiver<Wanted>,
    failover: Tracking,
    events: Option<ProcessEvents>,
) {
    let start = Instant::now();
    let mut source = Source::Silent(events);
    let mut census = Census::default();
    let mut quorums: BTreeMap<String, (TrackedProcess, Quorum)> = BTreeMap::new();
    loop {
        let deadline = quorums
            .values()
            .filter_map(|(_, quorum)| quorum.deadline())
            .min();
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until((start + at).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let Wanted { processes, buffer } = wanted.borrow_and_update().clone();
                if processes.is_empty() {
                    census = Census::default();
                    quorums.clear();
                    continue;
                }
                source = source.wake(buffer);
                census = Census::new(processes);
                block_in_place(|| look_at_all(&mut census));
                quorums.retain(|_, (before, _)| census.counts().any(|(one, _)| one == before));
            }
            news = source.next() => {
                if census.is_idle() {
                    continue;
                }
                block_in_place(|| news.into_iter().for_each(|event| match event {
                    ProcessEvent::Changed(pid) => census.see(pid, processes::look(pid).as_ref()),
                    ProcessEvent::Gone(pid) => census.see(pid, None),
                    ProcessEvent::Lost => look_at_all(&mut census),
                }));
            }
            () = timer => {}
        }
        for (one, count) in census.counts() {
            let turned = match quorums.get_mut(&one.name) {
                Some((_, quorum)) => {
                    let turned = quorum.settle(start.elapsed(), one, count);
                    if let Some(gained) = turned {
                        let name = one.name.clone();
                        write(&Line::ProcessQuorum { name, gained });
                    }
                    turned
                }
                None => {
                    let quorum = Quorum::new(one, count);
                    let up = quorum.is_up();
                    quorums.insert(one.name.clone(), (one.clone(), quorum));
                    Some(up)
                }
            };
            if let Some(up) = turned {
                failover
                    .tell(TrackKind::Process, one.name.clone(), standing(up))
                    .await;
            }
        }
    }
}
