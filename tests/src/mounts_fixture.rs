//! Mounts of every sort in a mount namespace of its own: what is mounted here nobody else sees, and it is gone with the
//! process that holds it, however the test ends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::independent_oracle::program;

/// Kinds of file systems that a kernel may lack.
const OPTIONAL: [&str; 5] = ["btrfs", "ext4", "vfat", "overlay", "fuse"];

/// The namespace, and the process that holds it.
#[derive(Debug)]
pub struct Bed {
    holder: Child,
    /// What was mounted.
    pub made: Vec<String>,
}

impl Bed {
    /// Mounts everything that this machine can below `tree`; the disks behind it lie in `images`. `None`, said loudly, where
    /// this process may mount nothing.
    ///
    /// # Panics
    /// When something cannot be mounted that the kernel knows.
    pub fn make(tree: &Path, images: &Path) -> Option<Self> {
        let mut may = Command::new("unshare");
        may.args(["--mount", "--propagation", "private", "true"]);
        if !may.output().is_ok_and(|output| output.status.success()) {
            say("NO MOUNTS ARE TESTED: this needs root and CAP_SYS_ADMIN");
            return None;
        }
        let holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--", "python3"])
            .arg(program("mounts_fixture.py"))
            .args([tree, images])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare");
        // Its end is the end of the holder, too.
        let mut bed = Self { holder, made: Vec::new() };
        let lines = BufReader::new(bed.holder.stdout.take().expect("a pipe")).lines();
        for line in lines.map(|line| line.expect("text")) {
            match line.strip_prefix("made ") {
                Some(name) => bed.made.push(name.to_owned()),
                None if line == "ready" => return Some(bed),
                None => excuse(&line),
            }
        }
        panic!("the bed ended before it was ready");
    }

    /// Returns the words that put a command into the namespace. One that hangs there is killed.
    pub fn within(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        ["timeout", "--signal=KILL", "120", "nsenter", "--mount", "--target", &holder, "--"]
            .map(str::to_owned)
            .to_vec()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        drop(self.holder.wait());
    }
}

/// Lets pass, loudly, what this kernel does not know; everything else must be there.
fn excuse(line: &str) {
    let known =
        std::fs::read_to_string("/proc/filesystems").expect("the kinds that the kernel knows");
    let is_known = |kind: &str| known.split_whitespace().any(|word| word == kind);
    let unknown = OPTIONAL.iter().find(|kind| line.contains(*kind) && !is_known(kind));
    let kind = unknown.unwrap_or_else(|| panic!("{line}"));
    say(&format!("NOT TESTED HERE, this kernel has no {kind}: {line}"));
}

/// Prints past the test runner's capture.
fn say(text: &str) {
    writeln!(std::io::stderr(), "*** {text}").expect("stderr");
}
