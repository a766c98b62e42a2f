//! The cookie of a session. It alone opens nothing: cookies do not know ports.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

/// How a cookie is called and set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    attributes: &'static str,
}

impl Cookie {
    /// Returns one for plain HTTP on this machine.
    pub fn plain(name: String) -> Self {
        Self { name, attributes: "Path=/; HttpOnly; SameSite=Strict" }
    }

    /// Returns one for TLS. Browsers take a name with this prefix from nobody but this host itself.
    pub fn secure(name: &str) -> Self {
        let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
        Self { name: format!("__Host-{name}"), attributes }
    }

    /// Returns what a request carries under this name: another program of this machine may have set one, too.
    pub fn of<'a>(&self, headers: &'a HeaderMap) -> Vec<&'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| key.trim() == self.name).map(|(_, value)| value.trim()).collect()
    }

    /// Has the browser keep a value.
    pub fn set(&self, headers: &mut HeaderMap, value: &str) {
        self.put(headers, value, "");
    }

    /// Has the browser forget it.
    pub fn clear(&self, headers: &mut HeaderMap) {
        self.put(headers, "", "; Max-Age=0");
    }

    fn put(&self, headers: &mut HeaderMap, value: &str, more: &str) {
        let text = format!("{}={value}; {}{more}", self.name, self.attributes);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; muster-7412=x;muster-74=y"));
        headers.append(COOKIE, HeaderValue::from_static("muster-7412=z; __Host-muster=s"));
        assert_eq!(Cookie::plain("muster-7412".to_owned()).of(&headers), ["x", "z"]);
        assert_eq!(Cookie::secure("muster").of(&headers), ["s"]);
    }

    #[test]
    fn only_a_cookie_for_tls_is_secure() {
        let mut headers = HeaderMap::new();
        Cookie::plain("muster".to_owned()).set(&mut headers, "x");
        assert_eq!(headers[SET_COOKIE], "muster=x; Path=/; HttpOnly; SameSite=Strict");
        Cookie::secure("muster").clear(&mut headers);
        let cleared = "__Host-muster=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
        assert_eq!(headers[SET_COOKIE], cleared);
    }
}
