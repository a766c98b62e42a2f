//! The owner of every spawned task: none is detached, each one's end is seen.
//!
//! A [`Tasks`] belongs to whoever runs a part (the agent, the coordinator). Dropping the stop signal is
//! not enough: [`Tasks::finish`] waits until all have ended.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, trace};

/// Owns tasks; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Makes an owner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the signal that tells every task to end.
    pub fn stop_signal(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task under a name. A panic in it is logged as an error and asks all the others to stop:
    /// half a system that goes on is worse than one that is started again.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "the one owner of tasks")]
        let handle: JoinHandle<()> = tokio::spawn(task);
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            match handle.await {
                Ok(()) => trace!(task = name, "task ended"),
                Err(problem) => {
                    error!(task = name, error = %problem, "task died");
                    stop.cancel();
                }
            }
        });
    }

    /// Asks every task to end, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Asks every task to end and waits until all have.
    pub async fn finish(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
