//! Finds rules that can never do what their owner meant: an agent must not start with them.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use muster_protocol::limits;

use super::Policy;
use crate::files;

/// A rule that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key in the file.
    pub key: &'static str,
    /// Its value, or the element of its list.
    pub value: String,
    /// Why it cannot work.
    pub why: String,
    /// What to write instead.
    pub instead: String,
}

impl Policy {
    /// Returns the first rule that can never work.
    pub fn check(&self) -> Result<(), Fault> {
        for (key, rule) in self.rules() {
            check_folder(key, rule)?;
        }
        for rule in self.allow_roots.iter().flatten() {
            let denied = self.deny_roots.iter().find(|denied| rule.starts_with(denied));
            if let Some(denied) = denied {
                let why = format!("deny_roots has {}, which wins", denied.display());
                let instead = "take one of the two out".to_owned();
                return Err(Fault { key: "allow_roots", value: shown(rule), why, instead });
            }
        }
        self.check_numbers()
    }

    /// Returns the rules of which the folder does not exist (yet): legal, and maybe a mistyped name.
    pub fn absent(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.rules().filter(|(_, rule)| files::exists(rule.as_os_str().as_bytes()) == Some(false))
    }

    fn rules(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let allow = self.allow_roots.iter().flatten().map(|rule| ("allow_roots", rule));
        let deny = self.deny_roots.iter().map(|rule| ("deny_roots", rule));
        allow.chain(deny).map(|(key, rule)| (key, rule.as_path()))
    }

    /// With a bound of 0 a collection would neither do anything nor end.
    fn check_numbers(&self) -> Result<(), Fault> {
        for (key, value) in self.bounds() {
            let Some(value) = value else { continue };
            let fault = |why: String, instead: &str| {
                Err(Fault { key, value: value.to_string(), why, instead: instead.to_owned() })
            };
            // No file leaves with 0 of these bytes: that is what the owner may mean.
            if value == 0 && key != "max_upload_bytes" {
                let instead =
                    "write 1 or more; what is not to be done at all is left out of `capabilities`";
                return fault("nothing could be done within it".to_owned(), instead);
            }
            let most = match key {
                "max_profile_seconds" => limits::PROFILE_SECONDS_MAX.into(),
                "max_upload_bytes" => limits::UPLOAD_BYTES_MAX,
                _ => u64::MAX,
            };
            if value > most {
                let why = format!("no request may ask for more than {most}");
                return fault(why, "write less, or take the key out");
            }
        }
        Ok(())
    }
}

/// Folders are compared as they are written: nothing expands a pattern, `~` or `..`.
fn check_folder(key: &'static str, rule: &Path) -> Result<(), Fault> {
    let bytes = rule.as_os_str().as_bytes();
    let fault = |why: &str, instead: String| {
        Err(Fault { key, value: shown(rule), why: why.to_owned(), instead })
    };
    let absolute = || "write an absolute path, like \"/srv/customers\"".to_owned();
    if bytes.is_empty() {
        return fault("it is empty", absolute());
    }
    if bytes.starts_with(b"~") {
        let instead = "write the folder itself, like \"/home/ada\" or \"/root\"".to_owned();
        return fault("`~` is not expanded", instead);
    }
    if !bytes.starts_with(b"/") {
        return fault("it is not an absolute path", absolute());
    }
    if bytes.contains(&0) {
        return fault("no path has a zero byte in it", absolute());
    }
    if bytes.len() > limits::PATH_BYTES_MAX {
        return fault("it is longer than any path", absolute());
    }
    let mut names = bytes.split(|byte| *byte == b'/');
    if names.any(|name| matches!(name, b"." | b"..")) {
        let plain = shown(&files::lexical(rule));
        return fault("it has `.` or `..` in it", format!("write the folder itself: {plain}"));
    }
    if let Some(above) = above_pattern(rule) {
        let instead = format!("write the folder alone, with all that is in it: {}", shown(&above));
        return fault("patterns are not expanded", instead);
    }
    Ok(())
}

/// Returns the folder above the first pattern in a path. `[` and `{` may be part of a name that exists; `*` and `?` are
/// never taken for one.
fn above_pattern(rule: &Path) -> Option<PathBuf> {
    let has = |signs: &[u8]| {
        let is_sign = |name: &std::ffi::OsStr| name.as_bytes().iter().any(|b| signs.contains(b));
        rule.iter().position(is_sign)
    };
    let at = has(b"*?").or_else(|| {
        has(b"[{").filter(|_| files::exists(rule.as_os_str().as_bytes()) == Some(false))
    })?;
    Some(rule.iter().take(at).collect())
}

fn shown(path: &Path) -> String {
    format!("{:?}", path.as_os_str().to_string_lossy())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.value, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny(rule: &str) -> Result<(), Fault> {
        Policy { deny_roots: vec![rule.into()], ..Policy::default() }.check()
    }

    #[test]
    fn a_folder_that_nothing_can_match_is_named() {
        for (rule, why) in [
            ("", "empty"),
            ("~/x", "`~`"),
            ("~", "`~`"),
            ("srv/x", "absolute"),
            ("./x", "absolute"),
            ("$HOME/x", "absolute"),
            ("/srv/\0", "zero byte"),
            ("/srv/x/.", "`.`"),
            ("/srv/./x", "`.`"),
            ("/srv/../x", "`..`"),
            ("/srv/x/*", "patterns"),
            ("/srv/?", "patterns"),
            ("/srv/**/x", "patterns"),
            ("/nowhere/[ab]", "patterns"),
            ("/nowhere/{a,b}", "patterns"),
        ] {
            let fault = deny(rule).unwrap_err();
            assert_eq!(fault.key, "deny_roots");
            assert!(fault.why.contains(why), "{rule:?}: {fault}");
            let allow = Policy { allow_roots: Some(vec![rule.into()]), ..Policy::default() };
            assert_eq!(allow.check().unwrap_err().key, "allow_roots", "{rule:?}");
        }
        assert_eq!(deny("/srv/x/*").unwrap_err().instead.rsplit(' ').next(), Some("\"/srv/x\""));
        assert_eq!(deny("/srv/../x").unwrap_err().instead.rsplit(' ').next(), Some("\"/x\""));
    }

    #[test]
    fn a_folder_that_can_match_is_kept() {
        for rule in ["/", "/srv", "/srv/", "/srv//x", "/not/there/yet", "/srv/~x", "/srv/..x"] {
            deny(rule).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a[1]{2}");
        deny(odd.to_str().unwrap()).unwrap_err();
        std::fs::create_dir(&odd).unwrap();
        deny(odd.to_str().unwrap()).unwrap();
        let policy = Policy {
            deny_roots: vec![odd.clone(), odd.join("x")],
            allow_roots: Some(vec!["/".into()]),
            ..Policy::default()
        };
        let absent: Vec<_> = policy.absent().collect();
        assert_eq!(absent, [("deny_roots", odd.join("x").as_path())]);
    }

    #[test]
    fn a_rule_that_another_one_cancels_and_a_bound_that_lets_nothing_pass() {
        let policy = Policy {
            allow_roots: Some(vec!["/srv".into(), "/home/ada/mail".into()]),
            deny_roots: vec!["/home/ada".into()],
            ..Policy::default()
        };
        let fault = policy.check().unwrap_err();
        assert_eq!((fault.key, fault.value.as_str()), ("allow_roots", "\"/home/ada/mail\""));
        for text in [
            "max_cpu_percent = 0",
            "max_mbps = 0",
            "max_files_per_s = 0",
            "max_bytes = 0",
            "max_rows = 0",
            "max_memory_mb = 0",
            "max_timeout_s = 0",
            "max_profile_seconds = 0",
            "max_profile_seconds = 601",
            "max_upload_bytes = 1073741825",
        ] {
            let policy: Policy = toml::from_str(text).unwrap();
            let fault = policy.check().unwrap_err();
            assert!(text.starts_with(fault.key), "{text}: {fault}");
        }
        for text in ["max_upload_bytes = 0", "capabilities = []", "allow_roots = []"] {
            toml::from_str::<Policy>(text).unwrap().check().unwrap();
        }
    }
}
