//! The open connections, and which of them is closed where there is no room for one more.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_protocol::limits::HTTP_CONNECTIONS_PER_PEER_MAX;
use tokio::task::{AbortHandle, Id};
use tracing::debug;

/// What a connection has shown of itself.
#[derive(Debug)]
pub struct Standing {
    /// Where it comes from.
    pub peer: IpAddr,
    has_token: AtomicBool,
}

impl Standing {
    /// Returns that of a connection that has shown nothing yet.
    pub fn of(peer: IpAddr) -> Self {
        Self { peer, has_token: AtomicBool::new(false) }
    }

    /// Notes that a request with a known token came on this connection.
    pub fn show_token(&self) {
        self.has_token.store(true, Ordering::Relaxed);
    }

    fn has_token(&self) -> bool {
        self.has_token.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Open {
    task: AbortHandle,
    standing: Arc<Standing>,
}

/// Every open connection, the oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    open: VecDeque<Open>,
    max: usize,
}

impl Connections {
    /// Allows `max` connections.
    pub(super) fn new(max: usize) -> Self {
        Self { open: VecDeque::new(), max }
    }

    /// Closes as many connections as one more of `peer` needs. Clients on this machine share one address, so only
    /// others are counted by theirs.
    pub(super) fn make_room(&mut self, peer: IpAddr) {
        let of_peer = |open: &Open| open.standing.peer == peer;
        let count = self.open.iter().filter(|open| of_peer(open)).count();
        if !peer.is_loopback() && count >= HTTP_CONNECTIONS_PER_PEER_MAX {
            self.close_oldest(of_peer);
        }
        if self.open.len() >= self.max {
            self.close_one();
        }
    }

    /// Closes the connection that is missed least: the oldest without a token, else the oldest.
    pub(super) fn close_one(&mut self) {
        self.close_oldest(|_| true);
    }

    fn close_oldest(&mut self, is_meant: impl Fn(&Open) -> bool) {
        let tokenless = |open: &Open| is_meant(open) && !open.standing.has_token();
        let oldest = self.open.iter().position(tokenless);
        let oldest = oldest.or_else(|| self.open.iter().position(&is_meant));
        if let Some(open) = oldest.and_then(|at| self.open.remove(at)) {
            debug!(peer = %open.standing.peer, "a connection of the API gives way to a new one");
            open.task.abort();
        }
    }

    /// Takes in a new connection.
    pub(super) fn add(&mut self, task: AbortHandle, standing: Arc<Standing>) {
        self.open.push_back(Open { task, standing });
    }

    /// Forgets one that has ended.
    pub(super) fn remove(&mut self, task: Id) {
        self.open.retain(|open| open.task.id() != task);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::task::JoinSet;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    struct Bed {
        tasks: JoinSet<()>,
        connections: Connections,
        ids: Vec<Id>,
    }

    impl Bed {
        fn new(max: usize) -> Self {
            Self { tasks: JoinSet::new(), connections: Connections::new(max), ids: Vec::new() }
        }

        fn connect(&mut self, peer: IpAddr, has_token: bool) {
            self.connections.make_room(peer);
            let standing = Arc::new(Standing::of(peer));
            if has_token {
                standing.show_token();
            }
            let task = self.tasks.spawn(std::future::pending());
            self.ids.push(task.id());
            self.connections.add(task, standing);
        }

        /// The numbers of those that are open.
        fn open(&self) -> Vec<usize> {
            let number = |open: &Open| self.ids.iter().position(|id| *id == open.task.id());
            self.connections.open.iter().filter_map(number).collect()
        }
    }

    #[tokio::test]
    async fn the_oldest_without_a_token_gives_way() {
        let mut bed = Bed::new(3);
        bed.connect(HERE, true);
        bed.connect(HERE, false);
        bed.connect(HERE, false);
        bed.connect(HERE, false);
        assert_eq!(bed.open(), [0, 2, 3], "the one with a token stays");
        bed.connect(HERE, true);
        bed.connect(HERE, true);
        assert_eq!(bed.open(), [0, 4, 5]);
        bed.connect(HERE, false);
        assert_eq!(bed.open(), [4, 5, 6], "all have tokens: the oldest goes");
        bed.connections.remove(bed.ids[5]);
        assert_eq!(bed.open(), [4, 6]);
    }

    #[tokio::test]
    async fn one_machine_takes_its_share_only() {
        let mut bed = Bed::new(1_000);
        bed.connect(HERE, false);
        for _ in 0..HTTP_CONNECTIONS_PER_PEER_MAX + 5 {
            bed.connect(THERE, false);
        }
        let of_there =
            bed.connections.open.iter().filter(|open| open.standing.peer == THERE).count();
        assert_eq!(of_there, HTTP_CONNECTIONS_PER_PEER_MAX);
        assert_eq!(bed.open().first(), Some(&0), "others are left alone");
    }
}
