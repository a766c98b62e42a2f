//! A client of RabbitMQ's management API, bounded in time and size, for one virtual host.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use muster_broker::tls::{Distrust, NOT_TLS, Trouble};
use muster_broker::{AmqpError, Password};
use muster_protocol::limits;
use serde_json::Value;
use ureq::tls::TlsConfig;

use crate::config::Config;
use muster_api::tls;

/// The oldest RabbitMQ that has what the topology needs.
const OLDEST: (u32, u32) = (3, 10);

/// Why the management API did not do what it was asked. Three things a newcomer meets first have a
/// variant of their own; [`ManagementError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// There is no answer.
    #[error("no RabbitMQ management API at {url}: {cause}")]
    NoBroker {
        /// The configured address.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// What answers there has no certificate that is good for this name.
    #[error("the RabbitMQ management API at {url} is not trusted: {why}")]
    Untrusted {
        /// The configured address.
        url: String,
        /// Why not.
        why: Distrust,
    },
    /// The user is unknown, its password wrong, or it lacks the `administrator` tag.
    #[error("RabbitMQ refused user {user:?} ({cause})")]
    WrongPassword {
        /// The configured user.
        user: String,
        /// What the broker said.
        cause: String,
    },
    /// Older than 3.10.
    #[error("it is RabbitMQ {version}; 3.10 or newer is needed")]
    TooOld {
        /// What runs there.
        version: String,
    },
    /// The virtual host does not exist.
    #[error("RabbitMQ has no virtual host {vhost:?}")]
    NoVhost {
        /// The configured virtual host.
        vhost: String,
    },
    /// Anything else that it refused.
    #[error("RabbitMQ refused {what} with status {status}: {reason}")]
    Refused {
        /// Method and path.
        what: String,
        /// HTTP status.
        status: u16,
        /// Its reason.
        reason: String,
    },
    /// It answered, but not what this API answers.
    #[error("{what} was answered with something else than RabbitMQ's JSON: {cause}")]
    Unexpected {
        /// Method and path.
        what: String,
        /// What was wrong.
        cause: String,
    },
}

impl ManagementError {
    /// Returns what a person does next: the `try:` line of an error.
    pub fn hint(&self) -> String {
        match self {
            Self::NoBroker { .. } => {
                "start RabbitMQ with its plugin rabbitmq_management, or correct management_url in coordinator.toml".to_owned()
            }
            Self::Untrusted { why, .. } => match why {
                Distrust::UnknownAuthority => {
                    "name the file (PEM) of the authority that signed it as ca_file in [broker] of coordinator.toml"
                }
                Distrust::WrongName(_) => {
                    "use a name that the certificate holds in management_url of coordinator.toml, or have one made for this name"
                }
                Distrust::IsAuthority => {
                    "give RabbitMQ a certificate with CA:FALSE: docs/reference/config.md, TLS"
                }
                Distrust::Other(_) => "renew RabbitMQ's certificate; check both clocks",
            }
            .to_owned(),
            Self::WrongPassword { user, .. } => format!(
                "put {user}'s password into password_file; rabbitmqctl set_user_tags {user} administrator"
            ),
            Self::TooOld { .. } => "install RabbitMQ 3.10 or newer, best 4.x".to_owned(),
            Self::NoVhost { vhost } => format!("rabbitmqctl add_vhost {vhost}"),
            Self::Refused { .. } | Self::Unexpected { .. } => {
                "the log of RabbitMQ says more; muster broker status".to_owned()
            }
        }
    }
}

/// The version of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As it writes it.
    pub text: String,
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

impl Version {
    /// Reads `3.10.8`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('.').map(|word| word.parse::<u32>().ok());
        let (major, minor) = (words.next()??, words.next()??);
        Some(Self { text: text.to_owned(), major, minor })
    }

    /// Returns whether it is new enough.
    pub fn is_supported(&self) -> bool {
        (self.major, self.minor) >= OLDEST
    }
}

/// The client; clones share its connections.
#[derive(Clone)]
pub struct Management {
    http: ureq::Agent,
    url: String,
    user: String,
    password: Password,
    vhost: String,
    wait: Duration,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management")
            .field("url", &self.url)
            .field("user", &self.user)
            .field("vhost", &self.vhost)
            .finish_non_exhaustive()
    }
}

impl Management {
    /// Makes the client that a coordinator is configured for.
    pub fn of(config: &Config) -> Result<Self, AmqpError> {
        let (url, broker) = (&config.file.management_url, &config.file.broker);
        let trusted = tls::client(url, config.broker_ca().as_deref())
            .map_err(|error| AmqpError::Config(error.to_string()))?;
        let password = broker.password(&config.folder)?;
        Ok(Self::trusting(trusted, url, &broker.user, password, &broker.vhost))
    }

    /// Takes the address (`http://host:15672`), an administrator, and the virtual host of the fleet. Over https it
    /// would trust no server: that is for [`Management::of`].
    pub fn new(url: &str, user: &str, password: Password, vhost: &str) -> Self {
        Self::trusting(tls::nobody(), url, user, password, vhost)
    }

    fn trusting(
        trusted: TlsConfig,
        url: &str,
        user: &str,
        password: Password,
        vhost: &str,
    ) -> Self {
        let http = ureq::Agent::config_builder()
            .tls_config(trusted)
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .new_agent();
        Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            user: user.to_owned(),
            password,
            vhost: vhost.to_owned(),
            wait: Duration::from_millis(limits::MANAGEMENT_WAIT_MS_MAX),
        }
    }

    /// Returns the same client with a shorter wait, for calls that a person or a rhythm depends on.
    #[must_use]
    pub fn hurried(&self) -> Self {
        Self { wait: Duration::from_millis(limits::BROKER_LOOK_WAIT_MS_MAX), ..self.clone() }
    }

    /// Returns the virtual host.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Returns the virtual host as a segment of a path.
    pub(super) fn vhost_segment(&self) -> String {
        segment(&self.vhost)
    }

    /// Asks for the version; refuses what is too old and a virtual host that is not there.
    pub fn check(&self) -> Result<Version, ManagementError> {
        let overview = self.get("/api/overview")?.unwrap_or_default();
        let text = overview.get("rabbitmq_version").or(overview.get("management_version"));
        let text = text.and_then(Value::as_str).unwrap_or_default();
        let version = Version::parse(text).ok_or_else(|| ManagementError::Unexpected {
            what: "GET /api/overview".to_owned(),
            cause: format!("version {text:?}"),
        })?;
        if !version.is_supported() {
            return Err(ManagementError::TooOld { version: version.text });
        }
        match self.get(&format!("/api/vhosts/{}", self.vhost_segment()))? {
            Some(_) => Ok(version),
            None => Err(ManagementError::NoVhost { vhost: self.vhost.clone() }),
        }
    }

    /// Reads; `None` when there is no such thing.
    pub fn get(&self, path: &str) -> Result<Option<Value>, ManagementError> {
        self.call("GET", path, None)
    }

    /// Reads a health check: what fails is answered with 503 and the same kind of document.
    pub(super) fn health(&self, path: &str) -> Result<Value, ManagementError> {
        let what = format!("GET {path}");
        let (status, text) = self.send("GET", path, None)?;
        match status {
            503 => serde_json::from_str(&text)
                .map_err(|error| ManagementError::Unexpected { what, cause: error.to_string() }),
            _ => Ok(self.understood(what, status, &text)?.unwrap_or_default()),
        }
    }

    /// Makes or replaces.
    pub fn put(&self, path: &str, body: &Value) -> Result<(), ManagementError> {
        self.found("PUT", path, Some(body))
    }

    /// Adds.
    pub fn post(&self, path: &str, body: &Value) -> Result<(), ManagementError> {
        self.found("POST", path, Some(body))
    }

    /// Deletes; tells whether there was something.
    pub fn delete(&self, path: &str) -> Result<bool, ManagementError> {
        self.call("DELETE", path, None).map(|answer| answer.is_some())
    }

    fn unanswered(&self, error: &ureq::Error) -> ManagementError {
        let url = self.url.clone();
        let cause = match (tls::trouble(error), error) {
            (Some(Trouble::Distrust(why)), _) => return ManagementError::Untrusted { url, why },
            (Some(Trouble::NotTls), _) => NOT_TLS.to_owned(),
            (None, ureq::Error::Protocol(_)) => format!("{error}{MAYBE_TLS}"),
            (None, _) => error.to_string(),
        };
        ManagementError::NoBroker { url, cause }
    }

    fn found(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(), ManagementError> {
        match self.call(method, path, body)? {
            Some(_) => Ok(()),
            None => Err(ManagementError::Refused {
                what: format!("{method} {path}"),
                status: 404,
                reason: "not found".to_owned(),
            }),
        }
    }

    /// Calls; `None` for 404.
    fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, ManagementError> {
        let (status, text) = self.send(method, path, body)?;
        self.understood(format!("{method} {path}"), status, &text)
    }

    /// Sends a request and reads the whole answer.
    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), ManagementError> {
        let no_broker = |cause: String| ManagementError::NoBroker { url: self.url.clone(), cause };
        let login = BASE64.encode(format!("{}:{}", self.user, self.password.reveal()));
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Basic {login}"))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|error| no_broker(error.to_string()))?;
        let request = self.http.configure_request(request).timeout_global(Some(self.wait)).build();
        let mut answer = self.http.run(request).map_err(|error| self.unanswered(&error))?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(limits::MANAGEMENT_BODY_BYTES_MAX)
            .read_to_string()
            .map_err(|error| no_broker(error.to_string()))?;
        Ok((status, text))
    }

    /// Judges an answer; `None` for 404.
    fn understood(
        &self,
        what: String,
        status: u16,
        text: &str,
    ) -> Result<Option<Value>, ManagementError> {
        match status {
            200..=299 if text.is_empty() => Ok(Some(Value::Null)),
            200..=299 => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| ManagementError::Unexpected { what, cause: error.to_string() }),
            401 | 403 => {
                Err(ManagementError::WrongPassword { user: self.user.clone(), cause: reason(text) })
            }
            404 => Ok(None),
            _ => Err(ManagementError::Refused { what, status, reason: reason(text) }),
        }
    }
}

/// What else it may be when the answer is no HTTP.
const MAYBE_TLS: &str = "; if it speaks TLS, its address begins with https://";

/// Takes the reason out of an error document.
fn reason(text: &str) -> String {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let reason = document.get("reason").or(document.get("error"));
    let reason = reason.and_then(Value::as_str).unwrap_or(text);
    reason.chars().take(limits::TEXT_BYTES_MAX).collect()
}

/// Writes a name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let supported = |text| Version::parse(text).map(|version| version.is_supported());
        assert_eq!(supported("3.10.8"), Some(true));
        assert_eq!(supported("4.0.5"), Some(true));
        assert_eq!(supported("3.9.27"), Some(false));
        assert_eq!(supported("3.8.2+1.gabc"), Some(false));
        assert_eq!(supported("banana"), None);
    }

    #[test]
    fn a_vhost_is_one_segment() {
        assert_eq!(segment("/"), "%2F");
        assert_eq!(segment("a b/ü"), "a%20b%2F%C3%BC");
    }
}
