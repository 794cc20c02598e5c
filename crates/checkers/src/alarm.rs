//! What wakes the driver for the next turn.

use std::time::Duration;

/// A clock that can be set. Whoever has a finer one than the runtime's timers brings it.
pub trait Alarm: Send + Sync + 'static {
    /// Waits so long, and never less; what was set before does not count any more.
    fn after(&self, wait: Duration) -> impl Future<Output = ()> + Send;
}

/// The runtime's own timers, which go by whole milliseconds, rounded up twice on their way to the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeTimer;

impl Alarm for RuntimeTimer {
    async fn after(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}
