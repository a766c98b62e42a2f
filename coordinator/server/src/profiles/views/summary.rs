//! What a profile is of, in a few parts: work that is known by a word, our modules, other crates, system calls.

use std::collections::BTreeMap;

use muster_api::views::{Part, Share};
use muster_profiler::encode::FAULT;
use muster_profiler::syscalls;
use muster_protocol::limits::PROFILE_ROWS_MAX;

use super::top::percent;
use crate::profiles::naming::{is_of_runtime, last_name, module_of, package};
use crate::profiles::profile::{Profile, Sample, Step};

/// Work that a word says better than the names of the crates that do it.
const WORK: &[(&str, &[&str])] = &[
    (
        "hashing",
        &[
            "muster_digests",
            "digests",
            "sha2",
            "sha1",
            "md5",
            "md-5",
            "blake3",
            "digest",
            "block_buffer",
        ],
    ),
    ("compression", &["zstd", "zstd_safe", "zstd_sys", "flate2", "miniz_oxide", "crc32fast"]),
    ("SQLite", &["rusqlite", "libsqlite3_sys"]),
    ("AMQP", &["lapin", "amq_protocol", "amq_protocol_types", "amq_protocol_tcp"]),
    ("TLS", &["rustls", "ring", "webpki", "tokio_rustls", "futures_rustls"]),
    ("signatures", &["ed25519", "ed25519_dalek", "curve25519_dalek"]),
    ("HTTP", &["axum", "axum_core", "hyper", "hyper_util", "http", "httparse"]),
    ("async runtime", &["tokio", "mio"]),
];
/// The file that system calls are shown in.
const KERNEL: &str = "kernel";

impl Profile {
    /// Divides the whole into parts, the largest first. Each sample is in the part of its innermost function that says
    /// what it was spent on: Rust's own library and C's are their callers'.
    pub fn summary(&self) -> Vec<Share> {
        let total = self.total();
        let mut sums: BTreeMap<Part, i64> = BTreeMap::new();
        for sample in &self.samples {
            let sum = sums.entry(self.part_of(sample)).or_default();
            *sum = sum.saturating_add(self.value(sample));
        }
        let share = |(part, value)| Share { part, value, percent: percent(value, total) };
        let mut shares: Vec<Share> =
            sums.into_iter().filter(|(_, value)| *value != 0).map(share).collect();
        shares.sort_by_key(|share| std::cmp::Reverse(share.value));
        shares.truncate(PROFILE_ROWS_MAX);
        shares
    }

    fn part_of(&self, sample: &Sample) -> Part {
        // The crate that makes the system calls is passed on the way to the function that is named after one.
        let mut passed = None;
        for step in self.steps(sample) {
            if let Some(part) = self.kernel_part(&step) {
                return part;
            }
            let function = step.frame.function.as_str();
            match package(function) {
                Some(package @ ("rustix" | "linux_raw_sys")) => passed = Some(package),
                Some(package) if !step.frame.is_of_std() => {
                    return passed.map_or_else(|| of_package(package, function), krate);
                }
                _ => {}
            }
        }
        passed.map_or_else(|| self.part_of_leaf(sample), krate)
    }

    /// Returns the kernel's part: the system call that a step is, or that a function is named after.
    fn kernel_part(&self, step: &Step<'_>) -> Option<Part> {
        let function = step.frame.function.as_str();
        let object = self.object(step.location);
        let call = match package(function) {
            Some("rustix") => syscalls::named_in(last_name(function))?,
            None if object == KERNEL && function == FAULT => {
                return Some(Part::Work("page faults".to_owned()));
            }
            None if object == KERNEL => function,
            None if object.starts_with("libc.") => syscalls::named_in(function)?,
            _ => return None,
        };
        Some(Part::Syscall(call.to_owned()))
    }

    /// Returns the part of a stack in which no function says more: Rust's own library, or a file.
    fn part_of_leaf(&self, sample: &Sample) -> Part {
        let leaf = self.steps(sample).next();
        let module = leaf.map_or("unknown", |step| self.module(&step));
        match leaf.and_then(|step| package(&step.frame.function)) {
            Some(package) => krate(package),
            None => Part::File(module.to_owned()),
        }
    }
}

fn of_package(package: &str, function: &str) -> Part {
    let is_it = |(_, packages): &&(&str, &[&str])| packages.contains(&package);
    match WORK.iter().find(is_it) {
        Some((word, _)) => Part::Work((*word).to_owned()),
        None if is_of_runtime(function) => Part::Work("async runtime".to_owned()),
        None if package == "agent" || package.starts_with("muster") => {
            Part::Module(module_of(function).to_owned())
        }
        None => krate(package),
    }
}

fn krate(name: &str) -> Part {
    Part::Crate(name.to_owned())
}
