//! Secrets of one line: passwords, tokens and keys as editors and shells leave them in files. One reader for all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use muster_protocol::limits::SECRET_BYTES_MAX;

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// It holds something else than one line.
    #[error("{from} {why}")]
    Content {
        /// Where it came from.
        from: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// Reads a file. A byte order mark, blanks around the secret and the line's end are no part of it.
pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let name = path.display().to_string();
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path)
        .and_then(|file| file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| SecretError::File { path: name.clone(), cause: error.to_string() })?;
    of_bytes(&name, &bytes)
}

/// Takes bytes that came `from` somewhere.
pub fn of_bytes(from: &str, bytes: &[u8]) -> Result<Zeroizing<String>, SecretError> {
    let bad = |why| SecretError::Content { from: from.to_owned(), why };
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(bad("is too long for one line with a secret"));
    }
    let text = decoded(bytes).ok_or_else(|| bad("is neither UTF-8 nor UTF-16 with its mark"))?;
    let secret = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if secret.is_empty() {
        return Err(bad("is empty"));
    }
    if secret.contains(['\n', '\r']) {
        return Err(bad("holds more than one line"));
    }
    if secret.contains(char::is_control) {
        return Err(bad("holds control characters"));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

/// Reads UTF-8, or UTF-16 as PowerShell writes it.
fn decoded(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (of_pair, rest): (fn([u8; 2]) -> u16, _) = match bytes {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned())),
    };
    let (pairs, odd) = rest.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> =
        Zeroizing::new(pairs.iter().map(|pair| of_pair(*pair)).collect());
    if !odd.is_empty() {
        return None;
    }
    String::from_utf16(&units).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_same_however_it_was_saved() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let saved = ["hush", "hush\n", "hush\r\n", "\u{feff}hush\r\n", "hush \t\n\n", " hush"];
        let mut saved: Vec<Vec<u8>> = saved.iter().map(|text| text.as_bytes().to_vec()).collect();
        saved.push(utf16("\u{feff}hush\r\n"));
        for bytes in saved {
            assert_eq!(*of_bytes("x", &bytes).unwrap(), "hush", "{bytes:?}");
        }
        assert_eq!(*of_bytes("x", b"two words\n").unwrap(), "two words");
    }

    #[test]
    fn what_is_no_secret_is_named_and_not_shown() {
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b"\r\n \n", "is empty"),
            (b"hush\nhush\n", "more than one line"),
            (b"hush\rhush", "more than one line"),
            (b"hu\0sh", "control"),
            (b"hush\xff", "UTF-8"),
            (b"\xff\xfeh", "UTF-16"),
            (long.as_bytes(), "too long"),
        ] {
            let error = of_bytes("broker.password", bytes).unwrap_err().to_string();
            assert!(error.starts_with("broker.password ") && error.contains(why), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let error = read(Path::new("/nonexistent/secret")).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/secret"), "{error}");
    }
}
