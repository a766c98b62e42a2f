//! Sessions of pages: who may read, and why a page is not answered.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use muster_pages::confine;
use muster_pages::cookie::Cookie;
use muster_pages::origin::{self, Foreign};
use muster_pages::secret::{self, Print};
use muster_pages::session::{Denied, Guesses, Keys, OVER, SECRET, Sessions, second};
use tracing::info;

use crate::http::error::ApiError;
use crate::http::guard::{self, Caller, Guard};
use crate::http::listen::Standing;
use crate::tokens::{Known, Role};

/// Says with what a session is opened: the pages are the same as those of `muster console`, which takes a code.
const OPENS_WITH: HeaderName = HeaderName::from_static("x-muster-opens-with");

/// Sessions of pages.
#[derive(Debug)]
pub struct Hosted {
    cookie: Cookie,
    scheme: &'static str,
    /// Each with the digest of the token that opened it.
    sessions: Mutex<Sessions<Print, IpAddr>>,
    wrong_tokens: Mutex<Guesses<IpAddr>>,
}

/// Why a page is not answered.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It has no session.
    Over(ApiError),
    /// All else.
    Other(ApiError),
}

impl Hosted {
    /// Returns one without sessions, for an API with TLS or without.
    pub fn new(has_tls: bool) -> Self {
        let (cookie, scheme) = if has_tls {
            (Cookie::secure("muster"), "https")
        } else {
            (Cookie::plain("muster".to_owned()), "http")
        };
        Self { cookie, scheme, sessions: Mutex::default(), wrong_tokens: Mutex::default() }
    }

    /// Returns whether a request comes from a page, as far as it says.
    pub(in crate::http) fn is_meant(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(SECRET) || !self.cookie.of(headers).is_empty()
    }

    /// Answers a request of the API that a page makes.
    pub(in crate::http) async fn pass(
        &self,
        guard: &Guard,
        request: Request,
        next: Next,
    ) -> Response {
        let mut response = match self.reader(guard, &request) {
            Ok(caller) => guard::passed(caller, request, next).await,
            Err(refusal) => refusal.into_response(),
        };
        confine::data(response.headers_mut());
        response
    }

    /// Returns who reads. There is no such thing as a session that writes.
    fn reader(&self, guard: &Guard, request: &Request) -> Result<Caller, Refusal> {
        let name = self.admit(guard, request)?;
        if guard::is_read(request.method(), request.uri().path()) {
            return Ok(Caller(name.to_owned()));
        }
        Err(Refusal::Other(ApiError::refused(
            "the hosted console only reads",
            "its pages come from the coordinator, which must not launch or change anything",
            "`muster console` on your own machine, or the command line",
        )))
    }

    /// Returns whose token opened the session of a request.
    pub(super) fn admit<'a>(
        &self,
        guard: &'a Guard,
        request: &Request,
    ) -> Result<&'a str, Refusal> {
        let headers = request.headers();
        self.own_address(headers)?;
        let cookies = self.cookie.of(headers);
        let token = *lock(&self.sessions)
            .admit(&cookies, second(headers), peer(request), Instant::now())
            .map_err(Refusal::from)?;
        // A session is worth what its token is worth now.
        guard.owner(&token).map(|known| known.name.as_str()).ok_or_else(|| Denied::Wrong.into())
    }

    /// Rejects what is not asked by our own page; returns its address.
    pub(super) fn own_address(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if self.scheme == "http" && !guard::is_loopback(host) {
            return Err(Refusal::Other(ApiError::refused(
                "the console is hosted over TLS only",
                format!("Host is {host:?}, and without TLS a token would travel in the clear"),
                "set cert and key in [tls] of coordinator.toml",
            )));
        }
        let own = format!("{}://{host}", self.scheme);
        origin::from_our_page(&own, headers)?;
        origin::as_data(headers)?;
        Ok(own)
    }

    /// Begins a session of a known token. While an address has sent too many wrong ones, not even a right one is looked at.
    pub(super) fn open(&self, guard: &Guard, token: &str, from: IpAddr) -> Result<Keys, Refusal> {
        let now = Instant::now();
        let mut wrong = lock(&self.wrong_tokens);
        if wrong.are_too_many(&from, now) {
            return Err(Denied::TooManyGuesses.into());
        }
        let token = secret::print(token.trim());
        let Some(Known { name, role, .. }) = guard.owner(&token) else {
            return Err(match wrong.count(from, now) {
                Denied::Wrong => Refusal::Over(ApiError::token("it is not known here")),
                Denied::TooManyGuesses => Denied::TooManyGuesses.into(),
            });
        };
        if *role == Role::Metrics {
            return Err(Refusal::Other(guard::confined_to_metrics(name)));
        }
        let keys = lock(&self.sessions).begin(token, now);
        let keys = keys.map_err(|error| Refusal::Other(ApiError::bug(error.to_string())))?;
        info!(token = name, peer = %from, "a session of the hosted console begins");
        Ok(keys)
    }

    /// Ends the session of a request, and has its browser forget the cookie.
    pub(super) fn close(&self, asked: &HeaderMap, answered: &mut HeaderMap) {
        lock(&self.sessions).close(&self.cookie.of(asked), second(asked));
        self.cookie.clear(answered);
    }

    /// Returns the cookie of a session.
    pub(super) fn cookie(&self) -> &Cookie {
        &self.cookie
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Over(match denied {
            Denied::Wrong => ApiError::session(),
            Denied::TooManyGuesses => ApiError::guesses(),
        })
    }
}

impl From<Foreign> for Refusal {
    fn from(foreign: Foreign) -> Self {
        let what = "only the console's own page may ask this";
        let next = "open the coordinator's address in a browser of the last years";
        Self::Other(ApiError::refused(what, foreign.to_string(), next))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (error, is_over) = match self {
            Self::Over(error) => (error, true),
            Self::Other(error) => (error, false),
        };
        let mut response = error.into_response();
        if is_over {
            let headers = response.headers_mut();
            headers.insert(SECRET, HeaderValue::from_static(OVER));
            headers.insert(OPENS_WITH, HeaderValue::from_static("token"));
        }
        response
    }
}

/// Returns the address that a request comes from.
pub(super) fn peer(request: &Request) -> IpAddr {
    let standing = request.extensions().get::<Arc<Standing>>();
    standing.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |standing| standing.peer)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use muster_protocol::clock::Clock;

    use super::*;

    #[test]
    fn a_session_is_over_when_its_token_is_gone() {
        let hosted = Arc::new(Hosted::new(false));
        let guard = |names: &[&str]| {
            let token = |name: &&str| {
                let (name, print) = ((*name).to_owned(), secret::print(name));
                Known { name, print, role: Role::Viewer, not_after: None }
            };
            let (tokens, hosted) = (names.iter().map(token).collect(), Arc::clone(&hosted));
            Guard::new(tokens, vec![], Some(hosted), Clock::system())
        };
        let (before, after) = (guard(&["ada", "bob"]), guard(&["bob"]));
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let opened = |name| {
            let Keys { cookie, secret } = hosted.open(&before, name, here).unwrap();
            let request = Request::builder().uri("/api/v1/agents");
            let request = request.header("Host", "127.0.0.1:7411");
            let request = request.header("Sec-Fetch-Site", "same-origin");
            let request = request.header("Sec-Fetch-Dest", "empty");
            let request = request.header("Cookie", format!("muster={cookie}"));
            request.header(SECRET, secret).body(axum::body::Body::empty()).unwrap()
        };
        let (ada, bob) = (opened("ada"), opened("bob"));
        assert_eq!(hosted.reader(&before, &ada).unwrap().0, "ada");
        assert!(matches!(hosted.reader(&after, &ada), Err(Refusal::Over(_))));
        assert_eq!(hosted.reader(&after, &bob).unwrap().0, "bob");
    }
}
