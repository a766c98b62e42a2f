//! What an attack costs the coordinator: the growth of its store, and its peak memory.

use std::fs;

use crate::fleet::Fleet;

/// Returns the bytes of the coordinator's folder.
pub fn store_bytes(fleet: &Fleet) -> u64 {
    let files = walkdir::WalkDir::new(fleet.path("home")).into_iter().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file);
    sizes.map(|of| of.len()).sum()
}

/// Returns the peak resident memory of a process, in bytes; 0 when it is gone.
pub fn peak_rss(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
