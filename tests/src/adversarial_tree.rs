//! Traps of which only the oracle in Python says what must come back: it looks at the tree as it is.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Levels of the tree that is merely deep.
pub const LEVELS: usize = 60;

/// Makes all of them below `root`, an empty folder.
///
/// # Panics
/// When something cannot be made.
pub fn make(root: &Path) {
    let folder = |name: &str| {
        let path = root.join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    names(&folder("names"));
    sizes(&folder("sizes"));
    holes(&folder("holes"));
    levels(&folder("levels"));
    hard_links(&folder("hard-links"));
    links(&folder("links"));
    modes_and_times(&folder("modes"));
    access_lists(&folder("access-lists"));
}

/// One name in each encoding that file systems meet, and each byte that a name may have.
fn names(folder: &Path) {
    let encodings = [
        &b"caf\xc3\xa9"[..],
        b"cafe\xcc\x81",
        b"caf\xe9",
        b"\x93\xfa\x96\x7b\x8c\xea",
        b"\xc6\xfc\xcb\xdc\xb8\xec",
        b"\xd6\xd0\xce\xc4",
        b"\xb1\xe2\xb1\xb9",
        b"\x81\x30\x81\x30",
        b"\xcc\xee\xf1\xea\xe2\xe0",
        b"\xed\xcf\xd3\xcb\xd7\xc1",
        b"\xff\xfea\x01b\x01",
        b"\xef\xbb\xbfbom",
        b"+AGEA-",
        b"\xc0\xaf overlong",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80 half a pair",
        b"\xf4\x90\x80\x80 beyond unicode",
        b"\xf0\x9f\x92",
        b"\xf0\x9f\x92\xa3\xe2\x80\x8d\xf0\x9f\x92\xa5",
        b"zero\xe2\x80\x8bwidth",
        b"\xe2\x80\xaetxt.exe",
        b"\xc2\x85next line",
        b"\xe2\x80\xa8line",
        b"\x7f\x1b]0;title\x07",
        b"$(reboot)",
        b"`reboot`",
        b"%s%n",
        b"a;b|c&d>e",
        b"{\"path\":\"etc\"}",
        b"=cmd|' C calc'!A1",
        b"NUL",
        b"~",
        b"*",
        b"[",
        b"\\",
        b"...",
        b"--output",
    ];
    let bytes = (1..=255_u8).filter(|byte| *byte != b'/' && *byte != b'.').map(|byte| vec![byte]);
    let names: BTreeSet<_> = encodings.iter().map(|name| name.to_vec()).chain(bytes).collect();
    for name in names {
        fs::write(folder.join(OsStr::from_bytes(&name)), name).unwrap();
    }
}

/// Sizes beside every bound of the reader.
fn sizes(folder: &Path) {
    let around = [0, 55, 56, 63, 64, 65, 4_096, 65_536, 1 << 20, 8 << 20].map(|size: usize| {
        let content: Vec<u8> = (0..=size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        (size, content)
    });
    for (size, content) in around {
        for (name, length) in [("below", size.saturating_sub(1)), ("at", size), ("above", size + 1)]
        {
            fs::write(folder.join(format!("{size:08}-{name}")), &content[..length]).unwrap();
        }
    }
}

/// Files with less on the disk than in them.
fn holes(folder: &Path) {
    for (name, size, data) in [
        ("all", 40 << 20, None),
        ("data-last", 9 << 20, Some((9 << 20) - 1)),
        ("data-between", 3 << 20, Some(1 << 20)),
    ] {
        let file = File::create(folder.join(name)).unwrap();
        file.set_len(size).unwrap();
        if let Some(at) = data {
            file.write_all_at(b"x", at).unwrap();
        }
    }
}

fn levels(folder: &Path) {
    let mut path = folder.to_owned();
    for level in 0..LEVELS {
        path.push(format!("level-{level}"));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("a"), level.to_string()).unwrap();
        fs::write(path.join("z"), level.to_string()).unwrap();
    }
}

/// Names of one file here, in another folder, and beside a copy.
fn hard_links(folder: &Path) {
    let (small, big) = (folder.join("small"), folder.join("big"));
    fs::write(&small, b"small").unwrap();
    fs::write(&big, vec![7; 9 << 20]).unwrap();
    fs::copy(&small, folder.join("small copy")).unwrap();
    fs::create_dir(folder.join("inner")).unwrap();
    for name in ["a", "b", "inner/c", "z"] {
        fs::hard_link(&small, folder.join(name)).unwrap();
        fs::hard_link(&big, folder.join(format!("{name}-big"))).unwrap();
    }
    symlink("nowhere", folder.join("link")).unwrap();
    fs::hard_link(folder.join("link"), folder.join("same link")).unwrap();
}

/// Links that lead up, across, in circles, into what is not there and into what is not entered.
fn links(folder: &Path) {
    fs::create_dir_all(folder.join("target/inner")).unwrap();
    fs::write(folder.join("target/file"), b"file").unwrap();
    fs::write(folder.join("target/inner/file"), b"inner").unwrap();
    let links = [
        ("to-file", "target/file"),
        ("to-folder", "target"),
        ("to-inner", "target/inner/../inner"),
        ("to-itself", "to-itself"),
        ("to-nowhere", "nowhere"),
        ("to-a-file-below-a-file", "target/file/x"),
        ("to-here", "."),
        ("to-up", ".."),
        ("to-proc", "/proc/self/status"),
        ("chain-1", "chain-2"),
        ("chain-2", "to-folder"),
        ("target/inner/to-parent", ".."),
        ("target/inner/to-levels", "../../../levels/level-0/level-1"),
    ];
    for (name, target) in links {
        symlink(target, folder.join(name)).unwrap();
    }
}

fn modes_and_times(folder: &Path) {
    let write = |name: &str, mode: u32| {
        let path = folder.join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    };
    for mode in
        [0o000, 0o400, 0o444, 0o600, 0o644, 0o666, 0o755, 0o777, 0o1755, 0o2755, 0o4755, 0o6755]
    {
        write(&format!("mode-{mode:04o}"), mode);
    }
    let is_root = rustix::process::geteuid().is_root();
    for (name, user) in [("of-33", 33), ("of-nobody", 65_534)].into_iter().filter(|_| is_root) {
        chown(write(name, 0o600), Some(user), Some(user)).unwrap();
    }
    let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + 123);
    for (name, seconds) in [("of-1970", 1), ("of-2001", 1_000_000_000), ("of-2025", 1_750_000_000)]
    {
        let file = File::options().write(true).open(write(name, 0o644)).unwrap();
        file.set_times(FileTimes::new().set_modified(at(seconds))).unwrap();
    }
}

/// What the mode says is not what the list of access says, in both directions.
fn access_lists(folder: &Path) {
    let set = |entry: &str, name: &str| {
        let mut command = Command::new("setfacl");
        let output = command.args(["--modify", entry]).arg(folder.join(name)).output();
        let output = output.expect("setfacl");
        assert!(output.status.success(), "setfacl: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (name, mode) in [
        ("open-but-denied", 0o777),
        ("closed-but-allowed", 0o700),
        ("only-to-list", 0o700),
        ("only-to-pass", 0o700),
    ] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("file"), name).unwrap();
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
    }
    for (name, mode) in [("file-open-but-denied", 0o666), ("file-closed-but-allowed", 0o600)] {
        fs::write(folder.join(name), name).unwrap();
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
    }
    set("user:65534:---", "open-but-denied");
    set("user:65534:r-x", "closed-but-allowed");
    set("user:65534:r--", "only-to-list");
    set("user:65534:--x", "only-to-pass");
    set("user:65534:---", "file-open-but-denied");
    set("user:65534:r--", "file-closed-but-allowed");
}
