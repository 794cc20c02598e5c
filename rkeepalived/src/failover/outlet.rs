//! What the failover thread tells the main loop, without ever waiting for it.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use vrrp::{NotifyState, Subject};

/// What the main loop may leave unheard before older news of the same subject make room for newer.
const BACKLOG: usize = 1024;

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Of whom.
    pub subject: Subject,
    /// Which.
    pub state: NotifyState,
    /// The effective priority of an instance; 0 for a group.
    pub priority: u8,
}

/// The failover thread's end of the channel. What does not fit into it waits here, and is sent when the thread wakes
/// up the next time; an instance that is master wakes it up at each advert, one that is not at its timer.
#[derive(Debug)]
pub struct Outlet {
    sender: mpsc::Sender<News>,
    backlog: VecDeque<News>,
}

impl Outlet {
    /// An outlet into `sender`.
    #[must_use]
    pub fn new(sender: mpsc::Sender<News>) -> Outlet {
        Outlet {
            sender,
            backlog: VecDeque::new(),
        }
    }

    /// Tells `news`, in order, as far as there is room, and keeps the rest. The last state of each subject is never
    /// lost.
    pub fn tell(&mut self, news: impl IntoIterator<Item = News>) {
        for news in news {
            if self.backlog.len() >= BACKLOG {
                self.backlog.retain(|older| older.subject != news.subject);
            }
            self.backlog.push_back(news);
        }
        while let Some(news) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(news)) = self.sender.try_send(news) {
                self.backlog.push_front(news);
                return;
            }
        }
    }
}

impl Outlet {
    /// What has not found room: the last words, when nobody will wake up any more.
    pub fn rest(&mut self) -> Vec<News> {
        self.backlog.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(name: &str, state: NotifyState) -> News {
        News {
            subject: Subject::Instance(name.into()),
            state,
            priority: 100,
        }
    }

    #[test]
    fn a_main_loop_that_does_not_listen_loses_no_last_word() {
        let (sender, mut receiver) = mpsc::channel(2);
        let mut outlet = Outlet::new(sender);
        outlet.tell([news("A", NotifyState::Backup)]);
        for _ in 0..3000 {
            outlet.tell([
                news("B", NotifyState::Master),
                news("B", NotifyState::Backup),
            ]);
        }
        outlet.tell([news("A", NotifyState::Master)]);
        assert!(outlet.backlog.len() <= BACKLOG + 2);
        let mut heard = Vec::new();
        while let Ok(one) = receiver.try_recv() {
            heard.push(one);
            outlet.tell([]);
        }
        assert_eq!(heard.first(), Some(&news("A", NotifyState::Backup)));
        let last = |name: &str| {
            let subject = Subject::Instance(name.into());
            heard.iter().rfind(|news| news.subject == subject).cloned()
        };
        assert_eq!(last("A"), Some(news("A", NotifyState::Master)));
        assert_eq!(last("B"), Some(news("B", NotifyState::Backup)));
    }
}
