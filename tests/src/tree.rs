//! A tree full of traps, and what must come back for each of them.
//!
//! The expectation is put together while the tree is made; digests come from `sha256sum`. Nothing here
//! shares code with the product.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};

/// What must become of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The word of the row's kind.
    pub kind: &'static str,
    /// The word of the row's status.
    pub status: &'static str,
    /// Size in bytes, where it is known beforehand.
    pub size: Option<u64>,
    /// SHA-256 in lower-case hex, for files that can be read.
    pub sha256: Option<String>,
    /// Where a link points.
    pub link_target: Option<Vec<u8>>,
}

/// Whose eyes see the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Root, who may read everything.
    Root,
    /// Anybody else, who may not.
    User,
}

/// The tree and what must come back, by path.
#[derive(Debug)]
pub struct TrapTree {
    /// Where it is.
    pub root: PathBuf,
    /// A row for each path.
    pub expected: BTreeMap<Vec<u8>, Expected>,
    /// Folders that are entered without a row, the root included.
    pub folders: u64,
    /// Keeps the socket.
    _socket: UnixListener,
}

impl TrapTree {
    /// Makes the tree below `root`, which must be an empty folder, as it looks to `reader`.
    ///
    /// `sparse_bytes` is the size of the sparse file. Device nodes are made when this process may.
    ///
    /// # Panics
    /// When something cannot be made.
    pub fn make(root: &Path, sparse_bytes: u64, reader: Reader) -> Self {
        let mut expected = BTreeMap::new();
        let mut folders = 1;
        let mut add = |path: PathBuf, row: Expected| {
            assert!(expected.insert(path.as_os_str().as_bytes().to_vec(), row).is_none());
        };
        for name in [
            &b"plain"[..],
            b"empty",
            b"new\nline",
            b"tab\tand \\ and \"",
            b"\xff\xfe not utf-8 \xc3",
            b"-dash",
            b" blank ",
            b"\x1b[31mred",
        ] {
            let path = root.join(OsStr::from_bytes(name));
            let content = if name == b"empty" { &b""[..] } else { name };
            fs::write(&path, content).unwrap();
            add(path.clone(), readable(&path));
        }
        let sparse = root.join("sparse");
        let file = File::create(&sparse).unwrap();
        file.set_len(sparse_bytes).unwrap();
        add(sparse.clone(), readable(&sparse));

        let fifo = root.join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        add(fifo, skipped("fifo"));
        let socket = root.join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        add(socket, skipped("socket"));
        if rustix::process::geteuid().is_root() {
            let device = root.join("device");
            mknodat(CWD, &device, FileType::CharacterDevice, Mode::RWXU, makedev(1, 5)).unwrap();
            add(device, skipped("char_device"));
        }
        for (name, target) in [
            ("link", "plain"),
            ("dangling", "nowhere"),
            ("loop", "loop"),
            ("to-folder", "."),
            ("to-top", "/"),
        ] {
            let path = root.join(name);
            symlink(target, &path).unwrap();
            let link_target = Some(target.as_bytes().to_vec());
            add(path, Expected { link_target, ..skipped("symlink") });
        }

        let closed_file = root.join("closed-file");
        fs::write(&closed_file, "secret").unwrap();
        let closed_folder = root.join("closed-folder");
        fs::create_dir(&closed_folder).unwrap();
        fs::write(closed_folder.join("in"), "secret").unwrap();
        if reader == Reader::User {
            add(closed_file.clone(), denied("file"));
            add(closed_folder.clone(), denied("dir"));
        } else {
            add(closed_file.clone(), readable(&closed_file));
            let inside = closed_folder.join("in");
            add(inside.clone(), readable(&inside));
            folders += 1;
        }
        fs::set_permissions(&closed_file, Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(&closed_folder, Permissions::from_mode(0o000)).unwrap();

        let (path, depth) = deep(root, 4_000);
        folders += depth;
        let content = Some(sha256_of_bytes(b"deep"));
        add(
            path,
            Expected {
                kind: "file",
                status: "ok",
                size: Some(4),
                sha256: content,
                link_target: None,
            },
        );
        Self { root: root.to_owned(), expected, folders, _socket: listener }
    }
}

impl Drop for TrapTree {
    fn drop(&mut self) {
        // So that whoever made the folder can remove it without being root.
        drop(fs::set_permissions(self.root.join("closed-folder"), Permissions::from_mode(0o700)));
    }
}

/// Makes a file whose path has more than `bytes` bytes; returns it and the number of folders.
fn deep(root: &Path, bytes: usize) -> (PathBuf, u64) {
    let name = "d".repeat(99);
    let open = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(root, open, Mode::empty()).unwrap();
    let mut path = root.to_owned();
    let mut depth = 0;
    while path.as_os_str().len() < bytes {
        rustix::fs::mkdirat(&folder, &name, Mode::from_raw_mode(0o755)).unwrap();
        folder = rustix::fs::openat(&folder, &name, open, Mode::empty()).unwrap();
        path.push(&name);
        depth += 1;
    }
    let create = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&folder, "leaf", create, Mode::from_raw_mode(0o644)).unwrap();
    assert_eq!(rustix::io::write(&file, b"deep").unwrap(), 4);
    (path.join("leaf"), depth)
}

fn readable(path: &Path) -> Expected {
    Expected {
        kind: "file",
        status: "ok",
        size: Some(fs::metadata(path).unwrap().len()),
        sha256: Some(sha256_of_file(File::open(path).unwrap().into())),
        link_target: None,
    }
}

fn skipped(kind: &'static str) -> Expected {
    Expected { kind, status: "skipped_kind", size: None, sha256: None, link_target: None }
}

fn denied(kind: &'static str) -> Expected {
    Expected { status: "denied", ..skipped(kind) }
}

fn sha256_of_bytes(bytes: &[u8]) -> String {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    sha256_of_file(file.into())
}

/// Asks `sha256sum`, through its standard input so that no name is in its way.
fn sha256_of_file(input: Stdio) -> String {
    let output = Command::new("sha256sum").stdin(input).output().unwrap();
    assert!(output.status.success(), "sha256sum: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).chars().take(64).collect()
}
