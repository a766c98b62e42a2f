//! Who may ask: a code in the address becomes a session, which is known by a cookie *and* a second secret.
//!
//! A cookie alone opens nothing: cookies do not know ports, and another program on this machine could read ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_protocol::limits::{CONSOLE_CODE_MS_MAX, CONSOLE_SESSIONS_MAX};

use super::Console;
use super::answer::{self, Refusal, SECRET};
use super::secret::{self, Print};
use super::views::Exchange;
use crate::failure::Failure;

/// Every session, and the code that makes the next one.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    code: Option<(Print, Instant)>,
    /// The oldest first.
    open: Vec<Session>,
}

/// Digests of the two secrets of a session.
#[derive(Debug)]
struct Session {
    cookie: Print,
    secret: Print,
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

    /// Makes a session of a code, once.
    pub(super) fn exchange(&mut self, code: &str, now: Instant) -> Result<Option<Keys>, Failure> {
        let Some((print, until)) = self.code else { return Ok(None) };
        if print != secret::print(code) || now >= until {
            return Ok(None);
        }
        self.code = None;
        let keys = Keys { cookie: secret::make()?, secret: secret::make()? };
        if self.open.len() >= CONSOLE_SESSIONS_MAX {
            self.open.remove(0);
        }
        let (cookie, secret) = (secret::print(&keys.cookie), secret::print(&keys.secret));
        self.open.push(Session { cookie, secret });
        Ok(Some(keys))
    }

    /// Returns whether a session has both secrets.
    pub(super) fn is_open(&self, cookies: &[&str], secret: &str) -> bool {
        self.position(cookies, secret).is_some()
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
    let Keys { cookie, secret } = keys.ok_or_else(Refusal::session)?;
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

    #[test]
    fn a_code_works_once_and_for_five_minutes() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        assert!(sessions.exchange("", now).unwrap().is_none(), "there is none yet");
        let late = now + Duration::from_millis(CONSOLE_CODE_MS_MAX);
        let code = sessions.new_code(now).unwrap();
        assert_eq!(code.len(), 64, "256 bits");
        assert!(sessions.exchange(&code, late).unwrap().is_none(), "too late");
        assert!(sessions.exchange("guessed", now).unwrap().is_none());
        assert!(sessions.exchange(&code, now).unwrap().is_some(), "a wrong guess spoils nothing");
        assert!(sessions.exchange(&code, now).unwrap().is_none(), "once");
        let (old, new) = (sessions.new_code(now).unwrap(), sessions.new_code(now).unwrap());
        assert!(sessions.exchange(&old, now).unwrap().is_none(), "only the last one");
        assert!(sessions.exchange(&new, now).unwrap().is_some());
    }

    #[test]
    fn a_session_wants_both_of_its_secrets() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let mut opened = || {
            let code = sessions.new_code(now).unwrap();
            sessions.exchange(&code, now).unwrap().unwrap()
        };
        let (a, b) = (opened(), opened());
        assert!(sessions.is_open(&["other", &a.cookie], &a.secret));
        assert!(!sessions.is_open(&[&a.cookie], ""));
        assert!(!sessions.is_open(&[], &a.secret));
        assert!(!sessions.is_open(&[&a.cookie], &b.secret), "of two sessions");
        sessions.close(&[&a.cookie], &b.secret);
        assert!(sessions.is_open(&[&a.cookie], &a.secret));
        sessions.close(&[&a.cookie], &a.secret);
        assert!(!sessions.is_open(&[&a.cookie], &a.secret));
        for _ in 0..CONSOLE_SESSIONS_MAX {
            let code = sessions.new_code(now).unwrap();
            sessions.exchange(&code, now).unwrap().unwrap();
        }
        assert!(!sessions.is_open(&[&b.cookie], &b.secret), "the oldest one is over");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; muster-7412=x;muster-74=y"));
        headers.append(COOKIE, HeaderValue::from_static("muster-7412=z"));
        assert_eq!(cookies(&headers, "muster-7412"), ["x", "z"]);
    }
}
