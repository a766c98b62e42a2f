//! Other machines on this one: a process with a host name and a `/etc/machine-id` of its own, in namespaces of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

const BECOME: &str = r#"set -e
hostname "$1"
mount --bind "$2" /etc/machine-id
shift 2
exec "$@""#;

/// Returns what to start a program under so that it runs on the machine `host` whose `/etc/machine-id` is made of `id`.
/// The file lies in `folder`.
///
/// # Panics
/// When the file cannot be written.
pub fn machine(folder: &Path, host: &str, id: u8) -> Vec<OsString> {
    let file = folder.join(format!("machine-id-{id}"));
    fs::write(&file, format!("{}\n", format!("{id:02x}").repeat(16))).expect("a machine-id");
    let mut command = vec!["unshare", "--uts", "--mount", "--propagation", "private"];
    if !rustix::process::geteuid().is_root() {
        command.extend(["--user", "--map-root-user"]);
    }
    command.extend(["sh", "-c", BECOME, "sh", host]);
    let mut command: Vec<_> = command.into_iter().map(OsString::from).collect();
    command.push(file.into());
    command
}
