//! What the coordinator is told of the policy, so that an operator sees before a launch what would be declined.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use muster_protocol::result::{ReportedFolders, ReportedPolicy};
use serde_bytes::ByteBuf;

use super::Policy;

impl Policy {
    /// Returns what is reported of it: the folders themselves only where the owner says so.
    pub fn report(&self) -> ReportedPolicy {
        let bounds = self.bounds().into_iter();
        let bounds = bounds.filter_map(|(key, bound)| Some((key.to_owned(), bound?)));
        ReportedPolicy {
            capabilities: self.capabilities.clone(),
            artifacts: self.artifacts.clone(),
            shows_cmdline: self.processes.cmdline,
            bounds: bounds.collect(),
            allow_rules: self.allow_roots.as_ref().map(|rules| rules.len() as u64),
            deny_rules: self.deny_roots.len() as u64,
            folders: self.tell_folders.then(|| ReportedFolders {
                allow: self.allow_roots.as_deref().map(bytes).unwrap_or_default(),
                deny: bytes(&self.deny_roots),
            }),
        }
    }

    /// Returns every bound with its key in the file.
    pub(super) fn bounds(&self) -> [(&'static str, Option<u64>); 9] {
        [
            ("max_cpu_percent", self.max_cpu_percent.map(u64::from)),
            ("max_mbps", self.max_mbps.map(u64::from)),
            ("max_files_per_s", self.max_files_per_s.map(u64::from)),
            ("max_bytes", self.max_bytes),
            ("max_rows", self.max_rows),
            ("max_memory_mb", self.max_memory_mb.map(u64::from)),
            ("max_upload_bytes", self.max_upload_bytes),
            ("max_timeout_s", self.max_timeout_s.map(u64::from)),
            ("max_profile_seconds", self.max_profile_seconds.map(u64::from)),
        ]
    }
}

fn bytes(folders: &[PathBuf]) -> Vec<ByteBuf> {
    folders.iter().map(|folder| ByteBuf::from(folder.as_os_str().as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        capabilities = ["hunt"]
        processes = { cmdline = true }
        allow_roots = ["/srv", "/opt"]
        deny_roots = ["/srv/customers"]
        max_cpu_percent = 50
        max_mbps = 1
        max_files_per_s = 2
        max_bytes = 3
        max_rows = 4
        max_memory_mb = 5
        max_upload_bytes = 6
        max_timeout_s = "2h"
        max_profile_seconds = 8
    "#;

    #[test]
    fn folders_are_counted_and_named_only_where_the_owner_says_so() {
        let report = |text: &str| toml::from_str::<Policy>(text).unwrap().report();
        let silent = report(FILE);
        assert_eq!((silent.allow_rules, silent.deny_rules), (Some(2), 1));
        assert!(silent.folders.is_none() && silent.shows_cmdline && silent.artifacts.is_none());
        assert_eq!(silent.capabilities, Some(vec!["hunt".to_owned()]));
        let told = report(&format!("tell_folders = true\n{FILE}")).folders.unwrap();
        assert_eq!(told.allow, [ByteBuf::from("/srv"), ByteBuf::from("/opt")]);
        assert_eq!(told.deny, [ByteBuf::from("/srv/customers")]);
        assert_eq!(report(""), ReportedPolicy::default());
    }

    #[test]
    fn every_bound_of_the_file_is_reported_under_its_key() {
        let reported = toml::from_str::<Policy>(FILE).unwrap().report().bounds;
        let file: toml::Table = toml::from_str(FILE).unwrap();
        let keys = file.keys().filter(|key| key.starts_with("max_"));
        assert!(keys.eq(reported.keys()), "{reported:?}");
        assert_eq!((reported["max_timeout_s"], reported["max_cpu_percent"]), (7_200, 50));
    }
}
