//! Who may ask: a code in the address becomes a session, which is known by a cookie *and* a second secret.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use muster_pages::secret::{self, Print};
use muster_pages::session::{self, Denied, Guesses, Keys, second};
use muster_protocol::limits::CONSOLE_CODE_MS_MAX;

use super::Console;
use super::answer::{self, Refusal};
use super::views::Exchange;
use crate::failure::Failure;

/// Every session, and the code that makes the next one. All are of one operator and this machine.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    code: Option<(Print, Instant)>,
    open: session::Sessions<(), ()>,
    wrong_codes: Guesses<()>,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Wrong => Self::session(),
            Denied::TooManyGuesses => Self::guesses(),
        }
    }
}

impl Sessions {
    /// Makes a code. One that was not used yet no longer works.
    pub(super) fn new_code(&mut self, now: Instant) -> Result<String, Failure> {
        let code = super::new_secret()?;
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
        if self.wrong_codes.are_too_many(&(), now) {
            return Ok(Err(Denied::TooManyGuesses));
        }
        let print = secret::print(code);
        if !self.code.is_some_and(|(known, until)| known == print && now < until) {
            return Ok(Err(self.wrong_codes.count((), now)));
        }
        self.code = None;
        self.open.begin((), now).map(Ok).map_err(super::no_secret)
    }

    /// Lets a request of a session that is open through.
    pub(super) fn admit(
        &mut self,
        cookies: &[&str],
        secret: &str,
        now: Instant,
    ) -> Result<(), Denied> {
        self.open.admit(cookies, secret, (), now).copied()
    }
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
    console.cookie().set(response.headers_mut(), &cookie);
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
    let cookies = console.cookie().of(headers);
    super::lock(&console.sessions).open.close(&cookies, second(headers));
    let mut response = StatusCode::NO_CONTENT.into_response();
    console.cookie().clear(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use muster_protocol::limits::CONSOLE_GUESSES_MAX;

    use super::*;

    #[test]
    fn wrong_codes_are_counted_for_a_minute() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let code = sessions.new_code(now).unwrap();
        for _ in 0..CONSOLE_GUESSES_MAX {
            assert_eq!(sessions.exchange("guess", now).unwrap().unwrap_err(), Denied::Wrong);
        }
        let denied = Denied::TooManyGuesses;
        assert_eq!(sessions.exchange(&code, now).unwrap().unwrap_err(), denied, "even a right one");
        let later = now + Duration::from_mins(1);
        assert!(sessions.exchange(&code, later).unwrap().is_ok(), "a minute later");
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
}
