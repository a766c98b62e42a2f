//! What a frame is a part of: its module, for colours and sums.

use super::profile::{Labels, Profile, Step};

impl Profile {
    /// Returns the module of a step: the package of a Rust function, else the file that it was mapped from.
    pub fn module<'a>(&'a self, step: &Step<'a>) -> &'a str {
        package(&step.frame.function).unwrap_or_else(|| match self.object(step.location) {
            "" => "unknown",
            object => object,
        })
    }
}

/// Returns the first part of a Rust path, through what may stand before it: `<&mut std::io::Stdin as …>`.
fn package(function: &str) -> Option<&str> {
    let mut rest = function;
    loop {
        let stripped = rest.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
        let words = ["mut ", "const ", "dyn "];
        let stripped = words.iter().fold(stripped, |at, word| at.strip_prefix(word).unwrap_or(at));
        if stripped.len() == rest.len() {
            break;
        }
        rest = stripped;
    }
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
    let (name, tail) = rest.split_at_checked(end)?;
    let is_name = name.starts_with(|char: char| char.is_ascii_lowercase() || char == '_');
    (is_name && tail.starts_with("::")).then_some(name)
}

impl Labels {
    /// Returns for whom the thread worked: a hunt's id, `agent` (no hunt, the agent itself) or `untagged`
    /// (threads that nobody claimed).
    pub fn hunt(&self) -> &str {
        if self.collection.is_empty() { "untagged" } else { &self.collection }
    }

    /// Returns the thread's name.
    pub fn thread(&self) -> &str {
        if self.thread.is_empty() { "thread" } else { &self.thread }
    }

    /// Returns the agent, where it is known.
    pub fn agent(&self) -> &str {
        if self.agent.is_empty() { "unknown" } else { &self.agent }
    }
}

#[cfg(test)]
mod tests {
    use super::package;

    #[test]
    fn the_package_of_a_path() {
        let cases = [
            ("sha2::sha256::compress", Some("sha2")),
            ("md-5::compress", Some("md-5")),
            ("<agent::Walk as core::iter::Iterator>::next", Some("agent")),
            ("<&mut std::io::Stdin as std::io::Read>::read", Some("std")),
            ("<[u8] as alloc::slice::ToOwned>::to_owned", None),
            ("<T as core::convert::Into<U>>::into", None),
            ("__memcpy_avx_unaligned", None),
            ("[libc.so.6+0x12]", None),
            ("", None),
            ("ä::b", None),
        ];
        for (function, expected) in cases {
            assert_eq!(package(function), expected, "{function}");
        }
    }
}
