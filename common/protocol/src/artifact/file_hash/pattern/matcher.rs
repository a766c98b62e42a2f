//! A pattern held against paths that are on record: what it means is what it means to a hunt.

use globset::{Candidate, GlobBuilder, GlobMatcher};

use super::{Pattern, PatternError, Scope, read};

/// One pattern, ready to be held against paths.
#[derive(Debug, Clone)]
pub struct PathPattern {
    parts: Vec<Part>,
    /// The roots without empty names and `.`, the longest first.
    roots: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Part {
    scope: Scope,
    is_for_folders: bool,
    glob: GlobMatcher,
}

impl PathPattern {
    /// Reads a pattern for the paths below the roots of a hunt.
    pub fn read(text: &str, roots: &[impl AsRef<[u8]>]) -> Result<Self, PatternError> {
        let part = |Pattern { scope, is_for_folders, glob }| Part {
            scope,
            is_for_folders,
            glob: glob.compile_matcher(),
        };
        let parts = read(text, roots, false)?.into_iter().map(part).collect();
        let mut roots: Vec<_> = roots.iter().map(|root| plain(root.as_ref())).collect();
        roots.sort_by_key(|root| std::cmp::Reverse(root.len()));
        Ok(Self { parts, roots })
    }

    /// Reads a pattern for text that is no path: it is held against the whole of it, and `*` goes beyond a `/`.
    pub fn of_text(text: &str) -> Result<Self, PatternError> {
        let glob = GlobBuilder::new(text).literal_separator(false).backslash_escape(true).build();
        let glob = glob.map_err(|problem| PatternError {
            text: text.to_owned(),
            at: 0,
            why: problem.kind().to_string(),
        })?;
        let part =
            Part { scope: Scope::Whole, is_for_folders: false, glob: glob.compile_matcher() };
        Ok(Self { parts: vec![part], roots: Vec::new() })
    }

    /// Returns whether it matches folders alone.
    pub fn is_for_folders(&self) -> bool {
        self.parts.iter().all(|part| part.is_for_folders)
    }

    /// Returns whether a path matches.
    pub fn is_match(&self, path: &[u8], is_folder: bool) -> bool {
        let below = self.below(path);
        // The root itself goes by its own name.
        let named = if below.is_empty() { path } else { below };
        let name = named.rsplit(|byte| *byte == b'/').next().unwrap_or(named);
        self.parts.iter().any(|part| {
            let bytes = match part.scope {
                Scope::Name => name,
                Scope::Below => below,
                Scope::Whole => path,
            };
            let is_meant = is_folder || !part.is_for_folders;
            is_meant && part.glob.is_match_candidate(&Candidate::from_bytes(bytes))
        })
    }

    /// Returns what of a path is below its root: the nearest one, where roots lie below each other.
    fn below<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        let below = |root: &Vec<u8>| {
            let rest = path.strip_prefix(root.as_slice())?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b"/") }
        };
        self.roots.iter().find_map(below).unwrap_or(path)
    }
}

/// Returns a root without empty names and `.`; `/` is empty.
fn plain(root: &[u8]) -> Vec<u8> {
    let names = root.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    names.flat_map(|name| [b"/", name].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(text: &str, path: &[u8], is_folder: bool) -> bool {
        let roots = ["/srv/www/", "/srv/www/inner", "/etc/passwd"];
        PathPattern::read(text, &roots).unwrap().is_match(path, is_folder)
    }

    #[test]
    fn a_pattern_means_what_it_means_to_a_hunt() {
        assert!(is_match("*.php", b"/srv/www/a/b.php", false));
        assert!(!is_match("*.php", b"/srv/www/a.php/b", false));
        assert!(is_match("a/*.php", b"/srv/www/a/b.php", false));
        assert!(!is_match("a/*.php", b"/srv/www/x/a/b.php", false));
        assert!(is_match("**/a/*.php", b"/srv/www/x/a/b.php", false));
        assert!(is_match("/srv/www/a/*", b"/srv/www/a/b", false));
        assert!(!is_match("/srv/www/a/*", b"/srv/www/a/b/c", false));
        assert!(is_match("b", b"/srv/www/inner/b", false));
        assert!(is_match("./b", b"/srv/www/inner/b", false), "below the nearest root");
        assert!(is_match("passwd", b"/etc/passwd", false), "the root itself, by its name");
        assert!(is_match("\u{fffd}*", "\u{fffd}x".as_bytes(), false));
        assert!(is_match("*x", b"/srv/www/\xffx", false), "bytes, not text");
    }

    #[test]
    fn one_with_a_slash_at_its_end_is_for_folders() {
        assert!(is_match("cache/", b"/srv/www/cache", true));
        assert!(!is_match("cache/", b"/srv/www/cache", false));
    }

    #[test]
    fn the_root_of_everything_has_all_below_it() {
        let pattern = |text| PathPattern::read(text, &["/"]).unwrap();
        assert!(pattern("/usr/bin/*").is_match(b"/usr/bin/env", false));
        assert!(pattern("bin/env").is_match(b"/bin/env", false));
        PathPattern::read("/elsewhere/x", &["/srv"]).unwrap_err();
    }

    #[test]
    fn text_that_is_no_path_is_matched_as_a_whole() {
        let is_match =
            |glob, text: &str| PathPattern::of_text(glob).unwrap().is_match(text.as_bytes(), false);
        assert!(is_match("*/docker/*", "0::/system/docker/abc/x"));
        assert!(!is_match("docker", "a docker"));
        PathPattern::of_text("[").unwrap_err();
    }
}
