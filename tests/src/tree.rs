//! A tree full of traps, and what must come back for each of them.
//!
//! The expectation is put together while the tree is made; digests come from `sha256sum`. Nothing here
//! shares code with the product.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat};

use crate::eventually::eventually;
use crate::once::Reader;

/// Size of the sparse file that is larger than any buffer, any counter of 32 bits, and the disk that it lies on.
pub const SPARSE_BYTES: u64 = 5 << 30;
/// Its digest: `head -c 5368709120 /dev/zero | sha256sum`, worked out once because it takes that program half a
/// minute.
const SPARSE_SHA256: &str = "7f06c62352aebd8125b2a1841e2b9e1ffcbed602f381c3dcb3200200e383d1d5";

/// What must become of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The word of the row's kind.
    pub kind: &'static str,
    /// The word of the row's status.
    pub status: &'static str,
    /// The error number, 0 where there is none.
    pub errno: i32,
    /// Size in bytes, where it is known beforehand.
    pub size: Option<u64>,
    /// SHA-256 in lower-case hex, for files that can be read.
    pub sha256: Option<String>,
    /// Where a link points.
    pub link_target: Option<Vec<u8>>,
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
        let mut tree = Making { root: root.to_owned(), expected: BTreeMap::new(), folders: 1 };
        tree.odd_names();
        tree.sparse(sparse_bytes);
        let socket = tree.specials();
        tree.links();
        tree.closed(reader == Reader::Tester && rustix::process::geteuid().is_root());
        tree.deep(4_000);
        let Making { root, expected, folders } = tree;
        Self { root, expected, folders, _socket: socket }
    }
}

impl Drop for TrapTree {
    fn drop(&mut self) {
        // So that whoever made the folder can remove it without being root.
        drop(fs::set_permissions(self.root.join("closed-folder"), Permissions::from_mode(0o700)));
    }
}

/// A tree that is being made.
struct Making {
    root: PathBuf,
    expected: BTreeMap<Vec<u8>, Expected>,
    folders: u64,
}

impl Making {
    fn add(&mut self, path: &Path, row: Expected) {
        assert!(self.expected.insert(path.as_os_str().as_bytes().to_vec(), row).is_none());
    }

    fn odd_names(&mut self) {
        let long = [0xff; 255];
        let names = [
            &b"plain"[..],
            b"empty",
            b"new\nline",
            b"\n",
            b"tab\tand \\ and \"",
            b"\xff\xfe not utf-8 \xc3",
            &long,
            b"-dash",
            b"...",
            b" blank ",
            b"\x1b[31mred",
            b"right\xe2\x80\xaeto left",
        ];
        for name in names {
            let path = self.root.join(OsStr::from_bytes(name));
            fs::write(&path, if name == b"empty" { b"" } else { name }).unwrap();
            self.add(&path, readable(&path));
        }
        let odd = self.root.join(OsStr::from_bytes(b"folder\n\xff"));
        fs::create_dir(&odd).unwrap();
        self.folders += 1;
        // A second name of the same file is a row of its own.
        fs::hard_link(self.root.join("plain"), odd.join("plain again")).unwrap();
        self.add(&odd.join("plain again"), readable(&odd.join("plain again")));
    }

    fn sparse(&mut self, bytes: u64) {
        let path = self.root.join("sparse");
        File::create(&path).unwrap().set_len(bytes).unwrap();
        let row = if bytes == SPARSE_BYTES {
            file("ok", 0, Some(bytes), Some(SPARSE_SHA256.to_owned()))
        } else {
            readable(&path)
        };
        self.add(&path, row);
    }

    fn specials(&mut self) -> UnixListener {
        let fifo = self.root.join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
        self.add(&fifo, skipped("fifo"));
        let socket = self.root.join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        self.add(&socket, skipped("socket"));
        if rustix::process::geteuid().is_root() {
            let devices = [
                // /dev/zero: who opens it never comes to its end.
                ("endless", FileType::CharacterDevice, makedev(1, 5), "char_device"),
                ("disk", FileType::BlockDevice, makedev(7, 0), "block_device"),
            ];
            for (name, file_type, number, kind) in devices {
                let path = self.root.join(name);
                mknodat(CWD, &path, file_type, Mode::from_raw_mode(0o666), number).unwrap();
                self.add(&path, skipped(kind));
            }
        }
        listener
    }

    fn links(&mut self) {
        let links = [
            ("link", "plain"),
            ("dangling", "nowhere"),
            ("loop", "loop"),
            ("loop-a", "loop-b"),
            ("loop-b", "loop-a"),
            ("to-folder", "."),
            ("to-top", "/"),
        ];
        for (name, target) in links {
            let path = self.root.join(name);
            symlink(target, &path).unwrap();
            let link_target = Some(target.as_bytes().to_vec());
            self.add(&path, Expected { link_target, ..skipped("symlink") });
        }
    }

    fn closed(&mut self, is_open_all_the_same: bool) {
        let (closed, folder) = (self.root.join("closed-file"), self.root.join("closed-folder"));
        fs::write(&closed, "secret").unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("in"), "secret").unwrap();
        if is_open_all_the_same {
            self.add(&closed, readable(&closed));
            self.add(&folder.join("in"), readable(&folder.join("in")));
            self.folders += 1;
        } else {
            self.add(&closed, file("denied", libc::EACCES, Some(6), None));
            self.add(&folder, Expected { kind: "dir", ..file("denied", libc::EACCES, None, None) });
        }
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o000)).unwrap();
    }

    /// Makes a file whose path has more than `bytes` bytes.
    fn deep(&mut self, bytes: usize) {
        let name = "d".repeat(99);
        let open = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut folder = rustix::fs::open(&self.root, open, Mode::empty()).unwrap();
        let mut path = self.root.clone();
        while path.as_os_str().len() < bytes {
            rustix::fs::mkdirat(&folder, &name, Mode::from_raw_mode(0o755)).unwrap();
            folder = rustix::fs::openat(&folder, &name, open, Mode::empty()).unwrap();
            path.push(&name);
            self.folders += 1;
        }
        let create = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let leaf = rustix::fs::openat(&folder, "leaf", create, Mode::from_raw_mode(0o644)).unwrap();
        assert_eq!(rustix::io::write(&leaf, b"deep").unwrap(), 4);
        self.add(&path.join("leaf"), file("ok", 0, Some(4), Some(sha256_of_bytes(b"deep"))));
    }
}

fn file(status: &'static str, errno: i32, size: Option<u64>, sha256: Option<String>) -> Expected {
    Expected { kind: "file", status, errno, size, sha256, link_target: None }
}

fn readable(path: &Path) -> Expected {
    let size = fs::metadata(path).unwrap().len();
    file("ok", 0, Some(size), Some(sha256_of_file(File::open(path).unwrap().into())))
}

fn skipped(kind: &'static str) -> Expected {
    Expected { kind, ..file("skipped_kind", 0, None, None) }
}

/// Waits until nothing in a tree has changed for longer than a cache of digests asks for.
///
/// # Panics
/// When it changes all the time.
pub fn await_settled(root: &Path, limit: Duration) {
    eventually("the tree is settled", limit, || {
        let ages = walkdir::WalkDir::new(root).into_iter().map(|entry| {
            let stat = entry.map_err(std::io::Error::from)?.metadata()?;
            let changed = UNIX_EPOCH + Duration::from_secs(stat.ctime().unsigned_abs() + 1);
            Ok(SystemTime::now().duration_since(changed).unwrap_or_default())
        });
        let youngest = ages.collect::<std::io::Result<Vec<_>>>().unwrap().into_iter().min();
        let is_settled = youngest.is_none_or(|age| age > Duration::from_secs(2));
        if is_settled { Ok(()) } else { Err(format!("{youngest:?}")) }
    });
}

/// Asks `sha256sum`.
///
/// # Panics
/// When it fails.
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
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
