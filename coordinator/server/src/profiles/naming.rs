//! What a frame is a part of: its module, for colours and sums.

use super::profile::{Labels, Profile, Step};

/// Packages that only run and poll what others wrote.
const RUNTIMES: [&str; 6] =
    ["async_rs", "futures_core", "futures_executor", "futures_lite", "futures_util", "tokio_util"];
/// The modules of tokio that do.
const OF_TOKIO: [&str; 7] =
    ["coop::", "future::", "loom::", "macros::", "runtime::", "task::", "util::"];

impl Profile {
    /// Returns the module of a step: the package of a Rust function, else the file that it was mapped from.
    pub fn module<'a>(&'a self, step: &Step<'a>) -> &'a str {
        package(&step.frame.function).unwrap_or_else(|| match self.object(step.location) {
            "" => "unknown",
            object => object,
        })
    }
}

/// Returns a Rust path without what may stand before it: `<&mut std::io::Stdin as …>`.
pub(super) fn path(function: &str) -> &str {
    let mut rest = function;
    loop {
        let stripped = rest.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
        let words = ["mut ", "const ", "dyn "];
        let stripped = words.iter().fold(stripped, |at, word| at.strip_prefix(word).unwrap_or(at));
        if stripped.len() == rest.len() {
            return rest;
        }
        rest = stripped;
    }
}

/// Returns the first part of a Rust path, through what may stand before it.
pub(super) fn package(function: &str) -> Option<&str> {
    let rest = path(function);
    let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
    let (name, tail) = rest.split_at_checked(end)?;
    let is_name = name.starts_with(|char: char| char.is_ascii_lowercase() || char == '_');
    (is_name && tail.starts_with("::")).then_some(name)
}

/// Returns the last part of a Rust path that is a name, without type arguments and closures: `poll` of
/// `<a::B as c::D<E>>::poll::{{closure}}`.
pub(super) fn last_name(function: &str) -> &str {
    let mut rest = function;
    loop {
        let opening = match rest.trim_end_matches("::") {
            shorter if shorter.len() < rest.len() => {
                rest = shorter;
                continue;
            }
            _ if rest.ends_with('}') => opening(rest, '{', '}'),
            _ if rest.ends_with('>') => opening(rest, '<', '>'),
            _ => None,
        };
        let Some(shorter) = opening.and_then(|at| rest.get(..at)) else { break };
        rest = shorter;
    }
    rest.rsplit("::").next().unwrap_or(rest)
}

/// Returns where the bracket opens that the last character closes.
fn opening(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0;
    let mut outer = text.char_indices().rev().peekable();
    while let Some((at, char)) = outer.next() {
        // Not the end of an arrow: `fn() -> u8`.
        let is_arrow = char == '>' && outer.peek().is_some_and(|(_, before)| *before == '-');
        if char == close && !is_arrow {
            depth += 1;
        } else if char == open {
            depth -= 1;
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Returns the module of a function of a Rust path, at most three names deep: `agent::journal::outbox` of
/// `<agent::journal::outbox::Outbox as core::ops::Drop>::drop`.
pub(super) fn module_of(function: &str) -> &str {
    let path = path(function);
    let (mut end, mut names) = (0, 0);
    let mut rest = path;
    while names < 3 {
        let bytes = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
        let name = rest.get(..bytes).unwrap_or_default();
        let is_module = name.starts_with(|char: char| char.is_ascii_lowercase() || char == '_');
        let tail = rest.get(bytes..).unwrap_or_default().strip_prefix("::");
        let (true, Some(tail)) = (is_module, tail) else { break };
        // What a closure follows is the function itself.
        if names > 0 && (tail.starts_with('{') || tail.starts_with('<')) {
            break;
        }
        end = path.len() - tail.len() - 2;
        names += 1;
        rest = tail;
    }
    path.get(..end).unwrap_or(path)
}

/// Returns whether a function only runs and polls what others wrote.
pub(super) fn is_of_runtime(function: &str) -> bool {
    let path = path(function);
    match package(path) {
        Some("tokio") => {
            OF_TOKIO.iter().any(|part| path.get(7..).is_some_and(|rest| rest.starts_with(part)))
        }
        Some(package) => RUNTIMES.contains(&package),
        None => false,
    }
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
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
    use super::{is_of_runtime, last_name, module_of, package};

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

    #[test]
    fn the_last_name_of_a_path() {
        let cases = [
            ("core::ops::function::FnOnce::call_once", "call_once"),
            ("core::ops::function::FnOnce::call_once{{vtable.shim}}", "call_once"),
            ("<a::B as c::D<fn() -> u8>>::poll::{{closure}}::{{closure}}", "poll"),
            ("<std::sync::once::Once>::call_once::<std::rt::cleanup::{closure#0}>", "call_once"),
            ("call_once<fn(&str) -> u8, (&str)>", "call_once"),
            ("memcpy", "memcpy"),
            ("odd>", "odd>"),
            ("{{closure}}", ""),
            ("", ""),
        ];
        for (function, expected) in cases {
            assert_eq!(last_name(function), expected, "{function}");
        }
    }

    #[test]
    fn the_module_of_a_function() {
        let cases = [
            ("muster_agent::journal::append", "muster_agent::journal"),
            ("muster_agent::journal::append::{{closure}}", "muster_agent::journal"),
            ("muster_agent::journal::append<a::b>", "muster_agent::journal"),
            ("muster_agent::journal::Journal::append", "muster_agent::journal"),
            (
                "<muster_agent::journal::Journal<T> as core::ops::Drop>::drop",
                "muster_agent::journal",
            ),
            (
                "muster_agent::collectors::file_hash::scan::open::read",
                "muster_agent::collectors::file_hash",
            ),
            ("agent::main", "agent"),
            ("agent::{closure#0}", "agent"),
            ("main", ""),
        ];
        for (function, expected) in cases {
            assert_eq!(module_of(function), expected, "{function}");
        }
    }

    #[test]
    fn what_only_runs_others_is_of_the_runtime() {
        for function in [
            "tokio::runtime::task::core::Core<T,S>::poll",
            "<tokio::task::coop::Coop<F> as core::future::future::Future>::poll",
            "futures_lite::future::block_on",
        ] {
            assert!(is_of_runtime(function), "{function}");
        }
        for function in ["tokio::sync::mpsc::chan::Rx<T,S>::recv", "agent::run", "tokio", "poll"] {
            assert!(!is_of_runtime(function), "{function}");
        }
    }
}
