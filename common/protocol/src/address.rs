//! Hosts and ports as people write them in flags and configuration files: `mq.example.org`, `mq:5672`, `[::1]:5672`,
//! `::1`. One reader for all places.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Characters of the longest name, and of the longest of its parts.
const NAME_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;

/// A host, by name or address, and the port where one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The name, or the address without brackets.
    pub host: String,
    /// The port.
    pub port: Option<u16>,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no host or host:port: {why}")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text.trim()).map_err(|why| AddressError { text: text.to_owned(), why })
    }
}

impl Address {
    /// Returns host and port, with the port that is meant where none is given.
    pub fn or_port(self, port: u16) -> (String, u16) {
        (self.host, self.port.unwrap_or(port))
    }

    /// Returns whether this is certainly this machine.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// As it is read again, and as it stands in a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Writes `host:port`, an IPv6 address in brackets.
pub fn joined(host: &str, port: u16) -> String {
    Address { host: host.to_owned(), port: Some(port) }.to_string()
}

/// Checks the address of an HTTP server; returns it without a slash at its end.
pub fn url(text: &str) -> Result<String, String> {
    let bad =
        |why: &dyn fmt::Display| format!("{text:?} is no address like https://HOST:PORT: {why}");
    let trimmed = text.trim().trim_end_matches('/');
    let Some((scheme, rest)) = trimmed.split_once("://") else {
        return Err(bad(&"it begins neither with https:// nor with http://"));
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(bad(&"it begins neither with https:// nor with http://"));
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.contains('@') {
        return Err(bad(&"a user or a password does not belong into it"));
    }
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || "?#".contains(c)) {
        return Err(bad(&"its path holds blanks, ? or #"));
    }
    let address = parse(host).map_err(|why| bad(&why))?;
    Ok(format!("{}://{address}{path}", scheme.to_ascii_lowercase()))
}

fn parse(text: &str) -> Result<Address, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.contains("://") {
        return Err("it is a URL; give the host alone");
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the bracket is not closed")?;
        let port = match port.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if port.is_empty() => None,
            None => return Err("a port comes after a colon"),
        };
        return Ok(Address { host: ipv6(host)?, port });
    }
    if text.matches(':').count() > 1 {
        return Ok(Address { host: ipv6(text)?, port: None });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(parse_port(port)?)),
        None => (text, None),
    };
    check_name(host)?;
    Ok(Address { host: host.to_owned(), port })
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| text.parse().ok()).flatten();
    port.ok_or("its port is no number up to 65535")
}

fn ipv6(text: &str) -> Result<String, &'static str> {
    if text.contains('%') {
        return Err("an IPv6 address with a zone is not supported");
    }
    let address: Result<Ipv6Addr, _> = text.parse();
    address.map(|address| address.to_string()).map_err(|_| "it is no IPv6 address")
}

fn check_name(host: &str) -> Result<(), &'static str> {
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() {
        return Err("the host is missing");
    }
    if !name.is_ascii() {
        return Err("a name with other letters than ASCII is written as xn--…");
    }
    let is_label = |label: &str| {
        let is_legal = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_inside = !label.starts_with('-') && !label.ends_with('-');
        is_legal && is_inside && (1..=LABEL_CHARS_MAX).contains(&label.len())
    };
    if name.len() > NAME_CHARS_MAX || !name.split('.').all(is_label) {
        return Err("a name has letters, digits, dots and hyphens");
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && name.parse::<Ipv4Addr>().is_err() {
        return Err("it is no IPv4 address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (text, host, port) in [
            ("mq.example.org", "mq.example.org", None),
            ("mq.example.org:5671", "mq.example.org", Some(5671)),
            (" mq \n", "mq", None),
            ("mq_1.example.", "mq_1.example.", None),
            ("10.0.0.7:1", "10.0.0.7", Some(1)),
            ("::1", "::1", None),
            ("[::1]", "::1", None),
            ("[::1]:24672", "::1", Some(24_672)),
            ("FD00:0::7", "fd00::7", None),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
        assert_eq!(joined("::1", 1), "[::1]:1");
        assert_eq!(joined("mq", 1), "mq:1");
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_text() {
        for text in [
            "",
            " ",
            ":5672",
            "h:",
            "h:x",
            "h:65536",
            "h:-1",
            "h:+1",
            "[::1",
            "[::1]5672",
            "[mq]",
            "::g",
            "a b",
            "amqp://mq",
            "mq/x",
            "u@mq",
            "-mq",
            "mq..x",
            "1.2.3",
            "256.1.1.1",
            "m\u{fc}",
            "fe80::1%eth0",
            "a\0b",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn the_address_of_a_server_has_a_scheme_and_a_host() {
        assert_eq!(url("HTTP://[::1]:15672/"), Ok("http://[::1]:15672".to_owned()));
        assert_eq!(
            url("https://mq.example.org/api/x"),
            Ok("https://mq.example.org/api/x".to_owned())
        );
        for text in [
            "",
            "mq",
            "mq:15672",
            "ftp://mq",
            "http://",
            "http://u:p@mq",
            "http://::1:x",
            "http://mq/?a",
            "http://[::1",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        for text in ["localhost", "LOCALHOST:1", "127.0.0.9", "[::1]:2"] {
            assert!(text.parse::<Address>().unwrap().is_loopback(), "{text}");
        }
        assert!(!"localhost.example.org".parse::<Address>().unwrap().is_loopback());
    }
}
