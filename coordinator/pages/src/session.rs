//! Sessions of browsers, each known by a cookie *and* a second secret.
//!
//! A cookie alone opens nothing: cookies do not know ports, and another program on this machine could read ours.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use muster_protocol::limits::{
    CONSOLE_GUESSERS_MAX, CONSOLE_GUESSES_MAX, CONSOLE_SESSION_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX,
    CONSOLE_SESSIONS_MAX,
};

use crate::secret::{self, Print};

/// The header with the session's second secret; in an answer it says that the session is over.
pub const SECRET: HeaderName = HeaderName::from_static("x-muster-console");
/// What that header says in an answer.
pub const OVER: &str = "session-over";

/// The time within which wrong guesses are counted.
const GUESSES_WITHIN: Duration = Duration::from_mins(1);

/// Returns the second secret that a request carries.
pub fn second(headers: &HeaderMap) -> &str {
    headers.get(SECRET).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Why a code, a token, or the secrets of a session, open nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// They are wrong, or too old.
    Wrong,
    /// Too many others were wrong within a minute.
    TooManyGuesses,
}

/// The two secrets of a new session.
#[derive(Debug)]
pub struct Keys {
    /// What the cookie holds.
    pub cookie: String,
    /// What each request carries in the header [`SECRET`].
    pub secret: String,
}

/// Sessions, each opened by an `Owner`; wrong secrets are counted by the `Peer` that they come from.
#[derive(Debug)]
pub struct Sessions<Owner, Peer> {
    /// The oldest first.
    open: Vec<Session<Owner>>,
    wrong_secrets: Guesses<Peer>,
}

/// Digests of the two secrets of a session, and its times.
#[derive(Debug)]
struct Session<Owner> {
    owner: Owner,
    cookie: Print,
    secret: Print,
    began: Instant,
    /// When it was last used.
    used: Instant,
}

impl<Owner, Peer> Default for Sessions<Owner, Peer> {
    fn default() -> Self {
        Self { open: Vec::new(), wrong_secrets: Guesses::default() }
    }
}

impl<Owner: PartialEq, Peer: PartialEq> Sessions<Owner, Peer> {
    /// Begins a session. Where its owner has too many, the oldest of them ends.
    pub fn begin(&mut self, owner: Owner, now: Instant) -> Result<Keys, getrandom::Error> {
        self.drop_old(now);
        let keys = Keys { cookie: secret::make()?, secret: secret::make()? };
        if self.open.iter().filter(|one| one.owner == owner).count() >= CONSOLE_SESSIONS_MAX
            && let Some(at) = self.open.iter().position(|one| one.owner == owner)
        {
            self.open.remove(at);
        }
        let (cookie, secret) = (secret::print(&keys.cookie), secret::print(&keys.secret));
        self.open.push(Session { owner, cookie, secret, began: now, used: now });
        Ok(keys)
    }

    /// Lets a request of a session that is open through; returns who opened it. Wrong guesses of others do not shut it
    /// out.
    pub fn admit(
        &mut self,
        cookies: &[&str],
        secret: &str,
        peer: Peer,
        now: Instant,
    ) -> Result<&Owner, Denied> {
        self.drop_old(now);
        let at = self.position(cookies, secret);
        match at.and_then(|at| self.open.get_mut(at)) {
            Some(session) => {
                session.used = now;
                Ok(&session.owner)
            }
            // Nothing was guessed: a page without a session says so, as often as it likes.
            None if secret.is_empty() => Err(Denied::Wrong),
            None => Err(self.wrong_secrets.count(peer, now)),
        }
    }

    /// Ends a session.
    pub fn close(&mut self, cookies: &[&str], secret: &str) {
        if let Some(at) = self.position(cookies, secret) {
            self.open.remove(at);
        }
    }

    /// Ends the sessions that were not used for too long, and those that began too long ago.
    fn drop_old(&mut self, now: Instant) {
        let (idle, life) = (CONSOLE_SESSION_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX);
        let (idle, life) = (Duration::from_millis(idle), Duration::from_millis(life));
        self.open.retain(|session| {
            now.duration_since(session.used) < idle && now.duration_since(session.began) < life
        });
    }

    fn position(&self, cookies: &[&str], secret: &str) -> Option<usize> {
        let secret = secret::print(secret);
        let cookies: Vec<Print> = cookies.iter().map(|cookie| secret::print(cookie)).collect();
        self.open.iter().position(|one| one.secret == secret && cookies.contains(&one.cookie))
    }
}

/// When the latest wrong guesses were made and by which peer, the oldest first.
#[derive(Debug)]
pub struct Guesses<Peer>(VecDeque<(Instant, Peer)>);

impl<Peer> Default for Guesses<Peer> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<Peer: PartialEq> Guesses<Peer> {
    /// Returns whether a peer made too many within a minute.
    pub fn are_too_many(&mut self, peer: &Peer, now: Instant) -> bool {
        self.0.retain(|(guessed, _)| now.duration_since(*guessed) < GUESSES_WITHIN);
        self.0.iter().filter(|(_, by)| by == peer).count() >= CONSOLE_GUESSES_MAX
    }

    /// Counts one; returns why it is refused.
    pub fn count(&mut self, peer: Peer, now: Instant) -> Denied {
        if self.are_too_many(&peer, now) {
            return Denied::TooManyGuesses;
        }
        if self.0.len() >= CONSOLE_GUESSERS_MAX * CONSOLE_GUESSES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, peer));
        Denied::Wrong
    }
}

#[cfg(test)]
mod tests;
