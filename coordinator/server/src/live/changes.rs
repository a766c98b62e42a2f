//! When to look again: after a commit, neither too often nor too seldom.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Waits for commits on behalf of one look that is repeated.
#[derive(Debug)]
pub struct Changes {
    commits: watch::Receiver<u64>,
    pace: Duration,
    most: Duration,
}

impl Changes {
    /// Begins with the present: what is committed from now on is a change. At least `pace` lies between two looks, at most
    /// `most`, for what only time changes.
    pub fn new(mut commits: watch::Receiver<u64>, pace: Duration, most: Duration) -> Self {
        commits.mark_unchanged();
        Self { commits, pace, most }
    }

    /// Waits until it is time for the next look. Commits of the pace are one change.
    pub async fn next(&mut self) {
        sleep(self.pace).await;
        match timeout(self.most.saturating_sub(self.pace), self.commits.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // The writer has ended, and nothing is committed any more.
            Ok(Err(_)) => sleep(self.most).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn a_look_follows_a_commit_and_commits_that_come_together_are_one() {
        let (commits, seen) = watch::channel(0);
        let commit = || commits.send_modify(|number| *number += 1);
        commit();
        let mut changes = Changes::new(seen.clone(), ms(20), ms(60_000));
        for _ in 0..100 {
            commit();
        }
        let begin = Instant::now();
        changes.next().await;
        assert!((ms(20)..ms(30_000)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        // That was a look at all hundred. Another commit, long after the pace, is looked at then.
        let later = async {
            sleep(ms(100)).await;
            commit();
        };
        let begin = Instant::now();
        tokio::join!(later, changes.next());
        assert!((ms(100)..ms(30_000)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn without_a_commit_a_look_comes_late_but_it_comes() {
        let (commits, seen) = watch::channel(0);
        let mut changes = Changes::new(seen, ms(10), ms(200));
        for _ in 0..2 {
            let begin = Instant::now();
            changes.next().await;
            assert!(begin.elapsed() >= ms(190), "{:?}", begin.elapsed());
        }
        drop(commits);
        changes.next().await;
    }
}
