//! The rules of nftables that belong to VRRP, brought about beside the failover thread, which waits for no program.
//!
//! A script says the whole of what is to stand in its tables, so that of several that wait for the same ones only the newest is
//! performed.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::watch;

use super::nft;
use crate::journal::{Line, Part, write};

/// A script that failed is tried again so much later.
const AGAIN: Duration = Duration::from_secs(10);

/// What rules are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Packets to addresses with `no_accept` are dropped.
    NoAccept,
    /// Reports of multicast groups leave by the interfaces below VMACs.
    Reports,
}

impl Purpose {
    /// How it is without them.
    fn harm(self) -> &'static str {
        match self {
            Purpose::NoAccept => {
                "nftables: packets to virtual addresses are not dropped or accepted as they should be"
            }
            Purpose::Reports => {
                "reports of multicast groups leave by the VMACs themselves, with their MAC addresses"
            }
        }
    }
}

/// What `nft` is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What its rules are for.
    pub purpose: Purpose,
    /// The name that its tables begin with: it says all that is to stand in them.
    pub table: String,
    /// Its lines.
    pub text: String,
}

/// Scripts that wait, each with its number.
#[derive(Debug, Default)]
struct Queue {
    next: VecDeque<(u64, Script)>,
    /// Those that failed and are to be tried again.
    failed: VecDeque<(u64, Script)>,
}

impl Queue {
    /// Those before it for the same tables need not be performed any more.
    fn put(&mut self, number: u64, script: Script) {
        let other = |one: &Script| (one.purpose, &one.table) != (script.purpose, &script.table);
        self.next.retain(|(_, one)| other(one));
        self.failed.retain(|(_, one)| other(one));
        self.next.push_back((number, script));
    }
}

/// A thread that performs scripts in the network namespace of the one that opened it.
#[derive(Debug)]
pub struct Firewall {
    scripts: Sender<(u64, Script)>,
    asked: u64,
    done: watch::Receiver<u64>,
}

impl Firewall {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub fn open() -> io::Result<Firewall> {
        Firewall::with(|script| nft::run(script, None), AGAIN)
    }

    fn with(
        perform: impl Fn(&str) -> Result<(), String> + Send + 'static,
        again: Duration,
    ) -> io::Result<Firewall> {
        let (scripts, wanted) = channel();
        let (performed, done) = watch::channel(0);
        std::thread::Builder::new()
            .name("firewall".into())
            .spawn(move || work(&wanted, &performed, perform, again))?;
        Ok(Firewall {
            scripts,
            asked: 0,
            done,
        })
    }

    /// Has a script performed soon.
    pub fn bring(&mut self, script: Script) {
        self.asked += 1;
        // The thread ends only after this end is dropped.
        let _ = self.scripts.send((self.asked, script));
    }

    /// To be waited for until all that was asked for so far is there, or cannot be had.
    #[must_use]
    pub fn settled(&self) -> Settled {
        Settled(Some((self.done.clone(), self.asked)))
    }
}

/// Scripts that were asked for.
#[derive(Debug, Default)]
pub struct Settled(Option<(watch::Receiver<u64>, u64)>);

impl Settled {
    /// Waits until they were performed or given up, but no longer than so; says so in the log then.
    pub async fn within(self, patience: Duration) {
        let Some((mut done, asked)) = self.0 else {
            return;
        };
        let there = done.wait_for(|done| *done >= asked);
        if tokio::time::timeout(patience, there).await.is_err() {
            write(&Line::Trouble {
                part: Part::Vrrp,
                reason: format!(
                    "nftables: `{}` does not end within {} s; rules may be as they were before",
                    nft::PROGRAM,
                    patience.as_secs()
                ),
            });
        }
    }
}

fn work(
    wanted: &Receiver<(u64, Script)>,
    performed: &watch::Sender<u64>,
    perform: impl Fn(&str) -> Result<(), String>,
    again: Duration,
) {
    let mut queue = Queue::default();
    let mut failing = BTreeSet::new();
    loop {
        let came = match queue.failed.is_empty() {
            true => wanted.recv().map_err(RecvTimeoutError::from),
            false => wanted.recv_timeout(again),
        };
        match came {
            Ok((number, script)) => queue.put(number, script),
            Err(RecvTimeoutError::Timeout) => queue.next.append(&mut queue.failed),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        loop {
            while let Ok((number, script)) = wanted.try_recv() {
                queue.put(number, script);
            }
            let Some((number, script)) = queue.next.pop_front() else {
                break;
            };
            match perform(&script.text) {
                Ok(()) => {
                    failing.remove(&script.purpose);
                }
                Err(reason) => {
                    // Once until it works again.
                    if failing.insert(script.purpose) {
                        write(&Line::Trouble {
                            part: Part::Vrrp,
                            reason: format!(
                                "{}: {reason}; trying again each {} s",
                                script.purpose.harm(),
                                again.as_secs()
                            ),
                        });
                    }
                    queue.failed.push_back((number, script));
                }
            }
            performed.send_modify(|done| *done = number.max(*done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(table: &str, text: &str) -> Script {
        Script {
            purpose: Purpose::NoAccept,
            table: table.into(),
            text: text.into(),
        }
    }

    fn wait(settled: Settled, patience: Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(settled.within(patience));
    }

    #[test]
    fn of_scripts_for_the_same_tables_only_the_newest_is_performed() {
        let (begun, begins) = channel();
        let (go, goes) = channel::<()>();
        let mut firewall = Firewall::with(
            move |text| {
                begun.send(text.to_owned()).unwrap();
                goes.recv().unwrap();
                Ok(())
            },
            AGAIN,
        )
        .unwrap();
        firewall.bring(script("a", "first"));
        assert_eq!(begins.recv().unwrap(), "first");
        // The first hangs. The table's name changes and changes back.
        firewall.bring(script("a", "nothing"));
        firewall.bring(script("b", "there"));
        firewall.bring(script("b", "nothing"));
        firewall.bring(script("a", "again"));
        let reports = Script {
            purpose: Purpose::Reports,
            ..script("a", "other")
        };
        firewall.bring(reports);
        assert_eq!(*firewall.done.borrow(), 0);
        go.send(()).unwrap();
        for text in ["nothing", "again", "other"] {
            assert_eq!(begins.recv().unwrap(), text);
            go.send(()).unwrap();
        }
        wait(firewall.settled(), Duration::from_secs(60));
        assert_eq!(*firewall.done.borrow(), 6);
        assert!(begins.try_recv().is_err());
    }

    #[test]
    fn nobody_waits_longer_than_he_wants_to() {
        let (go, goes) = channel::<()>();
        let mut firewall = Firewall::with(
            move |_| {
                let _ = goes.recv();
                Ok(())
            },
            AGAIN,
        )
        .unwrap();
        firewall.bring(script("a", "hangs"));
        wait(firewall.settled(), Duration::from_millis(1));
        assert_eq!(*firewall.done.borrow(), 0);
        drop(go);
        wait(firewall.settled(), Duration::from_secs(60));
        assert_eq!(*firewall.done.borrow(), 1);
    }

    #[test]
    fn what_failed_is_tried_again_unless_something_newer_came() {
        let (begun, begins) = channel();
        let (say, said) = channel::<bool>();
        let mut firewall = Firewall::with(
            move |text| {
                begun.send(text.to_owned()).unwrap();
                let works = said.recv().unwrap();
                works.then_some(()).ok_or_else(|| "refused".to_owned())
            },
            Duration::from_millis(1),
        )
        .unwrap();
        let performs = |text: &str, works: bool| {
            assert_eq!(begins.recv().unwrap(), text);
            say.send(works).unwrap();
        };
        firewall.bring(script("a", "one"));
        performs("one", false);
        performs("one", false);
        firewall.bring(script("a", "two"));
        // It may have been tried once more before the new one came.
        let next = begins.recv().unwrap();
        say.send(next == "two").unwrap();
        if next == "one" {
            performs("two", true);
        }
        firewall.bring(script("a", "three"));
        performs("three", true);
        wait(firewall.settled(), Duration::from_secs(60));
        assert_eq!(*firewall.done.borrow(), 3);
    }
}
