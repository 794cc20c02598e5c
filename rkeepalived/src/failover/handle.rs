//! The failover thread, from outside: what can be asked of it.

use std::collections::BTreeMap;
use std::io;
use std::thread::JoinHandle;

use bfd::SessionView;
use keepalived_conf::TrackKind;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use vrrp::{HandoverRefusal, InstanceView, Standing, Stats, Time};

use super::lateness::Lateness;
use super::outlet::{News, Outlet};
use super::thread::Loop;
use crate::plan::{PlannedSession, VrrpPlan};

/// Commands that may wait: one of the main loop, which waits for its answer, and what trackers tell.
const COMMANDS: usize = 64;

/// What is asked of the failover thread.
pub(super) enum Command {
    Configure(Box<VrrpPlan>, Vec<PlannedSession>, oneshot::Sender<()>),
    View(oneshot::Sender<Vec<InstanceView>>),
    Strays(oneshot::Sender<Stats>),
    Report(oneshot::Sender<VrrpReport>),
    ClearStats,
    Handover(String, bool, oneshot::Sender<Result<(), HandoverRefusal>>),
    Alive(oneshot::Sender<()>),
    Sessions(oneshot::Sender<Vec<SessionView>>),
    Tracked(TrackKind, String, Standing),
    Stop(oneshot::Sender<Vec<News>>),
    Abandon,
}

/// BFD sessions that real servers may depend on, each with whether it is up.
pub type SessionStates = BTreeMap<bfd::Name, bool>;

/// The failover thread, from outside.
pub struct Failover {
    sessions: watch::Receiver<SessionStates>,
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

impl Failover {
    /// Starts the thread and waits until its sockets are open. It tells its changes of state to `news`.
    ///
    /// # Errors
    /// When the thread, its runtime or its sockets cannot be had.
    pub fn start(news: mpsc::Sender<News>) -> io::Result<Failover> {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (opened, wait) = std::sync::mpsc::channel();
        let (tell_sessions, sessions) = watch::channel(SessionStates::new());
        let thread = std::thread::Builder::new()
            .name("failover".into())
            .spawn(move || {
                let runtime = match tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        // The receiver waits for exactly this one message.
                        let _ = opened.send(Err(error));
                        return;
                    }
                };
                LocalSet::new().block_on(&runtime, async {
                    match Loop::open(receiver, Outlet::new(news), tell_sessions) {
                        Ok(this) => {
                            let _ = opened.send(Ok(()));
                            this.run().await;
                        }
                        Err(error) => {
                            let _ = opened.send(Err(error));
                        }
                    }
                });
            })?;
        wait.recv().map_err(io::Error::other)??;
        Ok(Failover {
            sessions,
            commands,
            thread,
        })
    }

    /// Hands over a configuration and waits until it is in force.
    pub async fn configure(&self, plan: VrrpPlan, bfd: Vec<PlannedSession>) {
        self.ask(|answer| Command::Configure(Box::new(plan), bfd, answer))
            .await;
    }

    /// How late timers were served, since the start.
    pub async fn lateness(&self) -> Lateness {
        let report = self.ask(Command::Report).await;
        report.map(|report| report.lateness).unwrap_or_default()
    }

    /// The BFD sessions as they stand.
    pub async fn sessions(&self) -> Vec<SessionView> {
        self.ask(Command::Sessions).await.unwrap_or_default()
    }

    /// The BFD sessions of real servers, now and whenever one turns.
    #[must_use]
    pub fn session_states(&self) -> watch::Receiver<SessionStates> {
        self.sessions.clone()
    }

    /// The instances as they stand.
    pub async fn view(&self) -> Vec<InstanceView> {
        self.ask(Command::View).await.unwrap_or_default()
    }

    /// Has an instance give mastership away, or take it back; no answer once the thread has ended.
    pub async fn hand_over(&self, name: String, back: bool) -> Option<Result<(), HandoverRefusal>> {
        self.ask(|answer| Command::Handover(name, back, answer))
            .await
    }

    /// Whom people may ask how VRRP stands.
    #[must_use]
    pub fn witness(&self) -> Witness {
        Witness(self.commands.clone())
    }

    /// Asks for a sign of life, without waiting. None where even the question could not be left.
    #[must_use]
    pub fn ask_whether_it_lives(&self) -> Option<oneshot::Receiver<()>> {
        let (answer, wait) = oneshot::channel();
        self.commands.try_send(Command::Alive(answer)).ok()?;
        Some(wait)
    }

    /// Counters of packets that belong to no instance.
    pub async fn strays(&self) -> Stats {
        self.ask(Command::Strays).await.unwrap_or_default()
    }

    /// Whom trackers tell how things stand.
    #[must_use]
    pub fn tracking(&self) -> Tracking {
        Tracking(self.commands.clone())
    }

    /// Zeroes the counters.
    pub async fn clear_stats(&self) {
        // If the thread is gone, so are they.
        let _ = self.commands.send(Command::ClearStats).await;
    }

    /// Gives mastership and addresses back, and ends the thread. Answers the news that did not get into the channel; they
    /// come after all that did.
    pub async fn stop(self) -> Vec<News> {
        let news = self.ask(Command::Stop).await;
        // It has nothing left to do but return.
        drop(self.thread.join());
        news.unwrap_or_default()
    }

    /// Ends the thread and leaves addresses and the segment as they are (`-V`).
    pub async fn abandon(self) {
        // If the thread is gone already, so much the better.
        let _ = self.commands.send(Command::Abandon).await;
        drop(self.thread.join());
    }

    /// Waits until the thread ends by itself, which it does only by a bug.
    pub async fn gone(&self) {
        self.commands.closed().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        wait.await.ok()
    }
}

/// Tells the failover thread how tracked things stand.
#[derive(Clone)]
pub struct Tracking(mpsc::Sender<Command>);

impl Tracking {
    /// Waits while the thread has much to do. What is not tracked is ignored there; once it has ended, here.
    pub async fn tell(&self, kind: TrackKind, name: String, standing: Standing) {
        let _ = self.0.send(Command::Tracked(kind, name, standing)).await;
    }
}

/// All of VRRP as it stands: a copy, which the thread does not look at again.
#[derive(Clone, Debug)]
pub struct VrrpReport {
    /// The thread's own time, by which the others are counted.
    pub now: Time,
    /// The instances, in the order of the configuration.
    pub instances: Vec<InstanceView>,
    /// What is tracked, as far as something is known of it.
    pub standings: Vec<(TrackKind, String, Standing)>,
    /// The BFD sessions.
    pub sessions: Vec<SessionView>,
    /// How late timers were served.
    pub lateness: Lateness,
}

/// Asks the failover thread how VRRP stands.
#[derive(Clone)]
pub struct Witness(mpsc::Sender<Command>);

impl Witness {
    /// All as it stands; nothing once the thread has ended. Timers and packets come first there.
    pub async fn report(&self) -> Option<VrrpReport> {
        let (answer, wait) = oneshot::channel();
        self.0.send(Command::Report(answer)).await.ok()?;
        wait.await.ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The other end of a failover thread that is none.
    pub(crate) struct Silent(mpsc::Receiver<Command>);

    impl Silent {
        /// Answers the questions that wait.
        pub(crate) fn answer(&mut self) {
            while let Ok(command) = self.0.try_recv() {
                if let Command::Alive(answer) = command {
                    answer.send(()).unwrap();
                }
            }
        }
    }

    impl Failover {
        /// One that only answers when the test does.
        pub(crate) fn of_a_test() -> (Failover, Silent) {
            let (commands, receiver) = mpsc::channel(COMMANDS);
            let thread = std::thread::spawn(|| {});
            (
                Failover {
                    sessions: watch::channel(SessionStates::new()).1,
                    commands,
                    thread,
                },
                Silent(receiver),
            )
        }
    }
}
