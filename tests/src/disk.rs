//! A small disk under one folder of one process, which a test can fill and free.
//!
//! It is a tmpfs in a mount namespace of that process: nobody else sees it, and it is gone with the process. So is a file
//! system that opens files slowly.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::eventually::eventually;

/// Room for a journal or a store with some hunts in it.
const SIZE: &str = "16m";
/// Mounts a tmpfs beside the folder `$2`, with what is in it, puts it in its place, and becomes what follows.
const MOUNT: &str = r#"set -e
disk="$2.disk"; mkdir -p "$2" "$disk"
mount -t tmpfs -o "size=$1,mode=700" muster-test "$disk"
cp -a "$2/." "$disk"
mount --bind "$disk" "$2"
shift 2
exec "$@""#;

/// Returns what to start a program under so that `folder` is a small disk for it.
///
/// # Panics
/// When this process may neither mount nor make a user namespace to do so.
pub fn small(folder: &Path) -> Vec<OsString> {
    let mut command = unshare();
    let probe = Command::new(&command[0])
        .args(&command[1..])
        .args(["sh", "-c", "mount -t tmpfs muster-test /mnt"])
        .stdin(Stdio::null())
        .output();
    let probe = probe.expect("this test needs unshare and mount: apt-get install util-linux mount");
    let said = String::from_utf8_lossy(&probe.stderr);
    assert!(probe.status.success(), "this test must mount a tmpfs and may not; be root: {said}");
    command.extend(["sh", "-c", MOUNT, "sh", SIZE].map(OsString::from));
    command.push(folder.into());
    command
}

/// Returns what to start a program under so that each `open()` of one of `files` files in `folder` takes so long.
///
/// # Panics
/// When there is no `/dev/fuse`, or the folder cannot be made.
pub fn slow_open(folder: &Path, files: usize, open_ms: u32) -> Vec<OsString> {
    assert!(Path::new("/dev/fuse").try_exists().is_ok_and(|is_there| is_there), "no /dev/fuse");
    fs::create_dir_all(folder).expect("a folder to mount on");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/slow_open.py");
    let mut command = unshare();
    command.extend(["python3".into(), script.into(), folder.into()]);
    command.extend([files.to_string().into(), open_ms.to_string().into()]);
    command
}

fn unshare() -> Vec<OsString> {
    let mut command = vec!["unshare", "--mount", "--propagation", "private"];
    if !rustix::process::geteuid().is_root() {
        command.extend(["--user", "--map-root-user"]);
    }
    command.into_iter().map(OsString::from).collect()
}

/// The small disk of a running process.
#[derive(Debug)]
pub struct Disk {
    ballast: PathBuf,
}

impl Disk {
    /// Finds it, once the process `pid` that was started under [`small`] has become `muster…`.
    ///
    /// # Panics
    /// When it does not.
    pub fn of(pid: u32, folder: &Path) -> Self {
        eventually("the process stands on its small disk", Duration::from_secs(30), || {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.starts_with("muster") { Ok(()) } else { Err(format!("it is {name:?}")) }
        });
        let inside = folder.strip_prefix("/").expect("an absolute path");
        Self { ballast: Path::new(&format!("/proc/{pid}/root")).join(inside).join("ballast") }
    }

    /// Takes every byte that is left.
    ///
    /// # Panics
    /// When it fails in any other way than by a full disk.
    pub fn fill(&self) {
        let mut file = File::create(&self.ballast).expect("a file on the small disk");
        let mut block = 1 << 20;
        while block > 0 {
            match file.write_all(&vec![0; block]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => block /= 16,
                Err(error) => panic!("filling the small disk: {error}"),
            }
        }
    }

    /// Gives it all back.
    ///
    /// # Panics
    /// When the file cannot be removed.
    pub fn free(&self) {
        fs::remove_file(&self.ballast).expect("the file that fills the small disk");
    }
}
