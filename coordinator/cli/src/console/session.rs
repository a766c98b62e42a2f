//! Who may ask: a code in the address becomes a session, which is known by a cookie *and* a second secret.
//!
//! A cookie alone opens nothing: cookies do not know ports, and another program on this machine could read ours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_protocol::limits::{
    CONSOLE_CODE_MS_MAX, CONSOLE_GUESSES_MAX, CONSOLE_SESSION_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX,
    CONSOLE_SESSIONS_MAX,
};

use super::Console;
use super::answer::{self, Refusal, SECRET};
use super::secret::{self, Print};
use super::views::Exchange;
use crate::failure::Failure;

/// The time within which wrong guesses are counted.
const GUESSES_WITHIN: Duration = Duration::from_mins(1);

/// Every session, and the code that makes the next one.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    code: Option<(Print, Instant)>,
    /// The oldest first.
    open: Vec<Session>,
    wrong_codes: Guesses,
    wrong_secrets: Guesses,
}

/// Digests of the two secrets of a session, and its times.
#[derive(Debug)]
struct Session {
    cookie: Print,
    secret: Print,
    began: Instant,
    /// When it was last used.
    used: Instant,
}

/// When the latest wrong guesses were made, the oldest first.
#[derive(Debug, Default)]
struct Guesses(VecDeque<Instant>);

impl Guesses {
    /// Returns whether there were too many within a minute.
    fn are_too_many(&mut self, now: Instant) -> bool {
        self.0.retain(|guessed| now.duration_since(*guessed) < GUESSES_WITHIN);
        self.0.len() >= CONSOLE_GUESSES_MAX
    }

    /// Counts one; returns why it is refused.
    fn count(&mut self, now: Instant) -> Denied {
        if self.are_too_many(now) {
            return Denied::TooManyGuesses;
        }
        self.0.push_back(now);
        Denied::Wrong
    }
}

/// Why a code, or the secrets of a session, open nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// They are wrong, or too old.
    Wrong,
    /// Too many others were wrong within a minute.
    TooManyGuesses,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Wrong => Self::session(),
            Denied::TooManyGuesses => Self::guesses(),
        }
    }
}

/// The two secrets of a new session.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) cookie: String,
    pub(super) secret: String,
}

impl Sessions {
    /// Makes a code. One that was not used yet no longer works.
    pub(super) fn new_code(&mut self, now: Instant) -> Result<String, Failure> {
        let code = secret::make()?;
        let until = now + Duration::from_millis(CONSOLE_CODE_MS_MAX);
        self.code = Some((secret::print(&code), until));
        Ok(code)
    }

    /// Makes a session of a code, once. While there are too many wrong codes not even a right one is looked at.
    pub(super) fn exchange(
        &mut self,
        code: &str,
        now: Instant,
    ) -> Result<Result<Keys, Denied>, Failure> {
        if self.wrong_codes.are_too_many(now) {
            return Ok(Err(Denied::TooManyGuesses));
        }
        let print = secret::print(code);
        if !self.code.is_some_and(|(known, until)| known == print && now < until) {
            return Ok(Err(self.wrong_codes.count(now)));
        }
        self.code = None;
        self.drop_old(now);
        let keys = Keys { cookie: secret::make()?, secret: secret::make()? };
        if self.open.len() >= CONSOLE_SESSIONS_MAX {
            self.open.remove(0);
        }
        let (cookie, secret) = (secret::print(&keys.cookie), secret::print(&keys.secret));
        self.open.push(Session { cookie, secret, began: now, used: now });
        Ok(Ok(keys))
    }

    /// Lets a request of a session that is open through. Wrong guesses of others do not shut it out.
    pub(super) fn admit(
        &mut self,
        cookies: &[&str],
        secret: &str,
        now: Instant,
    ) -> Result<(), Denied> {
        self.drop_old(now);
        let at = self.position(cookies, secret);
        match at.and_then(|at| self.open.get_mut(at)) {
            Some(session) => {
                session.used = now;
                Ok(())
            }
            // Nothing was guessed: a page without a session says so, as often as it likes.
            None if secret.is_empty() => Err(Denied::Wrong),
            None => Err(self.wrong_secrets.count(now)),
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

    /// Ends a session.
    pub(super) fn close(&mut self, cookies: &[&str], secret: &str) {
        if let Some(at) = self.position(cookies, secret) {
            self.open.remove(at);
        }
    }

    fn position(&self, cookies: &[&str], secret: &str) -> Option<usize> {
        let secret = secret::print(secret);
        let cookies: Vec<Print> = cookies.iter().map(|cookie| secret::print(cookie)).collect();
        self.open.iter().position(|one| one.secret == secret && cookies.contains(&one.cookie))
    }
}

/// Returns the cookies of a name that a request carries: another program of this machine may have set one, too.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).collect()
}

/// Returns the second secret that a request carries.
pub(super) fn second(headers: &HeaderMap) -> &str {
    headers.get(SECRET).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `POST /console/session`
pub(super) async fn open(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    let Exchange { code } = answer::posted(request).await?;
    let keys = super::lock(&console.sessions).exchange(&code, Instant::now())?;
    let Keys { cookie, secret } = keys?;
    let mut view = console.blocking(|console| Ok(console.view())).await?;
    view.secret = Some(secret);
    let mut response = answer::ok(&view);
    set_cookie(&console, &mut response, &cookie, "");
    Ok(response)
}

/// `GET /console/session`
pub(super) async fn show(State(console): State<Arc<Console>>) -> Result<Response, Refusal> {
    let view = console.blocking(|console| Ok(console.view())).await?;
    Ok(answer::ok(&view))
}

/// `DELETE /console/session`
pub(super) async fn close(State(console): State<Arc<Console>>, request: Request) -> Response {
    let headers = request.headers();
    let cookies = cookies(headers, &console.cookie_name());
    super::lock(&console.sessions).close(&cookies, second(headers));
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&console, &mut response, "", "; Max-Age=0");
    response
}

fn set_cookie(console: &Console, response: &mut Response, value: &str, more: &str) {
    let name = console.cookie_name();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{more}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(sessions: &mut Sessions, cookies: &[&str], secret: &str) -> bool {
        sessions.admit(cookies, secret, Instant::now()).is_ok()
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_or_old() {
        let (idle, life) = (CONSOLE_SESSION_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX);
        let (idle, life) = (Duration::from_millis(idle), Duration::from_millis(life));
        let (mut sessions, began) = (Sessions::default(), Instant::now());
        let code = sessions.new_code(began).unwrap();
        let keys = sessions.exchange(&code, began).unwrap().unwrap();
        let mut used = began;
        while used + idle / 2 < began + life {
            used += idle / 2;
            assert!(sessions.admit(&[&keys.cookie], &keys.secret, used).is_ok(), "it is used");
        }
        assert!(sessions.admit(&[&keys.cookie], &keys.secret, began + life).is_err(), "a day");
        let code = sessions.new_code(began).unwrap();
        let keys = sessions.exchange(&code, began).unwrap().unwrap();
        assert!(sessions.admit(&[&keys.cookie], &keys.secret, began + idle).is_err(), "unused");
    }

    #[test]
    fn guesses_are_counted_for_a_minute() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let code = sessions.new_code(now).unwrap();
        let keys = sessions.exchange(&code, now).unwrap().unwrap();
        let code = sessions.new_code(now).unwrap();
        for _ in 0..CONSOLE_GUESSES_MAX {
            assert_eq!(sessions.exchange("guess", now).unwrap().unwrap_err(), Denied::Wrong);
            assert_eq!(sessions.admit(&[&keys.cookie], "guess", now), Err(Denied::Wrong));
        }
        let denied = Denied::TooManyGuesses;
        assert_eq!(sessions.exchange(&code, now).unwrap().unwrap_err(), denied, "even a right one");
        assert_eq!(sessions.admit(&[&keys.cookie], "guess", now), Err(denied));
        assert_eq!(sessions.admit(&[&keys.cookie], &keys.secret, now), Ok(()), "it goes on");
        assert_eq!(sessions.admit(&[], "", now), Err(Denied::Wrong), "nothing was guessed");
        assert!(sessions.exchange(&code, now + GUESSES_WITHIN).unwrap().is_ok(), "a minute later");
    }

    #[test]
    fn a_code_works_once_and_for_five_minutes() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        assert!(sessions.exchange("", now).unwrap().is_err(), "there is none yet");
        let late = now + Duration::from_millis(CONSOLE_CODE_MS_MAX);
        let code = sessions.new_code(now).unwrap();
        assert_eq!(code.len(), 64, "256 bits");
        assert!(sessions.exchange(&code, late).unwrap().is_err(), "too late");
        assert!(sessions.exchange("guessed", now).unwrap().is_err());
        assert!(sessions.exchange(&code, now).unwrap().is_ok(), "a wrong guess spoils nothing");
        assert!(sessions.exchange(&code, now).unwrap().is_err(), "once");
        let (old, new) = (sessions.new_code(now).unwrap(), sessions.new_code(now).unwrap());
        assert!(sessions.exchange(&old, now).unwrap().is_err(), "only the last one");
        assert!(sessions.exchange(&new, now).unwrap().is_ok());
    }

    #[test]
    fn a_session_wants_both_of_its_secrets() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let mut opened = || {
            let code = sessions.new_code(now).unwrap();
            sessions.exchange(&code, now).unwrap().unwrap()
        };
        let (a, b) = (opened(), opened());
        assert!(is_open(&mut sessions, &["other", &a.cookie], &a.secret));
        assert!(!is_open(&mut sessions, &[&a.cookie], ""));
        assert!(!is_open(&mut sessions, &[], &a.secret));
        assert!(!is_open(&mut sessions, &[&a.cookie], &b.secret), "of two sessions");
        sessions.close(&[&a.cookie], &b.secret);
        assert!(is_open(&mut sessions, &[&a.cookie], &a.secret));
        sessions.close(&[&a.cookie], &a.secret);
        assert!(!is_open(&mut sessions, &[&a.cookie], &a.secret));
        for _ in 0..CONSOLE_SESSIONS_MAX {
            let code = sessions.new_code(now).unwrap();
            sessions.exchange(&code, now).unwrap().unwrap();
        }
        assert!(!is_open(&mut sessions, &[&b.cookie], &b.secret), "the oldest one is over");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; muster-7412=x;muster-74=y"));
        headers.append(COOKIE, HeaderValue::from_static("muster-7412=z"));
        assert_eq!(cookies(&headers, "muster-7412"), ["x", "z"]);
    }
}
