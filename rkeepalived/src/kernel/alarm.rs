//! An alarm clock of the kernel's: microseconds, where the runtime's own timers have milliseconds and round up.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

use super::readable::readable;

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// One alarm, which is set anew each time.
pub struct Alarm(AsyncFd<Timer>);

impl Alarm {
    /// An alarm on the current runtime, not set.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<Alarm> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        readable(Timer(timer)).map(Alarm)
    }

    /// Waits so long. What was set before does not count any more.
    ///
    /// # Errors
    /// When the kernel refuses, which it does only by a bug.
    pub async fn after(&self, wait: Duration) -> io::Result<()> {
        if wait.is_zero() {
            return Ok(());
        }
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        let timer = &self.0.get_ref().0;
        timer.set(once, TimerSetTimeFlags::empty())?;
        loop {
            let mut ready = self.0.readable().await?;
            // One that was set before may have left the descriptor ready.
            if let Ok(rung) = ready.try_io(|timer| timer.get_ref().0.wait().map_err(Into::into)) {
                // It rings once. Without this the next wait would begin with a read of nothing.
                ready.clear_ready();
                return rung;
            }
        }
    }
}

impl checkers::Alarm for Alarm {
    async fn after(&self, wait: Duration) {
        if Alarm::after(self, wait).await.is_err() {
            // Rather late than never.
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn it_rings_after_its_time_and_can_be_set_anew() {
        let alarm = Alarm::open().unwrap();
        let begun = Instant::now();
        alarm.after(Duration::from_micros(300)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_micros(300));
        // Given up, it does not ring in place of the next.
        let short = alarm.after(Duration::from_micros(200));
        drop(tokio::time::timeout(Duration::ZERO, short).await);
        std::thread::sleep(Duration::from_millis(1));
        let begun = Instant::now();
        alarm.after(Duration::from_millis(20)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(20));
        alarm.after(Duration::ZERO).await.unwrap();
    }
}
