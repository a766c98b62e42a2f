//! Paths of the API with their queries.

use std::fmt;

/// A path with a query that grows.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    path: String,
    has_pairs: bool,
}

impl Query {
    /// Begins with a path that has no query.
    pub(crate) fn of(path: impl Into<String>) -> Self {
        Self { path: path.into(), has_pairs: false }
    }

    /// Adds a parameter where there is a value for it.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        let Some(value) = value else { return self };
        self.path.push(if self.has_pairs { '&' } else { '?' });
        self.path.extend([name, "=", &escaped(value)]);
        self.has_pairs = true;
        self
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Writes text as a part of a query.
pub(crate) fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_word_is_escaped_and_what_is_not_given_is_left_out() {
        let path = Query::of("/a").with("t", Some("label:a=b or c")).with("n", None);
        assert_eq!(path.to_string(), "/a?t=label%3Aa%3Db%20or%20c");
        assert_eq!(path.with("s", Some("-é")).to_string(), "/a?t=label%3Aa%3Db%20or%20c&s=-%C3%A9");
    }
}
