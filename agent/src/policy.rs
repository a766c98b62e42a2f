//! The local policy: what this machine's owner allows, whoever asks.
//!
//! A request over a bound is declined with the reason; a bound that the request leaves open is set to the
//! policy's. Folders are compared component by component, as bytes, and once more after symbolic links are
//! resolved, in the root and in the rule, so that a link is no way round a rule: `/var/run/x` denied is `/run/x`
//! denied. Resolving touches no file system that may not answer: a root on a dead mount must not hang the agent. `deny`
//! rules also stand against roots above them: a hunt of `/` is declined where `/secret` is denied, so that the operator
//! learns it before anything is read. The collector holds what it *opens* against the same folders ([`Folders`]).

mod check;
mod report;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use muster_protocol::artifact::file_hash::Upload;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::{Args, Body, Capability, Limits};
use muster_protocol::when::maybe_seconds;
use serde::Deserialize;

pub use self::check::Fault;
use crate::collectors::{self, Machine};
use crate::files::{Folders, Real, lexical, real as resolved};

/// `policy.toml`. Everything is optional; an empty file allows what the fleet's keys may ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What is carried out, in words of which one that is not known allows nothing; none given: all.
    #[serde(alias = "kinds")]
    pub capabilities: Option<Vec<String>>,
    /// Artifacts that may be collected; none given: all, but those that open files anywhere only where no folder is
    /// named below.
    pub artifacts: Option<Vec<String>>,
    /// What the artifact `processes` shows.
    pub processes: Shown,
    /// Folders that may be collected from; none given: all.
    pub allow_roots: Option<Vec<PathBuf>>,
    /// Folders that may not, whatever `allow_roots` says.
    pub deny_roots: Vec<PathBuf>,
    /// The coordinator is told these folders; else only how many there are.
    pub tell_folders: bool,
    /// CPU of one collection, percent of one core.
    pub max_cpu_percent: Option<u32>,
    /// Reading of one collection, in 1,000,000 bytes a second.
    pub max_mbps: Option<u32>,
    /// Files opened a second by one collection.
    pub max_files_per_s: Option<u32>,
    /// File bytes read by one collection.
    pub max_bytes: Option<u64>,
    /// Rows of one collection.
    pub max_rows: Option<u64>,
    /// Memory that one collection may add to the agent's, in 1,000,000 bytes.
    pub max_memory_mb: Option<u32>,
    /// Bytes of files that one collection may send to the coordinator (`--upload-matches`); without it none may.
    pub max_upload_bytes: Option<u64>,
    /// Seconds that one collection may run.
    #[serde(deserialize_with = "maybe_seconds")]
    pub max_timeout_s: Option<u32>,
    /// Seconds of one profile.
    #[serde(deserialize_with = "maybe_seconds")]
    pub max_profile_seconds: Option<u32>,
}

/// What is shown of processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shown {
    /// Their command lines, which may have secrets in them.
    pub cmdline: bool,
}

impl Policy {
    /// Returns the limits to run under, or why the request is declined.
    pub fn allow(&self, body: &Body, args: &Args) -> Result<Limits, String> {
        let needed = body.kind.needs();
        if !self.grants(needed) {
            return Err(format!("this machine's policy does not allow `{needed}`"));
        }
        match args {
            Args::HuntStart(hunt) => self.hunt(hunt)?,
            Args::ProfileStart(profile) => {
                clamp("profile seconds", Some(profile.seconds), self.max_profile_seconds)?;
            }
            Args::ListPart(_) | Args::Control(_) | Args::TrustRevoke(_) => {}
        }
        let asked = &body.limits;
        Ok(Limits {
            max_cpu_percent: clamp("max_cpu", asked.max_cpu_percent, self.max_cpu_percent)?,
            max_mbps: clamp("max_mbps", asked.max_mbps, self.max_mbps)?,
            max_files_per_s: clamp("max_files_per_s", asked.max_files_per_s, self.max_files_per_s)?,
            timeout_s: clamp("timeout", asked.timeout_s, self.max_timeout_s)?,
            max_rows: clamp("max_rows", asked.max_rows, self.max_rows)?,
            max_bytes: clamp("max_bytes", asked.max_bytes, self.max_bytes)?,
            max_memory_mb: clamp("max_memory", asked.max_memory_mb, self.max_memory_mb)?,
        })
    }

    /// Returns whether a profile of so many seconds may be taken, also one that was not asked for by itself.
    pub fn allows_profile(&self, seconds: u32) -> bool {
        self.grants(Capability::Profile)
            && self.max_profile_seconds.is_none_or(|most| seconds <= most)
    }

    fn grants(&self, capability: Capability) -> bool {
        self.capabilities.as_ref().is_none_or(|words| capability.is_in(words))
    }

    /// Returns capabilities and artifacts that allow nothing, because this agent does not know them.
    pub fn unknown_words(&self) -> impl Iterator<Item = &str> {
        let words = self.capabilities.iter().flatten().map(String::as_str);
        let artifacts = self.artifacts.iter().flatten().map(String::as_str);
        let words = words.filter(|word| Capability::parse(word).is_none());
        words.chain(artifacts.filter(|name| collectors::find(name).is_none()))
    }

    /// Returns what a collector may see of this machine.
    pub fn machine(&self) -> Machine {
        let folders = Folders { allow: self.allow_roots.clone(), deny: self.deny_roots.clone() };
        Machine { folders, shows_cmdline: self.processes.cmdline }
    }

    /// Asks the collector of a hunt what it will open.
    fn hunt(&self, hunt: &HuntStart) -> Result<(), String> {
        let unknown = || format!("this agent cannot collect {}", hunt.artifact);
        let collector = collectors::find(&hunt.artifact).ok_or_else(unknown)?;
        let opens = collector.opens(&hunt.args).map_err(|error| error.to_string())?;
        self.artifact(&hunt.artifact, opens.anywhere)?;
        self.upload(opens.upload.as_ref())?;
        let mut roots = opens.roots.iter().map(|root| Path::new(OsStr::from_bytes(root)));
        roots.try_for_each(|root| self.root(root, opens.all_file_systems))
    }

    fn artifact(&self, name: &str, opens_anywhere: bool) -> Result<(), String> {
        let names_folders = self.allow_roots.is_some() || !self.deny_roots.is_empty();
        match &self.artifacts {
            Some(allowed) if allowed.iter().any(|word| word == name) => Ok(()),
            None if !(opens_anywhere && names_folders) => Ok(()),
            Some(_) => Err(format!("this machine's policy does not allow the artifact {name}")),
            None => Err(format!(
                "this machine's policy names folders, and {name} may open files anywhere: it must be among `artifacts`"
            )),
        }
    }

    /// Files leave a machine only where its owner has said so.
    fn upload(&self, asked: Option<&Upload>) -> Result<(), String> {
        let Some(asked) = asked else { return Ok(()) };
        let Some(most) = self.max_upload_bytes else {
            return Err(
                "this machine's policy lets no file leave: max_upload_bytes is not set".to_owned()
            );
        };
        clamp("max_upload_bytes", Some(asked.max_bytes), Some(most)).map(drop)
    }

    fn root(&self, root: &Path, enters_all: bool) -> Result<(), String> {
        if self.allow_roots.is_none() && self.deny_roots.is_empty() {
            return Ok(());
        }
        self.one_root(root, &lexical(root))?;
        match real(root) {
            Some(real) => self.one_root(root, &real),
            None if enters_all => Err(format!(
                "root {} lies on a file system that may not answer, so it cannot be held against the folders of this machine's policy",
                root.display()
            )),
            // It will be a row that says so, and nothing else.
            None => Ok(()),
        }
    }

    fn one_root(&self, asked: &Path, path: &Path) -> Result<(), String> {
        let overlaps = |rule: &PathBuf| path.starts_with(rule) || rule.starts_with(path);
        if let Some(rule) = self.deny_roots.iter().find(|rule| both(rule).iter().any(overlaps)) {
            return Err(format!(
                "root {} is against this machine's policy: {} is denied",
                asked.display(),
                rule.display()
            ));
        }
        let Some(allowed) = &self.allow_roots else { return Ok(()) };
        if allowed.iter().flat_map(|rule| both(rule)).any(|rule| path.starts_with(rule)) {
            return Ok(());
        }
        Err(format!(
            "root {} is not among those that this machine's policy allows",
            asked.display()
        ))
    }
}

/// Returns a rule's folder by its text, and as it is once links are resolved.
fn both(rule: &Path) -> Vec<PathBuf> {
    std::iter::once(lexical(rule)).chain(real(rule)).collect()
}

/// Returns a path once links are resolved; `None` when that would touch a file system that may not answer.
fn real(path: &Path) -> Option<PathBuf> {
    match resolved(path.as_os_str().as_bytes()) {
        Real::Path(real) => Some(lexical(Path::new(OsStr::from_bytes(&real)))),
        Real::Untouched => None,
    }
}

fn clamp<N: PartialOrd + Copy + std::fmt::Display>(
    name: &str,
    asked: Option<N>,
    bound: Option<N>,
) -> Result<Option<N>, String> {
    match (asked, bound) {
        (Some(asked), Some(bound)) if asked > bound => {
            Err(format!("{name} {asked} is over this machine's policy of {bound}"))
        }
        (Some(asked), _) => Ok(Some(asked)),
        (None, bound) => Ok(bound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(policy: &Policy, path: &str) -> Result<(), String> {
        policy.root(Path::new(path), false)
    }

    #[test]
    fn folders_are_whole_components() {
        let policy = Policy { allow_roots: Some(vec!["/srv/data".into()]), ..Policy::default() };
        root(&policy, "/srv/data").unwrap();
        root(&policy, "/srv/data/x").unwrap();
        root(&policy, "/srv/data2").unwrap_err();
        root(&policy, "/srv").unwrap_err();
        root(&policy, "/srv/data/../secret").unwrap_err();
    }

    #[test]
    fn what_may_be_profiled_holds_for_stalls_too() {
        assert!(Policy::default().allows_profile(5));
        let words = |words: &str| toml::from_str::<Policy>(words).unwrap();
        assert!(words("capabilities = [\"hunt\", \"profile\"]").allows_profile(5));
        assert!(words("kinds = [\"hunt.start\", \"profile.start\"]").allows_profile(5));
        assert!(!words("capabilities = [\"hunt\"]").allows_profile(5));
        let newer = words("capabilities = [\"hunt\", \"explode\"]");
        assert!(newer.grants(Capability::Hunt) && !newer.allows_profile(5));
        assert_eq!(newer.unknown_words().collect::<Vec<_>>(), ["explode"]);
        let short = Policy { max_profile_seconds: Some(4), ..Policy::default() };
        assert!(short.allows_profile(4) && !short.allows_profile(5));
    }

    #[test]
    fn what_opens_files_anywhere_is_named_where_folders_are() {
        let policy = |text| toml::from_str::<Policy>(text).unwrap();
        let artifact = |text, name, anywhere| policy(text).artifact(name, anywhere);
        artifact("", "x", true).unwrap();
        artifact("allow_roots = [\"/srv\"]", "x", false).unwrap();
        artifact("artifacts = [\"x\"]\ndeny_roots = [\"/srv\"]", "x", true).unwrap();
        for folders in ["allow_roots = [\"/srv\"]", "allow_roots = []", "deny_roots = [\"/srv\"]"] {
            assert!(artifact(folders, "x", true).unwrap_err().contains("`artifacts`"));
        }
        artifact("artifacts = []", "x", false).unwrap_err();
        artifact("artifacts = [\"y\"]", "x", false).unwrap_err();
        assert_eq!(policy("artifacts = [\"y\"]").unknown_words().collect::<Vec<_>>(), ["y"]);
    }

    #[test]
    fn deny_wins_from_above_and_below() {
        let policy = Policy {
            allow_roots: Some(vec!["/".into()]),
            deny_roots: vec!["/secret".into()],
            ..Policy::default()
        };
        root(&policy, "/secret/x").unwrap_err();
        root(&policy, "/").unwrap_err();
        root(&policy, "/secrets").unwrap();
    }

    #[test]
    fn a_link_is_no_way_round() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let (secret, link) = (real.join("secret"), real.join("link"));
        std::fs::create_dir(&secret).unwrap();
        std::os::unix::fs::symlink(&secret, &link).unwrap();
        let policy = Policy { deny_roots: vec![secret], ..Policy::default() };
        assert!(policy.root(&link, false).unwrap_err().contains("is denied"));
        assert!(policy.root(&link.join("not/yet"), false).unwrap_err().contains("is denied"));
        // Nor is the folder itself a way round a rule that names the link.
        let policy = Policy { deny_roots: vec![link.join("inner")], ..Policy::default() };
        std::fs::create_dir(real.join("secret/inner")).unwrap();
        policy.root(&real.join("secret/inner/x"), false).unwrap_err();
        policy.root(&real.join("secret"), false).unwrap_err();
        policy.root(&real.join("secret/other"), false).unwrap();
        let policy = Policy { allow_roots: Some(vec![link]), ..Policy::default() };
        policy.root(&real.join("secret/other"), false).unwrap();
        policy.root(&real, false).unwrap_err();
    }

    #[test]
    fn what_may_not_answer_is_not_resolved() {
        let deny =
            Policy { deny_roots: vec!["/secret".into(), "/proc/x".into()], ..Policy::default() };
        let root = Path::new("/proc/self/cwd");
        deny.root(root, false).unwrap();
        assert!(deny.root(root, true).unwrap_err().contains("may not answer"));
        Policy::default().root(root, true).unwrap();
        deny.root(Path::new("/proc/x/y"), false).unwrap_err();
    }

    #[test]
    fn files_leave_only_where_the_policy_says_so() {
        let asked = Some(&Upload { max_file_bytes: 10, max_bytes: 100 });
        let policy = |max_upload_bytes| Policy { max_upload_bytes, ..Policy::default() };
        policy(None).upload(None).unwrap();
        assert!(policy(None).upload(asked).unwrap_err().contains("lets no file leave"));
        policy(Some(99)).upload(asked).unwrap_err();
        policy(Some(100)).upload(asked).unwrap();
    }

    #[test]
    fn over_is_declined_and_open_is_set() {
        assert_eq!(clamp("x", None, Some(5)), Ok(Some(5)));
        assert_eq!(clamp("x", Some(4), Some(5)), Ok(Some(4)));
        assert_eq!(clamp("x", Some(6), None), Ok(Some(6)));
        clamp("x", Some(6), Some(5)).unwrap_err();
    }
}
