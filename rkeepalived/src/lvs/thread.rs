//! The thread that the health checks run on, all of them: what passes between a check's attempt and its verdict never
//! leaves it, and nothing that the main loop is busy with holds it up.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

use crate::journal::{Line, Part, write};
use crate::kernel::schedule::{self, Urgency};

/// No longer than most timeouts.
const TICK: Duration = Duration::from_secs(1);

/// A thread with a tokio runtime. Dropping it ends the thread, and with it whatever still runs there.
pub struct Thread {
    handle: Handle,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
    urgency: Urgency,
}

impl Thread {
    /// Starts it.
    ///
    /// # Errors
    /// When the system has no more threads or descriptors.
    pub fn start() -> io::Result<Thread> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("checks".into())
            .spawn(move || {
                runtime.spawn(tick());
                runtime.block_on(stopped.notified());
            })?;
        Ok(Thread {
            handle,
            stop,
            thread: Some(thread),
            urgency: Urgency::default(),
        })
    }

    /// Brings it to how it is to be scheduled; what cannot be had is told, and the rest is. Programs that it starts would
    /// inherit that: start them elsewhere.
    pub fn schedule(&mut self, wanted: &Urgency) {
        let before = std::mem::replace(&mut self.urgency, wanted.clone());
        if before == *wanted {
            return;
        }
        let wanted = wanted.clone();
        self.handle.spawn(async move {
            for (word, error) in schedule::bring(&before, &wanted) {
                write(&Line::Trouble {
                    part: Part::Checkers,
                    reason: format!("cannot have checker_{word}: {error}"),
                });
            }
        });
    }

    /// Its runtime.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// A timer that is always there: a timeout that ends later than all others does not have the runtime wake itself up, which
/// costs two system calls a check.
async fn tick() {
    loop {
        tokio::time::sleep(TICK).await;
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported by the hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_scheduled_as_told_and_nobody_else_is() {
        // Where the kernel says the nice value of a thread (proc(5)).
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, after) = stat.rsplit_once(')').unwrap();
            after.split_whitespace().nth(16).map(str::to_owned)
        };
        let ours = nice();
        let mut thread = Thread::start().unwrap();
        thread.schedule(&Urgency {
            nice: Some(7),
            ..Urgency::default()
        });
        let (sender, receiver) = std::sync::mpsc::channel();
        thread.handle().spawn(async move { sender.send(nice()) });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("7"));
        assert_eq!(nice(), ours);
    }

    #[test]
    fn what_is_spawned_runs_there_until_it_is_dropped() {
        let thread = Thread::start().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        thread.handle().spawn(async move {
            let name = std::thread::current().name().map(str::to_owned);
            sender.send(name).unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("checks"));
        drop(thread);
        // The task is gone, and its end of the channel with it.
        assert!(receiver.recv().is_err());
    }
}
