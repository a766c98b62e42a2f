//! The patterns of `include` and `exclude`: read here alone, so that what an operator's machine accepts is what agents match.
//!
//! One without a `/` is matched against the name, one with a `/` against the path below the root; one that begins with
//! a `/` against the whole path. What can match nothing is refused.

mod matcher;

use globset::{Glob, GlobBuilder};

pub use self::matcher::PathPattern;

/// What a pattern is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The name alone.
    Name,
    /// The path below the root.
    Below,
    /// The whole path.
    Whole,
}

/// A pattern, ready to be put into a set.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What it is matched against.
    pub scope: Scope,
    /// It matches folders alone: it was written with a `/` at its end.
    pub is_for_folders: bool,
    /// The pattern itself.
    pub glob: Glob,
}

/// A pattern that can match nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{text}`, at character {}: {why}", self.character())]
pub struct PatternError {
    /// The pattern as it was written.
    pub text: String,
    /// Where it goes wrong, in bytes.
    pub at: usize,
    /// Why.
    pub why: String,
}

impl PatternError {
    fn new(text: &str, at: usize, why: impl Into<String>) -> Self {
        Self { text: text.to_owned(), at, why: why.into() }
    }

    /// Returns the place counted in characters, from 1.
    pub fn character(&self) -> usize {
        self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1
    }
}

/// Reads a pattern for the roots of a hunt, which are absolute. It becomes several where it lies below several roots.
pub fn read(
    text: &str,
    roots: &[impl AsRef<[u8]>],
    is_case_ignored: bool,
) -> Result<Vec<Pattern>, PatternError> {
    if let Some(at) = text.find('\0') {
        return Err(PatternError::new(text, at, "no path has a zero byte in it"));
    }
    // As it stands, so that a position is one in what was typed.
    glob(text, is_case_ignored).map_err(|why| PatternError::new(text, broken_at(text), why))?;
    let plain = plain(text)?;
    if plain.chars().all(|char| matches!(char, '{' | '}' | ',')) {
        return Err(PatternError::new(text, 0, "it names nothing"));
    }
    let is_for_folders = text.ends_with('/');
    let made = |scope, of: &str| {
        let glob = glob(of, is_case_ignored).map_err(|why| PatternError::new(text, 0, why))?;
        Ok(Pattern { scope, is_for_folders, glob })
    };
    if text.starts_with('/') {
        let whole = whole(text, &format!("/{plain}"), roots)?;
        return whole.iter().map(|of| made(Scope::Whole, of)).collect();
    }
    let is_path = plain.contains('/') || text.starts_with("./");
    Ok(vec![made(if is_path { Scope::Below } else { Scope::Name }, &plain)?])
}

/// Returns a pattern without empty components and `.`: no path has them.
fn plain(text: &str) -> Result<String, PatternError> {
    let mut at = 0;
    let mut names = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => return Err(PatternError::new(text, at, "no path has `..` in it")),
            name => names.push(name),
        }
        at += name.len() + 1;
    }
    if names.is_empty() {
        Err(PatternError::new(text, 0, "it names nothing"))
    } else {
        Ok(names.join("/"))
    }
}

/// Returns what an absolute pattern is matched as. A root that it begins with is taken as a name, whatever signs are in it.
fn whole(text: &str, plain: &str, roots: &[impl AsRef<[u8]>]) -> Result<Vec<String>, PatternError> {
    let roots = || roots.iter().map(|root| root_of(root.as_ref()));
    let below: Vec<_> = roots()
        .filter_map(|root| {
            let rest = plain.strip_prefix(&root)?;
            let is_below = rest.is_empty() || rest.starts_with('/');
            is_below.then(|| format!("{}{rest}", globset::escape(&root)))
        })
        .collect();
    if !below.is_empty() {
        return Ok(below);
    }
    let sign = plain.find(['*', '?', '[', '{', '\\']);
    let above = sign.and_then(|at| plain.get(..at)?.rsplit_once('/')).map(|(above, _)| above);
    let leads_to = |root: &String| {
        above.is_some_and(|above| {
            root.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    if roots().any(|root| leads_to(&root)) {
        return Ok(vec![plain.to_owned()]);
    }
    let named: Vec<_> =
        roots().map(|root| if root.is_empty() { "/".into() } else { root }).collect();
    let why = format!("it lies below none of the roots: {}", named.join(", "));
    Err(PatternError::new(text, 0, why))
}

/// Returns a root without trailing or doubled slashes; `/` is the empty text. Bytes that are not UTF-8 become
/// replacement characters, so that no pattern, which is text, names a path below such a root.
fn root_of(root: &[u8]) -> String {
    let names = root.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let mut path = String::new();
    for name in names {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(name));
    }
    path
}

fn glob(text: &str, is_case_ignored: bool) -> Result<Glob, String> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .empty_alternates(true)
        .case_insensitive(is_case_ignored)
        .build()
        .map_err(|problem| problem.kind().to_string())
}

/// Returns where a pattern that does not parse goes wrong: behind the longest beginning of it that does.
fn broken_at(text: &str) -> usize {
    let starts = text.char_indices().map(|(at, _)| at).rev();
    let mut starts =
        starts.skip_while(|at| text.get(..*at).is_none_or(|t| glob(t, false).is_err()));
    starts.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOTS: [&str; 2] = ["/srv/www", "/srv/a[1]/"];

    fn over(text: &str) -> Result<Vec<(Scope, String)>, PatternError> {
        let read = read(text, &ROOTS, false)?;
        Ok(read.iter().map(|one| (one.scope, one.glob.glob().to_owned())).collect())
    }

    fn one(scope: Scope, glob: &str) -> Vec<(Scope, String)> {
        vec![(scope, glob.to_owned())]
    }

    #[test]
    fn what_was_meant_is_matched() {
        assert_eq!(over("*.php").unwrap(), one(Scope::Name, "*.php"));
        assert_eq!(over("cache/").unwrap(), one(Scope::Name, "cache"));
        assert_eq!(over("a/*.php").unwrap(), one(Scope::Below, "a/*.php"));
        assert_eq!(over("./a").unwrap(), one(Scope::Below, "a"));
        assert_eq!(over(".//a/./b//c/").unwrap(), one(Scope::Below, "a/b/c"));
        assert_eq!(over("/srv/www/a/*.php").unwrap(), one(Scope::Whole, "/srv/www/a/*.php"));
        assert_eq!(over("/srv/www").unwrap(), one(Scope::Whole, "/srv/www"));
        assert_eq!(
            over("/srv/a[1]/x").unwrap(),
            one(Scope::Whole, "/srv/a[[]1[]]/x"),
            "a root is a name"
        );
        assert_eq!(over("/srv/*/x").unwrap(), one(Scope::Whole, "/srv/*/x"));
        assert_eq!(over("/**/x").unwrap(), one(Scope::Whole, "/**/x"));
        let all = read("/etc/x", &["/"], false).unwrap();
        assert_eq!((all[0].scope, all[0].glob.glob()), (Scope::Whole, "/etc/x"));
    }

    #[test]
    fn what_can_match_nothing_is_refused_and_the_place_is_named() {
        for (text, at, why) in [
            ("a[1.js", 1, "unclosed character class"),
            ("{a,b", 0, "unclosed alternate"),
            ("ä}b", 2, "unopened alternate"),
            ("x[z-a]", 1, "invalid range"),
            ("x\\", 1, "dangling"),
            ("", 0, "names nothing"),
            ("/", 0, "names nothing"),
            ("./", 0, "names nothing"),
            ("{}", 0, "names nothing"),
            ("a/../b", 2, "`..`"),
            ("..", 0, "`..`"),
            ("a\0", 1, "zero byte"),
            ("/etc/passwd", 0, "none of the roots: /srv/www, /srv/a[1]"),
            ("/srv/wwwx/a", 0, "none of the roots"),
            ("/srv", 0, "none of the roots"),
            ("/etc/*", 0, "none of the roots"),
        ] {
            let error = over(text).unwrap_err();
            assert_eq!(error.at, at, "{error}");
            assert!(error.why.contains(why), "{error}");
        }
        assert_eq!(over("ä}b").unwrap_err().character(), 2);
    }

    #[test]
    fn case_and_empty_alternates() {
        let is_match = |text: &str, is_case_ignored, name: &str| {
            let read = read(text, &ROOTS, is_case_ignored).unwrap();
            read.iter().any(|one| one.glob.compile_matcher().is_match(name))
        };
        assert!(is_match("*.PHP", true, "a.php") && !is_match("*.PHP", false, "a.php"));
        assert!(is_match("a{,.txt}", false, "a") && is_match("a{,.txt}", false, "a.txt"));
    }
}
