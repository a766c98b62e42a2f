//! Who may come in: the `Host` header and the bearer token.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use muster_pages::secret::{self, Print};
use std::sync::Arc;

use super::error::ApiError;
use super::hosted::Hosted;
use super::listen::Standing;
use crate::config::Only;

/// Where the API lies.
const API: &str = "/api/v1";
/// What a token for reading may post: it changes nothing.
const PREVIEW: &str = "/targets/preview";

/// What the guard knows: digests of tokens, names of hosts, sessions of pages.
#[derive(Debug)]
pub struct Guard {
    tokens: Vec<(String, Print, Option<Only>)>,
    hosts: Vec<String>,
    /// Where the console is hosted.
    hosted: Option<Arc<Hosted>>,
}

/// Whose token came with a request.
#[derive(Debug, Clone)]
pub struct Caller(pub String);

impl Guard {
    /// Takes token names with SHA-256 digests and what they are confined to, the host names that are allowed beside
    /// the loopback ones, and the sessions of pages where the console is hosted.
    pub fn new(
        tokens: Vec<(String, Print, Option<Only>)>,
        hosts: Vec<String>,
        hosted: Option<Arc<Hosted>>,
    ) -> Self {
        Self { tokens, hosts, hosted }
    }

    /// Returns whose token has a digest and what it is confined to.
    pub(super) fn owner(&self, token: &Print) -> Option<(&str, Option<Only>)> {
        let found = self.tokens.iter().find(|(_, known, _)| known == token);
        found.map(|(name, _, only)| (name.as_str(), *only))
    }

    /// Returns whose token it is and what it is confined to. Digests are compared, so the time it takes tells nothing of
    /// the token.
    fn known(&self, authorization: Option<&str>) -> Result<(&str, Option<Only>), ApiError> {
        let text = authorization.ok_or_else(|| ApiError::token("there is none"))?;
        let token =
            text.strip_prefix("Bearer ").ok_or_else(|| ApiError::token("not a bearer token"))?;
        self.owner(&secret::print(token.trim()))
            .ok_or_else(|| ApiError::token("it is not known here"))
    }

    /// Returns who may make a request of the API.
    fn caller(
        &self,
        authorization: Option<&str>,
        method: &Method,
        path: &str,
    ) -> Result<Caller, ApiError> {
        match self.known(authorization)? {
            (name, None) => Ok(Caller(name.to_owned())),
            (name, Some(Only::Read)) if is_read(method, path) => Ok(Caller(name.to_owned())),
            (name, Some(Only::Read)) => Err(ApiError::refused(
                "the coordinator refuses the token",
                format!("the token {name:?} is for reading only"),
                "use an operator's token: --token-file, MUSTER_TOKEN_FILE or MUSTER_DIR",
            )),
            (name, Some(Only::Metrics)) => Err(confined_to_metrics(name)),
        }
    }

    /// A page of elsewhere that got its name to resolve to this address must not be served.
    fn is_host_known(&self, host: &str) -> bool {
        is_loopback(host) || self.hosts.iter().any(|known| known == host_name(host))
    }
}

/// Returns whether a `Host` header names this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    matches!(host_name(host), "localhost" | "127.0.0.1" | "[::1]")
}

/// Returns a `Host` header without its port.
fn host_name(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host }
    })
}

/// Refuses a token that opens `/metrics` and nothing else.
pub(super) fn confined_to_metrics(name: &str) -> ApiError {
    ApiError::refused(
        "the coordinator refuses the token",
        format!("the token {name:?} is for /metrics only"),
        "use an operator's token: --token-file, MUSTER_TOKEN_FILE or MUSTER_DIR",
    )
}

/// Returns whether a request changes nothing: it reads, or asks whom a target would mean.
pub(super) fn is_read(method: &Method, path: &str) -> bool {
    let path = path.strip_prefix(API).unwrap_or(path);
    method == Method::GET || method == Method::POST && path == PREVIEW
}

/// Lets only known hosts in.
pub async fn host(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if guard.is_host_known(host) {
        return next.run(request).await;
    }
    let error = ApiError::refused(
        "the coordinator does not answer to this name",
        format!("Host is {host:?}"),
        "add the name to `hosts` in coordinator.toml",
    );
    error.into_response()
}

/// Notes that the client has shown a token: its connection is not the first to give way.
pub(super) fn show_token(request: &Request) {
    if let Some(standing) = request.extensions().get::<Arc<Standing>>() {
        standing.show_token();
    }
}

fn authorization(request: &Request) -> Option<&str> {
    request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok())
}

/// Lets whoever has any token read.
pub async fn any_token(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.known(authorization(&request)) {
        Ok(_) => {
            show_token(&request);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// Lets only callers in whose token is for this request, and says who it is. Where the console is hosted, a session of
/// its pages stands for a token, for reading.
pub async fn token(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let authorization = authorization(&request);
    if let (Some(hosted), None) = (&guard.hosted, authorization)
        && hosted.is_meant(request.headers())
    {
        return hosted.pass(&guard, request, next).await;
    }
    match guard.caller(authorization, request.method(), request.uri().path()) {
        Ok(caller) => passed(caller, request, next).await,
        Err(error) => error.into_response(),
    }
}

/// Has a request answered on behalf of a caller.
pub(super) async fn passed(caller: Caller, mut request: Request, next: Next) -> Response {
    show_token(&request);
    request.extensions_mut().insert(caller);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn only_known_tokens() {
        let of =
            |name: &str, secret: &str, only| (name.to_owned(), Sha256::digest(secret).into(), only);
        let tokens = vec![of("ada", "secret", None), of("p", "less", Some(Only::Metrics))];
        let guard = Guard::new(tokens, vec![], None);
        let caller = |authorization| guard.caller(authorization, &Method::POST, "/requests");
        assert_eq!(caller(Some("Bearer secret")).unwrap().0, "ada");
        for bad in [None, Some(""), Some("secret"), Some("Bearer "), Some("Bearer Secret")] {
            assert!(caller(bad).is_err() && guard.known(bad).is_err(), "{bad:?}");
        }
        assert_eq!(guard.known(Some("Bearer less")).unwrap().0, "p");
        let metrics = guard.caller(Some("Bearer less"), &Method::GET, "/fleet");
        assert!(metrics.is_err(), "it is for /metrics only");
    }

    #[test]
    fn only_known_hosts() {
        let guard = Guard::new(vec![], vec!["muster.example.net".into()], None);
        for good in ["localhost:7411", "127.0.0.1", "[::1]:7411", "muster.example.net:80"] {
            assert!(guard.is_host_known(good), "{good}");
        }
        for bad in ["", "evil.example", "127.0.0.1.evil.example:7411", "localhost:x"] {
            assert!(!guard.is_host_known(bad), "{bad}");
        }
    }
}
