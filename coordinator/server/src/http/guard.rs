//! Who may come in: the `Host` header and the bearer token.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use muster_pages::secret::{self, Print};
use muster_protocol::clock::Clock;
use std::sync::Arc;

use super::error::ApiError;
use super::hosted::Hosted;
use super::listen::Standing;
use crate::tokens::{Known, Role};

/// Where the API lies.
const API: &str = "/api/v1";
/// What a viewer may post: it changes nothing.
const PREVIEW: &str = "/targets/preview";

/// What the guard knows: digests of tokens, names of hosts, sessions of pages.
#[derive(Debug)]
pub struct Guard {
    tokens: Vec<Known>,
    hosts: Vec<String>,
    /// Where the console is hosted.
    hosted: Option<Arc<Hosted>>,
    clock: Clock,
}

/// Whose token came with a request.
#[derive(Debug, Clone)]
pub struct Caller(pub String);

impl Guard {
    /// Takes the tokens, the host names that are allowed beside the loopback ones, and the sessions of pages where the
    /// console is hosted.
    pub fn new(
        tokens: Vec<Known>,
        hosts: Vec<String>,
        hosted: Option<Arc<Hosted>>,
        clock: Clock,
    ) -> Self {
        Self { tokens, hosts, hosted, clock }
    }

    /// Returns the token with a digest, while it counts.
    pub(super) fn owner(&self, print: &Print) -> Option<&Known> {
        self.tokens.iter().find(|known| known.print == *print && !known.is_over(self.clock.now()))
    }

    /// Returns which token it is. Digests are compared, so the time it takes tells nothing of the token.
    fn known(&self, authorization: Option<&str>) -> Result<&Known, ApiError> {
        let text = authorization.ok_or_else(|| ApiError::token("there is none"))?;
        let token =
            text.strip_prefix("Bearer ").ok_or_else(|| ApiError::token("not a bearer token"))?;
        let print = secret::print(token.trim());
        let found = self.tokens.iter().find(|known| known.print == print);
        let found = found.ok_or_else(|| ApiError::token("it is not known here"))?;
        match found.not_after.filter(|_| found.is_over(self.clock.now())) {
            Some(until) => {
                Err(ApiError::token(format!("the token {:?} ended at {until}", found.name)))
            }
            None => Ok(found),
        }
    }

    /// Returns who may make a request of the API.
    fn caller(
        &self,
        authorization: Option<&str>,
        method: &Method,
        path: &str,
    ) -> Result<Caller, ApiError> {
        let Known { name, role, .. } = self.known(authorization)?;
        let needed = needs(method, path);
        match role {
            Role::Metrics => Err(confined_to_metrics(name)),
            role if *role >= needed => Ok(Caller(name.clone())),
            role => Err(ApiError::refused(
                "the coordinator refuses the token",
                format!("the token {name:?} is {}'s, and this needs {}'s", one(*role), one(needed)),
                "use another token: --token-file, MUSTER_TOKEN_FILE or MUSTER_DIR; \
                 `role` in [[tokens]] of coordinator.toml",
            )),
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
    needs(method, path) == Role::Viewer
}

/// Returns the least role that may make a request.
fn needs(method: &Method, path: &str) -> Role {
    let path = path.strip_prefix(API).unwrap_or(path);
    let of_agent =
        path.strip_prefix("/agents").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match () {
        () if method == Method::GET || method == Method::POST && path == PREVIEW => Role::Viewer,
        // Who is in the fleet, and what is kept of it.
        () if of_agent.is_some() || path == "/doctor/rebuild" => Role::Admin,
        () => Role::Operator,
    }
}

const fn one(role: Role) -> &'static str {
    match role {
        Role::Metrics => "a scraper",
        Role::Viewer => "a viewer",
        Role::Operator => "an operator",
        Role::Admin => "an admin",
    }
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
    use muster_protocol::clock::Timestamp;
    use sha2::{Digest, Sha256};

    use super::*;

    fn known(name: &str, secret: &str, role: Role) -> Known {
        let print = Sha256::digest(secret).into();
        Known { name: name.to_owned(), print, role, not_after: None }
    }

    #[test]
    fn only_known_tokens() {
        let ended = Known { not_after: Some(Timestamp(1)), ..known("old", "past", Role::Admin) };
        let tokens =
            vec![known("ada", "secret", Role::Operator), known("p", "less", Role::Metrics), ended];
        let guard = Guard::new(tokens, vec![], None, Clock::system());
        let caller = |authorization| guard.caller(authorization, &Method::POST, "/requests");
        assert_eq!(caller(Some("Bearer secret")).unwrap().0, "ada");
        for bad in [
            None,
            Some(""),
            Some("secret"),
            Some("Bearer "),
            Some("Bearer Secret"),
            Some("Bearer past"),
        ] {
            assert!(caller(bad).is_err() && guard.known(bad).is_err(), "{bad:?}");
        }
        assert!(guard.owner(&secret::print("past")).is_none(), "nor does it open a session");
        assert_eq!(guard.known(Some("Bearer less")).unwrap().name, "p");
        let metrics = guard.caller(Some("Bearer less"), &Method::GET, "/fleet");
        assert!(metrics.is_err(), "it is for /metrics only");
    }

    #[test]
    fn each_role_may_do_what_it_is_for() {
        let roles = [Role::Viewer, Role::Operator, Role::Admin];
        let tokens = roles.map(|role| known(role.as_str(), role.as_str(), role));
        let guard = Guard::new(tokens.to_vec(), vec![], None, Clock::system());
        // Every request that changes something needs a line here: the document lists them all.
        let changing = [
            ("/requests", Role::Operator),
            ("/lists", Role::Operator),
            ("/symbols", Role::Operator),
            ("/agents", Role::Admin),
            ("/agents/{id}/revoke", Role::Admin),
            ("/agents/{id}/quarantine", Role::Admin),
            ("/agents/{id}/release", Role::Admin),
            ("/doctor/rebuild", Role::Admin),
            (PREVIEW, Role::Viewer),
        ];
        let document: serde_json::Value = serde_json::from_str(muster_api::OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        for (path, verbs) in paths {
            for method in verbs.as_object().unwrap().keys().filter(|method| *method != "get") {
                let path = path.strip_prefix(API).unwrap_or(path);
                let listed = changing.iter().find(|(known, _)| *known == path);
                let (_, least) = listed.unwrap_or_else(|| panic!("{method} {path} has no role"));
                for role in roles {
                    let bearer = format!("Bearer {}", role.as_str());
                    let method = method.to_uppercase().parse().unwrap();
                    let may = guard.caller(Some(&bearer), &method, path).is_ok();
                    assert_eq!(may, role >= *least, "{method} {path} by {role:?}");
                    guard.caller(Some(&bearer), &Method::GET, path).unwrap();
                }
            }
        }
    }

    #[test]
    fn only_known_hosts() {
        let guard = Guard::new(vec![], vec!["muster.example.net".into()], None, Clock::system());
        for good in ["localhost:7411", "127.0.0.1", "[::1]:7411", "muster.example.net:80"] {
            assert!(guard.is_host_known(good), "{good}");
        }
        for bad in ["", "evil.example", "127.0.0.1.evil.example:7411", "localhost:x"] {
            assert!(!guard.is_host_known(bad), "{bad}");
        }
    }
}
